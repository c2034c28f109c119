//! A buffer of batches, read in every way. The CRC is not asked to be right.
//!
//! `cargo +nightly fuzz run record_batch -- -malloc_limit_mb=64 -rss_limit_mb=1024`, in `protocol`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::records::{Batch, Batches, Compression};

const LIMIT: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    for batch in Batches::new(data.to_vec().into()) {
        let Ok(batch) = batch else { return };
        let header = batch.header();
        drop((batch.verify_crc(), header.check_produced()));
        let appended = batch.with_log_append_time(5);
        assert_eq!(Batch::single(appended.bytes().clone()).as_ref(), Ok(&appended));
        assert_eq!(appended.verify_crc(), Ok(()));

        let corrected = batch.with_max_timestamp(5);
        assert_eq!(Batch::single(corrected.bytes().clone()).as_ref(), Ok(&corrected));
        if let Ok(records) = batch.decompress(LIMIT) {
            let plain = batch.with_payload(Compression::None, &records).expect("it is small");
            assert_eq!(Batch::single(plain.bytes().clone()).as_ref(), Ok(&plain));
            assert_eq!(plain.validate_records(LIMIT, false), batch.validate_records(LIMIT, false));
        }

        let summary = batch.validate_records(LIMIT, false);
        let Ok(records) = batch.records(LIMIT) else { continue };
        let records: Vec<_> = records.collect();
        if let Ok(summary) = summary {
            assert!(records.iter().all(Result::is_ok));
            assert_eq!(records.len(), summary.count as usize);
            let timestamps = records.iter().flatten().map(|record| header.timestamp_of(record));
            assert_eq!(timestamps.max(), Some(summary.max_timestamp));
        }
        for record in records.iter().flatten() {
            assert_eq!(record.headers.iter().count(), record.headers.len());
        }
    }
});

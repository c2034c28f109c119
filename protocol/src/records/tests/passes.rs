//! Passing over records, and compressing them otherwise, without holding them.

use std::ops::ControlFlow;

use allocation_counter::measure;

use super::{LIMIT, builder, built, compressed};
use crate::records::{Batch, BatchBuilder, BatchError, Compression};

/// A batch with records that decompress to 32 MB and little.
fn bomb(codec: Compression) -> Batch {
    let mut builder = BatchBuilder::new().compression(codec);
    builder.push(10, None, Some(&vec![0; 32 << 20]), &[]);
    builder.push(20, Some(b"key"), None, &[]);
    built(builder)
}

#[test]
fn a_pass_tells_what_the_records_do() {
    for codec in Compression::ALL {
        let batch = compressed(codec);
        let mut seen = Vec::new();
        let passed = batch.pass(LIMIT, |record| {
            seen.push((record.index, record.offset_delta, record.has_key, record.timestamp));
            ControlFlow::Continue(())
        });
        assert_eq!(passed, Ok(()));
        assert_eq!(seen, [(0, 0, true, 1000), (1, 1, false, 1005), (2, 2, true, 990)], "{codec}");
        assert_eq!(batch.check_records(LIMIT, |_| {}), batch.validate_records(LIMIT, false), "{codec}");
    }
}

#[test]
fn a_pass_ends_where_it_is_broken_off_and_at_its_limit() {
    for codec in Compression::ALL {
        let batch = compressed(codec);
        let mut seen = 0;
        let broken = batch.pass(LIMIT, |_| {
            seen += 1;
            ControlFlow::Break(())
        });
        assert_eq!((broken, seen), (Ok(()), 1), "{codec}");
        let limit = batch.decompress(LIMIT).expect("it is decompressed").len() - 1;
        let limited = batch.pass(limit, |_| ControlFlow::Continue(()));
        assert_eq!(limited, Err(BatchError::TooLarge { limit }), "{codec}");
    }
}

#[test]
fn a_pass_takes_the_memory_that_it_says_however_much_comes_out() {
    for codec in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
        let batch = bomb(codec);
        let used = measure(|| {
            let summary = batch.check_records(64 << 20, |_| {}).expect("it is sound");
            assert_eq!((summary.count, summary.max_timestamp), (2, 20), "{codec}");
        });
        let (most, told) = (used.bytes_max, batch.pass_memory());
        assert!(most <= told as u64 && told < 16 << 20, "{codec}: {most} bytes, told {told}");
    }
}

#[test]
fn one_block_of_snappy_is_held_and_said_to_be() {
    let plain = bomb(Compression::None);
    let block = snap::raw::Encoder::new().compress_vec(&plain.payload()).expect("it is compressed");
    let batch = plain.with_payload(Compression::Snappy, &block).expect("it fits");
    assert!(batch.pass_memory() > 32 << 20);
    let used = measure(|| assert!(batch.check_records(64 << 20, |_| {}).is_ok()));
    assert!(used.bytes_max <= batch.pass_memory() as u64, "{used:?}");
}

#[test]
fn every_codec_becomes_every_other() {
    for from in Compression::ALL {
        for to in Compression::ALL {
            let batch = compressed(from);
            let summary = batch.check_records(LIMIT, |_| {}).expect("it is sound");
            let after = batch.transcoded(&summary, to, None, LIMIT).expect("it is compressed");
            after.verify_crc().expect("the CRC was redone");
            assert_eq!(after.header().compression(), Ok(to));
            assert_eq!(after.decompress(LIMIT), batch.decompress(LIMIT), "{from} to {to}");
            let most = after.bytes().len() - 1;
            let refused = batch.transcoded(&summary, to, None, most);
            assert!(matches!(refused, Err(BatchError::TooLarge { .. })), "{from} to {to}");
        }
    }
}

#[test]
fn compressing_otherwise_holds_only_what_comes_of_it() {
    for to in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
        let batch = bomb(Compression::Gzip);
        let summary = batch.check_records(64 << 20, |_| {}).expect("it is sound");
        let mut after = None;
        let used = measure(|| after = batch.transcoded(&summary, to, None, 64 << 20).ok());
        let length = after.expect("it is compressed").bytes().len();
        let told = batch.pass_memory() + to.encoder_memory(None, summary.uncompressed_bytes) + 3 * length;
        assert!(used.bytes_max <= told as u64, "{to}: {} bytes, told {told}", used.bytes_max);
        assert!(used.bytes_max < 16 << 20, "{to}: {} bytes", used.bytes_max);
    }
}

#[test]
fn a_bound_on_what_comes_of_it_ends_the_work() {
    let batch = bomb(Compression::Gzip);
    let summary = batch.check_records(64 << 20, |_| {}).expect("it is sound");
    let used = measure(|| {
        let refused = batch.transcoded(&summary, Compression::None, None, 1 << 20);
        assert!(matches!(refused, Err(BatchError::TooLarge { .. })));
    });
    assert!(used.bytes_max < 4 << 20, "{used:?}");
    assert_eq!(built(builder()).check_records(LIMIT, |_| {}).map(|s| s.count), Ok(3));
}

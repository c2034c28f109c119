//! Looking for records within batches.

use bytes::Bytes;
use protocol::records::{Batch, BatchError};

/// The most bytes that a batch's records may decompress to where they are looked at: on produce for settings
/// that need it, and for offsets by timestamp.
pub(super) const DECOMPRESSED_LIMIT: usize = 256 << 20;

/// A record's offset and timestamp (ms since 1970).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamped {
    pub(super) offset: i64,
    pub(super) timestamp: i64,
}

/// The first record from offset `from` on with a timestamp of at least `least`, in a batch whose header says
/// that there is one. If its records don't say so, too, the answer is the batch's first record: nothing is
/// skipped by whoever reads on from there.
pub(super) fn first_since(batch: Bytes, from: i64, least: i64) -> Result<Stamped, BatchError> {
    let batch = Batch::single(batch)?;
    let header = batch.header();
    let (offset, timestamp) = (header.base_offset.max(from), header.max_timestamp);
    match batch.records(DECOMPRESSED_LIMIT) {
        Ok(records) => {
            let stamped = |record| Stamped {
                offset: header.offset_of(&record),
                timestamp: header.timestamp_of(&record),
            };
            let found = records.flatten().map(stamped).find(|r| r.offset >= from && r.timestamp >= least);
            Ok(found.unwrap_or(Stamped { offset, timestamp }))
        }
        Err(_) => Ok(Stamped { offset, timestamp }),
    }
}

#[cfg(test)]
mod tests {
    use protocol::records::{BatchBuilder, Compression};

    use super::*;

    fn batch(compression: Compression, timestamps: &[i64]) -> Bytes {
        let mut builder = BatchBuilder::new().compression(compression);
        for timestamp in timestamps {
            builder.push(*timestamp, None, Some(b"value"), &[]);
        }
        builder.build().unwrap_or_default()
    }

    #[test]
    fn the_first_record_that_is_late_enough() {
        for compression in Compression::ALL {
            let found = |from, least| first_since(batch(compression, &[10, 30, 20, 40]), from, least);
            assert_eq!(found(0, 5), Ok(Stamped { offset: 0, timestamp: 10 }));
            assert_eq!(found(0, 11), Ok(Stamped { offset: 1, timestamp: 30 }));
            assert_eq!(found(2, 11), Ok(Stamped { offset: 2, timestamp: 20 }));
            assert_eq!(found(0, 31), Ok(Stamped { offset: 3, timestamp: 40 }));
            // The header promised one.
            assert_eq!(found(0, 41), Ok(Stamped { offset: 0, timestamp: 40 }));
        }
    }

    #[test]
    fn log_append_time_holds_for_every_record() {
        let stamped = Batch::single(batch(Compression::None, &[10, 30])).map(|b| b.with_log_append_time(99));
        let stamped = stamped.map(Batch::into_bytes).unwrap_or_default();
        assert_eq!(first_since(stamped, 0, 50), Ok(Stamped { offset: 0, timestamp: 99 }));
    }
}

//! Looking for records within batches.

use bytes::Bytes;
use protocol::records::{Batch, BatchError};

use crate::broker::UNPACKED;

/// A record's offset and timestamp (ms since 1970).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamped {
    pub(super) offset: i64,
    pub(super) timestamp: i64,
}

/// The first record from offset `from` on with a timestamp of at least `least`, in a batch whose header says
/// that there is one. If its records don't say so, too, the answer is the batch's first record: nothing is
/// skipped by whoever reads on from there. `None` if the one that the header speaks of may lie before `from`.
pub(super) fn first_since(batch: Bytes, from: i64, least: i64) -> Result<Option<Stamped>, BatchError> {
    let batch = Batch::single(batch)?;
    let header = batch.header();
    let (offset, timestamp) = (header.base_offset.max(from), header.max_timestamp);
    match batch.records(UNPACKED) {
        Ok(records) => {
            let stamped = |record| Stamped {
                offset: header.offset_of(&record),
                timestamp: header.timestamp_of(&record),
            };
            let found = records.flatten().map(stamped).find(|r| r.offset >= from && r.timestamp >= least);
            Ok(found.or((header.base_offset >= from).then_some(Stamped { offset, timestamp })))
        }
        Err(_) => Ok(Some(Stamped { offset, timestamp })),
    }
}

/// The largest timestamp of a batch's records from offset `from` on; what its header says if they can't be read.
pub(super) fn newest_since(batch: Bytes, from: i64) -> Result<Option<i64>, BatchError> {
    let batch = Batch::single(batch)?;
    let header = batch.header();
    let Ok(records) = batch.records(UNPACKED) else { return Ok(Some(header.max_timestamp)) };
    let later = records.flatten().filter(|record| header.offset_of(record) >= from);
    Ok(later.map(|record| header.timestamp_of(&record)).max())
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
            let at = |offset, timestamp| Ok(Some(Stamped { offset, timestamp }));
            assert_eq!(found(0, 5), at(0, 10));
            assert_eq!(found(0, 11), at(1, 30));
            assert_eq!(found(2, 11), at(2, 20));
            assert_eq!(found(0, 31), at(3, 40));
            // The header promised one.
            assert_eq!(found(0, 41), at(0, 40));
            // It may have been before.
            assert_eq!(found(2, 41), Ok(None));
        }
    }

    #[test]
    fn the_newest_record_from_an_offset_on() {
        for compression in Compression::ALL {
            let newest = |from| newest_since(batch(compression, &[10, 40, 30, 20]), from);
            assert_eq!([newest(0), newest(1), newest(2), newest(3)], [40, 40, 30, 20].map(|t| Ok(Some(t))));
            assert_eq!(newest(4), Ok(None));
        }
    }

    #[test]
    fn log_append_time_holds_for_every_record() {
        let stamped = Batch::single(batch(Compression::None, &[10, 30])).map(|b| b.with_log_append_time(99));
        let stamped = stamped.map(Batch::into_bytes).unwrap_or_default();
        assert_eq!(first_since(stamped.clone(), 1, 50), Ok(Some(Stamped { offset: 1, timestamp: 99 })));
        assert_eq!(newest_since(stamped, 1), Ok(Some(99)));
    }
}

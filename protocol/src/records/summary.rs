//! A pass over the records that keeps none of them.

use super::cursor::Layout;
use bytes::Bytes;

use super::{Batch, BatchError};

/// What a pass over the records of a batch found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordSummary {
    /// The number of records.
    pub count: i32,
    /// Lowest timestamp, in milliseconds since 1970.
    pub min_timestamp: i64,
    /// Highest timestamp, in milliseconds since 1970.
    pub max_timestamp: i64,
    /// Offset delta of the first record with the highest timestamp.
    pub max_timestamp_offset_delta: i32,
    /// Bytes of all records, decompressed.
    pub uncompressed_bytes: usize,
}

/// What a pass over the records sees of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordGlance {
    /// Place of the record, from 0.
    pub index: i32,
    /// Its offset, after the batch's first.
    pub offset_delta: i32,
    /// Whether it has a key.
    pub has_key: bool,
    /// Its timestamp, in milliseconds since 1970.
    pub timestamp: i64,
}

impl Batch {
    /// Decompresses the records to at most `limit` bytes and checks that each is well-formed, that there are as
    /// many as the header says, that their offset deltas are 0, 1, 2 …, and, if `require_keys`, that each has a
    /// key. Fails with `UnknownCompression`, `Compression`, `TooLarge`, `Count`, `Record`, `NullKey` or
    /// `TrailingBytes`.
    pub fn validate_records(&self, limit: usize, require_keys: bool) -> Result<RecordSummary, BatchError> {
        self.header().check_count()?;
        let mut without_key = None;
        let summary = self.scan(&self.decompress(limit)?, |record| {
            without_key = without_key.or((!record.has_key).then_some(record.index));
        });
        match without_key.filter(|_| require_keys) {
            Some(index) => Err(BatchError::NullKey { index }),
            None => summary,
        }
    }

    /// The records, decompressed to at most `limit` bytes. Fails with `UnknownCompression`, `Compression` or
    /// `TooLarge`.
    pub fn decompress(&self, limit: usize) -> Result<Bytes, BatchError> {
        self.header().compression()?.decompress(&self.payload(), limit)
    }

    /// Calls `each` with every record of the batch, decompressed as `bytes`. Checks what [`Batch::validate_records`]
    /// does, but for keys. Fails with `Count`, `Record` or `TrailingBytes`.
    pub fn scan(
        &self,
        bytes: &Bytes,
        mut each: impl FnMut(RecordGlance),
    ) -> Result<RecordSummary, BatchError> {
        let header = self.header();
        header.check_count()?;
        let mut summary = RecordSummary {
            count: header.records_count,
            min_timestamp: i64::MAX,
            max_timestamp: i64::MIN,
            max_timestamp_offset_delta: 0,
            uncompressed_bytes: bytes.len(),
        };
        let mut position = 0;
        for index in 0..header.records_count {
            let problem = |problem| BatchError::Record { index, problem };
            let record = Layout::parse(bytes, position).map_err(problem)?;
            position = record.headers.end;
            if record.offset_delta != index {
                return Err(problem("offsets are not contiguous"));
            }
            let timestamp = header.timestamp(record.timestamp_delta);
            each(RecordGlance { index, offset_delta: index, has_key: record.key.is_some(), timestamp });
            summary.min_timestamp = summary.min_timestamp.min(timestamp);
            if timestamp > summary.max_timestamp {
                (summary.max_timestamp, summary.max_timestamp_offset_delta) = (timestamp, index);
            }
        }
        match bytes.len() - position {
            0 => Ok(summary),
            left => Err(BatchError::TrailingBytes(left)),
        }
    }
}

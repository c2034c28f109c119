//! The records of a batch.

use std::iter::FusedIterator;

use bytes::Bytes;

use super::cursor::{self, Layout};
use super::{Batch, BatchError, BatchHeader, TimestampType};
use crate::codec::Str;

/// A record. Key, value and headers are slices of the batch, or of what it was decompressed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Unused by Kafka.
    pub attributes: i8,
    /// Milliseconds after the batch's base timestamp.
    pub timestamp_delta: i64,
    /// Place after the batch's base offset.
    pub offset_delta: i32,
    /// The key.
    pub key: Option<Bytes>,
    /// The value; none is a tombstone in a compacted topic.
    pub value: Option<Bytes>,
    /// The headers.
    pub headers: Headers,
}

/// The headers of a record, not yet taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    count: i32,
    bytes: Bytes,
}

/// A header of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordHeader {
    /// The name; not unique.
    pub key: Str,
    /// The value.
    pub value: Option<Bytes>,
}

impl Headers {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The headers in order. Bytes that are not UTF-8 in a key are replaced, as Kafka's clients do.
    pub fn iter(&self) -> impl Iterator<Item = RecordHeader> + '_ {
        let mut position = 0;
        (0..self.count).map_while(move |_| {
            let header = cursor::header(&self.bytes, position).ok()?;
            position = header.end;
            let key = self.bytes.slice(header.key);
            let key =
                Str::try_from(key.clone()).unwrap_or_else(|_| String::from_utf8_lossy(&key).as_ref().into());
            Some(RecordHeader { key, value: header.value.map(|range| self.bytes.slice(range)) })
        })
    }
}

impl BatchHeader {
    /// The offset of a record of this batch.
    #[must_use]
    pub const fn offset_of(&self, record: &Record) -> i64 {
        self.base_offset.saturating_add(record.offset_delta as i64)
    }

    /// The timestamp of a record of this batch, in milliseconds since 1970.
    #[must_use]
    pub const fn timestamp_of(&self, record: &Record) -> i64 {
        self.timestamp(record.timestamp_delta)
    }

    pub(super) const fn timestamp(&self, delta: i64) -> i64 {
        match self.timestamp_type() {
            TimestampType::CreateTime => self.base_timestamp.saturating_add(delta),
            TimestampType::LogAppendTime => self.max_timestamp,
        }
    }
}

impl Batch {
    /// The records, decompressed to at most `limit` bytes. Fails with `UnknownCompression`, `Compression` or
    /// `TooLarge`; the iterator, with `Record` or `TrailingBytes`.
    pub fn records(&self, limit: usize) -> Result<RecordIter, BatchError> {
        let bytes = self.header().compression()?.decompress(&self.payload(), limit)?;
        Ok(RecordIter { bytes, position: 0, index: 0, count: self.header().records_count })
    }
}

/// Iterates over the records of a batch. Ends after the first error.
#[derive(Debug, Clone)]
pub struct RecordIter {
    bytes: Bytes,
    position: usize,
    index: i32,
    count: i32,
}

impl RecordIter {
    fn record(&mut self) -> Result<Record, BatchError> {
        let index = self.index;
        let layout = Layout::parse(&self.bytes, self.position)
            .map_err(|problem| BatchError::Record { index, problem })?;
        self.index += 1;
        self.position = layout.headers.end;
        let slice = |range| self.bytes.slice(range);
        Ok(Record {
            attributes: layout.attributes,
            timestamp_delta: layout.timestamp_delta,
            offset_delta: layout.offset_delta,
            key: layout.key.map(slice),
            value: layout.value.map(slice),
            headers: Headers { count: layout.headers_count, bytes: slice(layout.headers) },
        })
    }

    fn end(&mut self) {
        (self.index, self.position) = (self.count, self.bytes.len());
    }
}

impl Iterator for RecordIter {
    type Item = Result<Record, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = if self.index < self.count {
            self.record()
        } else {
            match self.bytes.len() - self.position {
                0 => return None,
                left => Err(BatchError::TrailingBytes(left)),
            }
        };
        if record.is_err() {
            self.end();
        }
        Some(record)
    }
}

impl FusedIterator for RecordIter {}

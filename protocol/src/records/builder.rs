//! Makes batches, as a producer sends them.

use bytes::{BufMut, Bytes};

use super::cursor::put_varlong;
use super::header::{CRC_AT, CRC_FROM, TRANSACTIONAL};
use super::{BatchError, Compression, HEADER_LENGTH, PREFIX_LENGTH};

/// Collects records and turns them into one batch with base offset 0. Each setting has Kafka's default: no
/// compression, no producer, no transaction.
#[derive(Debug, Clone)]
pub struct BatchBuilder {
    compression: Compression,
    transactional: bool,
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
    base_timestamp: i64,
    max_timestamp: i64,
    count: usize,
    /// Header space, then the records.
    bytes: Vec<u8>,
    /// The record that is being added.
    scratch: Vec<u8>,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchBuilder {
    /// A builder without records.
    #[must_use]
    pub fn new() -> Self {
        Self {
            compression: Compression::None,
            transactional: false,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            base_timestamp: 0,
            max_timestamp: -1,
            count: 0,
            bytes: vec![0; HEADER_LENGTH],
            scratch: Vec::new(),
        }
    }

    /// Compresses the records.
    #[must_use]
    pub const fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Names the idempotent producer and the sequence number of the first record.
    #[must_use]
    pub const fn producer(mut self, id: i64, epoch: i16, base_sequence: i32) -> Self {
        (self.producer_id, self.producer_epoch, self.base_sequence) = (id, epoch, base_sequence);
        self
    }

    /// Makes the batch part of a transaction.
    #[must_use]
    pub const fn transactional(mut self, transactional: bool) -> Self {
        self.transactional = transactional;
        self
    }

    /// Adds a record. The timestamp is in milliseconds since 1970.
    pub fn push(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) {
        if self.count == 0 {
            (self.base_timestamp, self.max_timestamp) = (timestamp, timestamp);
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        let record = &mut self.scratch;
        record.clear();
        record.push(0);
        put_varlong(record, timestamp.wrapping_sub(self.base_timestamp));
        put_varlong(record, self.count as i64);
        put_byte_string(record, key);
        put_byte_string(record, value);
        put_varlong(record, headers.len() as i64);
        for (key, value) in headers {
            put_byte_string(record, Some(key.as_bytes()));
            put_byte_string(record, *value);
        }
        put_byte_string(&mut self.bytes, Some(&self.scratch));
        self.count += 1;
    }

    /// The number of records.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there are no records.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The bytes of the batch before compression, header included.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The batch. Fails with `Missing` without records, with `TooLarge` above 2 GiB, and with `Compression`.
    pub fn build(self) -> Result<Bytes, BatchError> {
        let mut batch = self.bytes;
        if self.compression != Compression::None {
            let records = self.compression.compress(&batch[HEADER_LENGTH..])?;
            batch.truncate(HEADER_LENGTH);
            batch.extend_from_slice(&records);
        }
        let count = i32::try_from(self.count).unwrap_or(i32::MAX);
        let last_offset_delta = count.checked_sub(1).filter(|last| *last >= 0).ok_or(BatchError::Missing)?;
        let too_large = BatchError::TooLarge { limit: i32::MAX as usize };
        let length = i32::try_from(batch.len() - PREFIX_LENGTH).map_err(|_| too_large)?;
        let flags = if self.transactional { TRANSACTIONAL } else { 0 };

        let mut header = &mut batch[..HEADER_LENGTH];
        header.put_i64(0);
        header.put_i32(length);
        header.put_i32(-1);
        header.put_i8(2);
        header.put_u32(0);
        header.put_i16(i16::from(self.compression.id()) | flags);
        header.put_i32(last_offset_delta);
        header.put_i64(self.base_timestamp);
        header.put_i64(self.max_timestamp);
        header.put_i64(self.producer_id);
        header.put_i16(self.producer_epoch);
        header.put_i32(self.base_sequence);
        header.put_i32(count);
        let crc = crc32c::crc32c(&batch[CRC_FROM..]);
        batch[CRC_AT..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
        Ok(batch.into())
    }
}

fn put_byte_string(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    put_varlong(out, bytes.map_or(-1, |bytes| bytes.len() as i64));
    out.extend_from_slice(bytes.unwrap_or_default());
}

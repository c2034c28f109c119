//! The first 61 bytes of a batch.

use super::{BatchError, Compression};

/// Bytes of a batch's header.
pub const HEADER_LENGTH: usize = 61;
/// Bytes of a batch that its length does not count: base offset and the length itself.
pub const PREFIX_LENGTH: usize = 12;
/// Where the CRC begins to count.
pub(super) const CRC_FROM: usize = 21;
/// Where the CRC is.
pub(super) const CRC_AT: usize = 17;
/// Where the attributes are.
pub(super) const ATTRIBUTES_AT: usize = 21;
/// Where the maximum timestamp is.
pub(super) const MAX_TIMESTAMP_AT: usize = 35;
/// Where the magic is, in this and in every earlier format.
const MAGIC_AT: usize = 16;

pub(super) const COMPRESSION_BITS: i16 = 0b111;
pub(super) const LOG_APPEND_TIME: i16 = 1 << 3;
pub(super) const TRANSACTIONAL: i16 = 1 << 4;
const CONTROL: i16 = 1 << 5;
const DELETE_HORIZON: i16 = 1 << 6;

/// What the timestamps of a batch mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// The client's time; each record has its own.
    CreateTime,
    /// The broker's time at appending; it is `max_timestamp`, for all records.
    LogAppendTime,
}

/// The fields of a batch's header, as they are: only the magic and the presence of all bytes are known to be
/// right. Numbers are big-endian; the layout is Kafka's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record; bytes 0 to 7, outside of the CRC.
    pub base_offset: i64,
    /// Bytes that follow this field; bytes 8 to 11, outside of the CRC.
    pub batch_length: i32,
    /// Epoch of the leader that appended it; bytes 12 to 15, outside of the CRC.
    pub partition_leader_epoch: i32,
    /// CRC-32C of byte 21 to the end; bytes 17 to 20.
    pub crc: u32,
    /// Codec and flags; bytes 21 and 22.
    pub attributes: i16,
    /// Offset of the last record, less the base offset; bytes 23 to 26.
    pub last_offset_delta: i32,
    /// Timestamp that the records' deltas count from; bytes 27 to 34.
    pub base_timestamp: i64,
    /// Highest timestamp; bytes 35 to 42.
    pub max_timestamp: i64,
    /// Id of the producer, or −1; bytes 43 to 50.
    pub producer_id: i64,
    /// Epoch of the producer, or −1; bytes 51 and 52.
    pub producer_epoch: i16,
    /// Sequence number of the first record, or −1; bytes 53 to 56.
    pub base_sequence: i32,
    /// Number of records; bytes 57 to 60.
    pub records_count: i32,
}

impl BatchHeader {
    /// Parses the header at the start of `bytes`. Fails with `BadMagic` on another format, with `TooShort` on
    /// too few bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, BatchError> {
        match bytes.get(MAGIC_AT) {
            Some(2) | None => {}
            Some(magic) => return Err(BatchError::BadMagic(magic.cast_signed())),
        }
        let header = bytes.first_chunk::<HEADER_LENGTH>();
        let header = header.ok_or(BatchError::TooShort { length: bytes.len() })?;
        Ok(Self {
            base_offset: i64::from_be_bytes(field(header, 0)),
            batch_length: i32::from_be_bytes(field(header, 8)),
            partition_leader_epoch: i32::from_be_bytes(field(header, 12)),
            crc: u32::from_be_bytes(field(header, CRC_AT)),
            attributes: i16::from_be_bytes(field(header, ATTRIBUTES_AT)),
            last_offset_delta: i32::from_be_bytes(field(header, 23)),
            base_timestamp: i64::from_be_bytes(field(header, 27)),
            max_timestamp: i64::from_be_bytes(field(header, MAX_TIMESTAMP_AT)),
            producer_id: i64::from_be_bytes(field(header, 43)),
            producer_epoch: i16::from_be_bytes(field(header, 51)),
            base_sequence: i32::from_be_bytes(field(header, 53)),
            records_count: i32::from_be_bytes(field(header, 57)),
        })
    }

    /// The codec of the records. Fails with `UnknownCompression`.
    pub fn compression(&self) -> Result<Compression, BatchError> {
        let id = (self.attributes & COMPRESSION_BITS) as i8;
        Compression::from_id(id).ok_or(BatchError::UnknownCompression(id))
    }

    /// What the timestamps mean.
    #[must_use]
    pub const fn timestamp_type(&self) -> TimestampType {
        if self.attributes & LOG_APPEND_TIME == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the batch is part of a transaction.
    #[must_use]
    pub const fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// Whether the batch is a marker of the broker's, invisible to applications.
    #[must_use]
    pub const fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    /// Whether `base_timestamp` is when its tombstones may go.
    #[must_use]
    pub const fn has_delete_horizon(&self) -> bool {
        self.attributes & DELETE_HORIZON != 0
    }

    /// Whether an idempotent producer sent the batch.
    #[must_use]
    pub const fn has_producer(&self) -> bool {
        self.producer_id >= 0
    }

    /// The offset of the last record.
    #[must_use]
    pub const fn last_offset(&self) -> i64 {
        self.base_offset.saturating_add(self.last_offset_delta as i64)
    }

    /// The sequence number of the last record; numbers go from 2³¹−1 to 0.
    #[must_use]
    pub const fn last_sequence(&self) -> i32 {
        self.base_sequence.wrapping_add(self.last_offset_delta)
            & if self.base_sequence < 0 { -1 } else { i32::MAX }
    }

    /// Bytes 0 to 15 with another base offset and leader epoch. The CRC does not cover them, so that the bytes
    /// after them can be sent as they are.
    #[must_use]
    pub fn patched_prefix(&self, base_offset: i64, leader_epoch: i32) -> [u8; 16] {
        let mut prefix = [0; 16];
        prefix[..8].copy_from_slice(&base_offset.to_be_bytes());
        prefix[8..12].copy_from_slice(&self.batch_length.to_be_bytes());
        prefix[12..].copy_from_slice(&leader_epoch.to_be_bytes());
        prefix
    }

    /// All that a broker checks in the header of a produced batch, in Kafka's order; the CRC is apart. Fails
    /// with what the four checks below fail with.
    pub fn check_produced(&self) -> Result<(), BatchError> {
        self.check_base_offset()?;
        self.check_count()?;
        self.check_sequence()?;
        self.check_attributes()
    }

    /// The base offset of a produced batch is 0. Fails with `BaseOffset`.
    pub const fn check_base_offset(&self) -> Result<(), BatchError> {
        if self.base_offset == 0 { Ok(()) } else { Err(BatchError::BaseOffset(self.base_offset)) }
    }

    /// A produced batch has records, as many as offsets. Fails with `Count`.
    pub const fn check_count(&self) -> Result<(), BatchError> {
        let (count, last_offset_delta) = (self.records_count, self.last_offset_delta);
        if count > 0 && count - 1 == last_offset_delta {
            Ok(())
        } else {
            Err(BatchError::Count { count, last_offset_delta })
        }
    }

    /// A producer id comes with a sequence number. Fails with `NoSequence`.
    pub const fn check_sequence(&self) -> Result<(), BatchError> {
        if self.has_producer() && self.base_sequence < 0 { Err(BatchError::NoSequence) } else { Ok(()) }
    }

    /// Clients set neither the control bit nor log append time, and use a codec that exists. Fails with
    /// `Control`, `LogAppendTime` or `UnknownCompression`.
    pub fn check_attributes(&self) -> Result<(), BatchError> {
        if self.is_control() {
            return Err(BatchError::Control);
        }
        if self.timestamp_type() == TimestampType::LogAppendTime {
            return Err(BatchError::LogAppendTime);
        }
        self.compression().map(|_| ())
    }
}

/// The `N` bytes at a constant place, which callers keep within the header.
fn field<const N: usize>(header: &[u8; HEADER_LENGTH], at: usize) -> [u8; N] {
    std::array::from_fn(|place| header[at + place])
}

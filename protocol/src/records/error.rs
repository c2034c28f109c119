//! What can be wrong with a batch.

use super::Compression;
use crate::ErrorCode;

/// A batch that is not valid, or not one that a client may send. Nothing can be retried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// No batch where one is required.
    #[error("no batch")]
    Missing,
    /// More than one batch where only one may be.
    #[error("more than one batch")]
    Several,
    /// Fewer bytes than a header.
    #[error("{length} bytes, fewer than a batch's header")]
    TooShort {
        /// The bytes there are.
        length: usize,
    },
    /// A batch length that is less than a header or more than the bytes there are.
    #[error("batch length {stated}, but {available} bytes follow it")]
    LengthMismatch {
        /// The length in the header.
        stated: i32,
        /// The bytes that follow the length.
        available: usize,
    },
    /// A format version other than 2.
    #[error("magic {0}, not 2")]
    BadMagic(i8),
    /// Bytes that are not those the CRC was made of.
    #[error("CRC-32C {stored:#010x}, computed {computed:#010x}")]
    CrcMismatch {
        /// The CRC in the header.
        stored: u32,
        /// The CRC of the bytes.
        computed: u32,
    },
    /// A base offset from a client.
    #[error("base offset {0}, not 0")]
    BaseOffset(i64),
    /// A record count that is not positive, or not that of the offsets.
    #[error("{count} records, but last offset delta {last_offset_delta}")]
    Count {
        /// The count in the header.
        count: i32,
        /// The last offset delta in the header.
        last_offset_delta: i32,
    },
    /// A control batch from a client.
    #[error("control batch from a client")]
    Control,
    /// Log append time, which only the broker sets, from a client.
    #[error("log append time from a client")]
    LogAppendTime,
    /// A producer id without a sequence number.
    #[error("producer id without a sequence number")]
    NoSequence,
    /// A compression codec that does not exist.
    #[error("unknown compression codec {0}")]
    UnknownCompression(i8),
    /// Compressed bytes that the codec rejects.
    #[error("{codec} data: {reason}")]
    Compression {
        /// The codec.
        codec: Compression,
        /// What it said.
        reason: String,
    },
    /// More bytes than the limit, compressed or not.
    #[error("more than {limit} bytes of records")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// A record that is malformed.
    #[error("record {index}: {problem}")]
    Record {
        /// Place of the record, from 0.
        index: i32,
        /// What was wrong.
        problem: &'static str,
    },
    /// A record without a key where keys are required.
    #[error("record {index} has no key")]
    NullKey {
        /// Place of the record, from 0.
        index: i32,
    },
    /// Bytes after the last record.
    #[error("{0} bytes after the last record")]
    TrailingBytes(usize),
}

impl BatchError {
    /// The error that Kafka answers a Produce request with.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::TooShort { .. }
            | Self::LengthMismatch { .. }
            | Self::CrcMismatch { .. }
            | Self::Compression { .. } => ErrorCode::CorruptMessage,
            Self::LogAppendTime => ErrorCode::InvalidTimestamp,
            Self::UnknownCompression(_) => ErrorCode::UnsupportedCompressionType,
            Self::TooLarge { .. } => ErrorCode::MessageTooLarge,
            _ => ErrorCode::InvalidRecord,
        }
    }

    /// The record at fault, if it is known, for the `record_errors` of a Produce response.
    #[must_use]
    pub const fn batch_index(&self) -> Option<i32> {
        match self {
            Self::Record { index, .. } | Self::NullKey { index } => Some(*index),
            _ => None,
        }
    }
}

//! One batch, and the batches of a buffer.

use std::iter::FusedIterator;

use bytes::{Bytes, BytesMut};

use super::header::{ATTRIBUTES_AT, COMPRESSION_BITS, CRC_AT, CRC_FROM, LOG_APPEND_TIME, MAX_TIMESTAMP_AT};
use super::{BatchError, BatchHeader, Compression, HEADER_LENGTH, PREFIX_LENGTH};

/// Where the length is.
const LENGTH_AT: usize = 8;

/// The bytes of exactly one batch, as long as its header says, and that header. Nothing else is known of it:
/// see [`Batch::verify_crc`] and [`BatchHeader::check_produced`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    header: BatchHeader,
    bytes: Bytes,
}

impl Batch {
    /// Takes the only batch in `bytes`. Fails with `Missing` on none, with `Several` on more, and with
    /// `BadMagic`, `TooShort` or `LengthMismatch` on what is not a batch.
    pub fn single(bytes: Bytes) -> Result<Self, BatchError> {
        let mut batches = Batches::new(bytes);
        let batch = batches.next().ok_or(BatchError::Missing)??;
        if batches.remaining.is_empty() { Ok(batch) } else { Err(BatchError::Several) }
    }

    /// Takes the first batch off `bytes`. Fails with `BadMagic`, `TooShort` or `LengthMismatch`.
    fn split_first(bytes: &mut Bytes) -> Result<Self, BatchError> {
        let header = BatchHeader::parse(bytes)?;
        let (stated, available) = (header.batch_length, bytes.len() - PREFIX_LENGTH);
        match usize::try_from(stated) {
            Ok(length) if (HEADER_LENGTH - PREFIX_LENGTH..=available).contains(&length) => {
                Ok(Self { header, bytes: bytes.split_to(PREFIX_LENGTH + length) })
            }
            _ => Err(BatchError::LengthMismatch { stated, available }),
        }
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The whole batch, header included.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The whole batch, header included.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// The records, compressed or not.
    #[must_use]
    pub fn payload(&self) -> Bytes {
        self.bytes.slice(HEADER_LENGTH..)
    }

    /// Compares the CRC with the bytes. Fails with `CrcMismatch`.
    pub fn verify_crc(&self) -> Result<(), BatchError> {
        let (stored, computed) = (self.header.crc, crc32c::crc32c(&self.bytes[CRC_FROM..]));
        if stored == computed { Ok(()) } else { Err(BatchError::CrcMismatch { stored, computed }) }
    }

    /// The batch as appended at `now`, in milliseconds since 1970: log append time, maximum timestamp and CRC
    /// are set. Copies the batch.
    #[must_use]
    pub fn with_log_append_time(&self, now: i64) -> Self {
        let mut header = self.header;
        header.attributes |= LOG_APPEND_TIME;
        header.max_timestamp = now;
        Self::assemble(header, BytesMut::from(&self.bytes[..]))
    }

    /// The batch with another maximum timestamp, in milliseconds since 1970, and the CRC that goes with it. Copies
    /// the batch.
    #[must_use]
    pub fn with_max_timestamp(&self, max_timestamp: i64) -> Self {
        let header = BatchHeader { max_timestamp, ..self.header };
        Self::assemble(header, BytesMut::from(&self.bytes[..]))
    }

    /// The batch with its records compressed otherwise: `payload` is what `codec` makes of them. All else in the
    /// header stays, but for length and CRC. Fails with `TooLarge` above 2 GiB.
    pub fn with_payload(&self, codec: Compression, payload: &[u8]) -> Result<Self, BatchError> {
        let length = HEADER_LENGTH - PREFIX_LENGTH + payload.len();
        let too_large = BatchError::TooLarge { limit: i32::MAX as usize };
        let batch_length = i32::try_from(length).map_err(|_| too_large)?;
        let attributes = self.header.attributes & !COMPRESSION_BITS | i16::from(codec.id());
        let mut bytes = BytesMut::with_capacity(HEADER_LENGTH + payload.len());
        bytes.extend_from_slice(&self.bytes[..HEADER_LENGTH]);
        bytes.extend_from_slice(payload);
        Ok(Self::assemble(BatchHeader { batch_length, attributes, ..self.header }, bytes))
    }

    /// Writes what may have changed of a header over the one in `bytes`, and the CRC.
    fn assemble(mut header: BatchHeader, mut bytes: BytesMut) -> Self {
        bytes[LENGTH_AT..PREFIX_LENGTH].copy_from_slice(&header.batch_length.to_be_bytes());
        bytes[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&header.attributes.to_be_bytes());
        bytes[MAX_TIMESTAMP_AT..MAX_TIMESTAMP_AT + 8].copy_from_slice(&header.max_timestamp.to_be_bytes());
        header.crc = crc32c::crc32c(&bytes[CRC_FROM..]);
        bytes[CRC_AT..CRC_FROM].copy_from_slice(&header.crc.to_be_bytes());
        Self { header, bytes: bytes.freeze() }
    }
}

/// Splits a buffer into its batches. Ends after the first error.
#[derive(Debug, Clone)]
pub struct Batches {
    remaining: Bytes,
}

impl Batches {
    /// The batches of `bytes`.
    #[must_use]
    pub const fn new(bytes: Bytes) -> Self {
        Self { remaining: bytes }
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.remaining.is_empty() {
            return None;
        }
        let batch = Batch::split_first(&mut self.remaining);
        if batch.is_err() {
            self.remaining.clear();
        }
        Some(batch)
    }
}

impl FusedIterator for Batches {}

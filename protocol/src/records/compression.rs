//! The codecs.

use std::fmt;
use std::io::{Read, Write};
use std::str::FromStr;

use bytes::Bytes;
use flate2::{read::MultiGzDecoder, write::GzEncoder};
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use zstd::zstd_safe;

use super::{BatchError, snappy};

/// What decompression reserves first; it doubles from there.
const FIRST_RESERVE: usize = 16 * 1024;
/// Zstandard's code for a destination that is too small, which its stable interface pins.
const ZSTD_DESTINATION_TOO_SMALL: usize =
    0usize.wrapping_sub(zstd_safe::zstd_sys::ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall as usize);

/// How the records of a batch are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(missing_docs, reason = "the names are Kafka's")]
pub enum Compression {
    #[default]
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl Compression {
    /// All codecs, by ascending id.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The codec with this id, the low three bits of a batch's attributes.
    #[must_use]
    pub fn from_id(id: i8) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.id() == id)
    }

    /// The id, the low three bits of a batch's attributes.
    #[must_use]
    pub const fn id(self) -> i8 {
        self as i8
    }

    /// Kafka's name for it in configurations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// Decompresses to at most `limit` bytes; memory grows with what comes out, not with what the data claims.
    /// Fails with `Compression` or `TooLarge`.
    pub fn decompress(self, input: &Bytes, limit: usize) -> Result<Bytes, BatchError> {
        let out = match self {
            Self::None if input.len() > limit => return Err(BatchError::TooLarge { limit }),
            Self::None => return Ok(input.clone()),
            Self::Gzip => self.read_bounded(MultiGzDecoder::new(&input[..]), limit)?,
            Self::Snappy => snappy::decompress(input, limit)?,
            Self::Lz4 => self.read_bounded(FrameDecoder::new(&input[..]), limit)?,
            Self::Zstd => decompress_zstd(input, limit)?,
        };
        Ok(out.into())
    }

    /// Compresses, at each codec's usual level. Fails with `Compression`.
    pub fn compress(self, input: &[u8]) -> Result<Vec<u8>, BatchError> {
        self.compress_at(None, input)
    }

    /// Compresses at a level: 1 to 9 with gzip, -131072 to 22 with zstd; the other codecs have one level only. Fails
    /// with `Compression`.
    pub fn compress_at(self, level: Option<i32>, input: &[u8]) -> Result<Vec<u8>, BatchError> {
        match self {
            Self::None => Ok(input.to_vec()),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), gzip_level(level));
                encoder.write_all(input).and_then(|()| encoder.finish()).map_err(|error| self.broken(error))
            }
            Self::Snappy => snappy::compress(input),
            Self::Lz4 => {
                let mut encoder = FrameEncoder::with_frame_info(lz4_frame(), Vec::new());
                encoder.write_all(input).map_err(|error| self.broken(error))?;
                encoder.finish().map_err(|error| self.broken(error))
            }
            Self::Zstd => zstd::bulk::compress(input, level.unwrap_or(zstd::DEFAULT_COMPRESSION_LEVEL))
                .map_err(|error| self.broken(error)),
        }
    }

    fn read_bounded(self, mut decoder: impl Read, limit: usize) -> Result<Vec<u8>, BatchError> {
        let mut out = Vec::new();
        loop {
            let length = out.len();
            let room = length.max(FIRST_RESERVE).min(limit - length);
            // One byte more than the limit shows whether there is more.
            let probe = room as u64 + u64::from(length + room == limit);
            out.reserve_exact(room + 1);
            let read = decoder.by_ref().take(probe).read_to_end(&mut out);
            let read = read.map_err(|error| self.broken(error))?;
            if out.len() > limit {
                return Err(BatchError::TooLarge { limit });
            }
            if (read as u64) < probe {
                return Ok(out);
            }
        }
    }

    pub(super) fn broken(self, reason: impl fmt::Display) -> BatchError {
        BatchError::Compression { codec: self, reason: reason.to_string() }
    }
}

/// The level, if gzip knows it.
pub(super) fn gzip_level(level: Option<i32>) -> flate2::Compression {
    let level = level.and_then(|level| u32::try_from(level).ok()).filter(|level| *level <= 9);
    level.map_or_else(flate2::Compression::default, flate2::Compression::new)
}

/// Kafka's Java client reads independent blocks only.
pub(super) fn lz4_frame() -> FrameInfo {
    FrameInfo::new().block_mode(BlockMode::Independent).block_size(BlockSize::Max64KB)
}

/// Decompresses in one step, without the window that a stream may ask for, doubling the destination as long as
/// it is too small.
fn decompress_zstd(input: &[u8], limit: usize) -> Result<Vec<u8>, BatchError> {
    let mut decoder = zstd_safe::DCtx::create();
    let mut capacity = FIRST_RESERVE.max(input.len().saturating_mul(4)).min(limit);
    loop {
        let mut out = Vec::with_capacity(capacity);
        match decoder.decompress(&mut out, input) {
            Ok(_) => return Ok(out),
            Err(ZSTD_DESTINATION_TOO_SMALL) if capacity >= limit => {
                return Err(BatchError::TooLarge { limit });
            }
            Err(ZSTD_DESTINATION_TOO_SMALL) => capacity = capacity.saturating_mul(2).min(limit),
            Err(code) => return Err(Compression::Zstd.broken(zstd_safe::get_error_name(code))),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is no codec's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a codec: none, gzip, snappy, lz4 or zstd expected")]
pub struct UnknownName;

impl FromStr for Compression {
    type Err = UnknownName;

    /// Parses Kafka's name. Fails on anything else.
    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|codec| codec.name() == name).ok_or(UnknownName)
    }
}

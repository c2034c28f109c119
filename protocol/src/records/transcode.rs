//! From one codec to another, as a stream: only the result is held.

use std::io::{self, Write};

use flate2::write::GzEncoder;
use lz4_flex::frame::FrameEncoder;

use super::stream::{Copy, Use};
use super::{Batch, BatchError, Compression, HEADER_LENGTH, RecordSummary, compression, snappy};

/// What an encoder takes whose window is small.
const SMALL_ENCODER: usize = 1 << 20;

/// The bytes that Zstandard's encoder takes at most, in MiB, up to a level.
const ZSTD_ENCODERS: [(i32, usize); 8] =
    [(3, 4), (8, 10), (11, 32), (16, 80), (19, 112), (20, 224), (21, 448), (i32::MAX, 896)];

/// Zstandard's tables are no larger than this many times what is compressed, if it knows how much that is.
const ZSTD_TABLES: usize = 24;

impl Compression {
    /// The bytes that compressing `length` bytes as a stream takes at most, without the result.
    #[must_use]
    pub fn encoder_memory(self, level: Option<i32>, length: usize) -> usize {
        match self {
            Self::Zstd => {
                let level = level.unwrap_or(zstd::DEFAULT_COMPRESSION_LEVEL);
                let of_level = ZSTD_ENCODERS.iter().find(|(highest, _)| level <= *highest);
                let of_level = of_level.map_or(usize::MAX, |(_, mebibytes)| mebibytes << 20);
                let of_length = length.max(1).saturating_mul(2).saturating_mul(ZSTD_TABLES);
                of_level.min(of_length.saturating_add(SMALL_ENCODER))
            }
            _ => SMALL_ENCODER,
        }
    }
}

impl Batch {
    /// The batch with its records compressed otherwise, at a level as in [`Compression::compress_at`]; all else in
    /// the header stays, but for length and CRC. `summary` is of the records as they are. Fails with `TooLarge` if
    /// the result would have more than `most` bytes, with `UnknownCompression` and with `Compression`.
    pub fn transcoded(
        &self,
        summary: &RecordSummary,
        to: Compression,
        level: Option<i32>,
        most: usize,
    ) -> Result<Self, BatchError> {
        let from = self.header().compression()?;
        let length = summary.uncompressed_bytes;
        let most = most.saturating_sub(HEADER_LENGTH);
        let copied = Transcode { length, to, level, most };
        let payload = from.stream(&self.bytes()[HEADER_LENGTH..], copied)?;
        let payload = payload.map_err(|error| match error.kind() {
            io::ErrorKind::FileTooLarge => BatchError::TooLarge { limit: most },
            _ => to.broken(error),
        })?;
        self.with_payload(to, &payload)
    }
}

struct Transcode {
    length: usize,
    to: Compression,
    level: Option<i32>,
    most: usize,
}

impl Use for Transcode {
    type Outcome = io::Result<Vec<u8>>;

    fn with(self, stream: impl io::BufRead) -> Self::Outcome {
        let Self { length: limit, to, level, most } = self;
        let out = Bounded { out: Vec::new(), most };
        let copied = match to {
            Compression::None => copy(limit, out, stream)?,
            Compression::Gzip => {
                copy(limit, GzEncoder::new(out, compression::gzip_level(level)), stream)?.finish()?
            }
            Compression::Snappy => copy(limit, snappy::Blocks::new(out)?, stream)?.finish()?,
            Compression::Lz4 => {
                copy(limit, FrameEncoder::with_frame_info(compression::lz4_frame(), out), stream)?.finish()?
            }
            Compression::Zstd => {
                let level = level.unwrap_or(zstd::DEFAULT_COMPRESSION_LEVEL);
                let mut encoder = zstd::stream::write::Encoder::new(out, level)?;
                encoder.set_pledged_src_size(Some(limit as u64))?;
                copy(limit, encoder, stream)?.finish()?
            }
        };
        Ok(copied.out)
    }
}

fn copy<W: Write>(limit: usize, to: W, stream: impl io::BufRead) -> io::Result<W> {
    Copy { limit, to }.with(stream)?.ok_or_else(|| io::Error::other("more records than there were"))
}

/// Takes so many bytes, and fails with `FileTooLarge` on more.
struct Bounded {
    out: Vec<u8>,
    most: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.most - self.out.len() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! Decompression as a stream: what comes out is not kept, so that memory is what a codec needs to go on.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use lz4_flex::frame::FrameDecoder;

use super::{BatchError, Compression, snappy};

/// Bytes of output that are buffered.
const BUFFER: usize = 32 << 10;

/// What decompression takes beside windows and blocks: tables, and the buffer.
const TABLES: usize = 256 << 10;

/// The first bytes of an LZ4 frame.
const LZ4_MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];

/// The first bytes of a Zstandard frame.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The largest Zstandard window that is read as a stream: no encoder makes a larger one unless it is set to.
const ZSTD_WINDOW_LOG: u32 = 27;

/// Something that is to be done with a stream, whatever its type.
pub(super) trait Use {
    /// What comes of it.
    type Outcome;

    /// Does it.
    fn with(self, stream: impl BufRead) -> Self::Outcome;
}

impl Compression {
    /// The bytes that decompressing `input` as a stream takes at most.
    #[must_use]
    pub(super) fn stream_memory(self, input: &[u8]) -> usize {
        match self {
            Self::None => 0,
            Self::Gzip => TABLES,
            Self::Snappy => TABLES + snappy::largest_block(input),
            // A block as it comes, and two as they are decompressed, where one refers to the other.
            Self::Lz4 => TABLES + 3 * lz4_block(input),
            Self::Zstd => TABLES + (1 << zstd_window_log(input)),
        }
    }

    /// Decompresses `input` as a stream. Fails with `Compression` where there is nothing that could be read.
    pub(super) fn stream<U: Use>(self, input: &[u8], wish: U) -> Result<U::Outcome, BatchError> {
        Ok(match self {
            Self::None => wish.with(input),
            Self::Gzip => wish.with(buffered(MultiGzDecoder::new(input))),
            Self::Snappy => wish.with(buffered(snappy::Stream::new(input)?)),
            Self::Lz4 => wish.with(buffered(FrameDecoder::new(input))),
            Self::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(input).and_then(|mut decoder| {
                    decoder.window_log_max(zstd_window_log(input).max(10))?;
                    Ok(decoder)
                });
                wish.with(buffered(decoder.map_err(|error| self.broken(error))?))
            }
        })
    }
}

fn buffered<R: Read>(decoder: R) -> BufReader<R> {
    BufReader::with_capacity(BUFFER, decoder)
}

/// The largest block of the first frame.
fn lz4_block(input: &[u8]) -> usize {
    match input.strip_prefix(&LZ4_MAGIC) {
        Some([_flags, sizes, ..]) => 1 << (8 + 2 * (sizes >> 4 & 7)),
        _ => 4 << 20,
    }
}

/// The logarithm of the window that the first frame asks for, rounded up. Later ones may not ask for more.
fn zstd_window_log(input: &[u8]) -> u32 {
    let Some([descriptor, rest @ ..]) = input.strip_prefix(&ZSTD_MAGIC) else { return 10 };
    let window: u64 = if descriptor & 0x20 == 0 {
        let window = u32::from(rest.first().copied().unwrap_or(0));
        let base = 1u64 << (10 + (window >> 3));
        base + base / 8 * u64::from(window & 7)
    } else {
        // One segment: the window is the content, whose size follows the dictionary's id.
        let id = [0, 1, 2, 4][usize::from(descriptor & 3)];
        let (length, least) = [(1, 0), (2, 256), (4, 0), (8, 0)][usize::from(descriptor >> 6)];
        let bytes = rest.get(id..id + length).unwrap_or(&[]);
        bytes.iter().rev().fold(0, |size, byte| size << 8 | u64::from(*byte)) + least
    };
    window.max(1).checked_next_power_of_two().map_or(ZSTD_WINDOW_LOG, u64::ilog2).clamp(10, ZSTD_WINDOW_LOG)
}

/// Copies a stream to a writer, up to a bound.
pub(super) struct Copy<W> {
    /// The most bytes.
    pub(super) limit: usize,
    /// Where they go.
    pub(super) to: W,
}

impl<W: io::Write> Use for Copy<W> {
    /// The writer; none if there was more.
    type Outcome = io::Result<Option<W>>;

    fn with(mut self, mut stream: impl BufRead) -> Self::Outcome {
        let mut left = self.limit;
        loop {
            let bytes = stream.fill_buf()?;
            if bytes.is_empty() {
                return Ok(Some(self.to));
            }
            if bytes.len() > left {
                return Ok(None);
            }
            self.to.write_all(bytes)?;
            let length = bytes.len();
            left -= length;
            stream.consume(length);
        }
    }
}

//! Snappy as Kafka's clients send it: one raw block, or the framing of snappy-java, which is a header and then
//! blocks that each follow their length.

use std::io::{self, Read, Write};

use snap::raw::{Decoder, Encoder, decompress_len};

use super::{BatchError, Compression};

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
/// Magic, version, lowest compatible version.
const FRAMING_HEADER: [u8; 16] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
/// Bytes that each block holds, as snappy-java does it.
const BLOCK: usize = 32 * 1024;
/// No element of a block turns into more bytes than this times its own.
const MAX_EXPANSION: usize = 32;

/// Decompresses to at most `limit` bytes. Fails with `Compression` or `TooLarge`.
pub(super) fn decompress(input: &[u8], limit: usize) -> Result<Vec<u8>, BatchError> {
    let mut out = Vec::new();
    match input.strip_prefix(&MAGIC).map(|rest| rest.split_at_checked(FRAMING_HEADER.len() - MAGIC.len())) {
        None => append_block(input, limit, &mut out)?,
        Some(None) => return Err(broken("framing header ends early")),
        Some(Some((_versions, mut blocks))) => {
            while !blocks.is_empty() {
                let (length, rest) =
                    blocks.split_first_chunk().ok_or_else(|| broken("block length ends early"))?;
                let length = u32::from_be_bytes(*length) as usize;
                let (block, rest) =
                    rest.split_at_checked(length).ok_or_else(|| broken("block ends early"))?;
                append_block(block, limit, &mut out)?;
                blocks = rest;
            }
        }
    }
    Ok(out)
}

fn append_block(block: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), BatchError> {
    let length = decompress_len(block).map_err(broken)?;
    let start = out.len();
    if length > limit - start {
        return Err(BatchError::TooLarge { limit });
    }
    if length > block.len().saturating_mul(MAX_EXPANSION) {
        return Err(broken("block states a length it cannot have"));
    }
    out.resize(start + length, 0);
    let written = Decoder::new().decompress(block, &mut out[start..]).map_err(broken)?;
    if written == length { Ok(()) } else { Err(broken("block is shorter than it states")) }
}

/// The bytes of the largest block as it claims to be decompressed, where it can be.
pub(super) fn largest_block(input: &[u8]) -> usize {
    let Ok(mut stream) = Stream::new(input) else { return 0 };
    let mut largest = 0;
    while let Ok(Some(block)) = stream.next_block() {
        let length = decompress_len(block).unwrap_or(0);
        largest = largest.max(length.min(block.len().saturating_mul(MAX_EXPANSION)));
    }
    largest
}

/// Decompresses block by block, and keeps one.
pub(super) struct Stream<'a> {
    blocks: &'a [u8],
    /// Whether `blocks` are framed; else it is one.
    framed: bool,
    current: Vec<u8>,
    read: usize,
}

impl<'a> Stream<'a> {
    pub(super) fn new(input: &'a [u8]) -> Result<Self, BatchError> {
        let rest = input.strip_prefix(&MAGIC);
        let framed = rest.map(|rest| rest.split_at_checked(FRAMING_HEADER.len() - MAGIC.len()));
        let (blocks, framed) = match framed {
            None => (input, false),
            Some(None) => return Err(broken("framing header ends early")),
            Some(Some((_versions, blocks))) => (blocks, true),
        };
        Ok(Self { blocks, framed, current: Vec::new(), read: 0 })
    }

    fn next_block(&mut self) -> Result<Option<&'a [u8]>, BatchError> {
        if self.blocks.is_empty() {
            return Ok(None);
        }
        if !self.framed {
            return Ok(Some(std::mem::take(&mut self.blocks)));
        }
        let (length, rest) =
            self.blocks.split_first_chunk().ok_or_else(|| broken("block length ends early"))?;
        let length = u32::from_be_bytes(*length) as usize;
        let (block, rest) = rest.split_at_checked(length).ok_or_else(|| broken("block ends early"))?;
        self.blocks = rest;
        Ok(Some(block))
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.read == self.current.len() {
            self.current.clear();
            self.read = 0;
            match self.next_block().map_err(io::Error::other)? {
                None => return Ok(0),
                Some(block) => {
                    append_block(block, usize::MAX, &mut self.current).map_err(io::Error::other)?;
                }
            }
        }
        let rest = &self.current[self.read..];
        let length = rest.len().min(into.len());
        into[..length].copy_from_slice(&rest[..length]);
        self.read += length;
        Ok(length)
    }
}

/// Compresses with the framing of snappy-java, which every client reads. Fails with `Compression`.
pub(super) fn compress(input: &[u8]) -> Result<Vec<u8>, BatchError> {
    let compressed = Blocks::new(Vec::new()).and_then(|mut blocks| {
        blocks.write_all(input)?;
        blocks.finish()
    });
    compressed.map_err(broken)
}

/// Compresses as a stream, with the framing of snappy-java.
pub(super) struct Blocks<W> {
    out: W,
    encoder: Encoder,
    block: Vec<u8>,
}

impl<W: Write> Blocks<W> {
    pub(super) fn new(mut out: W) -> io::Result<Self> {
        out.write_all(&FRAMING_HEADER)?;
        Ok(Self { out, encoder: Encoder::new(), block: Vec::with_capacity(BLOCK) })
    }

    fn end_block(&mut self) -> io::Result<()> {
        let block = self.encoder.compress_vec(&self.block).map_err(io::Error::other)?;
        self.block.clear();
        self.out.write_all(&(block.len() as u32).to_be_bytes())?;
        self.out.write_all(&block)
    }

    pub(super) fn finish(mut self) -> io::Result<W> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        Ok(self.out)
    }
}

impl<W: Write> Write for Blocks<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&bytes[..taken]);
        if self.block.len() == BLOCK {
            self.end_block()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn broken(reason: impl ToString) -> BatchError {
    BatchError::Compression { codec: Compression::Snappy, reason: reason.to_string() }
}

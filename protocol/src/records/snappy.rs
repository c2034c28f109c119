//! Snappy as Kafka's clients send it: one raw block, or the framing of snappy-java, which is a header and then
//! blocks that each follow their length.

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

/// Compresses with the framing of snappy-java, which every client reads. Fails with `Compression`.
pub(super) fn compress(input: &[u8]) -> Result<Vec<u8>, BatchError> {
    let mut out = FRAMING_HEADER.to_vec();
    let mut encoder = Encoder::new();
    for block in input.chunks(BLOCK) {
        let block = encoder.compress_vec(block).map_err(broken)?;
        out.extend_from_slice(&(block.len() as u32).to_be_bytes());
        out.extend_from_slice(&block);
    }
    Ok(out)
}

fn broken(reason: impl ToString) -> BatchError {
    BatchError::Compression { codec: Compression::Snappy, reason: reason.to_string() }
}

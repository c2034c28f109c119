//! Tests over batches.

mod codecs;
mod damaged;
mod format;
mod golden;
mod passes;

use bytes::Bytes;

use super::{Batch, BatchBuilder, Compression};

/// Enough for any batch here.
const LIMIT: usize = 1 << 24;

/// Three records with and without key, value and headers.
fn builder() -> BatchBuilder {
    let mut builder = BatchBuilder::new();
    builder.push(1000, Some(b"key"), Some(b"value"), &[("h1", Some(b"v1")), ("h2", None)]);
    builder.push(1005, None, Some(&[7; 300]), &[]);
    builder.push(990, Some(b"k3"), None, &[]);
    builder
}

fn built(builder: BatchBuilder) -> Batch {
    Batch::single(builder.build().expect("it is built")).expect("it is one batch")
}

fn compressed(codec: Compression) -> Batch {
    built(builder().compression(codec))
}

/// The batch with bytes changed and the CRC made right again.
fn altered(batch: &Batch, change: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut bytes = batch.bytes().to_vec();
    change(&mut bytes);
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes.into()
}

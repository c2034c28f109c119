//! What every store must do, what a directory must survive, and what ambiguous answers must lead to.

mod conformance;
mod create;
mod file;
mod hedge;
mod probe;
mod remote;
mod resolve;
mod slow;

use bytes::Bytes;
use object_store::PutPayload;
use object_store::path::Path;

fn path(text: &str) -> Path {
    Path::parse(text).expect("a valid key")
}

/// A payload of many slices, some of them empty.
fn sliced(bytes: &[u8]) -> PutPayload {
    let cut = bytes.len() / 3;
    let parts = [&bytes[..cut], &[], &bytes[cut..cut * 2], &bytes[cut * 2..], &[]];
    parts.into_iter().map(Bytes::copy_from_slice).collect()
}

/// An object that begins with its nonce.
fn signed(nonce: [u8; 16]) -> PutPayload {
    [Bytes::copy_from_slice(&nonce), Bytes::from_static(b" and the rest")].into_iter().collect()
}

fn nonce_of(head: &[u8]) -> Option<[u8; 16]> {
    head.get(..16)?.try_into().ok()
}

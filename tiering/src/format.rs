//! The bytes of every object that Tidelog stores. `docs/formats.md` gives the layouts.
//!
//! One format, one file: encode, decode, its tests. Nothing here does I/O. Decoding never panics, never
//! allocates more than the bytes carry, and stops at what it does not know: a newer build wrote it.

pub mod checkpoint;
mod codec;
pub mod entry;
pub mod envelope;
pub mod group;
pub mod index;
pub mod keys;
pub mod slot;
pub mod snapshot;
#[cfg(test)]
mod testing;

use thiserror::Error;

/// The version byte that begins every object.
pub const VERSION: u8 = 1;

/// What an object is, its second byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A slot with records.
    Slot = 1,
    /// A slot that ends somebody's session.
    Seal = 2,
    /// A metadata entry.
    Entry = 3,
    /// A metadata snapshot.
    Snapshot = 4,
    /// A session's state after a slot.
    Checkpoint = 5,
    /// Batch positions between two checkpoints.
    Index = 6,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        use Kind::*;
        [Slot, Seal, Entry, Snapshot, Checkpoint, Index].into_iter().find(|k| *k as u8 == byte)
    }
}

/// Why bytes are not what they should be. Whoever read them adds the object's path.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FormatError {
    /// The object ends too early.
    #[error("{what} ends {missing} bytes too early")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// How many bytes are missing.
        missing: usize,
    },
    /// A checksum does not match.
    #[error("{what} fails its checksum: stored {stored:#010x}, computed {computed:#010x}")]
    Checksum {
        /// What the checksum covers.
        what: &'static str,
        /// The CRC-32C in the object.
        stored: u32,
        /// The CRC-32C of its bytes.
        computed: u32,
    },
    /// A newer build wrote it.
    #[error("{what} is {found}, which this build does not know: a newer build wrote it, use that one")]
    Newer {
        /// Which field.
        what: &'static str,
        /// Its value.
        found: u64,
    },
    /// It can't be, whichever build wrote it.
    #[error("{0}")]
    Invalid(&'static str),
}

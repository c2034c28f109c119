//! A session of the write-ahead log: writing its slots, walking them, sealing it.

mod seal;
mod walk;
mod writer;

use object_store::path::Path;
use thiserror::Error;

pub(crate) use seal::Chain;
pub use seal::{Sealed, last_checkpoint, seal};
pub use walk::Footers;
pub use writer::{SlotError, SlotWriter};

use crate::format::FormatError;
use crate::store::{CreateError, ErrorKind, ReadError};

/// Why a session can't be read or ended.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The store does not answer a read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store does not take an object.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// An object is damaged, or a newer build wrote it.
    #[error("{path}: {source}")]
    Format {
        /// The object.
        path: Path,
        /// What is wrong with it.
        source: FormatError,
    },
    /// A slot names another predecessor than the one before it.
    #[error("{path}: the slot does not follow the one before it: the hash chain is broken")]
    Chain {
        /// The slot.
        path: Path,
    },
    /// A slot that must be there is not.
    #[error("{path}: the slot is missing, though the session's recorded end lies beyond it")]
    Missing {
        /// The slot.
        path: Path,
    },
}

impl SessionError {
    /// What the caller may do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Read(e) => e.kind(),
            Self::Create(e) => e.kind(),
            Self::Format { .. } | Self::Chain { .. } | Self::Missing { .. } => ErrorKind::Corrupt,
        }
    }
}

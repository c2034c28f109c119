//! A session of the write-ahead log: writing its slots, walking them, sealing it.

mod checkpoints;
mod insist;
mod presence;
mod seal;
mod walk;
mod writer;

use object_store::path::Path;
use thiserror::Error;

pub use checkpoints::{Checkpoints, checkpoints};
pub(crate) use seal::Chain;
pub use seal::{Sealed, seal};
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
    /// The store says that an object is there, and does not give it: a disk's bad sector, or an archive.
    #[error("{source}; the object is there, and can't be read")]
    Unreadable {
        /// The last answer; it names the object.
        source: ReadError,
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
            Self::Format { .. } | Self::Unreadable { .. } | Self::Chain { .. } | Self::Missing { .. } => {
                ErrorKind::Corrupt
            }
        }
    }

    /// Whether an object is not what it should be, or not there: asking again does not help by itself.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Read(error) => error.is_not_found(),
            Self::Create(_) => false,
            Self::Format { .. } | Self::Unreadable { .. } | Self::Chain { .. } | Self::Missing { .. } => true,
        }
    }

    /// Whether it is an object that is not there.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. }) || matches!(self, Self::Read(error) if error.is_not_found())
    }
}

//! What can go wrong between a caller and the store, and what the caller may do about it.
//!
//! A write says what is known of its outcome: not applied, or unknown. A read keeps the object's path.

use std::error::Error;
use std::io;

use object_store::client::{HttpError, HttpErrorKind};
use object_store::path::Path;
use rustix::io::Errno;

use super::file::SyncFailed;

/// What a caller may do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Transient or of unknown outcome: the same request, with the same bytes, may be sent again.
    Retry,
    /// Another process holds the key or the right to write: read what is there and decide again.
    Fenced,
    /// Stored bytes are not what was written.
    Corrupt,
    /// The disk failed to make durable what was written: it may be read now, and be gone after a power loss.
    /// Its writer must not go on as if it were there, nor write it again; a reader makes it durable first
    /// ([`super::Store::settle`]).
    Unsynced,
    /// The request or the configuration is wrong; repeating it changes nothing.
    Invalid,
    /// An invariant of this program is broken.
    Bug,
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL has no scheme, or one that is not known.
    #[error(
        "unknown store {url:?}: {advice}; known are file:///path, memory://, s3://bucket/prefix, gs://bucket/prefix and az://container/prefix"
    )]
    UnknownScheme {
        /// What was given.
        url: String,
        /// The nearest known form.
        advice: String,
    },
    /// The scheme is known, the rest of the URL makes no sense.
    #[error("store {url:?}: {reason}")]
    InvalidUrl {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A directory cannot be used.
    #[error("store directory {}: {action}: {source}", path.display())]
    Directory {
        /// The directory.
        path: std::path::PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system answered.
        source: std::io::Error,
    },
    /// No explicit credentials are set for a store that is opened only with them.
    #[error("store {url}: no credentials; set {wanted}")]
    NoCredentials {
        /// The store.
        url: String,
        /// What may be set.
        wanted: &'static str,
    },
    /// The client of the store refuses the configuration.
    #[error("store {url}: {source}")]
    Client {
        /// The store.
        url: String,
        /// What the client said.
        source: object_store::Error,
    },
}

impl OpenError {
    /// What the caller may do.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}

/// Why an object was not, or perhaps not, written.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The store says that the key is taken. Some stores also say so when nothing landed, and an earlier
    /// attempt of the caller's own may be what is there: only reading the object tells.
    #[error("{path} already exists")]
    AlreadyExists {
        /// The object.
        path: Path,
        /// What the store answered.
        source: object_store::Error,
    },
    /// The object may be there, or may still appear.
    #[error("{path} may or may not have been written: {source}")]
    Unknown {
        /// The object.
        path: Path,
        /// The last failure.
        source: object_store::Error,
    },
    /// Certainly nothing was written.
    #[error("{path} was not written: {source}")]
    NotApplied {
        /// The object.
        path: Path,
        /// The last failure.
        source: object_store::Error,
    },
    /// A sync failed, on a store in a directory. What was written may be there, or not, and may be gone after a power
    /// loss; another sync could succeed all the same, so that no further attempt is made.
    #[error("{path} may be lost: {source}")]
    Unsynced {
        /// The object.
        path: Path,
        /// Which sync failed, and how.
        source: object_store::Error,
    },
}

impl CreateError {
    /// What the caller may do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::AlreadyExists { .. } => ErrorKind::Fenced,
            Self::Unknown { .. } => ErrorKind::Retry,
            Self::NotApplied { source, .. } => match Class::of(source) {
                Class::Invalid => ErrorKind::Invalid,
                _ => ErrorKind::Retry,
            },
            Self::Unsynced { .. } => ErrorKind::Unsynced,
        }
    }

    /// The object that was to be written.
    pub fn path(&self) -> &Path {
        match self {
            Self::AlreadyExists { path, .. }
            | Self::Unknown { path, .. }
            | Self::NotApplied { path, .. }
            | Self::Unsynced { path, .. } => path,
        }
    }

    pub(super) fn of(path: &Path, source: object_store::Error) -> Self {
        let path = path.clone();
        match Class::of(&source) {
            Class::Exists => Self::AlreadyExists { path, source },
            Class::Transient => Self::Unknown { path, source },
            Class::Unsynced => Self::Unsynced { path, source },
            Class::Absent | Class::Denied | Class::Invalid => Self::NotApplied { path, source },
        }
    }
}

/// Why an object could not be read, listed or deleted.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such object.
    #[error("{path} is not in the store")]
    NotFound {
        /// The object.
        path: Path,
        /// What the store answered.
        source: object_store::Error,
    },
    /// The store refuses the caller.
    #[error("{path}: access denied: {source}")]
    Denied {
        /// The object or prefix.
        path: Path,
        /// What the store answered.
        source: object_store::Error,
    },
    /// The body ended before it was complete.
    #[error("{path}: got {got} of {wanted} bytes")]
    Truncated {
        /// The object.
        path: Path,
        /// Bytes that came.
        got: u64,
        /// Bytes that were promised.
        wanted: u64,
    },
    /// The request can never succeed.
    #[error("{path}: {source}")]
    Invalid {
        /// The object or prefix.
        path: Path,
        /// What the store answered.
        source: object_store::Error,
    },
    /// Anything else: the network, a server error, a range that the object does not have.
    #[error("{path}: {source}")]
    Failed {
        /// The object or prefix.
        path: Path,
        /// What the store answered.
        source: object_store::Error,
    },
}

impl ReadError {
    /// What the caller may do. An object that is absent may have been replaced: refresh and retry.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } | Self::Denied { .. } | Self::Truncated { .. } | Self::Failed { .. } => {
                ErrorKind::Retry
            }
            Self::Invalid { .. } => ErrorKind::Invalid,
        }
    }

    /// Whether the store answered that there is no such object.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// Whether the store answered, and it was not this process that could not read the answer.
    pub fn is_answer(&self) -> bool {
        match self {
            Self::NotFound { .. } | Self::Denied { .. } | Self::Truncated { .. } | Self::Invalid { .. } => {
                true
            }
            Self::Failed { source, .. } => {
                !is_no_answer(source) && find::<HttpError>(source).is_none() && !is_out_of_resources(source)
            }
        }
    }

    pub(super) fn of(path: &Path, source: object_store::Error) -> Self {
        let path = path.clone();
        match Class::of(&source) {
            Class::Absent => Self::NotFound { path, source },
            Class::Denied => Self::Denied { path, source },
            Class::Invalid => Self::Invalid { path, source },
            Class::Exists | Class::Unsynced | Class::Transient => Self::Failed { path, source },
        }
    }
}

/// What an answer of the store says about one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Absent,
    Exists,
    Denied,
    Invalid,
    Unsynced,
    Transient,
}

impl Class {
    pub(super) fn of(error: &object_store::Error) -> Self {
        use object_store::Error as E;
        match error {
            E::Generic { source, .. } if source.is::<SyncFailed>() => Self::Unsynced,
            E::NotFound { .. } => Self::Absent,
            E::AlreadyExists { .. } | E::Precondition { .. } | E::NotModified { .. } => Self::Exists,
            E::PermissionDenied { .. } | E::Unauthenticated { .. } => Self::Denied,
            E::InvalidPath { .. }
            | E::NotSupported { .. }
            | E::NotImplemented { .. }
            | E::UnknownConfigurationKey { .. } => Self::Invalid,
            _ => Self::Transient,
        }
    }
}

/// What became of the connection of a request that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Connection {
    /// There was none to be had.
    Refused,
    /// It broke, perhaps long before the request.
    Broken,
    /// It held, as far as is known.
    Held,
}

impl Connection {
    pub(super) fn of(error: &object_store::Error) -> Self {
        match find::<HttpError>(error).map(HttpError::kind) {
            Some(HttpErrorKind::Connect) => Self::Refused,
            Some(HttpErrorKind::Request | HttpErrorKind::Interrupted) => Self::Broken,
            _ => Self::Held,
        }
    }
}

/// The cause of an error that is of this type.
fn find<E: Error + 'static>(error: &object_store::Error) -> Option<&E> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// Whether this process has no file descriptors or no memory left, or its machine has none.
fn is_out_of_resources(error: &object_store::Error) -> bool {
    let errno = find::<io::Error>(error).and_then(Errno::from_io_error);
    errno.is_some_and(|errno| matches!(errno, Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS))
}

/// A request that got no answer in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {0:?}")]
struct NoAnswer(std::time::Duration);

pub(super) fn no_answer(after: std::time::Duration) -> object_store::Error {
    object_store::Error::Generic { store: "store", source: Box::new(NoAnswer(after)) }
}

/// Whether a request got no answer in time.
pub(super) fn is_no_answer(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::Generic { source, .. } if source.is::<NoAnswer>())
}

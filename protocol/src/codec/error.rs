//! What can be wrong with bytes from a peer, and with a message that is to be sent.

use std::fmt;

use crate::ApiKey;

/// Bytes that are not the message they should be. The peer is at fault; nothing can be retried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// `Struct.field` where decoding stopped; empty for a header or a frame as a whole.
    pub field: &'static str,
    /// What was wrong there.
    pub problem: Problem,
}

impl DecodeError {
    /// Names the field, unless a field within it was named before.
    #[must_use]
    pub fn at(mut self, field: &'static str) -> Self {
        if self.field.is_empty() {
            self.field = field;
        }
        self
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            self.problem.fmt(f)
        } else {
            write!(f, "{}: {}", self.field, self.problem)
        }
    }
}

impl std::error::Error for DecodeError {}

impl From<Problem> for DecodeError {
    fn from(problem: Problem) -> Self {
        Self { field: "", problem }
    }
}

/// The ways in which bytes fail to be a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The bytes end before the value does.
    #[error("{needed} bytes needed, {remaining} left")]
    Truncated {
        /// Bytes the value takes.
        needed: usize,
        /// Bytes that are left.
        remaining: usize,
    },
    /// A length below −1.
    #[error("negative length {0}")]
    NegativeLength(i64),
    /// A variable-length integer of more than 32 bits.
    #[error("variable-length integer too long")]
    VarintTooLong,
    /// Null where the version has no null.
    #[error("null where a value is required")]
    UnexpectedNull,
    /// A string longer than any may be ([`Str::MAX_LENGTH`](super::Str::MAX_LENGTH)).
    #[error("string of invalid length {0}")]
    StringTooLong(usize),
    /// A string that is not UTF-8.
    #[error("string is not UTF-8")]
    NotUtf8,
    /// A tagged field whose value ends before or after the length it states.
    #[error("tagged field {tag} does not fill its length")]
    TagLength {
        /// The tag.
        tag: u32,
    },
    /// More array elements than a frame of this size may make us hold in memory.
    #[error("arrays would take more memory than a frame of this size may")]
    OverBudget,
    /// More array elements than a request may have.
    #[error("arrays have more elements than a request may")]
    TooManyElements,
    /// Bytes left after the message.
    #[error("{0} bytes after the message")]
    TrailingBytes(usize),
    /// An API key that this crate does not know.
    #[error("unknown API key {0}")]
    UnknownApiKey(i16),
    /// A version outside the range of the message.
    #[error("{api:?} has no version {version}")]
    UnsupportedVersion {
        /// The API.
        api: ApiKey,
        /// The version asked for.
        version: i16,
    },
    /// A version below zero, of an embedded message.
    #[error("negative version {0}")]
    NegativeVersion(i16),
}

/// A message that cannot be put on the wire: a bug of the sender, or a string that is too long for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A version outside the range of the message.
    #[error("{api:?} has no version {version}")]
    UnsupportedVersion {
        /// The API.
        api: ApiKey,
        /// The version asked for.
        version: i16,
    },
    /// A version below zero, of an embedded message.
    #[error("negative version {0}")]
    NegativeVersion(i16),
    /// A string, byte string or array longer than its length field can say.
    #[error("{length} elements or bytes where at most {limit} fit")]
    TooLong {
        /// Its length.
        length: usize,
        /// The most that fits.
        limit: usize,
    },
    /// A frame of more than 2 GiB.
    #[error("frame of {0} bytes")]
    FrameTooLarge(usize),
}

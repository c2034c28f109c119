//! Strings that share the frame they came in.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::str::Utf8Error;

use bytes::Bytes;
use bytestring::ByteString;

/// An immutable UTF-8 string, cheap to clone.
///
/// A decoded one keeps its whole frame in memory: what outlives the request is kept as [`Str::detached`] or as
/// a `String`.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Str(ByteString);

impl Str {
    /// The most bytes that a string may have. Compact lengths could say more, but Kafka neither reads nor writes a
    /// longer one in any version, so that what one version brings another can carry.
    pub const MAX_LENGTH: usize = i16::MAX as usize;

    /// As much of a text for humans as the wire can carry.
    #[must_use]
    pub fn cut(mut text: String) -> Self {
        text.truncate(text.floor_char_boundary(Self::MAX_LENGTH));
        Self::from(text)
    }

    /// A string that costs nothing to make.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(ByteString::from_static(text))
    }

    /// A copy that keeps nothing else in memory.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self::from(&**self)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bytes, to be shared.
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        self.0.as_bytes()
    }
}

impl Deref for Str {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl TryFrom<Bytes> for Str {
    type Error = Utf8Error;

    fn try_from(bytes: Bytes) -> Result<Self, Utf8Error> {
        ByteString::try_from(bytes).map(Self)
    }
}

impl From<&str> for Str {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Str {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&String> for Str {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Str> for String {
    fn from(text: Str) -> Self {
        text.as_str().to_owned()
    }
}

impl AsRef<str> for Str {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for Str {
    fn borrow(&self) -> &str {
        self
    }
}

impl Hash for Str {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialEq<str> for Str {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Str {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn a_slice_of_a_frame_or_a_copy() {
        let frame = Bytes::from_static("täg".as_bytes());
        let text = Str::try_from(frame.clone()).expect("it is UTF-8");
        assert_eq!(text, "täg");
        assert_eq!(text.as_ptr(), frame.as_ptr());
        assert_eq!(text.detached(), text);
        assert_ne!(text.detached().as_ptr(), frame.as_ptr());
        assert!(Str::try_from(frame.slice(..2)).is_err());
    }

    #[test]
    fn a_map_is_asked_with_a_plain_string() {
        let map = HashMap::from([(Str::from_static("a"), 1)]);
        assert_eq!(map.get("a"), Some(&1));
    }
}

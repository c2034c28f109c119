//! The records field.

use std::fmt;

use bytes::{Bytes, BytesMut};

/// Record batches as they go on the wire: a rope whose chunks are never copied on the way out. Decoding gives
/// a single chunk. Chunk borders mean nothing; two ropes of the same bytes are equal.
#[derive(Clone, Default)]
pub struct Records {
    first: Bytes,
    rest: Vec<Bytes>,
}

impl Records {
    /// No records.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a chunk at the end.
    pub fn push(&mut self, chunk: Bytes) {
        if chunk.is_empty() {
            return;
        }
        if self.first.is_empty() { self.first = chunk } else { self.rest.push(chunk) }
    }

    /// The bytes in all chunks.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chunks().map(Bytes::len).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// The chunks in order; none is empty unless all is.
    pub fn chunks(&self) -> impl Iterator<Item = &Bytes> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// All bytes in one piece: free for a single chunk, a copy otherwise.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        if self.rest.is_empty() {
            return self.first;
        }
        let mut all = BytesMut::with_capacity(self.len());
        self.chunks().for_each(|chunk| all.extend_from_slice(chunk));
        all.freeze()
    }
}

impl From<Bytes> for Records {
    fn from(first: Bytes) -> Self {
        Self { first, rest: Vec::new() }
    }
}

impl FromIterator<Bytes> for Records {
    fn from_iter<I: IntoIterator<Item = Bytes>>(chunks: I) -> Self {
        let mut records = Self::new();
        records.extend(chunks);
        records
    }
}

impl Extend<Bytes> for Records {
    fn extend<I: IntoIterator<Item = Bytes>>(&mut self, chunks: I) {
        chunks.into_iter().for_each(|chunk| self.push(chunk));
    }
}

impl fmt::Debug for Records {
    /// Shows only the length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Records({} bytes)", self.len())
    }
}

impl PartialEq for Records {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.chunks().flatten().eq(other.chunks().flatten())
    }
}

impl Eq for Records {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunk_borders_mean_nothing() {
        let whole = Records::from(Bytes::from_static(b"abcdef"));
        let parts: Records = [&b""[..], b"abc", b"", b"def"].map(Bytes::from_static).into_iter().collect();
        assert_eq!(whole, parts);
        assert_eq!((parts.len(), parts.chunks().count()), (6, 2));
        assert_ne!(whole, Records::from(Bytes::from_static(b"abcdeg")));
        assert_eq!(parts.into_bytes(), "abcdef");
    }

    #[test]
    fn one_chunk_is_not_copied() {
        let bytes = Bytes::from_static(b"abc");
        assert_eq!(Records::from(bytes.clone()).into_bytes().as_ptr(), bytes.as_ptr());
        assert!(Records::new().is_empty() && Records::new().into_bytes().is_empty());
    }
}

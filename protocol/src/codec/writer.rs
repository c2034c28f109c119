//! A writer that builds a rope.

use bytes::{BufMut, Bytes, BytesMut};

use super::{EncodeError, Str};

/// Byte strings of this length and above become chunks of their own instead of being copied.
const SHARE_FROM: usize = 512;

/// Collects scalars in one buffer and takes large byte strings as they are. What cannot be encoded is noted
/// and reported by [`Writer::finish`].
#[derive(Debug, Default)]
pub struct Writer {
    /// The first chunk, still ours to patch; empty until a shared chunk is pushed.
    head: BytesMut,
    chunks: Vec<Bytes>,
    /// Bytes in `head` and `chunks`.
    flushed: usize,
    tail: BytesMut,
    framed: bool,
    error: Option<EncodeError>,
}

impl Writer {
    /// A writer of bare bytes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A writer of a frame: [`Writer::finish`] puts the four-byte length in front.
    #[must_use]
    pub fn framed() -> Self {
        let mut tail = BytesMut::with_capacity(SHARE_FROM);
        tail.put_i32(0);
        Self { tail, framed: true, ..Self::default() }
    }

    /// The bytes written until now, the frame's length included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.flushed + self.tail.len()
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The chunks, in order, none of them empty. Fails with the first thing that could not be encoded.
    pub fn finish(mut self) -> Result<Vec<Bytes>, EncodeError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if self.framed {
            let length = self.len() - 4;
            let prefix = i32::try_from(length).map_err(|_| EncodeError::FrameTooLarge(length))?;
            let first = if self.head.is_empty() { &mut self.tail } else { &mut self.head };
            first[..4].copy_from_slice(&prefix.to_be_bytes());
        }
        let mut rope = Vec::with_capacity(self.chunks.len() + 2);
        if !self.head.is_empty() {
            rope.push(self.head.freeze());
        }
        rope.append(&mut self.chunks);
        if !self.tail.is_empty() {
            rope.push(self.tail.freeze());
        }
        Ok(rope)
    }

    /// Notes that something cannot be encoded; the first note counts.
    pub fn fail(&mut self, error: EncodeError) {
        self.error.get_or_insert(error);
    }

    /// One byte.
    pub fn i8(&mut self, value: i8) {
        self.tail.put_i8(value);
    }

    /// A `u16`.
    pub fn u16(&mut self, value: u16) {
        self.tail.put_u16(value);
    }

    /// Two bytes.
    pub fn i16(&mut self, value: i16) {
        self.tail.put_i16(value);
    }

    /// Four bytes.
    pub fn i32(&mut self, value: i32) {
        self.tail.put_i32(value);
    }

    /// Eight bytes.
    pub fn i64(&mut self, value: i64) {
        self.tail.put_i64(value);
    }

    /// Sixteen bytes.
    pub fn u128(&mut self, value: u128) {
        self.tail.put_u128(value);
    }

    /// An unsigned integer of one to five bytes.
    pub fn varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.tail.put_u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.tail.put_u8(value as u8);
    }

    /// The length of a string, in two bytes unless compact. None is null. More than [`Str::MAX_LENGTH`] is noted as
    /// [`EncodeError::TooLong`].
    pub fn short_length(&mut self, compact: bool, length: Option<usize>) {
        match length.map(i16::try_from) {
            Some(Err(_)) => self.too_long(length, Str::MAX_LENGTH),
            _ if compact => self.compact_length(length),
            None => self.i16(-1),
            Some(Ok(length)) => self.i16(length),
        }
    }

    /// The length of a byte string or array, in four bytes unless compact. None is null.
    pub fn long_length(&mut self, compact: bool, length: Option<usize>) {
        if compact {
            return self.compact_length(length);
        }
        match length.map(i32::try_from) {
            None => self.i32(-1),
            Some(Ok(length)) => self.i32(length),
            Some(Err(_)) => self.too_long(length, i32::MAX as usize),
        }
    }

    fn compact_length(&mut self, length: Option<usize>) {
        match length.map(i32::try_from) {
            None => self.varint(0),
            Some(Ok(length)) => self.varint(length.cast_unsigned() + 1),
            Some(Err(_)) => self.too_long(length, i32::MAX as usize),
        }
    }

    fn too_long(&mut self, length: Option<usize>, limit: usize) {
        self.fail(EncodeError::TooLong { length: length.unwrap_or_default(), limit });
    }

    /// Copies bytes.
    pub fn copy(&mut self, bytes: &[u8]) {
        self.tail.put_slice(bytes);
    }

    /// Takes bytes: a short string is copied, a long one shared.
    pub fn share(&mut self, bytes: &Bytes) {
        if bytes.len() < SHARE_FROM {
            return self.copy(bytes);
        }
        self.flush();
        self.flushed += bytes.len();
        self.chunks.push(bytes.clone());
    }

    fn flush(&mut self) {
        let written = self.tail.split();
        if written.is_empty() {
            return;
        }
        self.flushed += written.len();
        if self.head.is_empty() && self.chunks.is_empty() {
            self.head = written;
        } else {
            self.chunks.push(written.freeze());
        }
    }

    /// Writes a tag section.
    pub fn tags(&mut self, tags: Tags) {
        self.varint(tags.values.len() as u32);
        for (tag, value) in tags.values {
            self.varint(tag);
            match u32::try_from(value.len()) {
                Ok(length) => self.varint(length),
                Err(_) => self.too_long(Some(value.len()), u32::MAX as usize),
            }
            match value.finish() {
                Ok(chunks) => chunks.iter().for_each(|chunk| self.share(chunk)),
                Err(error) => self.fail(error),
            }
        }
    }
}

/// The tagged fields of one struct that are not the default, by ascending tag.
#[derive(Debug, Default)]
pub struct Tags {
    values: Vec<(u32, Writer)>,
}

impl Tags {
    /// Adds a tagged field whose value `write` writes. Tags are added in ascending order.
    pub fn push(&mut self, tag: u32, write: impl FnOnce(&mut Writer)) {
        let mut value = Writer::new();
        write(&mut value);
        self.values.push((tag, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_strings_are_chunks_of_their_own() {
        let large = Bytes::from(vec![1; SHARE_FROM]);
        let mut writer = Writer::framed();
        writer.i16(7);
        writer.share(&large);
        writer.share(&large);
        writer.share(&Bytes::from_static(b"small"));
        assert_eq!(writer.len(), 4 + 2 + 2 * SHARE_FROM + 5);
        let chunks = writer.finish().expect("it is written");
        let lengths: Vec<_> = chunks.iter().map(Bytes::len).collect();
        assert_eq!(lengths, [6, SHARE_FROM, SHARE_FROM, 5]);
        assert_eq!(chunks[0][..], [0, 0, 4, 7, 0, 7], "1031 bytes follow the length");
        assert_eq!(chunks[1].as_ptr(), large.as_ptr());
    }

    #[test]
    fn a_large_string_may_come_first() {
        let large = Bytes::from(vec![1; SHARE_FROM]);
        let mut writer = Writer::new();
        writer.share(&large);
        writer.i8(5);
        let chunks = writer.finish().expect("it is written");
        assert_eq!(chunks, [large, Bytes::from_static(&[5])]);
        assert_eq!(Writer::new().finish(), Ok(Vec::new()));
    }

    #[test]
    fn the_first_fault_is_reported() {
        let mut writer = Writer::new();
        writer.short_length(false, Some(40_000));
        writer.short_length(false, Some(50_000));
        assert_eq!(writer.finish(), Err(EncodeError::TooLong { length: 40_000, limit: 32_767 }));
    }
}

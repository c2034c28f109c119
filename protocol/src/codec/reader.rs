//! A bounded reader over one received frame.

use bytes::Bytes;

use super::{DecodeError, Problem, Str};

/// Memory that arrays may take, per byte of the frame. Real messages stay below 8: the widest array element
/// relative to its wire form is a topic asked for by its name, and most names have four letters or more.
const BUDGET_PER_BYTE: usize = 8;
/// As much more may be taken by the first bytes of a frame: few names can be shorter.
const BUDGET_OF_SHORT: usize = 1 << 20;
/// Memory that arrays may take in any frame, however short.
const BUDGET_BASE: usize = 64 * 1024;

/// Reads values off a frame. Never panics, and charges every array to an allocation budget before it is
/// reserved. Slices that it hands out share the frame, and keep all of it in memory.
#[derive(Debug)]
pub struct Reader {
    frame: Bytes,
    position: usize,
    end: usize,
    budget: usize,
    /// How many elements arrays may have yet, and how many they have.
    elements_left: usize,
    elements: usize,
}

impl Reader {
    /// A reader over all of `frame`.
    #[must_use]
    pub fn new(frame: Bytes) -> Self {
        let by_length = frame.len().saturating_mul(BUDGET_PER_BYTE);
        let budget = by_length.saturating_add(by_length.min(BUDGET_OF_SHORT)).saturating_add(BUDGET_BASE);
        Self { position: 0, end: frame.len(), frame, budget, elements_left: usize::MAX, elements: 0 }
    }

    /// A reader of a message whose arrays may have `most` elements together.
    #[must_use]
    pub fn with_most_elements(self, most: usize) -> Self {
        Self { elements_left: most, ..self }
    }

    /// How many elements the arrays have that were read, those of arrays in arrays among them.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.elements
    }

    /// The bytes that are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.end - self.position
    }

    /// The bytes that are left, as a slice of the frame.
    #[must_use]
    pub fn into_remaining(self) -> Bytes {
        self.frame.slice(self.position..self.end)
    }

    /// Ends the message. Fails with [`Problem::TrailingBytes`].
    pub fn finish(self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(Problem::TrailingBytes(left).into()),
        }
    }

    /// Moves over `length` bytes and returns where they began.
    fn advance(&mut self, length: usize) -> Result<usize, DecodeError> {
        let remaining = self.remaining();
        if length > remaining {
            return Err(Problem::Truncated { needed: length, remaining }.into());
        }
        let start = self.position;
        self.position += length;
        Ok(start)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let start = self.advance(N)?;
        let mut array = [0; N];
        array.copy_from_slice(&self.frame[start..start + N]);
        Ok(array)
    }

    /// The next `length` bytes, as a slice of the frame. Fails if fewer are left.
    pub fn bytes(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        let start = self.advance(length)?;
        Ok(self.frame.slice(start..start + length))
    }

    /// One byte. Fails if none is left.
    pub fn i8(&mut self) -> Result<i8, DecodeError> {
        Ok(i8::from_be_bytes(self.array()?))
    }

    /// A `u16`.
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// Two bytes. Fails if fewer are left.
    pub fn i16(&mut self) -> Result<i16, DecodeError> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    /// Four bytes. Fails if fewer are left.
    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    /// Eight bytes. Fails if fewer are left.
    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    /// Sixteen bytes. Fails if fewer are left.
    pub fn u128(&mut self) -> Result<u128, DecodeError> {
        Ok(u128::from_be_bytes(self.array()?))
    }

    /// An unsigned integer of one to five bytes, seven bits each, the least significant first.
    pub fn varint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array()?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && bits > 0x0f {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Problem::VarintTooLong.into())
    }

    /// The length of a string, which fixed-width versions give in two bytes. None is null. Fails on a length above
    /// [`Str::MAX_LENGTH`].
    pub fn short_length(&mut self, compact: bool) -> Result<Option<usize>, DecodeError> {
        let length = if compact { self.compact_length() } else { fixed_length(i64::from(self.i16()?)) }?;
        match length {
            Some(length) if length > Str::MAX_LENGTH => Err(Problem::StringTooLong(length).into()),
            length => Ok(length),
        }
    }

    /// The length of a byte string or array, which fixed-width versions give in four bytes. None is null.
    pub fn long_length(&mut self, compact: bool) -> Result<Option<usize>, DecodeError> {
        if compact { self.compact_length() } else { fixed_length(i64::from(self.i32()?)) }
    }

    fn compact_length(&mut self) -> Result<Option<usize>, DecodeError> {
        Ok((self.varint()? as usize).checked_sub(1))
    }

    /// An empty vector with room for `length` elements. Every element takes a byte or more on the wire, so a
    /// length above what is left fails at once; so does one that the frame's budget or the bound on elements does not
    /// cover.
    pub fn reserve<T>(&mut self, length: usize) -> Result<Vec<T>, DecodeError> {
        let remaining = self.remaining();
        if length > remaining {
            return Err(Problem::Truncated { needed: length, remaining }.into());
        }
        self.elements_left = self.elements_left.checked_sub(length).ok_or(Problem::TooManyElements)?;
        self.elements += length;
        let cost = length.saturating_mul(size_of::<T>());
        self.budget = self.budget.checked_sub(cost).ok_or(Problem::OverBudget)?;
        Ok(Vec::with_capacity(length))
    }

    /// Reads a tag section. `read` reads the value of a tag it knows and returns true, or returns false to
    /// have it skipped. Fails if a value does not fill the length it states.
    pub fn tags(
        &mut self,
        mut read: impl FnMut(&mut Self, u32) -> Result<bool, DecodeError>,
    ) -> Result<(), DecodeError> {
        for _ in 0..self.varint()? {
            let tag = self.varint()?;
            let length = self.varint()? as usize;
            let start = self.advance(length)?;
            let (after, end) = (self.position, self.end);
            (self.position, self.end) = (start, after);
            if read(self, tag)? && self.position != after {
                return Err(Problem::TagLength { tag }.into());
            }
            (self.position, self.end) = (after, end);
        }
        Ok(())
    }
}

fn fixed_length(length: i64) -> Result<Option<usize>, DecodeError> {
    match usize::try_from(length) {
        Ok(length) => Ok(Some(length)),
        Err(_) if length == -1 => Ok(None),
        Err(_) => Err(Problem::NegativeLength(length).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Writer;

    #[test]
    fn varints() {
        for value in [0, 1, 127, 128, 16_383, 16_384, 1 << 28, u32::MAX] {
            let mut writer = Writer::new();
            writer.varint(value);
            let mut reader = Reader::new(writer.finish().expect("it is written").concat().into());
            assert_eq!(reader.varint(), Ok(value));
            assert_eq!(reader.finish(), Ok(()));
        }
        for wrong in [&b"\xff\xff\xff\xff\x10"[..], b"\x80\x80\x80\x80\x80\x00"] {
            let mut reader = Reader::new(Bytes::from_static(wrong));
            assert_eq!(reader.varint(), Err(Problem::VarintTooLong.into()));
        }
    }

    #[test]
    fn lengths() {
        let read = |bytes: &'static [u8]| Reader::new(Bytes::from_static(bytes)).short_length(false);
        assert_eq!(read(b"\x00\x05"), Ok(Some(5)));
        assert_eq!(read(b"\xff\xff"), Ok(None));
        assert_eq!(read(b"\xff\xfe"), Err(Problem::NegativeLength(-2).into()));
        let read = |bytes: &'static [u8]| Reader::new(Bytes::from_static(bytes)).long_length(true);
        assert_eq!(read(b"\x00"), Ok(None));
        assert_eq!(read(b"\x01"), Ok(Some(0)));
    }
}

//! Big-endian fields, read with bounds. Lengths and counts are checked against the bytes that remain.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::FormatError;

pub(super) type Result<T> = std::result::Result<T, FormatError>;

/// Reads fields from the front of a slice.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    what: &'static str,
}

macro_rules! integers {
    ($($name:ident: $type:ty),*) => {
        $(pub(super) fn $name(&mut self) -> Result<$type> {
            Ok(<$type>::from_be_bytes(self.array()?))
        })*
    };
}

impl<'a> Reader<'a> {
    pub(super) fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { bytes, what }
    }

    integers!(u8: u8, u16: u16, u32: u32, u64: u64, i16: i16, i32: i32, i64: i64);

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        match self.bytes.split_at_checked(len) {
            Some((head, rest)) => {
                self.bytes = rest;
                Ok(head)
            }
            None => Err(FormatError::Truncated { what: self.what, missing: len - self.bytes.len() }),
        }
    }

    /// A string of at most 65,535 bytes.
    pub(super) fn string(&mut self) -> Result<String> {
        let len = self.u16()? as usize;
        let bytes = self.take(len)?;
        std::str::from_utf8(bytes)
            .map(str::to_owned)
            .map_err(|_| FormatError::Invalid("a string is not UTF-8"))
    }

    /// Bytes of any length.
    pub(super) fn blob(&mut self) -> Result<&'a [u8]> {
        let len = self.u32()? as usize;
        self.take(len)
    }

    /// Text of any length.
    pub(super) fn text(&mut self) -> Result<String> {
        let text = std::str::from_utf8(self.blob()?);
        text.map(str::to_owned).map_err(|_| FormatError::Invalid("a text is not UTF-8"))
    }

    pub(super) fn optional<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<Option<T>> {
        match self.u8()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(FormatError::Invalid("a presence byte is neither 0 nor 1")),
        }
    }

    /// A counted list whose items take at least `least` bytes each. A count that the remaining bytes can't
    /// hold fails at once, and no more is reserved than there are bytes.
    pub(super) fn list<T>(
        &mut self,
        least: usize,
        mut read: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let count = self.u32()? as usize;
        let needed = count.saturating_mul(least);
        if needed > self.bytes.len() {
            return Err(FormatError::Truncated { what: self.what, missing: needed - self.bytes.len() });
        }
        let mut list = Vec::with_capacity(count.min(self.bytes.len() / size_of::<T>().max(1)));
        for _ in 0..count {
            list.push(read(self)?);
        }
        Ok(list)
    }

    /// A counted list of keys and values whose keys ascend: one map has one encoding.
    pub(super) fn map<K: Ord, V>(
        &mut self,
        least: usize,
        read: impl FnMut(&mut Self) -> Result<(K, V)>,
    ) -> Result<BTreeMap<K, V>> {
        let list = self.list(least, read)?;
        if !list.windows(2).all(|w| w[0].0 < w[1].0) {
            return Err(FormatError::Invalid("the keys of a list do not ascend"));
        }
        Ok(list.into_iter().collect())
    }

    /// Bytes that this format level writes as zero.
    pub(super) fn reserved(&mut self, len: usize) -> Result<()> {
        match self.take(len)?.iter().find(|byte| **byte != 0) {
            None => Ok(()),
            Some(found) => Err(FormatError::Newer { what: "a reserved byte", found: u64::from(*found) }),
        }
    }

    /// A field of its own length, as a reader of its own.
    pub(super) fn nested(&mut self, what: &'static str) -> Result<Reader<'a>> {
        let len = self.u32()? as usize;
        Ok(Reader { bytes: self.take(len)?, what })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Nothing may follow.
    pub(super) fn end(self) -> Result<()> {
        if self.is_empty() { Ok(()) } else { Err(FormatError::Invalid("bytes follow where an object ends")) }
    }
}

/// Appends fields.
#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

macro_rules! writers {
    ($($name:ident: $type:ty),*) => {
        $(pub(super) fn $name(&mut self, value: $type) -> &mut Self {
            self.raw(&value.to_be_bytes())
        })*
    };
}

impl Writer {
    writers!(u8: u8, u16: u16, u32: u32, u64: u64, i16: i16, i32: i32, i64: i64);

    pub(super) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A string; one over 65,535 bytes is cut (names, hosts and settings are bounded long before).
    pub(super) fn string(&mut self, text: &str) -> &mut Self {
        let mut end = text.len().min(usize::from(u16::MAX));
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.u16(end as u16).raw(&text.as_bytes()[..end])
    }

    /// Bytes of any length.
    pub(super) fn blob(&mut self, bytes: &[u8]) -> &mut Self {
        self.u32(bytes.len() as u32).raw(bytes)
    }

    /// Text of any length.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.blob(text.as_bytes())
    }

    pub(super) fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) -> &mut Self {
        match value {
            None => self.u8(0),
            Some(value) => {
                self.u8(1);
                write(self, value);
                self
            }
        }
    }

    pub(super) fn list<T>(
        &mut self,
        items: impl ExactSizeIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        self.u32(items.len() as u32);
        for item in items {
            write(self, item);
        }
        self
    }

    /// A field preceded by its length.
    pub(super) fn nested(&mut self, write: impl FnOnce(&mut Self)) -> &mut Self {
        let at = self.0.len();
        self.u32(0);
        write(self);
        let len = (self.0.len() - at - 4) as u32;
        self.0[at..at + 4].copy_from_slice(&len.to_be_bytes());
        self
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn into_bytes(self) -> Bytes {
        self.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reserves_no_more_than_there_are_bytes() {
        let bytes = [&1000u32.to_be_bytes()[..], &[7; 1000]].concat();
        let mut r = Reader::new("list", &bytes);
        let list = r.list(1, |r| Ok([u64::from(r.u8()?); 8])).expect("1000 items");
        assert_eq!(list.len(), 1000);
        let mut reserved = 0;
        let mut r = Reader::new("list", &bytes);
        let failed: Result<Vec<[u64; 8]>> = r.list(1, |_| {
            reserved += 1;
            Err(FormatError::Invalid("the first item"))
        });
        assert_eq!((failed, reserved), (Err(FormatError::Invalid("the first item")), 1));
        let missing = FormatError::Truncated { what: "list", missing: 1000 };
        assert_eq!(Reader::new("list", &bytes).list(2, |r| r.u16()), Err(missing));
    }

    #[test]
    fn a_map_ascends() {
        let read = |keys: &[u8]| {
            let mut w = Writer::default();
            w.list(keys.iter(), |w, key| {
                w.u8(*key);
            });
            Reader::new("map", w.bytes()).map(1, |r| Ok((r.u8()?, ()))).map(|map| map.len())
        };
        assert_eq!(read(&[]), Ok(0));
        assert_eq!(read(&[1, 2, 9]), Ok(3));
        for bad in [&[1, 1][..], &[2, 1]] {
            assert_eq!(read(bad), Err(FormatError::Invalid("the keys of a list do not ascend")));
        }
    }

    #[test]
    fn a_long_string_is_cut_between_characters() {
        let mut w = Writer::default();
        w.string(&"é".repeat(40_000));
        let mut r = Reader::new("string", w.bytes());
        assert_eq!(r.string().map(|text| text.len()), Ok(65_534));
        assert!(r.is_empty());
        let not_utf8 = [0, 1, 0xff];
        assert!(Reader::new("string", &not_utf8).string().is_err());
    }
}

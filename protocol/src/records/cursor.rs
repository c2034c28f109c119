//! The variable-length integers of records, and one record's layout.

use std::ops::Range;

/// Reads off a slice. Errors are what is wrong, in words.
struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl Cursor<'_> {
    fn byte(&mut self) -> Result<u8, &'static str> {
        let byte = *self.bytes.get(self.position).ok_or("ends early")?;
        self.position += 1;
        Ok(byte)
    }

    /// A zigzag integer of at most ten bytes.
    fn varlong(&mut self) -> Result<i64, &'static str> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
            }
        }
        Err("variable-length integer too long")
    }

    fn varint(&mut self) -> Result<i32, &'static str> {
        self.varlong()?.try_into().map_err(|_| "integer out of range")
    }

    /// A byte string that a varint measures; −1 is null.
    fn byte_string(&mut self) -> Result<Option<Range<usize>>, &'static str> {
        match self.varint()? {
            -1 => Ok(None),
            length => {
                let length = usize::try_from(length).map_err(|_| "negative length")?;
                if length > self.bytes.len() - self.position {
                    return Err("ends early");
                }
                let start = self.position;
                self.position += length;
                Ok(Some(start..self.position))
            }
        }
    }
}

/// Where the parts of one record are.
pub(super) struct Layout {
    pub(super) attributes: i8,
    pub(super) timestamp_delta: i64,
    pub(super) offset_delta: i32,
    pub(super) key: Option<Range<usize>>,
    pub(super) value: Option<Range<usize>>,
    pub(super) headers_count: i32,
    pub(super) headers: Range<usize>,
}

impl Layout {
    /// Parses the record that begins at `start`. It ends where its headers do.
    pub(super) fn parse(bytes: &[u8], start: usize) -> Result<Self, &'static str> {
        let mut cursor = Cursor { bytes, position: start };
        let body = cursor.byte_string()?.ok_or("negative length")?;
        let mut cursor = Cursor { bytes: &bytes[..body.end], position: body.start };
        let attributes = cursor.byte()?.cast_signed();
        let timestamp_delta = cursor.varlong()?;
        let offset_delta = cursor.varint()?;
        let key = cursor.byte_string()?;
        let value = cursor.byte_string()?;
        let headers_count = cursor.varint()?;
        if headers_count < 0 {
            return Err("negative number of headers");
        }
        let headers_start = cursor.position;
        for _ in 0..headers_count {
            cursor.byte_string()?.ok_or("header without a key")?;
            cursor.byte_string()?;
        }
        if cursor.position != body.end {
            return Err("bytes after the headers");
        }
        let headers = headers_start..body.end;
        Ok(Self { attributes, timestamp_delta, offset_delta, key, value, headers_count, headers })
    }
}

/// Parses the header that begins at `start`: its key, its value, and where it ends.
pub(super) fn header(bytes: &[u8], start: usize) -> Result<HeaderLayout, &'static str> {
    let mut cursor = Cursor { bytes, position: start };
    let key = cursor.byte_string()?.ok_or("header without a key")?;
    let value = cursor.byte_string()?;
    Ok(HeaderLayout { key, value, end: cursor.position })
}

/// Where the parts of one header are.
pub(super) struct HeaderLayout {
    pub(super) key: Range<usize>,
    pub(super) value: Option<Range<usize>>,
    pub(super) end: usize,
}

/// Appends a zigzag integer.
pub(super) fn put_varlong(out: &mut Vec<u8>, value: i64) {
    let mut bits = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while bits >= 0x80 {
        out.push(bits as u8 | 0x80);
        bits >>= 7;
    }
    out.push(bits as u8);
}

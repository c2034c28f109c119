//! The envelope of every object that is not a slot, and the nonce that every object carries.

use bytes::Bytes;

use super::codec::{Reader, Result, Writer};
use super::{FormatError, Kind, VERSION};

/// Tells whose attempt an object is: drawn once per object, the same in every attempt to put it.
pub type Nonce = [u8; 16];

/// Bytes before the payload.
const HEADER: usize = 40;

/// Where the nonce lies in every object.
const NONCE: std::ops::Range<usize> = 8..24;

/// The nonce of any object, from its first 24 bytes.
pub fn nonce_of(head: &[u8]) -> Option<Nonce> {
    head.get(NONCE)?.try_into().ok()
}

/// Wraps a payload.
pub(super) fn seal(kind: Kind, nonce: Nonce, payload: &[u8]) -> Bytes {
    let mut w = Writer::default();
    w.u8(VERSION).u8(kind as u8).u16(0).u32(0).raw(&nonce).u64(payload.len() as u64);
    w.u32(crc32c::crc32c(payload));
    let crc = crc32c::crc32c(w.bytes());
    w.u32(crc).raw(payload);
    w.into_bytes()
}

/// Checks an object and returns its payload.
pub(super) fn open<'a>(kind: Kind, what: &'static str, object: &'a [u8]) -> Result<&'a [u8]> {
    let mut r = Reader::new(what, object);
    version(what, &mut r)?;
    if read_kind(&mut r)? != kind {
        return Err(FormatError::Invalid("the object is of another kind than its key says"));
    }
    check_header(what, object, HEADER)?;
    r.reserved(6)?;
    r.take(16)?;
    let (len, crc, _) = (r.u64()?, r.u32()?, r.u32()?);
    let payload = r.take(usize::try_from(len).unwrap_or(usize::MAX))?;
    r.end()?;
    check(what, crc, payload)?;
    Ok(payload)
}

pub(super) fn version(what: &'static str, r: &mut Reader<'_>) -> Result<()> {
    match r.u8()? {
        VERSION => Ok(()),
        0 => Err(FormatError::Invalid("the object begins with version 0, which nothing ever wrote")),
        found => Err(FormatError::Newer { what, found: u64::from(found) }),
    }
}

/// The second byte of every object.
pub(super) fn read_kind(r: &mut Reader<'_>) -> Result<Kind> {
    let found = r.u8()?;
    Kind::from_byte(found).ok_or(FormatError::Newer { what: "an object's kind", found: u64::from(found) })
}

/// A header of `len` bytes ends with the CRC-32C of those before.
pub(super) fn check_header(what: &'static str, object: &[u8], len: usize) -> Result<()> {
    let (head, stored) = Reader::new(what, object).take(len)?.split_at(len - 4);
    check(what, Reader::new(what, stored).u32()?, head)
}

pub(super) fn check(what: &'static str, stored: u32, bytes: &[u8]) -> Result<()> {
    let computed = crc32c::crc32c(bytes);
    if stored == computed { Ok(()) } else { Err(FormatError::Checksum { what, stored, computed }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_damaged_byte_is_noticed() {
        let good = seal(Kind::Entry, [7; 16], b"payload");
        assert_eq!(open(Kind::Entry, "entry", &good), Ok(&b"payload"[..]));
        assert_eq!(nonce_of(&good), Some([7; 16]));
        for i in 0..good.len() {
            let mut bad = good.to_vec();
            bad[i] ^= 0x40;
            assert!(open(Kind::Entry, "entry", &bad).is_err(), "byte {i}");
            assert!(open(Kind::Entry, "entry", &good[..i]).is_err(), "cut at {i}");
        }
        let mut newer = good.to_vec();
        newer[0] = 2;
        assert_eq!(open(Kind::Entry, "entry", &newer), Err(FormatError::Newer { what: "entry", found: 2 }));
    }
}

//! A slot: one immutable object of a session's write-ahead log.
//!
//! `header | body | index | header again`. The body is record batches back to back, with their final
//! offsets and leader epochs. The index describes them and alone is enough to rebuild state; with the
//! second header, the object's tail is all that replay reads.

mod record;

use bytes::{Bytes, BytesMut};
use coordinator::{Epoch, ProcessId, SessionId};
use xxhash_rust::xxh3::xxh3_128;

use super::codec::{Reader, Result, Writer};
use super::envelope::{Nonce, check, check_header, read_kind, version};
use super::index::Position;
use super::{FormatError, Kind, VERSION};
use crate::mutant::{self, Mutant};
pub use record::{BATCH_RECORD, BatchRecord, Record};

/// The length of a slot's header, in bytes.
pub const HEADER: usize = 100;

/// The bytes of a record batch (v2) up to and including its own CRC-32C.
pub const BATCH_HEAD: usize = 21;

/// The magic byte of a record batch (v2).
const BATCH_MAGIC: u8 = 2;

/// The most bytes that a body has: positions in it have 32 bits.
pub const MAX_BODY: u64 = u32::MAX as u64;

/// A slot's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// [`Kind::Slot`] or [`Kind::Seal`].
    pub kind: Kind,
    /// Whose attempt it is.
    pub nonce: Nonce,
    /// The session.
    pub session: SessionId,
    /// The slot's number in it.
    pub n: u64,
    /// [`Header::hash`] of slot n-1; zero for slot 0 and in a seal.
    pub previous: u128,
    /// The body's length in bytes.
    pub body_len: u64,
    /// The index's length in bytes.
    pub index_len: u32,
    /// The CRC-32C of the first [`BATCH_HEAD`] bytes of the body's batches, one after the other. Each ends
    /// with the batch's own CRC-32C of the rest, so that a slot costs no second pass over its records.
    pub body_crc: u32,
    /// The CRC-32C of the index.
    pub index_crc: u32,
}

impl Header {
    fn encode(&self) -> Bytes {
        let mut w = Writer::default();
        w.u8(VERSION).u8(self.kind as u8).u16(0).u32(0).raw(&self.nonce).raw(self.session.as_bytes());
        w.u64(self.n).raw(&self.previous.to_be_bytes()).u64(self.body_len).u32(self.index_len);
        w.u32(self.body_crc).u32(self.index_crc);
        // Room for what later levels may need, so that a header's length never changes.
        w.raw(&[0; 12]);
        let crc = crc32c::crc32c(w.bytes());
        w.u32(crc);
        w.into_bytes()
    }

    /// Reads a header from the front of `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut r = Reader::new("slot header", bytes);
        version("a slot's version", &mut r)?;
        let kind = match read_kind(&mut r)? {
            kind @ (Kind::Slot | Kind::Seal) => kind,
            _ => return Err(FormatError::Invalid("the object at a slot's key is no slot")),
        };
        check_header("slot header", bytes, HEADER)?;
        r.reserved(6)?;
        let header = Self {
            kind,
            nonce: r.array()?,
            session: SessionId(r.array()?),
            n: r.u64()?,
            previous: u128::from_be_bytes(r.array()?),
            body_len: r.u64()?,
            index_len: r.u32()?,
            body_crc: r.u32()?,
            index_crc: r.u32()?,
        };
        r.reserved(12)?;
        match kind {
            Kind::Seal if (header.previous, header.object_len()) != (0, HEADER as u64) => {
                Err(FormatError::Invalid("a seal has neither predecessor nor body"))
            }
            _ if header.body_len > MAX_BODY => Err(FormatError::Invalid("a slot's body is over 4 GiB")),
            _ => Ok(header),
        }
    }

    /// Reads the header of slot `n` of `session`.
    pub fn decode_at(session: SessionId, n: u64, bytes: &[u8]) -> Result<Self> {
        let header = Self::decode(bytes)?;
        match (header.session, header.n) == (session, n) {
            true => Ok(header),
            false => Err(FormatError::Invalid("the slot says that it belongs under another key")),
        }
    }

    /// Whether the slot holds CLOSE and nothing else: no other record is as short as that.
    pub fn is_close(&self) -> bool {
        self.kind == Kind::Slot && self.body_len == 0 && self.index_len as usize == 4 + record::LEAST
    }

    /// What the next slot names as its predecessor. The header holds the checksums of all that follows it.
    pub fn hash(&self) -> u128 {
        xxh3_128(&self.encode())
    }

    /// The whole object's length in bytes.
    pub fn object_len(&self) -> u64 {
        // A seal is one header, and a slot ends with its header again.
        let headers = if self.kind == Kind::Seal { 1 } else { 2 };
        (headers * HEADER as u64).saturating_add(self.body_len).saturating_add(u64::from(self.index_len))
    }
}

/// A slot while it is filled. Its body is a list of slices; nothing is copied together.
#[derive(Debug, Default)]
pub struct Builder {
    body: Vec<Bytes>,
    body_len: usize,
    body_crc: u32,
    records: Vec<Record>,
    /// The length of the records' encodings, about.
    index_len: usize,
}

impl Builder {
    /// Appends a record batch (v2) whose own CRC-32C has been verified: `prefix` is its first 16 bytes, with
    /// the final offset and leader epoch, `rest` the others as they came. Returns the batch's position; `None`, and
    /// nothing is appended, if the body would be larger than [`MAX_BODY`].
    pub fn push_batch(&mut self, prefix: Bytes, rest: Bytes) -> Option<u32> {
        let position = u32::try_from(self.body_len).ok()?;
        let body_len = self.body_len + prefix.len() + rest.len();
        if body_len as u64 > MAX_BODY {
            return None;
        }
        self.body_len = body_len;
        let head = BATCH_HEAD.saturating_sub(prefix.len()).min(rest.len());
        self.body_crc = crc32c::crc32c_append(self.body_crc, &prefix);
        self.body_crc = crc32c::crc32c_append(self.body_crc, &rest[..head]);
        self.body.push(prefix);
        self.body.push(rest);
        Some(position)
    }

    /// Adds a record to the index.
    pub fn push(&mut self, record: Record) {
        self.index_len += record::weigh(&record);
        self.records.push(record);
    }

    /// Gives every record the epoch of a new holding: its session was followed by another before the slot's
    /// bytes were fixed.
    pub fn hold_at(&mut self, held: Epoch) {
        for record in &mut self.records {
            match record {
                Record::Batch(BatchRecord { epoch, .. })
                | Record::Group { epoch, .. }
                | Record::Share { epoch, .. }
                | Record::Trim { epoch, .. }
                | Record::ProducersExpired { epoch, .. }
                | Record::Release { epoch, .. } => *epoch = held,
                Record::Close => {}
            }
        }
    }

    /// The body's length so far, in bytes.
    pub fn body_len(&self) -> usize {
        self.body_len
    }

    /// The length of body and index so far, in bytes: exact but for some bytes of each batch in the index.
    pub fn weight(&self) -> usize {
        self.body_len + self.index_len
    }

    /// Whether the index has no record.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Fixes the slot's bytes for good (I2).
    pub fn freeze(self, session: SessionId, n: u64, previous: u128, nonce: Nonce) -> Frozen {
        let mut index = Writer::default();
        index.list(self.records.iter(), record::encode);
        let header = Header {
            kind: Kind::Slot,
            nonce,
            session,
            n,
            previous,
            body_len: self.body_len as u64,
            index_len: index.len() as u32,
            body_crc: self.body_crc,
            index_crc: crc32c::crc32c(index.bytes()),
        };
        let encoded = header.encode();
        let mut object = Vec::with_capacity(self.body.len() + 2);
        object.push(encoded.clone());
        object.extend(self.body);
        let mut tail = BytesMut::with_capacity(index.len() + HEADER);
        tail.extend_from_slice(index.bytes());
        tail.extend_from_slice(&encoded);
        object.push(tail.freeze());
        Frozen { header, object, records: self.records }
    }
}

/// A slot whose bytes are fixed.
#[derive(Clone, Debug)]
pub struct Frozen {
    /// Its header.
    pub header: Header,
    /// The object, in slices.
    pub object: Vec<Bytes>,
    /// Its index.
    pub records: Vec<Record>,
}

/// The object that seals slot `n` of `session`. Whichever process seals it, the bytes differ only in the
/// nonce.
pub fn seal(session: SessionId, n: u64, by: ProcessId) -> Bytes {
    let (previous, body_len, index_len, body_crc, index_crc) = (0, 0, 0, 0, 0);
    let nonce = *by.as_bytes();
    let kind = Kind::Seal;
    Header { kind, nonce, session, n, previous, body_len, index_len, body_crc, index_crc }.encode()
}

/// A slot's header and index, as read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footer {
    /// The header.
    pub header: Header,
    /// The index; empty in a seal.
    pub records: Vec<Record>,
}

/// What the end of a slot's object tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tail {
    /// All of the index.
    Whole(Footer),
    /// Not enough: the last this many bytes of the object are needed.
    Needs(usize),
}

/// Reads a slot's index from the last bytes of its object.
pub fn decode_tail(session: SessionId, n: u64, tail: &[u8]) -> Result<Tail> {
    let start = tail
        .len()
        .checked_sub(HEADER)
        .ok_or(FormatError::Truncated { what: "slot", missing: HEADER.saturating_sub(tail.len()) })?;
    let header = Header::decode_at(session, n, &tail[start..])?;
    if header.kind == Kind::Seal {
        return Ok(Tail::Whole(Footer { header, records: Vec::new() }));
    }
    let index_len = header.index_len as usize;
    let Some(index) = start.checked_sub(index_len).map(|at| &tail[at..start]) else {
        return Ok(Tail::Needs(index_len + HEADER));
    };
    decode_index(header, index).map(Tail::Whole)
}

/// Reads the index that a slot's header, whichever of the two, describes.
pub fn decode_index(header: Header, index: &[u8]) -> Result<Footer> {
    check("slot index", header.index_crc, index)?;
    let mut r = Reader::new("slot index", index);
    let mut earlier = None;
    let records = r.list(record::LEAST, |r| {
        let record = record::decode(r)?;
        let closes = record == Record::Close;
        match &record {
            _ if earlier.is_some_and(|closed| closed || closes) => {
                return Err(FormatError::Invalid("a CLOSE stands beside other records"));
            }
            Record::Batch(b) if u64::from(b.position) + u64::from(b.length) > header.body_len => {
                return Err(FormatError::Invalid("the index names a batch outside the slot's body"));
            }
            _ => earlier = Some(closes),
        }
        Ok(record)
    })?;
    r.end()?;
    Ok(Footer { header, records })
}

/// Checks a whole object and returns its body.
pub fn decode_body(session: SessionId, n: u64, object: &Bytes) -> Result<Bytes> {
    let header = Header::decode_at(session, n, object)?;
    if header.kind == Kind::Seal {
        return Err(FormatError::Invalid("a seal has no body"));
    }
    if header.object_len() != object.len() as u64 {
        return Err(FormatError::Invalid("the slot's length is not what its header says"));
    }
    let body = object.slice(HEADER..HEADER + header.body_len as usize);
    let mut heads = 0;
    let mut rest = &body[..];
    while !rest.is_empty() {
        let (head, records, others) = split_batch(rest)?;
        heads = crc32c::crc32c_append(heads, head);
        check_records(head, records)?;
        rest = others;
    }
    if heads != header.body_crc {
        return Err(FormatError::Checksum { what: "slot body", stored: header.body_crc, computed: heads });
    }
    Ok(body)
}

/// Checks one batch of a body by its own checksum, and by [`check_head`].
pub(crate) fn check_batch(batch: &[u8], at: &Position, leader_epoch: Option<i32>) -> Result<()> {
    let (head, records, rest) = split_batch(batch)?;
    check_records(head, records)?;
    match rest {
        [] => check_head(batch, at, leader_epoch),
        _ => Err(FormatError::Invalid("a batch of the slot is shorter than its index says")),
    }
}

/// Compares what a batch says of itself with the position that led to it: its length, its offsets, its format, and
/// the leader epoch where that is known. The batch's own checksum covers none of these but the number of offsets.
pub(crate) fn check_head(batch: &[u8], at: &Position, leader_epoch: Option<i32>) -> Result<()> {
    if mutant::is(Mutant::TrustHeads) {
        return Ok(());
    }
    let mut r = Reader::new("a batch of the slot", batch);
    let (base_offset, length, epoch, magic) = (r.i64()?, r.i32()?, r.i32()?, r.u8()?);
    let (_, _, last_offset_delta) = (r.u32()?, r.i16()?, r.i32()?);
    if base_offset != at.base_offset || last_offset_delta != at.last_offset_delta {
        return Err(FormatError::Invalid("a batch of the slot has other offsets than its index says"));
    }
    if i64::from(length) + 12 != i64::from(at.length) {
        return Err(FormatError::Invalid("a batch of the slot has another length than its index says"));
    }
    if magic != BATCH_MAGIC {
        return Err(FormatError::Invalid("a batch of the slot is of another format"));
    }
    if leader_epoch.is_some_and(|known| known != epoch) {
        return Err(FormatError::Invalid(
            "a batch of the slot has another leader epoch than its partition had",
        ));
    }
    Ok(())
}

fn check_records(head: &[u8], records: &[u8]) -> Result<()> {
    let stored = Reader::new("batch head", &head[BATCH_HEAD - 4..]).u32()?;
    check("a batch of the slot", stored, records)
}

/// The head of the first batch, what its checksum covers, and what follows.
fn split_batch(bytes: &[u8]) -> Result<(&[u8], &[u8], &[u8])> {
    let mut r = Reader::new("a batch of the slot", bytes);
    let head = r.take(BATCH_HEAD)?;
    let len = Reader::new("batch head", &head[8..]).i32()?;
    let len = usize::try_from(len).ok().and_then(|len| len.checked_add(12)).filter(|len| *len >= BATCH_HEAD);
    let len = len.ok_or(FormatError::Invalid("a batch of the slot has an impossible length"))?;
    let records = r.take(len - BATCH_HEAD)?;
    Ok((head, records, &bytes[len..]))
}

#[cfg(test)]
#[path = "slot_test.rs"]
mod tests;

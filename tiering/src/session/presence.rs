//! What lies at the key of a slot that can't be read.
//!
//! A process that ends a session must find its first free slot, and it is enough for that to know that a slot
//! is taken, and whether it is the one that ended the session. A slot has its header twice, so that one
//! damaged spot leaves one of them; a seal has one, and is recognised by its length and by what it has in
//! common with every seal of that slot, or by its length alone where nothing of it can be read. What can't be
//! recognised counts as data: to take data for an end would lose what was acknowledged. To take a CLOSE for data
//! is no harm, for nothing comes behind it. A seal must be recognised: slots of no session may lie behind it, and
//! once they were counted into an end that is recorded, nothing would serve its shards any more.

use coordinator::{ProcessId, SessionId};

use super::SessionError;
use super::insist::insist;
use crate::format::envelope::nonce_of;
use crate::format::slot::{self, HEADER, Header};
use crate::format::{FormatError, Kind, keys};
use crate::store::Store;

/// What lies at a slot's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// Nothing.
    Absent,
    /// A slot of the session, and its header if that can be read.
    Data(Option<Header>),
    /// The session's CLOSE.
    Close,
    /// A seal, whichever process put it.
    Seal,
}

/// Looks at both ends of slot `n`.
pub(super) async fn presence(store: &Store, session: SessionId, n: u64) -> Result<Presence, SessionError> {
    let path = keys::slot(session, n);
    let size = match store.head(&path).await {
        Ok(meta) => meta.size,
        Err(error) if error.is_not_found() => return Ok(Presence::Absent),
        Err(error) => return Err(error.into()),
    };
    if size < HEADER as u64 {
        return Ok(Presence::Data(None));
    }
    let ends = || async {
        let tail = store.get_suffix(&path, HEADER as u64).await?;
        Ok((store.get_range(&path, 0..HEADER as u64).await?, tail))
    };
    let (head, tail) = match insist(store, &path, ends).await {
        Err(SessionError::Unreadable { .. }) => return Ok(unread(size)),
        ends => ends?,
    };
    match classify(session, n, &head, &tail.bytes, tail.size) {
        Ok(presence) => Ok(presence),
        Err(source) => Err(SessionError::Format { path, source }),
    }
}

/// What an object of `size` bytes is of which nothing can be read. Objects are stored whole, and none but a seal has
/// the length of one header.
fn unread(size: u64) -> Presence {
    match size == HEADER as u64 {
        true => Presence::Seal,
        false => Presence::Data(None),
    }
}

/// What an object of `size` bytes is that begins and ends so. Fails where a newer build wrote it.
fn classify(
    session: SessionId,
    n: u64,
    head: &[u8],
    tail: &[u8],
    size: u64,
) -> Result<Presence, FormatError> {
    let headers = [Header::decode_at(session, n, head), Header::decode_at(session, n, tail)];
    if let Some(header) = headers.iter().flatten().next() {
        return Ok(match header.kind {
            Kind::Seal => Presence::Seal,
            _ if header.is_close() => Presence::Close,
            _ => Presence::Data(Some(header.clone())),
        });
    }
    if size == HEADER as u64 && resembles_seal(session, n, head) {
        return Ok(Presence::Seal);
    }
    // One damaged byte can make one header look newer, not both.
    match headers {
        [Err(newer @ FormatError::Newer { .. }), Err(FormatError::Newer { .. })] if size > HEADER as u64 => {
            Err(newer)
        }
        _ => Ok(Presence::Data(None)),
    }
}

/// Whether an object is the seal of this slot but for one byte, its nonce and its checksum.
fn resembles_seal(session: SessionId, n: u64, object: &[u8]) -> bool {
    let Some(by) = nonce_of(object) else { return false };
    let seal = slot::seal(session, n, ProcessId(by));
    let differ = |range: std::ops::Range<usize>| match (object.get(range.clone()), seal.get(range)) {
        (Some(one), Some(other)) => one.iter().zip(other).filter(|(one, other)| one != other).count(),
        _ => usize::MAX / 2,
    };
    differ(0..8) + differ(24..HEADER - 4) <= 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::slot::{Builder, Record};

    const SESSION: SessionId = SessionId([3; 16]);

    fn of(object: &[u8]) -> Result<Presence, FormatError> {
        let from = object.len().saturating_sub(HEADER);
        classify(SESSION, 5, &object[..object.len().min(HEADER)], &object[from..], object.len() as u64)
    }

    fn object(records: Vec<Record>) -> Vec<u8> {
        let mut builder = Builder::default();
        records.into_iter().for_each(|record| builder.push(record));
        builder.freeze(SESSION, 5, 77, [9; 16]).object.concat()
    }

    /// Whichever bit is damaged, an end is distinguished from data.
    #[test]
    fn an_end_of_a_session_is_known_whichever_bit_is_damaged() {
        let seal = slot::seal(SESSION, 5, ProcessId([8; 16])).to_vec();
        let close = object(vec![Record::Close]);
        let data = object(Vec::new());
        assert_eq!((of(&seal), of(&close)), (Ok(Presence::Seal), Ok(Presence::Close)));
        assert!(matches!(of(&data), Ok(Presence::Data(Some(_)))));
        for good in [seal, close, data] {
            let kind = std::mem::discriminant(&of(&good).expect("it is known"));
            for bit in 0..good.len() * 8 {
                let mut bad = good.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                let found = of(&bad).expect("it is known all the same");
                assert_eq!(std::mem::discriminant(&found), kind, "bit {bit}: {found:?}");
            }
        }
    }

    #[test]
    fn what_is_no_slot_counts_as_data() {
        for object in
            [&b"x"[..], &[0; HEADER], &[0xaa; 300], &slot::seal(SESSION, 6, ProcessId([8; 16]))[1..]]
        {
            assert!(matches!(of(object), Ok(Presence::Data(None)) | Err(FormatError::Newer { .. })));
        }
        let of_another = slot::seal(SessionId([4; 16]), 5, ProcessId([8; 16]));
        assert_eq!(of(&of_another), Ok(Presence::Data(None)), "too much of it differs");
    }
}

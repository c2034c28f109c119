//! The names of objects. Each is created with put-if-absent and never overwritten, and none is a folder of
//! another: some stores never list such a child.

use coordinator::{Epoch, SessionId};
use object_store::path::Path;
use xxhash_rust::xxh3::xxh3_64;

/// Where metadata entries lie.
pub const ENTRIES: &str = "meta/log";
/// Where metadata snapshots lie.
pub const SNAPSHOTS: &str = "meta/snap";

/// Metadata entry `k`.
pub fn entry(k: Epoch) -> Path {
    format!("{ENTRIES}/{:020}", k.0).into()
}

/// The snapshot of the entries before `next`.
pub fn snapshot(next: Epoch) -> Path {
    format!("{SNAPSHOTS}/{:020}", next.0).into()
}

/// The prefix of a session. Two hash characters spread the prefixes.
pub fn session(id: SessionId) -> String {
    format!("wal/{:02x}/{id}", xxh3_64(id.as_bytes()) as u8)
}

/// Slot `n` of a session.
pub fn slot(id: SessionId, n: u64) -> Path {
    format!("{}/{n:010}", session(id)).into()
}

/// Where a session's checkpoints lie.
pub fn checkpoints(id: SessionId) -> Path {
    format!("{}/ckpt", session(id)).into()
}

/// The checkpoint of a session over its slots `[0, n)`.
pub fn checkpoint(id: SessionId, n: u64) -> Path {
    format!("{}/ckpt/{n:010}", session(id)).into()
}

/// The index of batch positions written with checkpoint `n`.
pub fn index(id: SessionId, n: u64) -> Path {
    format!("{}/idx/{n:010}", session(id)).into()
}

/// The number that ends a key. Nothing is ever numbered as high as half of what could be.
pub fn number(path: &Path) -> Option<u64> {
    path.filename()?.parse().ok().filter(|number| *number <= u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_the_formats_page() {
        let id = SessionId([0; 16]);
        let sid = "00000000000000000000000000";
        assert_eq!(entry(Epoch(7)).as_ref(), "meta/log/00000000000000000007");
        assert_eq!(snapshot(Epoch(128)).as_ref(), "meta/snap/00000000000000000128");
        assert_eq!(slot(id, 12).as_ref(), format!("wal/68/{sid}/0000000012"));
        assert_eq!(checkpoint(id, 12).as_ref(), format!("wal/68/{sid}/ckpt/0000000012"));
        assert_eq!(index(id, 12).as_ref(), format!("wal/68/{sid}/idx/0000000012"));
        assert_eq!(session(SessionId([0xff; 16])), "wal/13/7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
    }

    #[test]
    fn keys_of_one_kind_sort_by_number() {
        for (small, large) in [(0, 1), (9, 10), (99_999, 100_000), (1 << 32, (1 << 32) + 1)] {
            let id = SessionId([5; 16]);
            assert!(slot(id, small) < slot(id, large));
            assert!(entry(Epoch(small)) < entry(Epoch(large)));
            assert_eq!(number(&slot(id, large)), Some(large));
            assert_eq!(number(&entry(Epoch(large))), Some(large));
        }
        assert_eq!(number(&checkpoints(SessionId([5; 16]))), None);
    }
}

//! How many idle producers nodes have forgotten, as their slots say.

use std::str::FromStr;

use coordinator::SessionId;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tiering::format::keys;
use tiering::format::slot::{Record, Tail, decode_tail};
use tiering::store::MemoryStore;
use ulid::Ulid;

/// Counts them in all slots that are there.
pub(crate) async fn count(objects: &MemoryStore) -> anyhow::Result<u64> {
    let mut slots: Vec<_> = objects.list(Some(&Path::from("wal"))).try_collect().await?;
    slots.sort_by(|one, other| one.location.cmp(&other.location));
    let mut count = 0;
    for slot in slots {
        let Some((session, n)) = parse(&slot.location) else { continue };
        let bytes = objects.get(&slot.location).await?.bytes().await?;
        let Ok(Tail::Whole(footer)) = decode_tail(session, n, &bytes) else { continue };
        count += footer.records.iter().map(forgotten).sum::<usize>() as u64;
    }
    Ok(count)
}

fn forgotten(record: &Record) -> usize {
    match record {
        Record::ProducersExpired { producers, .. } => producers.len(),
        _ => 0,
    }
}

/// The session and number of a slot, if that is one.
fn parse(path: &Path) -> Option<(SessionId, u64)> {
    let session = path.parts().nth(2)?;
    let session = SessionId::from(Ulid::from_str(session.as_ref()).ok()?);
    let n = keys::number(path)?;
    (keys::slot(session, n) == *path).then_some((session, n))
}

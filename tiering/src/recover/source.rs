//! What earlier sessions contribute to the shards that they held.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use coordinator::cluster::{Cluster, Grant, HoldingEnd, SessionEnd};
use coordinator::{Epoch, PartitionId, SessionId, ShardId};

use super::RecoverError;
use crate::format::checkpoint::{Checkpoint, OwnedPartition};
use crate::format::group::Groups;
use crate::format::share::Shares;
use crate::format::slot::{Footer, Record};
use crate::format::{Kind, keys};
use crate::mutant::{self, Mutant};
use crate::session::{Chain, Footers, Sealed, SessionError, checkpoints};
use crate::store::Store;

/// How often a session is read anew, its checkpoints listed again, when an object is not there: it may have gone
/// because a newer one covers it. An object that is missing then is damage.
const AGAIN: usize = 2;

/// An error that several shards have.
type Shared<T> = Result<T, Arc<RecoverError>>;

/// What one earlier session contributes.
pub(super) struct Source {
    pub(super) checkpoint: Option<Checkpoint>,
    /// The records of its slots after the checkpoint, by holding, in order.
    pub(super) records: BTreeMap<(ShardId, Epoch), Vec<(u64, Record)>>,
    /// Newer checkpoints, which can't be read.
    pub(super) damaged: Vec<Arc<RecoverError>>,
}

impl Source {
    /// Whether its checkpoint has the shard as it was held under this grant.
    pub(super) fn holds(&self, shard: ShardId, grant: &Grant) -> bool {
        let held = self.checkpoint.as_ref().and_then(|checkpoint| checkpoint.shards.get(&shard));
        held.is_some_and(|held| held.epoch == grant.epoch)
    }
}

/// What a RELEASE holds.
pub(super) type Released = (BTreeMap<PartitionId, OwnedPartition>, Groups, Shares);

/// What a slot releases, by shard and epoch.
type Releases = BTreeMap<(ShardId, Epoch), Released>;

/// What earlier sessions contribute, as far as it has been read. Each is read once, whatever came of it.
pub(super) struct Sources<'a> {
    store: &'a Store,
    pub(super) cluster: &'a Cluster,
    sealed: BTreeMap<SessionId, Sealed>,
    ended: BTreeMap<SessionId, Shared<Source>>,
    released: BTreeMap<(SessionId, u64), Shared<Releases>>,
}

impl<'a> Sources<'a> {
    pub(super) fn new(store: &'a Store, cluster: &'a Cluster, sealed: BTreeMap<SessionId, Sealed>) -> Self {
        Self { store, cluster, sealed, ended: BTreeMap::new(), released: BTreeMap::new() }
    }

    /// Reads what a shard needs that was held so, from the newest holding back to one that has all of it.
    pub(super) async fn load(&mut self, shard: ShardId, earlier: &[Grant]) -> Shared<()> {
        for grant in earlier.iter().rev() {
            if let Some(HoldingEnd::Released(end)) = grant.end {
                let (session, slot) = (grant.session, end.saturating_sub(1));
                let released = match self.released.entry((session, slot)) {
                    Entry::Occupied(read) => read.into_mut(),
                    Entry::Vacant(absent) => {
                        absent.insert(read_releases(self.store, session, slot).await.map_err(Arc::new))
                    }
                };
                return released.as_ref().map(|_| ()).map_err(Arc::clone);
            }
            let source = match self.ended.entry(grant.session) {
                Entry::Occupied(read) => read.into_mut(),
                Entry::Vacant(absent) => {
                    let sealed = self.sealed.remove(&grant.session);
                    let source = read_session(self.store, self.cluster, grant.session, sealed).await;
                    absent.insert(source.map_err(Arc::new))
                }
            };
            match source {
                Ok(source) if source.holds(shard, grant) => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(Arc::clone(error)),
            }
        }
        Ok(())
    }

    /// What a session contributes; `None` if it was not needed.
    pub(super) fn of(&self, session: SessionId) -> Option<&Source> {
        self.ended.get(&session)?.as_ref().ok()
    }

    /// Takes what a slot released of a shard.
    pub(super) fn take_released(&mut self, shard: ShardId, grant: &Grant, slot: u64) -> Option<Released> {
        let released = self.released.get_mut(&(grant.session, slot))?.as_mut().ok()?;
        released.remove(&(shard, grant.epoch))
    }

    /// Damaged objects that others served in place of.
    pub(super) fn damaged(&self) -> Vec<Arc<RecoverError>> {
        self.ended.values().flatten().flat_map(|source| source.damaged.iter().cloned()).collect()
    }
}

/// The shards that a session released in a slot. A MOVE named the slot: it has been confirmed.
async fn read_releases(store: &Store, session: SessionId, slot: u64) -> Result<Releases, RecoverError> {
    let footer = Footers::new(store.clone(), session, slot).next().await?;
    let footer = footer.ok_or(SessionError::Missing { path: keys::slot(session, slot) })?;
    let released = footer.records.into_iter().filter_map(|record| match record {
        Record::Release { shard, epoch, partitions, groups, shares } => {
            Some(((shard, epoch), (partitions, groups, shares)))
        }
        _ => None,
    });
    Ok(released.collect())
}

async fn read_session(
    store: &Store,
    cluster: &Cluster,
    session: SessionId,
    sealed: Option<Sealed>,
) -> Result<Source, RecoverError> {
    let reason = "shards were taken from a session that has no recorded end";
    let end = cluster.session(session).and_then(|s| s.state.end());
    let end = end.ok_or(RecoverError::Contradiction { path: keys::session(session).into(), reason })?;
    if let Some(Sealed { end: known, checkpoint, footers: Some(footers), .. }) = sealed
        && known == end
    {
        return Ok(source(cluster, checkpoint, footers, Vec::new()));
    }
    let mut tried = 0;
    loop {
        tried += 1;
        match read_ended(store, cluster, session, end).await {
            Err(RecoverError::Session(error)) if error.is_missing() && tried <= AGAIN => {}
            result => return result,
        }
    }
}

/// Reads the newest checkpoint, which may be newer than the one that the end names: it may have been written after
/// the process that ended the session looked (docs/decisions/0003). And the slots after it.
async fn read_ended(
    store: &Store,
    cluster: &Cluster,
    session: SessionId,
    end: SessionEnd,
) -> Result<Source, RecoverError> {
    let found = checkpoints(store, session).await?;
    let mut damaged: Vec<_> = found.damaged.into_iter().map(|e| Arc::new(e.into())).collect();
    if let Some(named) = end.checkpoint.filter(|named| named.n > found.covered) {
        let path = keys::checkpoint(session, named.n);
        let reason = "the checkpoint is missing, though the session's recorded end names it";
        damaged.push(Arc::new(RecoverError::Contradiction { path, reason }));
    }
    let (from, previous) = found.newest.as_ref().map_or((0, 0), |c| (c.n, c.previous));
    let cut = if mutant::is(Mutant::TrustObjects) { u64::MAX } else { end.cut };
    let footers = read_slots(store, session, from, cut, previous).await?;
    Ok(source(cluster, found.newest, footers, damaged))
}

fn source(
    cluster: &Cluster,
    checkpoint: Option<Checkpoint>,
    footers: Vec<Footer>,
    damaged: Vec<Arc<RecoverError>>,
) -> Source {
    let mut records: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for footer in footers {
        for record in footer.records {
            let of = |partition| cluster.shards().of_partition(partition);
            let holding = match &record {
                Record::Batch(b) => (of(b.partition), b.epoch),
                Record::Trim { partition, epoch, .. } | Record::ProducersExpired { partition, epoch, .. } => {
                    (of(*partition), *epoch)
                }
                Record::Group { shard, epoch, .. } => (*shard, *epoch),
                Record::Share { epoch, id, .. } => (of(id.partition), *epoch),
                Record::Release { .. } | Record::Close => continue,
            };
            records.entry(holding).or_default().push((footer.header.n, record));
        }
    }
    Source { checkpoint, records, damaged }
}

/// The indexes of slots `[from, cut)`, all of which are there.
async fn read_slots(
    store: &Store,
    session: SessionId,
    from: u64,
    cut: u64,
    previous: u128,
) -> Result<Vec<Footer>, RecoverError> {
    let mut walk = Footers::new(store.clone(), session, from);
    let mut chain = Chain::new(session, previous);
    let mut footers = Vec::new();
    while walk.position() < cut {
        let n = walk.position();
        let footer = match walk.next().await? {
            None if mutant::is(Mutant::TrustObjects) => break,
            // A seal that came late lies where the slot was.
            Some(footer) if footer.header.kind == Kind::Seal && !mutant::is(Mutant::TrustObjects) => None,
            footer => footer,
        };
        let footer = footer.ok_or(SessionError::Missing { path: keys::slot(session, n) })?;
        if !mutant::is(Mutant::TrustObjects) {
            chain.follow(&footer)?;
        }
        footers.push(footer);
    }
    Ok(footers)
}

//! Rebuilding the state of shards that a session was given, from the sessions that held them before.
//!
//! Per shard: the last RELEASE or checkpoint that holds it, then the indexes of the slots after that, along the
//! shard's holdings. Records whose epoch is not the holding's are skipped (I4); nothing at or past a recorded cut,
//! and nothing that a checkpoint covers, is read (I1, I7).

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use coordinator::cluster::{Cluster, Grant, HoldingEnd};
use coordinator::{Epoch, PartitionId, SessionId, ShardId};
use object_store::path::Path;
use thiserror::Error;

use crate::format::checkpoint::{Checkpoint, OwnedPartition};
use crate::format::group::{self, Groups};
use crate::format::index::Position;
use crate::format::keys;
use crate::format::share::{self, Shares};
use crate::format::slot::{Footer, Record};
use crate::mutant::{self, Mutant};
use crate::session::{Footers, Sealed, SessionError, last_checkpoint};
use crate::store::{ErrorKind, Store};

/// Why a shard's state can't be rebuilt.
#[derive(Debug, Error)]
pub enum RecoverError {
    /// A session can't be read.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The metadata log and the sessions contradict each other.
    #[error("{path}: {reason}")]
    Contradiction {
        /// Where.
        path: Path,
        /// What.
        reason: &'static str,
    },
}

impl RecoverError {
    /// What the caller may do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Session(e) => e.kind(),
            Self::Contradiction { .. } => ErrorKind::Corrupt,
        }
    }
}

/// The state of shards when their new owner begins with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Partitions that have ever had a record.
    pub partitions: BTreeMap<PartitionId, OwnedPartition>,
    /// By shard: its groups, if it has any.
    pub groups: BTreeMap<ShardId, Groups>,
    /// Share partitions.
    pub shares: Shares,
}

impl Recovered {
    /// Keeps what belongs to these shards; `of` tells a partition's.
    pub fn retain(&mut self, shards: &BTreeSet<ShardId>, of: impl Fn(PartitionId) -> ShardId) {
        self.partitions.retain(|id, _| shards.contains(&of(*id)));
        self.groups.retain(|shard, _| shards.contains(shard));
        self.shares.retain(|id, _| shards.contains(&of(id.partition)));
    }
}

/// What one earlier session contributes.
struct Source {
    checkpoint: Option<Checkpoint>,
    /// The records of its slots after the checkpoint, by holding, in order.
    records: BTreeMap<(ShardId, Epoch), Vec<(u64, Record)>>,
}

/// What a RELEASE holds.
type Released = (BTreeMap<PartitionId, OwnedPartition>, Groups, Shares);

/// What earlier sessions contribute, as far as it has been read.
#[derive(Default)]
struct Sources {
    ended: BTreeMap<SessionId, Source>,
    /// By session and slot: the shards that it released in it.
    released: BTreeMap<(SessionId, u64), BTreeMap<(ShardId, Epoch), Released>>,
}

/// Rebuilds `shards`, as far as `session` holds them as of `cluster`. `sealed` are sessions that the caller has
/// just ended: their slots need not be read again.
pub async fn recover(
    store: &Store,
    cluster: &Cluster,
    session: SessionId,
    shards: impl IntoIterator<Item = ShardId>,
    mut sealed: BTreeMap<SessionId, Sealed>,
) -> Result<Recovered, RecoverError> {
    let mut sources = Sources::default();
    let mut recovered = Recovered::default();
    for shard in shards {
        let Some((last, earlier)) = cluster.grants(shard).split_last() else { continue };
        if last.session != session {
            continue;
        }
        for grant in earlier.iter().rev() {
            if let Some(HoldingEnd::Released(end)) = grant.end {
                let slot = end.saturating_sub(1);
                if let Entry::Vacant(absent) = sources.released.entry((grant.session, slot)) {
                    absent.insert(read_releases(store, grant.session, slot).await?);
                }
                break;
            }
            let source = match sources.ended.entry(grant.session) {
                Entry::Occupied(loaded) => loaded.into_mut(),
                Entry::Vacant(absent) => {
                    let sealed = sealed.remove(&grant.session);
                    absent.insert(load(store, cluster, grant.session, sealed).await?)
                }
            };
            if holds(source, shard, grant) {
                break;
            }
        }
        replay_shard(cluster, shard, earlier, &mut sources, &mut recovered)?;
    }
    let living: BTreeSet<_> = cluster.topics().map(|t| t.id).collect();
    recovered.partitions.retain(|partition, _| living.contains(&partition.topic));
    recovered.shares.retain(|id, _| living.contains(&id.partition.topic));
    recovered.groups.retain(|_, groups| !groups.is_empty());
    Ok(recovered)
}

/// The shards that a session released in a slot. A MOVE named the slot: it has been confirmed.
async fn read_releases(
    store: &Store,
    session: SessionId,
    slot: u64,
) -> Result<BTreeMap<(ShardId, Epoch), Released>, RecoverError> {
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

fn holds(source: &Source, shard: ShardId, grant: &Grant) -> bool {
    source.checkpoint.as_ref().is_some_and(|c| c.shards.get(&shard).is_some_and(|s| s.epoch == grant.epoch))
}

async fn load(
    store: &Store,
    cluster: &Cluster,
    session: SessionId,
    sealed: Option<Sealed>,
) -> Result<Source, RecoverError> {
    let contradiction = |reason| RecoverError::Contradiction { path: keys::session(session).into(), reason };
    let end = cluster.session(session).and_then(|s| s.state.end());
    let end =
        end.ok_or_else(|| contradiction("shards were taken from a session that has no recorded end"))?;
    let (checkpoint, footers) = match sealed {
        Some(sealed) if sealed.end == end => (sealed.checkpoint, sealed.footers),
        _ => {
            // The newest one, which may be newer than the one that the entry names: it may have been written
            // after whoever ended the session looked (docs/decisions/0003).
            let checkpoint = last_checkpoint(store, session).await?;
            let from = checkpoint.as_ref().map_or(0, |c| c.n);
            if end.checkpoint.is_some_and(|named| named.n > from) {
                return Err(contradiction("the checkpoint that its end names is missing"));
            }
            let previous = checkpoint.as_ref().map_or(0, |c| c.previous);
            let cut = if mutant::is(Mutant::TrustObjects) { u64::MAX } else { end.cut };
            (checkpoint, read_slots(store, session, from, cut, previous).await?)
        }
    };
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
    Ok(Source { checkpoint, records })
}

/// The indexes of slots `[from, cut)`, all of which are there, and durable: whoever recorded the cut had settled them
/// before, or written them itself.
async fn read_slots(
    store: &Store,
    session: SessionId,
    from: u64,
    cut: u64,
    previous: u128,
) -> Result<Vec<Footer>, RecoverError> {
    let mut walk = Footers::new(store.clone(), session, from);
    let mut chain = crate::session::Chain { session, previous };
    let mut footers = Vec::new();
    while walk.position() < cut {
        let n = walk.position();
        let footer = match walk.next().await? {
            None if mutant::is(Mutant::TrustObjects) => break,
            footer => footer.ok_or(SessionError::Missing { path: keys::slot(session, n) })?,
        };
        if !mutant::is(Mutant::TrustObjects) {
            chain.follow(&footer)?;
        }
        footers.push(footer);
    }
    Ok(footers)
}

fn replay_shard(
    cluster: &Cluster,
    shard: ShardId,
    earlier: &[Grant],
    sources: &mut Sources,
    recovered: &mut Recovered,
) -> Result<(), RecoverError> {
    let is_base = |grant: &Grant| match grant.end {
        Some(HoldingEnd::Released(_)) => true,
        _ => sources.ended.get(&grant.session).is_some_and(|source| holds(source, shard, grant)),
    };
    let base = earlier.iter().rposition(is_base);
    if base.is_none() && earlier.first().is_some_and(|g| forgotten_before(cluster, g)) {
        let path = keys::session(earlier[0].session).into();
        return Err(RecoverError::Contradiction {
            path,
            reason: "its checkpoint lacks a shard that it held",
        });
    }
    for grant in &earlier[base.unwrap_or(0)..] {
        let end = match grant.end {
            Some(HoldingEnd::Released(end)) => {
                let slot = (grant.session, end.saturating_sub(1));
                let released = sources.released.get_mut(&slot).and_then(|s| s.remove(&(shard, grant.epoch)));
                let (partitions, groups, shares) = released.ok_or_else(|| RecoverError::Contradiction {
                    path: keys::slot(slot.0, slot.1),
                    reason: "a shard was moved that is not released there",
                })?;
                recovered.partitions.extend(partitions);
                recovered.groups.insert(shard, groups);
                recovered.shares.extend(shares);
                continue;
            }
            Some(HoldingEnd::Cut(cut)) => cut,
            None => 0,
        };
        let Some(source) = sources.ended.get(&grant.session) else { continue };
        if holds(source, shard, grant) {
            let state = source.checkpoint.as_ref().and_then(|c| c.shards.get(&shard));
            for (partition, state) in state.iter().flat_map(|s| &s.partitions) {
                let begins = OwnedPartition { state: state.clone(), positions: Vec::new() };
                recovered.partitions.insert(*partition, begins);
            }
            recovered.groups.insert(shard, state.map(|s| s.groups.clone()).unwrap_or_default());
            recovered.shares.extend(state.map(|s| s.shares.clone()).unwrap_or_default());
        }
        for (n, record) in source.records.get(&(shard, grant.epoch)).into_iter().flatten() {
            if *n < end || mutant::is(Mutant::TrustObjects) {
                replay(grant, *n, record, recovered)?;
            }
        }
    }
    Ok(())
}

/// Whether holdings before `grant` were forgotten because a checkpoint holds the shard.
fn forgotten_before(cluster: &Cluster, grant: &Grant) -> bool {
    let end = cluster.session(grant.session).and_then(|s| s.state.end());
    end.and_then(|e| e.checkpoint).is_some_and(|c| grant.epoch < c.as_of)
}

fn replay(grant: &Grant, slot: u64, record: &Record, recovered: &mut Recovered) -> Result<(), RecoverError> {
    match record {
        Record::Batch(b) => {
            let partition = recovered.partitions.entry(b.partition).or_default();
            if b.appended.base_offset != partition.state.partition.log_end {
                let path = keys::slot(grant.session, slot);
                return Err(RecoverError::Contradiction {
                    path,
                    reason: "a batch does not follow its log's end",
                });
            }
            partition.state.partition.apply(&b.appended);
            partition.positions.push(Position {
                session: grant.session,
                epoch: grant.epoch,
                slot,
                position: b.position,
                length: b.length,
                base_offset: b.appended.base_offset,
                last_offset_delta: b.appended.batch.last_offset_delta,
                max_timestamp: b.appended.batch.max_timestamp,
            });
        }
        Record::Trim { partition, trimmed, .. } => {
            let partition = recovered.partitions.entry(*partition).or_default();
            if trimmed.log_start > partition.state.partition.log_end {
                let path = keys::slot(grant.session, slot);
                return Err(RecoverError::Contradiction { path, reason: "a log is trimmed beyond its end" });
            }
            if !mutant::is(Mutant::ForgetTrims) {
                partition.trim(trimmed);
            }
        }
        Record::ProducersExpired { partition, producers, .. } => {
            recovered.partitions.entry(*partition).or_default().state.partition.expire(producers);
        }
        Record::Group { shard, group, changes, .. } => {
            group::replay(recovered.groups.entry(*shard).or_default(), group, changes);
        }
        Record::Share { id, changes, .. } => share::replay(&mut recovered.shares, id, changes),
        Record::Release { .. } | Record::Close => {}
    }
    Ok(())
}

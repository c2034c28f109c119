//! What the metadata log of a run says in the end: how often shards changed hands, and how.

use std::collections::{BTreeMap, BTreeSet};

use coordinator::cluster::{Cluster, MoveFrom, Op, Outcome};
use coordinator::{Epoch, ProcessId, SessionId, ShardId};
use object_store::ObjectStoreExt;
use tiering::format::entry::{self, Entry};
use tiering::format::keys;
use tiering::store::MemoryStore;

/// Counted over all entries; what was void does not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moves {
    /// Entries.
    pub entries: u64,
    /// Sessions opened.
    pub opened: u64,
    /// Sessions that were sealed.
    pub dead: u64,
    /// Sessions that closed themselves.
    pub closed: u64,
    /// Entries in which a session is closed and another one of its process is opened.
    pub rotations: u64,
    /// Entries that move shards which their session released.
    pub planned: u64,
    /// Entries that move shards of a session that was sealed.
    pub takeovers: u64,
    /// Entries that ask if a session's node lives.
    pub suspicions: u64,
}

/// Replays the metadata log. Returns the state in the end as well, if there is one.
pub async fn replay(objects: &MemoryStore) -> anyhow::Result<(Moves, Option<Cluster>)> {
    let mut moves = Moves { entries: 1, ..Moves::default() };
    let cluster = each(objects, |_, cluster, ops| {
        moves.entries += 1;
        moves.count(cluster, ops.iter().copied());
    });
    let cluster = cluster.await?;
    Ok((moves, cluster))
}

/// Replays the metadata log, and shows each entry but the first: its place, the state that it makes, and what of it
/// was not void. Returns the state in the end, if there is one.
pub async fn each(
    objects: &MemoryStore,
    mut look: impl FnMut(Epoch, &Cluster, &[&Op]),
) -> anyhow::Result<Option<Cluster>> {
    let mut cluster: Option<Cluster> = None;
    for k in (0..).map(Epoch) {
        let Ok(found) = objects.get(&keys::entry(k)).await else { break };
        match (entry::decode(k, &found.bytes().await?)?, &mut cluster) {
            (Entry::Format(format), None) => cluster = Some(Cluster::new(format)),
            (Entry::Ops(ops), Some(cluster)) => {
                let outcomes = cluster.apply(k, &ops)?;
                let applied = ops.iter().zip(outcomes).filter(|(_, outcome)| *outcome == Outcome::Applied);
                look(k, cluster, &applied.map(|(op, _)| op).collect::<Vec<_>>());
            }
            _ => anyhow::bail!("entry {k} is out of place"),
        }
    }
    Ok(cluster)
}

/// By shard: which process had it before entry `from`, and which ones got it since then, one after the other. A shard
/// that no node had is not among them.
pub async fn hands(objects: &MemoryStore, from: Epoch) -> anyhow::Result<BTreeMap<ShardId, Vec<ProcessId>>> {
    let mut hands: BTreeMap<ShardId, Vec<ProcessId>> = BTreeMap::new();
    let look = |k: Epoch, cluster: &Cluster, _: &[&Op]| {
        for shard in cluster.shards().all() {
            let grant = cluster.assigned(shard).filter(|grant| grant.epoch == k);
            let Some(to) = grant.and_then(|grant| cluster.session(grant.session)) else { continue };
            let of = hands.entry(shard).or_default();
            if k < from {
                of.clear();
            }
            if of.last() != Some(&to.process) {
                of.push(to.process);
            }
        }
    };
    each(objects, look).await?;
    Ok(hands)
}

impl Moves {
    fn count<'a>(&mut self, cluster: &Cluster, ops: impl Iterator<Item = &'a Op>) {
        let process = |session: SessionId| cluster.session(session).map(|s| s.process);
        let (mut closed, mut opened) = (BTreeSet::new(), BTreeSet::new());
        let (mut planned, mut taken) = (false, false);
        for op in ops {
            match op {
                Op::Open { process, .. } => {
                    self.opened += 1;
                    opened.insert(*process);
                }
                Op::Dead { .. } => self.dead += 1,
                Op::Closed { session, .. } => {
                    self.closed += 1;
                    closed.extend(process(*session));
                }
                Op::Move { from: MoveFrom::Released { .. }, .. } => planned = true,
                Op::Move { from: MoveFrom::Ended { session, .. }, .. } => {
                    taken |= process(*session).is_none_or(|process| !closed.contains(&process));
                }
                Op::Suspect { .. } => self.suspicions += 1,
                _ => {}
            }
        }
        self.rotations += u64::from(closed.intersection(&opened).next().is_some());
        self.planned += u64::from(planned);
        self.takeovers += u64::from(taken);
    }
}

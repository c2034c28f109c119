//! What the metadata log of a run says in the end: how often shards changed hands, and how.

use std::collections::BTreeSet;

use coordinator::cluster::{Cluster, MoveFrom, Op, Outcome};
use coordinator::{Epoch, SessionId};
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
    let mut moves = Moves::default();
    let mut cluster: Option<Cluster> = None;
    for k in (0..).map(Epoch) {
        let Ok(found) = objects.get(&keys::entry(k)).await else { break };
        moves.entries += 1;
        match (entry::decode(k, &found.bytes().await?)?, &mut cluster) {
            (Entry::Format(format), None) => cluster = Some(Cluster::new(format)),
            (Entry::Ops(ops), Some(cluster)) => {
                let outcomes = cluster.apply(k, &ops)?;
                let applied = ops.iter().zip(outcomes).filter(|(_, outcome)| *outcome == Outcome::Applied);
                moves.count(cluster, applied.map(|(op, _)| op));
            }
            _ => anyhow::bail!("entry {k} is out of place"),
        }
    }
    Ok((moves, cluster))
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

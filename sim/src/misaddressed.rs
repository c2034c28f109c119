//! Nodes whose address is wrong (a wrong `--advertise`): neither other nodes nor clients that were sent to them reach
//! them there. A client that dials the machine itself, as one does for its first request, is served.
//!
//! Such a node gets no shards before another one has reached its session, and the cluster is not unsettled by it: what
//! it costs stands in the metadata log, and is counted from there.

use std::collections::{BTreeMap, BTreeSet};

use coordinator::cluster::{Address, Cluster as State, Op};
use coordinator::{Epoch, ProcessId, SessionId};
use rand::Rng;
use rand::rngs::StdRng;
use tiering::store::MemoryStore;

use crate::moves;
use crate::network::{SILENT, address};

/// How a node's address is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// There is no such host.
    Nowhere,
    /// What is sent there is never answered.
    Silent,
    /// It is another node's.
    Other(usize),
}

/// A node that advertises a wrong address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misaddressed {
    /// The node.
    pub node: usize,
    /// How it is wrong.
    pub wrong: Wrong,
    /// How many of its processes advertise it, from the next one on.
    pub lives: u64,
}

impl Misaddressed {
    /// Draws how one of so many nodes, of which there are at least two, is misaddressed.
    pub fn draw(nodes: usize, lives: u64, rng: &mut StdRng) -> Self {
        let node = rng.random_range(0..nodes);
        let other = (node + rng.random_range(1..nodes)) % nodes;
        let wrong = match rng.random_range(0..3) {
            0 => Wrong::Nowhere,
            1 => Wrong::Silent,
            _ => Wrong::Other(other),
        };
        Self { node, wrong, lives }
    }
}

impl Wrong {
    /// What the node says of where it is.
    pub fn address(self) -> Address {
        match self {
            Self::Nowhere => Address { host: "nowhere".into(), ..address(0) },
            Self::Silent => Address { host: SILENT.into(), ..address(0) },
            Self::Other(node) => address(node),
        }
    }
}

/// What processes came to, by the metadata log: from some entry on, and not counting rotations, by which nothing
/// changes hands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Caused {
    /// How many processes there were.
    pub processes: u64,
    /// The entries that say something of their sessions.
    pub entries: u64,
    /// The sessions that they opened.
    pub opened: u64,
    /// The shards that they were given.
    pub given: u64,
    /// The shards that others gave each other meanwhile.
    pub others: u64,
}

impl Caused {
    /// Counts, from entry `from` on.
    pub async fn count(
        objects: &MemoryStore,
        processes: &BTreeSet<ProcessId>,
        from: Epoch,
    ) -> anyhow::Result<Self> {
        let mut caused = Self { processes: processes.len() as u64, ..Self::default() };
        let mut known: BTreeMap<SessionId, ProcessId> = BTreeMap::new();
        let look = |k: Epoch, _: &State, ops: &[&Op]| {
            for op in ops {
                if let Op::Open { session, process, .. } = op {
                    known.insert(*session, *process);
                }
            }
            if k >= from {
                caused.add(ops, &known, processes);
            }
        };
        moves::each(objects, look).await?;
        for hands in moves::hands(objects, from).await?.into_values() {
            let given = hands.iter().skip(1).filter(|process| processes.contains(process)).count() as u64;
            caused.given += given;
            caused.others += hands.len() as u64 - 1 - given;
        }
        Ok(caused)
    }

    /// Adds another run.
    pub(crate) fn add_run(&mut self, other: &Self) {
        self.processes += other.processes;
        self.entries += other.entries;
        self.opened += other.opened;
        self.given += other.given;
        self.others += other.others;
    }

    fn add(&mut self, ops: &[&Op], known: &BTreeMap<SessionId, ProcessId>, processes: &BTreeSet<ProcessId>) {
        let process = |session: &SessionId| known.get(session).copied();
        let is_theirs = |session: &SessionId| process(session).is_some_and(|it| processes.contains(&it));
        let closed: BTreeSet<_> = ops
            .iter()
            .filter_map(|op| if let Op::Closed { session, .. } = op { process(session) } else { None })
            .collect();
        let mut is_about = false;
        for op in ops {
            match op {
                Op::Open { process, .. } if processes.contains(process) && !closed.contains(process) => {
                    self.opened += 1;
                    is_about = true;
                }
                Op::Dead { session, .. }
                | Op::Suspect { session }
                | Op::Alive { session }
                | Op::Drain { session, .. } => is_about |= is_theirs(session),
                _ => {}
            }
        }
        self.entries += u64::from(is_about);
    }
}

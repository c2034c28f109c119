//! One lasting fault, when all else is well: the cluster must serve in spite of it.
//!
//! Safety is checked whatever happens, and progress once everything was mended. Neither finds a node that keeps
//! its shards though it can't write, or of a cluster that does not start because one object is damaged: here clients
//! must get on while that lasts. Whose producers must is known, because each has one partition of its own.

mod misaddressed;
mod skewed;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use coordinator::cluster::Cluster as State;
use coordinator::{Epoch, SessionId};
use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::path::Path;
use parking_lot::Mutex;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use tiering::format::keys;
use tokio::time::sleep;

use crate::chaos::{Suffered, denial};
use crate::cluster::Cluster;
use crate::fault::{Damage, Denial};
use crate::history::Event;
use crate::process::Process;
use crate::scenario::Scenario;
pub(crate) use skewed::ask as even_out;

/// How long the cluster has to come to rest first.
const SETTLE: Duration = Duration::from_secs(20);

/// How long it has to find out what is wrong, and to do something about it.
const GRACE: Duration = Duration::from_secs(40);

/// How long each producer has after that to get something done.
const WAIT: Duration = Duration::from_secs(30);

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trial {
    /// One node's store refuses its writes, or some of them. It needs three nodes, so that most are well.
    Denied,
    /// An object of one session is damaged, and every process dies. It needs two nodes.
    Damaged,
    /// One node starts again, and the address that it advertises is wrong. It needs three nodes, so that two can agree
    /// that it can't be reached.
    Misaddressed,
    /// Nothing, but producers write to a few partitions only; the shards must come to rest. It needs two nodes.
    Skewed,
}

impl Trial {
    /// How many nodes it takes.
    pub fn nodes(self) -> usize {
        match self {
            Self::Denied | Self::Misaddressed => 3,
            Self::Damaged | Self::Skewed => 2,
        }
    }
}

/// The topic, the partition and the producer that writes to it alone.
type Place = (Option<Arc<str>>, i32, i64);

type Acks = BTreeMap<Place, u64>;

/// Tries a cluster in which nothing is wrong. Returns who did not get on; what was wrong is mended then.
pub async fn run(
    trial: Trial,
    scenario: &Scenario,
    cluster: &mut Cluster,
    history: &Mutex<Vec<Event>>,
    rng: &mut StdRng,
    suffered: &mut Suffered,
) -> Vec<String> {
    if trial == Trial::Skewed {
        return skewed::run(scenario, cluster, suffered).await;
    }
    let before = acks(history);
    pass(cluster, scenario, SETTLE).await;
    let mut working = since(&before, acks(history));
    let (mut damage, began) = (None, next(cluster));
    let what = match trial {
        Trial::Denied => deny(cluster, rng),
        Trial::Damaged => match harm(cluster, rng).await {
            Some((harmed, session, state)) => {
                working.retain(|(topic, partition, _), _| {
                    let topic = topic.as_deref().and_then(|topic| state.topic_named(topic));
                    topic.is_some_and(|topic| !held(&state, session, topic.id, *partition))
                });
                let what = harmed.to_string();
                damage = Some(harmed);
                restart(cluster, scenario, suffered);
                Some(what)
            }
            None => None,
        },
        Trial::Misaddressed => misaddressed::begin(cluster, scenario, rng, suffered),
        Trial::Skewed => None,
    };
    let Some(what) = what else { return Vec::new() };
    suffered.trials += 1;
    suffered.tried += working.len() as u64;
    cluster.trace.line(format_args!("trial: {what}, {} producers must get on", working.len()));
    pass(cluster, scenario, GRACE).await;
    let (before, settled) = (acks(history), next(cluster));
    pass(cluster, scenario, WAIT).await;
    let after = since(&before, acks(history));
    let mut failed = Vec::new();
    if trial == Trial::Misaddressed {
        failed.extend(misaddressed::unsettled(cluster, began, settled).await);
        cluster.misaddress(None);
    }
    for node in 0..cluster.len() {
        if let Some(running) = cluster.current(node) {
            running.faults.deny(None);
        }
    }
    if let Some(damage) = damage {
        suffered.damages += 1;
        damage.undo(&cluster.objects, &cluster.ledger).await;
    }
    cluster.trace.line(format_args!("the trial is over"));
    let idle = working.keys().filter(|place| !after.contains_key(place));
    failed.extend(idle.map(|(topic, partition, producer)| {
        let topic = topic.as_deref().unwrap_or_default();
        format!("not available: producer {producer} of {topic}-{partition} got nothing done in {WAIT:?}, and {what}")
    }));
    failed
}

/// The metadata entry that comes next, as far as any node knows.
fn next(cluster: &Cluster) -> Epoch {
    let known = cluster.running().filter_map(|running| running.broker()?.cluster());
    known.map(|cluster| cluster.next()).max().unwrap_or(Epoch(0))
}

/// Lets time pass. What ends is started again.
async fn pass(cluster: &mut Cluster, scenario: &Scenario, time: Duration) {
    tokio::select! {
        biased;
        () = sleep(time) => {}
        () = cluster.supervise(&scenario.fair) => {}
    }
}

fn deny(cluster: &Cluster, rng: &mut StdRng) -> Option<String> {
    let node = rng.random_range(0..cluster.len());
    let denial = denial(rng);
    let Denial { target, fault } = denial;
    cluster.current(node)?.faults.deny(Some(denial));
    Some(format!("the store meets node {node}'s writes ({target:?}) with {fault:?}"))
}

/// Damages the index of a slot that is needed to rebuild a session's shards, while others hold shards as well.
async fn harm(cluster: &Cluster, rng: &mut StdRng) -> Option<(Damage, SessionId, Arc<State>)> {
    /// The end of the index.
    const WITHIN: u64 = 64;
    let state = cluster.serving()?.cluster()?;
    let holds = |session: SessionId| {
        state.shards().all().any(|shard| state.assigned(shard).is_some_and(|grant| grant.session == session))
    };
    let owners: Vec<_> = state.open_sessions().map(|s| s.id).filter(|id| holds(*id)).collect();
    if owners.len() < 2 {
        return None;
    }
    let session = *owners.choose(rng)?;
    let (objects, ledger) = (&cluster.objects, &cluster.ledger);
    let prefix: Path = keys::session(session).into();
    let listed: Vec<_> = objects.list(Some(&prefix)).try_collect().await.ok()?;
    let of = |depth: usize| {
        let those = listed.iter().filter(move |object| object.location.parts().count() == depth);
        those.filter_map(|object| keys::number(&object.location))
    };
    // A checkpoint lies one level deeper than a slot, and so does an index, which has the same number.
    let covered = of(5).max().unwrap_or(0);
    let last = of(4).max().filter(|last| *last >= covered)?;
    let n = rng.random_range(covered..=last);
    let damage = Damage::to(objects, ledger, &keys::slot(session, n), WITHIN, rng).await?;
    Some((damage, session, state))
}

/// Whether a partition's shard was ever the session's.
fn held(state: &State, session: SessionId, topic: coordinator::TopicId, index: i32) -> bool {
    let shard = state.shards().of_partition(coordinator::PartitionId { topic, index });
    state.grants(shard).iter().any(|grant| grant.session == session)
}

/// Kills every process at once, and starts others.
fn restart(cluster: &mut Cluster, scenario: &Scenario, suffered: &mut Suffered) {
    let all: Vec<_> = cluster.running().map(|running| running.process.clone()).collect();
    suffered.kills += all.len() as u64;
    all.iter().for_each(Process::kill);
    cluster.reap();
    for node in 0..cluster.len() {
        cluster.start(node, scenario.fair.clone());
    }
}

fn acks(history: &Mutex<Vec<Event>>) -> Acks {
    let mut acks = Acks::new();
    for event in history.lock().iter() {
        if let Event::Ack { topic, partition, producer, .. } = event {
            *acks.entry((topic.clone(), *partition, *producer)).or_default() += 1;
        }
    }
    acks
}

/// Who got something done.
fn since(before: &Acks, after: Acks) -> Acks {
    after.into_iter().filter(|(place, count)| before.get(place).is_none_or(|known| known < count)).collect()
}

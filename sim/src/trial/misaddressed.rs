//! A node that starts where others don't reach it: it gets no shards, and does not unsettle the others.

use coordinator::Epoch;
use rand::rngs::StdRng;

use crate::chaos::Suffered;
use crate::cluster::{Cluster, Running};
use crate::misaddressed::{Caused, Misaddressed};
use crate::scenario::Scenario;

/// What a node whose address is wrong may come to in a trial: it may be taken for dead once or twice, and a few entries
/// are needed to find out that it lives.
const OPENED: u64 = 3;
const ENTRIES: u64 = 24;

/// Kills a node, and starts it again where others don't reach it. Not if another one is not there yet: it might be alone.
pub(super) fn begin(
    cluster: &mut Cluster,
    scenario: &Scenario,
    rng: &mut StdRng,
    suffered: &mut Suffered,
) -> Option<String> {
    let serving = cluster.running().filter_map(Running::broker).filter(|broker| broker.is_serving()).count();
    if serving < cluster.len() {
        return None;
    }
    let it = Misaddressed::draw(cluster.len(), u64::MAX, rng);
    cluster.misaddress(Some(it));
    if let Some(running) = cluster.current(it.node) {
        suffered.kills += 1;
        running.process.kill();
    }
    cluster.reap();
    cluster.start(it.node, scenario.fair.clone());
    Some(format!("node {} is said to be {:?}", it.node, it.wrong))
}

/// Whether a misaddressed node was given shards, came and went, or did not leave the others alone once these had
/// `settled`.
pub(super) async fn unsettled(cluster: &Cluster, began: Epoch, settled: Epoch) -> Option<String> {
    let astray = cluster.astray();
    let counted = async |from| Caused::count(&cluster.objects, &astray, from).await;
    let (all, last) = match (counted(began).await, counted(settled).await) {
        (Ok(all), Ok(last)) => (all, last),
        (Err(error), _) | (_, Err(error)) => {
            return Some(format!("the metadata log can't be replayed: {error:#}"));
        }
    };
    cluster.trace.line(format_args!("misaddressed: {all:?}, and in the end {last:?}"));
    let is_quiet = all.given == 0 && all.opened <= OPENED && all.entries <= ENTRIES && last.others == 0;
    (!is_quiet).then(|| format!("unsettled: a misaddressed node caused {all:?}, and in the end {last:?}"))
}

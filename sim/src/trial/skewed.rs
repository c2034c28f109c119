//! Producers that all write to a few partitions: nodes give busy shards away until that is as even as it gets, and then
//! leave them where they are.

use std::collections::BTreeSet;
use std::time::Duration;

use coordinator::ProcessId;

use super::{SETTLE, next, pass};
use crate::chaos::Suffered;
use crate::cluster::{Cluster, Running};
use crate::moves;
use crate::scenario::Scenario;

/// How often every node is asked to even out what it has to do.
const ASK: Duration = Duration::from_secs(15);

/// How often that happens before shards must stay where they are, and after that.
const EVENING: u32 = 6;
const WATCHED: u32 = 6;

/// How often a shard may still move once it should stay.
const MOVES: usize = 1;

/// Lets nodes even out what they have to do. Returns which shards went on changing hands.
pub(super) async fn run(scenario: &Scenario, cluster: &mut Cluster, suffered: &mut Suffered) -> Vec<String> {
    pass(cluster, scenario, SETTLE).await;
    suffered.trials += 1;
    let began = next(cluster);
    even_out(cluster, scenario, EVENING).await;
    let settled = next(cluster);
    even_out(cluster, scenario, WATCHED).await;
    let hands = async |from| moves::hands(&cluster.objects, from).await;
    let (all, last) = match (hands(began).await, hands(settled).await) {
        (Ok(all), Ok(last)) => (all, last),
        (Err(error), _) | (_, Err(error)) => {
            return vec![format!("the metadata log can't be replayed: {error:#}")];
        }
    };
    suffered.evened += all.values().map(|hands| hands.len() as u64 - 1).sum::<u64>();
    let moved = |hands: &Vec<ProcessId>| hands.len() - 1;
    cluster.trace.line(format_args!(
        "evened out: {} moves, {} of them in the end",
        all.values().map(moved).sum::<usize>(),
        last.values().map(moved).sum::<usize>()
    ));
    let is_restless = |hands: &Vec<ProcessId>| {
        moved(hands) > MOVES || hands.iter().collect::<BTreeSet<_>>().len() < hands.len()
    };
    let restless = last.iter().filter(|(_, hands)| is_restless(hands));
    restless
        .map(|(shard, hands)| {
            format!(
                "unsettled: shard {} changed hands {} times in {:?}",
                shard.0,
                moved(hands),
                ASK * WATCHED
            )
        })
        .collect()
}

async fn even_out(cluster: &mut Cluster, scenario: &Scenario, times: u32) {
    for _ in 0..times {
        ask(cluster);
        pass(cluster, scenario, ASK).await;
    }
}

/// Asks every node to even out what it has to do.
pub(crate) fn ask(cluster: &Cluster) {
    cluster.running().filter_map(Running::broker).for_each(|broker| broker.rebalance());
}

//! The records that a member has in hand, and what it makes of them.

use rand::Rng;
use rand::rngs::StdRng;

use crate::client::PartitionIndex;
use crate::history::Said;

/// Successive records that a member was given.
#[derive(Debug, Clone, Copy)]
struct Held {
    partition: PartitionIndex,
    first: i64,
    last: i64,
    /// Who gave them.
    node: usize,
}

/// Successive records of a partition, and what is said of them.
pub(super) type Verdict = (PartitionIndex, i64, i64, Said);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Hand(Vec<Held>);

impl Hand {
    /// Takes records that a node gave.
    pub(super) fn take(&mut self, node: usize, partition: PartitionIndex, (first, last): (i64, i64)) {
        self.0.push(Held { partition, first, last, node });
    }

    /// Whether there is anything that may be said to a node.
    pub(super) fn has(&self, node: usize) -> bool {
        self.0.iter().any(|held| held.node == node)
    }

    /// The session with a node is lost: some members forget what they had of it, and others try to go on.
    pub(super) fn lost(&mut self, node: usize, rng: &mut StdRng) {
        if rng.random_bool(0.5) {
            self.0.retain(|held| held.node != node);
        }
    }

    /// What is said to a node of records that it gave, or now and then another did: ascending in each partition.
    /// If there shall be an `end`, everything is accepted where it came from.
    pub(super) fn judge(&mut self, node: usize, end: bool, rng: &mut StdRng) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        let mut kept = Vec::new();
        for mut held in std::mem::take(&mut self.0) {
            if held.node != node && (end || !rng.random_bool(0.1)) {
                kept.push(held);
                continue;
            }
            if held.first < held.last && !end && rng.random_bool(0.3) {
                let last = rng.random_range(held.first..held.last);
                kept.push(Held { first: last + 1, ..held });
                held.last = last;
            }
            let said = match rng.random_range(0..100) {
                _ if end => Said::Accept,
                0..65 => Said::Accept,
                65..80 => Said::Release,
                80..85 => Said::Reject,
                _ => {
                    kept.push(held);
                    continue;
                }
            };
            verdicts.push((held.partition, held.first, held.last, said));
        }
        self.0 = kept;
        ascending(verdicts)
    }

    /// Records that a node gave and that take longer.
    pub(super) fn renewed(&self, node: usize) -> Vec<Verdict> {
        let here = self.0.iter().filter(|held| held.node == node);
        ascending(here.map(|held| (held.partition, held.first, held.last, Said::Renew)).collect())
    }
}

/// In order, without what was given a second time meanwhile: that is said once.
fn ascending(mut verdicts: Vec<Verdict>) -> Vec<Verdict> {
    verdicts.sort_by_key(|(partition, first, last, _)| (*partition, *first, *last));
    let mut ascending: Vec<Verdict> = Vec::new();
    for verdict in verdicts {
        let overlaps = ascending.last().is_some_and(|before| before.0 == verdict.0 && before.2 >= verdict.1);
        if !overlaps {
            ascending.push(verdict);
        }
    }
    ascending
}

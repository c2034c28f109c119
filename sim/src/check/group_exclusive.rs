//! Exclusive partitions: no two members of a consumer group own a partition at one time.
//!
//! KIP-848, "Reconciliation Process": a partition is assigned to another member only when its owner says that it
//! has given it back, or is no longer a member. A member owns what it was assigned, up to when it sends that it owns
//! it no more, leaves, dies or is fenced. Of one that sent nothing for a while nothing is known: the group may
//! have revoked its partitions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Anomaly, Findings};
use crate::history::{Exchange, Group, GroupReply, GroupRequest, Moment, Place, Step};

/// A member, as it knows itself.
#[derive(Default)]
struct Owner {
    owned: BTreeSet<Place>,
    epoch: i32,
    /// When its last heartbeat was sent that was answered (ms).
    alive: u64,
    /// Whether it may have been fenced since its epoch began.
    doubtful: bool,
}

impl Owner {
    fn owns(&self, place: &Place, now: u64, patience: u64) -> bool {
        !self.doubtful && now < self.alive + patience && self.owned.contains(place)
    }
}

pub(super) fn check(group: &Group, findings: &mut Findings) {
    let mut owners: BTreeMap<Arc<str>, Owner> = BTreeMap::new();
    for (at, step) in &group.steps {
        match step {
            Step::Gone(member) => drop(owners.remove(member)),
            Step::Asked(index) => {
                let exchange = &group.exchanges[*index];
                if let GroupRequest::ConsumerHeartbeat { epoch, owned } = &exchange.request {
                    let owner = owners.entry(Arc::clone(&exchange.member)).or_default();
                    match owned {
                        _ if *epoch <= 0 => owner.owned.clear(),
                        Some(owned) => owner.owned = owned.iter().cloned().collect(),
                        None => {}
                    }
                }
            }
            Step::Answered(index) => answered(group, &mut owners, &group.exchanges[*index], *at, findings),
        }
    }
}

fn answered(
    group: &Group,
    owners: &mut BTreeMap<Arc<str>, Owner>,
    exchange: &Exchange,
    at: Moment,
    findings: &mut Findings,
) {
    let GroupRequest::ConsumerHeartbeat { .. } = exchange.request else { return };
    let member = &exchange.member;
    let Some((_, GroupReply::Beat { epoch, assignment })) = &exchange.reply else { return };
    let owner = owners.entry(Arc::clone(member)).or_default();
    if owner.epoch != *epoch {
        owner.doubtful = false;
    } else if at.ms >= owner.alive + group.patience_ms {
        owner.doubtful = true;
    }
    (owner.epoch, owner.alive) = (*epoch, exchange.asked.ms);
    let new: Vec<Place> = assignment.iter().flatten().filter(|p| !owner.owned.contains(p)).cloned().collect();
    owner.owned.extend(new.iter().cloned());
    for place in new {
        let others = owners.iter().filter(|(other, _)| *other != member);
        for (other, _) in others.filter(|(_, other)| other.owns(&place, at.ms, group.patience_ms)) {
            let (topic, index) = &place;
            findings.add(
                Anomaly::PartitionOwnedTwice,
                format_args!("{topic}-{index} is {other}'s, and was given to {member} at {} ms", at.ms),
            );
        }
    }
}

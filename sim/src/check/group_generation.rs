//! Generations: whoever joins a classic group after somebody was told of a generation is told of that or a later
//! one, and every generation has one leader. A member's epoch in a consumer group never goes back either.
//!
//! Kafka's generations (KIP-62) and member epochs (KIP-848) fence what is late: a commit of an older one is refused.
//! Two leaders of a generation would hand the same partitions out twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Anomaly, Findings};
use crate::history::{Group, GroupReply};

pub(super) fn check(group: &Group, findings: &mut Findings) {
    let mut leaders: BTreeMap<i32, Arc<str>> = BTreeMap::new();
    // What was told, and the highest generation by then.
    let mut told: Vec<(usize, i32)> = Vec::new();
    let mut epochs: BTreeMap<Arc<str>, (usize, i32)> = BTreeMap::new();
    for (exchange, at, reply) in group.answered() {
        let member = &exchange.member;
        match reply {
            GroupReply::Joined { generation, leader } => {
                let first = leaders.entry(*generation).or_insert_with(|| Arc::clone(leader));
                if first != leader {
                    findings.add(
                        Anomaly::TwoGroupLeaders,
                        format_args!("generation {generation} is {first}'s and {leader}'s"),
                    );
                }
                let before = told.partition_point(|(order, _)| *order < exchange.asked.order);
                let known = before.checked_sub(1).map_or(0, |last| told[last].1);
                if *generation < known {
                    findings.add(
                        Anomaly::GenerationWentBack,
                        format_args!("{member} was told of generation {generation} after {known}"),
                    );
                }
                let highest = told.last().map_or(0, |(_, highest)| *highest);
                told.push((at.order, highest.max(*generation)));
            }
            GroupReply::Beat { epoch, .. } if *epoch >= 0 => {
                let before = epochs.insert(Arc::clone(member), (exchange.asked.order, *epoch));
                let before = before.filter(|(since, _)| !group.resets.between(*since, at.order));
                if let Some((_, before)) = before.filter(|(_, before)| before > epoch) {
                    findings.add(
                        Anomaly::GenerationWentBack,
                        format_args!("{member} was told of epoch {epoch} after {before}"),
                    );
                }
            }
            _ => {}
        }
    }
}

//! Generations: a member that joins a classic group after any member got a generation gets that or a later
//! one, and every generation has one leader. A member's epoch in a consumer group never goes back either. A group that
//! was deleted or has expired begins anew.
//!
//! Kafka's generations (KIP-62) and member epochs (KIP-848) fence what is late: a commit of an older one is refused.
//! Two leaders of a generation would assign the same partitions twice. A static member that comes back takes the
//! place that it had, under another id (KIP-345).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Anomaly, Findings};
use crate::history::{Group, GroupReply, STATIC};

/// A generation that a member got: when it was asked for and answered, which, and its leader.
struct Told {
    asked: usize,
    answered: usize,
    generation: i32,
    leader: Arc<str>,
}

pub(super) fn check(group: &Group, findings: &mut Findings) {
    let mut told: Vec<Told> = Vec::new();
    let mut epochs: BTreeMap<Arc<str>, (usize, i32)> = BTreeMap::new();
    for (exchange, at, reply) in group.answered() {
        let (member, asked) = (&exchange.member, exchange.asked.order);
        match reply {
            GroupReply::Joined { generation, leader } => {
                let same = |before: &&Told| !group.resets.between(before.asked, at.order);
                let other = |before: &&Told| {
                    before.generation == *generation && place(&before.leader) != place(leader)
                };
                if let Some(before) = told.iter().filter(same).find(other) {
                    let first = &before.leader;
                    findings.add(
                        Anomaly::TwoGroupLeaders,
                        format_args!("generation {generation} is {first}'s and {leader}'s"),
                    );
                }
                let still =
                    |before: &&Told| !group.resets.after_member(before.asked, before.answered, at.order);
                let known = told.iter().filter(|before| before.answered < asked).filter(still);
                let known = known.map(|before| before.generation).max().unwrap_or(0);
                if *generation < known {
                    findings.add(
                        Anomaly::GenerationWentBack,
                        format_args!("{member} got generation {generation} after {known}"),
                    );
                }
                let (answered, generation, leader) = (at.order, *generation, Arc::clone(leader));
                told.push(Told { asked, answered, generation, leader });
            }
            GroupReply::Beat { epoch, .. } if *epoch >= 0 => {
                let before = epochs.insert(Arc::clone(member), (asked, *epoch));
                let before = before.filter(|(since, _)| !group.resets.between(*since, at.order));
                if let Some((_, before)) = before.filter(|(_, before)| before > epoch) {
                    findings.add(
                        Anomaly::GenerationWentBack,
                        format_args!("{member} got epoch {epoch} after {before}"),
                    );
                }
            }
            _ => {}
        }
    }
}

/// Whose place a member has, by its id: a static member has it in all its lives.
fn place(id: &str) -> &str {
    let name = id.strip_prefix(STATIC).and_then(|rest| rest.split_once('-'));
    name.map_or(id, |(number, _)| &id[..STATIC.len() + number.len()])
}

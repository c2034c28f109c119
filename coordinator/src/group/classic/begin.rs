//! A new owner takes a classic group over.

use super::{rebalance, session};
use crate::group::state::{ClassicState, MemberId};
use crate::group::timer::Timer;
use crate::group::work::Work;

/// Begins every timer at full length. A Stable group stays so while its members live. A rebalance goes on where
/// it was: members that have not joined, or not synced, come back to do so, or are dropped in time.
pub(in crate::group) fn begin(work: &mut Work<'_>) {
    let members: Vec<MemberId> = work.group().classic_members().map(|(id, _)| MemberId::clone(id)).collect();
    members.iter().for_each(|member| session::renew(work, member));
    match session::state(work) {
        Some(ClassicState::PreparingRebalance) => work.set(Timer::Join, rebalance::rebalance_timeout(work)),
        Some(ClassicState::CompletingRebalance) => {
            work.set(Timer::Sync, rebalance::rebalance_timeout(work));
            work.entry.classic.unsynced = members.into_iter().collect();
        }
        Some(ClassicState::Empty | ClassicState::Stable) | None => {}
    }
}

#[cfg(test)]
#[path = "begin_test.rs"]
mod tests;

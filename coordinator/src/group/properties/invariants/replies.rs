//! Every request is answered once.

use super::super::run::Run;
use crate::group::Effect;

/// No request is answered that is not owed an answer, and none is lost: those unanswered are parked.
pub(in super::super) fn check(run: &mut Run, effects: &[Effect]) {
    for effect in effects {
        if let Effect::Reply { token, .. } = effect {
            assert!(run.owed.remove(token), "{token} is answered twice, or was not asked");
        }
    }
    let parked = |entry: &crate::group::work::Entry| {
        let soft = &entry.classic;
        soft.joining.values().chain(soft.syncing.values()).copied().collect::<Vec<_>>()
    };
    let mut parked: Vec<_> = run.shard.groups.values().flat_map(parked).collect();
    parked.sort_unstable();
    assert!(parked.iter().eq(&run.owed), "{parked:?} are parked, and {:?} are owed a reply", run.owed);
}

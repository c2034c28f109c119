//! Back after its deletion: a share group was deleted, no member came since, and a share partition of it was said to
//! start somewhere.
//!
//! KIP-932, "Deleting share groups": the group's state goes with it, that of every partition. Only a member brings it
//! into being again, and it begins where the group is configured to begin.

use super::{Anomaly, Findings};
use crate::history::ShareGroup;

pub(super) fn check(group: &ShareGroup, findings: &mut Findings) {
    for (began, done) in group.resets.done() {
        for ((topic, index), starts) in &group.starts {
            let back = starts.iter().filter(|start| start.offset >= 0 && start.asked > *done);
            let came = |until: usize| group.came.iter().any(|span| span.1 > *began && span.0 < until);
            if let Some(back) = back.min_by_key(|start| start.answered).filter(|start| !came(start.answered))
            {
                findings.add(
                    Anomaly::DeletedGroupBack,
                    format_args!("{topic}-{index}: no member came, and it starts at {}", back.offset),
                );
            }
        }
    }
}

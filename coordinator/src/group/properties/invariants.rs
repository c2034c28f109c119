//! What always holds, one file for each thing that it is about.

pub(super) mod delivery;
pub(super) mod history;
pub(super) mod offsets;
pub(super) mod replies;
pub(super) mod state;
pub(super) mod timers;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::group::classic::Soft;
use crate::group::{ClassicGroup, Group, GroupId, Shard};

/// The shard before a step.
pub(super) struct Before {
    pub(super) groups: BTreeMap<GroupId, (Arc<Group>, Soft)>,
}

impl Before {
    pub(super) fn new(shard: &Shard) -> Self {
        let of = |(id, _): (&GroupId, _)| {
            let entry = &shard.groups[id];
            (GroupId::clone(id), (Arc::clone(&entry.group), entry.classic.clone()))
        };
        Self { groups: shard.groups().map(of).collect() }
    }

    pub(super) fn group(&self, id: &str) -> Option<&Group> {
        self.groups.get(id).map(|(group, _)| &**group)
    }

    pub(super) fn classic(&self, id: &str) -> Option<&ClassicGroup> {
        self.group(id)?.classic()
    }
}

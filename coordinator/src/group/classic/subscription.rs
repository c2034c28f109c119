//! What a classic group's members read.

use std::collections::BTreeSet;

use super::protocol;
use crate::group::ConsumerProtocol;
use crate::group::state::Group;

/// The topics that a group is subscribed to, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::group) enum Subscribed {
    /// Its consumers have not agreed on an assignor yet, or say what cannot be read: any topic may be theirs.
    Unknown,
    /// These.
    To(BTreeSet<String>),
}

impl Subscribed {
    /// Whether the topic is one of them, or may be.
    pub(in crate::group) fn contains(&self, topic: &str) -> bool {
        match self {
            Self::Unknown => true,
            Self::To(topics) => topics.contains(topic),
        }
    }
}

/// What a group's members read, of which the coordinator knows only if they are consumers.
pub(in crate::group) fn subscribed(group: &Group, codec: &ConsumerProtocol) -> Subscribed {
    let Some(classic) = group.classic().filter(|classic| classic.is_of_consumers()) else {
        return Subscribed::To(BTreeSet::new());
    };
    let mut topics = BTreeSet::new();
    for (_, member) in group.classic_members() {
        let metadata = classic.protocol.as_ref().and_then(|name| protocol::metadata(member, name));
        match metadata.and_then(|metadata| (codec.read_subscription)(metadata)) {
            Some(subscription) => topics.extend(subscription.topics),
            None => return Subscribed::Unknown,
        }
    }
    Subscribed::To(topics)
}

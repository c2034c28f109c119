//! Which assignor a classic group's members agree on.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::Join;
use crate::group::state::{ClassicMember, ClassicState};
use crate::group::work::Work;

/// How many assignors a member may offer. Clients offer one to three; Kafka has no limit, and neither has the
/// coordinator any time for a list that fills a request.
const MOST: usize = 100;

/// Whether a join fits the group: the same protocol type, and one assignor at least that every member takes.
pub(super) fn supports(work: &Work<'_>, join: &Join) -> bool {
    let Some(classic) = work.group().classic() else { return false };
    if !is_offer(&join.protocols) {
        return false;
    }
    if classic.state == ClassicState::Empty {
        return !join.protocol_type.is_empty();
    }
    classic.protocol_type.as_ref() == Some(&join.protocol_type)
        && join.protocols.iter().any(|(name, _)| work.index().all_take(name))
}

/// Whether a member may offer these assignors: at least one, each of them once, and not too many.
pub(in crate::group) fn is_offer(list: &[(String, Bytes)]) -> bool {
    (1..=MOST).contains(&list.len()) && names(list).collect::<BTreeSet<_>>().len() == list.len()
}

/// The assignor with the most votes; each member votes for the first on its list that every member takes. Of
/// several with as many votes it is the first by name. `None` if there is no member.
pub(in crate::group) fn select(work: &Work<'_>) -> Option<String> {
    let candidates = work.index().taken_by_all();
    if candidates.len() <= 1 {
        return candidates.into_iter().next().map(str::to_owned);
    }
    let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, member) in work.group().classic_members() {
        if let Some(vote) = names(&member.protocols).find(|name| candidates.contains(name)) {
            *votes.entry(vote).or_default() += 1;
        }
    }
    let most = votes.values().copied().max()?;
    votes.into_iter().find(|(_, count)| *count == most).map(|(name, _)| name.to_owned())
}

fn names(list: &[(String, Bytes)]) -> impl Iterator<Item = &str> {
    list.iter().map(|(name, _)| name.as_str())
}

/// A member's metadata for an assignor.
pub(super) fn metadata<'a>(member: &'a ClassicMember, protocol: &str) -> Option<&'a Bytes> {
    member.protocols.iter().find(|(name, _)| name == protocol).map(|(_, metadata)| metadata)
}

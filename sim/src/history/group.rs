//! What was asked of groups and what came back, sorted by group.
//!
//! Requests and replies stand in the history as they happened, so that one was over before another began if it
//! stands there earlier. A request without a reply may have been carried out, may be later, or never.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::ErrorCode;
use serde::{Deserialize, Serialize};

use super::Event;

/// A partition, by the name or the id of its topic: a group's clients use one or the other.
pub type Place = (Arc<str>, i32);

/// What is asked of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupRequest {
    /// OffsetCommit. No offset of a partition is ever committed twice.
    Commit(Vec<(Place, i64)>),
    /// OffsetFetch.
    Fetch,
    /// JoinGroup.
    Join,
    /// SyncGroup.
    Sync {
        /// The generation.
        generation: i32,
    },
    /// Heartbeat.
    Heartbeat {
        /// The generation.
        generation: i32,
    },
    /// LeaveGroup.
    Leave,
    /// ConsumerGroupHeartbeat.
    ConsumerHeartbeat {
        /// The member's epoch: 0 joins, −1 leaves.
        epoch: i32,
        /// What the member owns from now on, if it says so.
        owned: Option<Vec<Place>>,
    },
    /// DescribeShareGroupOffsets. Its answer stands in the history by itself.
    ShareOffsets,
    /// ShareGroupHeartbeat.
    ShareHeartbeat {
        /// The member's epoch: 0 joins, −1 leaves.
        epoch: i32,
    },
    /// DeleteGroups.
    Delete,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupReply {
    /// It is done.
    Done,
    /// Committed offsets; −1 where there is none.
    Offsets(Vec<(Place, i64)>),
    /// The member has joined.
    Joined {
        /// The generation.
        generation: i32,
        /// Who leads it.
        leader: Arc<str>,
    },
    /// The member is in its group.
    Beat {
        /// Its epoch.
        epoch: i32,
        /// What it may own, if that is reported.
        assignment: Option<Vec<Place>>,
    },
    /// An error of Kafka's.
    Refused(i16),
}

/// A request, as it stands in the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupAsked {
    /// Its number, different from every other's.
    pub ask: u64,
    /// The group.
    pub group: Arc<str>,
    /// The member's id; empty if it has none.
    pub member: Arc<str>,
    /// When (ms since the run began).
    pub at_ms: u64,
    /// What is asked.
    pub request: GroupRequest,
}

/// When something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Its place in the history.
    pub order: usize,
    /// Milliseconds since the run began.
    pub ms: u64,
}

/// A request, and its reply if there was one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Who asked.
    pub member: Arc<str>,
    /// When.
    pub asked: Moment,
    /// What.
    pub request: GroupRequest,
    /// When the reply came, and which.
    pub reply: Option<(Moment, GroupReply)>,
}

/// What happened to a group, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A request left: the index of the exchange.
    Asked(usize),
    /// Its reply came.
    Answered(usize),
    /// A member is no more, and said nothing.
    Gone(Arc<str>),
}

/// A part of the history in which something may have happened, or did: after its first place and before its last, the
/// largest number if it may happen yet.
pub type Span = (usize, usize);

/// What the names of static members begin with (`group.instance.id`). A member's id in a classic group is its name and
/// more.
pub const STATIC: &str = "static-";

/// Where in the history a group may have begun anew, because its deletion was asked for, or because it may have expired.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resets {
    spans: Vec<Span>,
    /// Where it may have had no member, if it expires then.
    empty: Vec<Span>,
    done: Vec<Span>,
}

impl Resets {
    /// The deletions that were asked for. One that was refused may have been carried out in part, or while another
    /// was under way.
    pub(super) fn of<'a>(exchanges: impl Iterator<Item = &'a Exchange>) -> Self {
        let mut resets = Self::default();
        for exchange in exchanges.filter(|exchange| exchange.request == GroupRequest::Delete) {
            let until = exchange.reply.as_ref().map_or(usize::MAX, |(at, _)| at.order);
            let span = (exchange.asked.order, until);
            resets.spans.push(span);
            if matches!(exchange.reply, Some((_, GroupReply::Done))) {
                resets.done.push(span);
            }
        }
        resets
    }

    /// Whether the group may have begun anew after something that began at one place in the history, and before
    /// something that was over at another.
    pub fn between(&self, since: usize, until: usize) -> bool {
        self.begins_anew(since, since, until)
    }

    /// The same after what was answered as a member's. What expires has had no member for long: not since before the
    /// answer.
    pub fn after_member(&self, asked: usize, answered: usize, until: usize) -> bool {
        self.begins_anew(asked, answered, until)
    }

    fn begins_anew(&self, since: usize, empty_since: usize, until: usize) -> bool {
        let within = |spans: &[Span], since| spans.iter().any(|span| span.1 > since && span.0 < until);
        within(&self.spans, since) || within(&self.empty, empty_since)
    }

    /// The deletions that were acknowledged.
    pub fn done(&self) -> &[Span] {
        &self.done
    }
}

/// A group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// How long a member is certain to be kept after a heartbeat (ms).
    pub patience_ms: u64,
    /// How long an offset is certain to be kept after it was committed (ms), if not for ever.
    pub retention_ms: Option<u64>,
    /// Requests, in the order in which they were sent.
    pub exchanges: Vec<Exchange>,
    /// Everything, in order.
    pub steps: Vec<(Moment, Step)>,
    /// Where it may have begun anew.
    pub resets: Resets,
}

impl Group {
    /// Requests that were answered, in the order of their answers.
    pub fn answered(&self) -> impl Iterator<Item = (&Exchange, Moment, &GroupReply)> {
        self.steps.iter().filter_map(|(_, step)| {
            let Step::Answered(index) = step else { return None };
            let exchange = self.exchanges.get(*index)?;
            let (at, reply) = exchange.reply.as_ref()?;
            Some((exchange, *at, reply))
        })
    }

    /// Where the group may have had no member: everywhere but where some member was one before and after.
    fn maybe_empty(&self) -> Vec<Span> {
        let mut chains: Vec<Span> = Vec::new();
        let mut of: BTreeMap<&str, usize> = BTreeMap::new();
        for (exchange, at, reply) in self.answered() {
            let stays = match (&exchange.request, reply) {
                (GroupRequest::Sync { .. } | GroupRequest::Heartbeat { .. }, GroupReply::Done) => true,
                (GroupRequest::ConsumerHeartbeat { epoch, .. }, GroupReply::Beat { .. }) => *epoch > 0,
                (GroupRequest::Join, GroupReply::Joined { .. }) => false,
                _ => continue,
            };
            match of.get(&*exchange.member).filter(|_| stays) {
                Some(chain) => chains[*chain].1 = exchange.asked.order,
                None => {
                    of.insert(&exchange.member, chains.len());
                    chains.push((at.order, at.order));
                }
            }
        }
        chains.sort_unstable();
        let (mut empty, mut covered) = (Vec::new(), 0);
        for (begin, end) in chains {
            if begin > covered {
                empty.push((covered, begin));
            }
            covered = covered.max(end);
        }
        empty.push((covered, usize::MAX));
        empty
    }

    /// Where a member may have joined, or stayed.
    pub(super) fn came(&self) -> Vec<Span> {
        let came = self.exchanges.iter().filter(|exchange| match &exchange.request {
            GroupRequest::ShareHeartbeat { epoch } | GroupRequest::ConsumerHeartbeat { epoch, .. } => {
                *epoch >= 0 && !matches!(&exchange.reply, Some((_, reply)) if is_out(reply))
            }
            _ => false,
        });
        let span = |exchange: &Exchange| {
            let until = exchange.reply.as_ref().filter(|(_, reply)| matches!(reply, GroupReply::Beat { .. }));
            (exchange.asked.order, until.map_or(usize::MAX, |(at, _)| at.order))
        };
        came.map(span).collect()
    }
}

/// Whether a reply says that who asked is no member.
fn is_out(reply: &GroupReply) -> bool {
    let GroupReply::Refused(code) = reply else { return false };
    let code = ErrorCode::from_code(*code);
    matches!(
        code,
        Some(ErrorCode::UnknownMemberId | ErrorCode::FencedMemberEpoch | ErrorCode::GroupIdNotFound)
    )
}

/// The groups of a history.
pub fn groups(events: &[Event]) -> BTreeMap<Arc<str>, Group> {
    let mut groups: BTreeMap<Arc<str>, Group> = BTreeMap::new();
    let mut open: BTreeMap<u64, (Arc<str>, usize)> = BTreeMap::new();
    for (order, event) in events.iter().enumerate() {
        match event {
            Event::GroupMade { group, patience_ms, retention_ms } => {
                let of = groups.entry(Arc::clone(group)).or_default();
                (of.patience_ms, of.retention_ms) = (*patience_ms, *retention_ms);
            }
            Event::GroupAsked(GroupAsked { ask, group, member, at_ms, request }) => {
                let asked = Moment { order, ms: *at_ms };
                let of = groups.entry(Arc::clone(group)).or_default();
                open.insert(*ask, (Arc::clone(group), of.exchanges.len()));
                of.steps.push((asked, Step::Asked(of.exchanges.len())));
                let (member, request) = (Arc::clone(member), request.clone());
                of.exchanges.push(Exchange { member, asked, request, reply: None });
            }
            Event::GroupAnswered { ask, at_ms, reply } => {
                let Some((group, index)) = open.remove(ask) else { continue };
                let Some(of) = groups.get_mut(&group) else { continue };
                let at = Moment { order, ms: *at_ms };
                of.steps.push((at, Step::Answered(index)));
                of.exchanges[index].reply = Some((at, reply.clone()));
            }
            Event::GroupGone { group, member, at_ms } => {
                let of = groups.entry(Arc::clone(group)).or_default();
                of.steps.push((Moment { order, ms: *at_ms }, Step::Gone(Arc::clone(member))));
            }
            _ => {}
        }
    }
    for group in groups.values_mut() {
        group.resets = Resets::of(group.exchanges.iter());
        if group.retention_ms.is_some() {
            group.resets.empty = group.maybe_empty();
        }
    }
    groups
}

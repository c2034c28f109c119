//! What members of share groups were given and what they said of it (KIP-932), sorted by group.
//!
//! As with groups, requests and replies stand in the history as they happened. A request without a reply may have
//! been carried out, may be later, or never.

mod records;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Event, Moment, Place, Resets, Span, groups as of_groups};
pub use records::{Delivered, SaidOf, ShareRecord, ShareRecords, not_before};

/// Who held a partition's shard: the epoch of the holding, which is greater for each later one. A node that gives a
/// shard away and has it again holds it anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Owner(pub u64);

/// What a member says of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// It was processed.
    Accept,
    /// Another member may have it.
    Release,
    /// It cannot be processed.
    Reject,
    /// The member needs more time.
    Renew,
}

impl Said {
    /// Whether the record is not delivered again.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Accept | Self::Reject)
    }
}

/// Successive records, and what is said of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saying {
    /// Their partition.
    pub place: Place,
    /// The first one's offset.
    pub first: i64,
    /// The last one's.
    pub last: i64,
    /// What.
    pub said: Said,
}

/// Successive records that a member was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// Their partition.
    pub place: Place,
    /// The first one's offset.
    pub first: i64,
    /// The last one's.
    pub last: i64,
    /// How often they were delivered, as was reported to the member.
    pub deliveries: i16,
}

/// ShareFetch or ShareAcknowledge, as it stands in the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareAsked {
    /// Its number, different from every other's.
    pub ask: u64,
    /// The group.
    pub group: Arc<str>,
    /// The member.
    pub member: Arc<str>,
    /// When (ms since the run began).
    pub at_ms: u64,
    /// The connection by which it was asked, different from every other.
    pub connection: u64,
    /// The partitions of which records are wanted.
    pub wanted: Vec<Place>,
    /// What is said of records.
    pub said: Vec<Saying>,
    /// Whether the member's session ends with it.
    pub closes: bool,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareAnswered {
    /// The request's number.
    pub ask: u64,
    /// When (ms since the run began).
    pub at_ms: u64,
    /// Kafka's error for the whole.
    pub code: i16,
    /// Kafka's error for what was said of each partition's records.
    pub acknowledged: Vec<(Place, i16)>,
    /// What the member has in hand now.
    pub given: Vec<Given>,
    /// The partitions whose records could not be given: what was acquired for that may have been lost with it.
    #[serde(default)]
    pub refused: Vec<Place>,
    /// Who owned the partitions from the request to the answer, where that is known.
    pub owners: Vec<(Place, Owner)>,
}

/// A request, and its answer if there was one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareExchange {
    /// When it was asked.
    pub asked: Moment,
    /// What.
    pub request: ShareAsked,
    /// When the answer came, and which.
    pub answer: Option<(Moment, ShareAnswered)>,
}

impl ShareExchange {
    /// Whether records of a partition may have been meant for the member that never reached it.
    pub fn may_have_lost(&self, place: &Place) -> bool {
        let lost = self.answer.as_ref().is_none_or(|(_, answer)| answer.refused.contains(place));
        lost && self.request.wanted.contains(place)
    }

    /// Who owned a partition all the while, if that is known.
    pub fn owner(&self, place: &Place) -> Option<Owner> {
        let (_, answer) = self.answer.as_ref()?;
        answer.owners.iter().find(|(of, _)| of == place).map(|(_, owner)| *owner)
    }
}

/// Where a share partition was said to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShareStart {
    /// The place in the history of the question.
    pub asked: usize,
    /// Of the answer.
    pub answered: usize,
    /// The offset; −1 if the group never read the partition.
    pub offset: i64,
}

/// A share group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShareGroup {
    /// How long a record is a member's (ms).
    pub lock_ms: u64,
    /// How often a record is delivered at most.
    pub deliveries: i16,
    /// Requests, in the order in which they were sent.
    pub exchanges: Vec<ShareExchange>,
    /// Where share partitions were said to start, in the order of the answers.
    pub starts: BTreeMap<Place, Vec<ShareStart>>,
    /// The offsets of the final log, but for those that were or may have been dropped after it was read.
    pub log: Arc<BTreeMap<Place, Vec<i64>>>,
    /// Where it may have begun anew, at the configured start.
    pub resets: Resets,
    /// Where a member may have joined, or stayed.
    pub came: Vec<Span>,
}

/// The share groups of a history.
pub fn shares(events: &[Event]) -> BTreeMap<Arc<str>, ShareGroup> {
    let mut groups: BTreeMap<Arc<str>, ShareGroup> = BTreeMap::new();
    let mut open: BTreeMap<u64, (Arc<str>, usize)> = BTreeMap::new();
    let mut log: BTreeMap<Place, Vec<i64>> = BTreeMap::new();
    for (order, event) in events.iter().enumerate() {
        match event {
            Event::ShareMade { group, lock_ms, deliveries } => {
                let of = groups.entry(Arc::clone(group)).or_default();
                (of.lock_ms, of.deliveries) = (*lock_ms, *deliveries);
            }
            Event::ShareAsked(request) => {
                let of = groups.entry(Arc::clone(&request.group)).or_default();
                open.insert(request.ask, (Arc::clone(&request.group), of.exchanges.len()));
                let asked = Moment { order, ms: request.at_ms };
                of.exchanges.push(ShareExchange { asked, request: request.clone(), answer: None });
            }
            Event::ShareAnswered(answer) => {
                let Some((group, index)) = open.remove(&answer.ask) else { continue };
                let Some(of) = groups.get_mut(&group) else { continue };
                let at = Moment { order, ms: answer.at_ms };
                of.exchanges[index].answer = Some((at, answer.clone()));
            }
            Event::ShareStart { group, place, asked, offset } => {
                let of = groups.entry(Arc::clone(group)).or_default();
                let asked = usize::try_from(*asked).unwrap_or(0);
                let start = ShareStart { asked, answered: order, offset: *offset };
                of.starts.entry(place.clone()).or_default().push(start);
            }
            Event::Log { topic: Some(topic), partition, offset, .. } => {
                log.entry((Arc::clone(topic), *partition)).or_default().push(*offset);
            }
            _ => {}
        }
    }
    for event in events {
        let (topic, partition, start) = match event {
            // No share group reads topics that come and go.
            Event::TopicMade { topic, .. } => {
                log.retain(|(of, _), _| of != topic);
                continue;
            }
            Event::LogStart { topic: Some(topic), partition, offset, .. } => (topic, *partition, *offset),
            // Of a topic that keeps only so many bytes, anything may go at any time.
            Event::Trim { topic: Some(topic), partition, offset: i64::MAX } => (topic, *partition, i64::MAX),
            _ => continue,
        };
        if let Some(offsets) = log.get_mut(&(Arc::clone(topic), partition)) {
            offsets.retain(|offset| *offset >= start);
        }
    }
    let log = Arc::new(log);
    let mut known = of_groups(events);
    for (name, group) in &mut groups {
        group.log = Arc::clone(&log);
        if let Some(known) = known.remove(name) {
            (group.came, group.resets) = (known.came(), known.resets);
        }
    }
    groups
}

//! What producers were answered, what readers saw, who was said to lead, and what the log holds in the end:
//! one event after another, as they happened. As JSON lines, tests of real processes write the same.

mod group;
mod partition;
mod sent;
mod share;
mod topic;

use std::io::{BufRead, Write};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use group::{
    Exchange, Group, GroupAsked, GroupReply, GroupRequest, Moment, Place, Resets, STATIC, Span, Step, groups,
};
pub use partition::{Ack, EpochEnd, Leader, Partition, Reader, Record, Seen, Start, Stored, partitions};
pub use sent::Sent;
pub use share::{
    Delivered, Given, Owner, Said, SaidOf, Saying, ShareAnswered, ShareAsked, ShareExchange, ShareGroup,
    ShareRecord, ShareRecords, ShareStart, not_before, shares,
};
pub use topic::{Incarnation, named, topics};

/// A partition's topic. A file about one topic need not name it.
pub type Topic = Option<Arc<str>>;

/// Something that was seen from outside. Producers and readers have numbers of the test's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// It was acknowledged to a producer that its record is at an offset.
    Ack {
        /// The topic.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Topic,
        /// The partition.
        partition: i32,
        /// The producer.
        producer: i64,
        /// The producer's number for the record; higher ones were sent later to the same partition.
        sequence: i64,
        /// Where it is.
        offset: i64,
    },
    /// A reader saw a record. The events of one reader stand in the order in which it saw them.
    Seen {
        /// The reader.
        reader: i64,
        /// The topic.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Topic,
        /// The partition.
        partition: i32,
        /// Where it was.
        offset: i64,
        /// Whose record it is.
        producer: i64,
        /// Which one.
        sequence: i64,
        /// The leader epoch of its batch, if known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        epoch: Option<i32>,
        /// The number of the poll that returned it, if known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        poll: Option<u64>,
    },
    /// A reader goes on elsewhere: what it sees next need not follow what it saw last.
    Seek {
        /// The reader.
        reader: i64,
        /// The topic.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Topic,
        /// The partition.
        partition: i32,
    },
    /// A record of the log, read from beginning to end once nothing was written any more.
    Log {
        /// The topic.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Topic,
        /// The partition.
        partition: i32,
        /// Where it is.
        offset: i64,
        /// Whose record it is.
        producer: i64,
        /// Which one.
        sequence: i64,
        /// The leader epoch of its batch, if known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        epoch: Option<i32>,
    },
    /// A process said who leads a partition.
    Leader {
        /// The topic.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Topic,
        /// The partition.
        partition: i32,
        /// The leader epoch.
        epoch: i32,
        /// The node.
        leader: i32,
        /// To whom it was reported; the events of one observer stand in the order in which it got them.
        #[serde(default)]
        observer: i64,
        /// Which process said so.
        #[serde(default)]
        process: u64,
    },
    /// The final leader said where a leader epoch ends (OffsetForLeaderEpoch).
    EpochEnd {
        /// The topic.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Topic,
        /// The partition.
        partition: i32,
        /// The epoch that was asked for.
        asked: i32,
        /// The epoch that was reported: the highest that is not above it.
        epoch: i32,
        /// Where that ends.
        offset: i64,
    },
    /// It was reported where a log begins. To no observer in particular: once nothing was written any more,
    /// before the log was read.
    LogStart {
        /// The topic.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Topic,
        /// The partition.
        partition: i32,
        /// The first offset that may be read.
        offset: i64,
        /// To whom it was reported.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        observer: Option<i64>,
    },
    /// A client asks for a log to begin at an offset, whatever comes of that. Of a topic that keeps only so
    /// many bytes, the largest offset there is: anything may go.
    Trim {
        /// The topic.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Topic,
        /// The partition.
        partition: i32,
        /// The offset.
        offset: i64,
    },
    /// A producer was given its id (InitProducerId).
    ProducerId {
        /// The producer.
        producer: i64,
        /// The id.
        id: i64,
    },
    /// There is a group from now on, or may be.
    GroupMade {
        /// Its name.
        group: Arc<str>,
        /// How long a member is certain to be kept after a heartbeat (ms).
        patience_ms: u64,
        /// How long an offset is certain to be kept after it was committed (ms), if not for ever.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retention_ms: Option<u64>,
    },
    /// Something is asked of a group.
    GroupAsked(GroupAsked),
    /// The reply came.
    GroupAnswered {
        /// The request's number.
        ask: u64,
        /// When (ms since the run began).
        at_ms: u64,
        /// What it says.
        reply: GroupReply,
    },
    /// A member of a group is no more, and said nothing.
    GroupGone {
        /// The group.
        group: Arc<str>,
        /// The member.
        member: Arc<str>,
        /// When (ms since the run began).
        at_ms: u64,
    },
    /// There is a share group from now on, or may be. It begins where the logs do.
    ShareMade {
        /// Its name.
        group: Arc<str>,
        /// How long a record is a member's (ms).
        lock_ms: u64,
        /// How often a record is delivered at most.
        deliveries: i16,
    },
    /// A member of a share group wants records, or says something of some.
    ShareAsked(ShareAsked),
    /// The answer came.
    ShareAnswered(ShareAnswered),
    /// It was reported where a share partition starts (DescribeShareGroupOffsets).
    ShareStart {
        /// The group.
        group: Arc<str>,
        /// The partition.
        place: Place,
        /// The question's place in the history.
        asked: u64,
        /// The offset; −1 if the group never read the partition.
        offset: i64,
    },
    /// A batch is about to be sent, by a producer whose every attempt stands in the history: what it did not send
    /// is nowhere.
    Sent(Sent),
    /// There is a topic, or was: one that has an id, of perhaps several that had its name one after the other.
    TopicMade {
        /// Its name.
        name: Arc<str>,
        /// Itself, as other events name it.
        topic: Arc<str>,
        /// Whether this is what CreateTopics said to who asked; otherwise another answer reported it.
        created: bool,
    },
    /// A client asks for a topic to be deleted, whatever comes of that.
    TopicDeletion {
        /// Its name.
        name: Arc<str>,
        /// Itself; nothing if whatever has the name is meant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Topic,
    },
    /// Once nothing was created or deleted any more, a topic was not there.
    TopicGone {
        /// The topic.
        topic: Arc<str>,
    },
}

/// Reads events, one in a line. Empty lines are skipped.
pub fn read(lines: impl BufRead) -> anyhow::Result<Vec<Event>> {
    let mut events = Vec::new();
    for (number, line) in lines.lines().enumerate() {
        let line = line?;
        if !line.trim().is_empty() {
            let event = serde_json::from_str(&line);
            events.push(event.map_err(|error| anyhow::anyhow!("line {}: {error}", number + 1))?);
        }
    }
    Ok(events)
}

/// Writes events, one in a line.
pub fn write(events: &[Event], mut to: impl Write) -> anyhow::Result<()> {
    for event in events {
        serde_json::to_writer(&mut to, event)?;
        to.write_all(b"\n")?;
    }
    Ok(())
}

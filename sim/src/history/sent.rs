//! Attempts to produce.

use serde::{Deserialize, Serialize};

use super::{Record, Topic};

/// A batch that was sent, or was about to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The topic. If it was sent by name, that which the producer believed to have the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Topic,
    /// The partition.
    pub partition: i32,
    /// The producer.
    pub producer: i64,
    /// The number of its first record.
    pub sequence: i64,
    /// How many records it has.
    pub count: i64,
    /// The connection; each has a number of its own.
    pub link: u64,
    /// Whether it may be in the log as often as it was sent: its producer is not idempotent, or was forgotten.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plain: bool,
    /// Whether it was sent by name, so that it may go into another topic of that name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_name: bool,
}

impl Sent {
    /// Its records.
    pub fn records(&self) -> impl Iterator<Item = Record> + use<> {
        let producer = self.producer;
        (self.sequence..self.sequence + self.count).map(move |sequence| Record { producer, sequence })
    }

    /// Whether a record is in it.
    pub fn holds(&self, record: Record) -> bool {
        let sequences = self.sequence..self.sequence + self.count;
        self.producer == record.producer && sequences.contains(&record.sequence)
    }
}

//! What classic consumers keep in the metadata and the assignments that the coordinator otherwise only hands on.
//!
//! The bytes are Kafka's `ConsumerProtocolSubscription` and `ConsumerProtocolAssignment`. Their codec belongs to
//! the wire and is passed in.

use bytes::Bytes;

/// Partitions by topic name, in the order of the bytes.
pub type TopicPartitions = Vec<(String, Vec<i32>)>;

/// Reads and writes the bytes. Bytes that are malformed are `None`.
#[derive(Clone, Copy, Debug)]
pub struct ConsumerProtocol {
    /// Reads a member's metadata of one assignor.
    pub read_subscription: fn(&[u8]) -> Option<Subscription>,
    /// Reads an assignment; empty bytes are none.
    pub read_assignment: fn(&[u8]) -> Option<Assigned>,
    /// Writes an assignment in the version of the member's subscription, or the highest that is known if that is
    /// less.
    pub write_assignment: fn(version: i16, &TopicPartitions) -> Bytes,
}

/// What a leader assigned to a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assigned {
    /// The partitions.
    pub partitions: TopicPartitions,
    /// The assignor's own data.
    pub user_data: Option<Bytes>,
}

/// A member's metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// The version that it was written in.
    pub version: i16,
    /// The topics that it reads, by name.
    pub topics: Vec<String>,
    /// The assignor's own data.
    pub user_data: Option<Bytes>,
    /// From version 1: the partitions that it owned when it joined (KIP-429).
    pub owned: TopicPartitions,
    /// From version 2: the generation in which it got them, or −1 (KIP-792).
    pub generation: i32,
    /// From version 3: its rack (KIP-881).
    pub rack: Option<String>,
}

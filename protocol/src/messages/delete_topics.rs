//! DeleteTopics.

use crate::codec::{Str, Uuid};
use crate::{Message, Wire};

/// Deletes topics.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = DeleteTopics, versions = "1..=6", flexible = "4..", response = DeleteTopicsResponse)]
pub struct DeleteTopicsRequest {
    /// The topics, by name or by id.
    #[field(versions = "6..")]
    pub topics: Vec<DeleteTopicState>,
    /// The topics, by name.
    #[field(versions = "..=5")]
    pub topic_names: Vec<Str>,
    /// Milliseconds to wait.
    pub timeout_ms: i32,
}

/// A topic to delete.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DeleteTopicState {
    /// Name of the topic, or null if the id counts.
    #[field(nullable = "0..")]
    pub name: Option<Str>,
    /// Id of the topic, or zero.
    pub topic_id: Uuid,
}

/// What became of each topic.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = DeleteTopics, versions = "1..=6", flexible = "4..")]
pub struct DeleteTopicsResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// The topics.
    pub responses: Vec<DeletableTopicResult>,
}

/// What became of a topic.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DeletableTopicResult {
    /// Name of the topic; null if it was asked for by an id that is unknown.
    #[field(nullable = "6..")]
    pub name: Option<Str>,
    /// Id of the topic.
    #[field(versions = "6..")]
    pub topic_id: Uuid,
    /// Error of the topic.
    pub error_code: i16,
    /// What was wrong.
    #[field(versions = "5..", nullable = "5..")]
    pub error_message: Option<Str>,
}

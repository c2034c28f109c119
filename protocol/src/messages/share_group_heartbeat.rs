//! ShareGroupHeartbeat: a member of a share group joins, lives, changes and leaves (KIP-932).

use crate::codec::{Str, Uuid};
use crate::{Message, Wire};

/// What a member wants. What is null did not change since the last heartbeat.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(
    key = ShareGroupHeartbeat,
    versions = "1",
    flexible = "0..",
    response = ShareGroupHeartbeatResponse
)]
pub struct ShareGroupHeartbeatRequest {
    /// Id of the group.
    pub group_id: Str,
    /// Id of the member, drawn by itself.
    pub member_id: Str,
    /// Epoch of the member; 0 to join, −1 to leave.
    pub member_epoch: i32,
    /// Rack of the consumer.
    #[field(nullable = "0..")]
    pub rack_id: Option<Str>,
    /// Names of the topics that it subscribes to.
    #[field(nullable = "0..")]
    pub subscribed_topic_names: Option<Vec<Str>>,
}

/// Where the member stands.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = ShareGroupHeartbeat, versions = "1", flexible = "0..")]
pub struct ShareGroupHeartbeatResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// Error of the request.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
    /// Id of the member.
    #[field(nullable = "0..")]
    pub member_id: Option<Str>,
    /// Epoch of the member.
    pub member_epoch: i32,
    /// Milliseconds until the next heartbeat.
    pub heartbeat_interval_ms: i32,
    /// What the member shall read; null if that did not change.
    #[field(nullable = "0..")]
    pub assignment: Option<Assignment>,
}

/// What a member shall read.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The partitions; other members may read them too.
    pub topic_partitions: Vec<TopicPartitions>,
}

/// Partitions of a topic.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct TopicPartitions {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// Numbers of the partitions.
    pub partitions: Vec<i32>,
}

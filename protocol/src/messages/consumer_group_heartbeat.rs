//! ConsumerGroupHeartbeat: a member of a consumer group joins, lives, changes and leaves (KIP-848).

use crate::codec::{Str, Uuid};
use crate::{Message, Wire};

/// What a member wants and owns. What is null did not change since the last heartbeat.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(
    key = ConsumerGroupHeartbeat,
    versions = "0..=1",
    flexible = "0..",
    response = ConsumerGroupHeartbeatResponse
)]
pub struct ConsumerGroupHeartbeatRequest {
    /// Id of the group.
    pub group_id: Str,
    /// Id of the member, drawn by itself; in version 0 empty until the coordinator gave it one (KIP-1082).
    pub member_id: Str,
    /// Epoch of the member; 0 to join, −1 to leave, −2 for a static member that will be back.
    pub member_epoch: i32,
    /// Name of a static member.
    #[field(nullable = "0..")]
    pub instance_id: Option<Str>,
    /// Rack of the consumer.
    #[field(nullable = "0..")]
    pub rack_id: Option<Str>,
    /// Milliseconds for which the coordinator waits for the member to give partitions up; −1 if unchanged.
    #[field(default = "-1")]
    pub rebalance_timeout_ms: i32,
    /// Names of the topics that it subscribes to.
    #[field(nullable = "0..")]
    pub subscribed_topic_names: Option<Vec<Str>>,
    /// Regular expression of the topics that it subscribes to.
    #[field(versions = "1..", nullable = "1..")]
    pub subscribed_topic_regex: Option<Str>,
    /// Name of the coordinator's assignor that it would like.
    #[field(nullable = "0..")]
    pub server_assignor: Option<Str>,
    /// The partitions that it owns.
    #[field(nullable = "0..")]
    pub topic_partitions: Option<Vec<TopicPartitions>>,
}

/// Where the member stands.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = ConsumerGroupHeartbeat, versions = "0..=1", flexible = "0..")]
pub struct ConsumerGroupHeartbeatResponse {
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
    /// What the member shall own; null if that did not change.
    #[field(nullable = "0..")]
    pub assignment: Option<Assignment>,
}

/// What a member shall own.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The partitions; all of them are free to be read.
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

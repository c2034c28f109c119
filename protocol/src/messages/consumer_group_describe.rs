//! ConsumerGroupDescribe: consumer groups and their members (KIP-848).

use crate::codec::{Str, Uuid};
use crate::{Message, Wire};

/// Asks about consumer groups.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(
    key = ConsumerGroupDescribe,
    versions = "0..=1",
    flexible = "0..",
    response = ConsumerGroupDescribeResponse
)]
pub struct ConsumerGroupDescribeRequest {
    /// Ids of the groups.
    pub group_ids: Vec<Str>,
    /// Whether to include what the client may do with each group.
    pub include_authorized_operations: bool,
}

/// The groups.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = ConsumerGroupDescribe, versions = "0..=1", flexible = "0..")]
pub struct ConsumerGroupDescribeResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// The groups.
    pub groups: Vec<DescribedGroup>,
}

/// A group.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DescribedGroup {
    /// Error of the group.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
    /// Id of the group.
    pub group_id: Str,
    /// State of the group; empty on an error.
    pub group_state: Str,
    /// Epoch of the group.
    pub group_epoch: i32,
    /// Epoch of the assignment that members move to.
    pub assignment_epoch: i32,
    /// Name of the assignor.
    pub assignor_name: Str,
    /// The members.
    pub members: Vec<Member>,
    /// Bits of what the client may do with the group; the lowest integer if not asked for.
    #[field(default = "i32::MIN")]
    pub authorized_operations: i32,
}

/// A member.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Id of the member.
    pub member_id: Str,
    /// Name of a static member.
    #[field(nullable = "0..")]
    pub instance_id: Option<Str>,
    /// Rack of the consumer.
    #[field(nullable = "0..")]
    pub rack_id: Option<Str>,
    /// Epoch of the member.
    pub member_epoch: i32,
    /// The name that its client gave itself.
    pub client_id: Str,
    /// Address that it joined from.
    pub client_host: Str,
    /// Names of the topics that it subscribes to.
    pub subscribed_topic_names: Vec<Str>,
    /// Regular expression of the topics that it subscribes to.
    #[field(nullable = "0..")]
    pub subscribed_topic_regex: Option<Str>,
    /// What the member owns.
    pub assignment: Assignment,
    /// What it shall own.
    pub target_assignment: Assignment,
    /// 0: a classic member in the group; 1: a member of KIP-848; −1: unknown (KIP-1099).
    #[field(versions = "1..", default = "-1")]
    pub member_type: i8,
}

/// What a member owns, or shall own.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The partitions.
    pub topic_partitions: Vec<TopicPartitions>,
}

/// Partitions of a topic.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct TopicPartitions {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// Name of the topic.
    pub topic_name: Str,
    /// Numbers of the partitions.
    pub partitions: Vec<i32>,
}

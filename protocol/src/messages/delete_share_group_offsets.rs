//! DeleteShareGroupOffsets: an empty share group forgets topics (KIP-932).

use crate::codec::{Str, Uuid};
use crate::{Message, Wire};

/// Deletes the offsets of a share group.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(
    key = DeleteShareGroupOffsets,
    versions = "0",
    flexible = "0..",
    response = DeleteShareGroupOffsetsResponse
)]
pub struct DeleteShareGroupOffsetsRequest {
    /// Id of the group.
    pub group_id: Str,
    /// The topics.
    pub topics: Vec<DeleteShareGroupOffsetsRequestTopic>,
}

/// A topic whose offsets are deleted.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DeleteShareGroupOffsetsRequestTopic {
    /// Name of the topic.
    pub topic_name: Str,
}

/// What became of each topic's offsets.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = DeleteShareGroupOffsets, versions = "0", flexible = "0..")]
pub struct DeleteShareGroupOffsetsResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// Error of the request.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
    /// The topics.
    pub responses: Vec<DeleteShareGroupOffsetsResponseTopic>,
}

/// What became of a topic's offsets.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DeleteShareGroupOffsetsResponseTopic {
    /// Name of the topic.
    pub topic_name: Str,
    /// Id of the topic.
    pub topic_id: Uuid,
    /// Error of the topic.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
}

//! Between the nodes of a cluster, over the Kafka port: whether a node lives and how far it has read, and whether
//! another node can reach a third one. Tidelog's own, never advertised; the keys lie far above Kafka's.

use crate::Message;
use crate::codec::{Str, Uuid};

/// "Are you there? The metadata log has this many entries." The node reads the log that far, or to its end,
/// before it answers.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = PeerPing, versions = "0", flexible = "0..", response = PeerPingResponse)]
pub struct PeerPingRequest {
    /// The next metadata entry, as the sender knows it; 0 asks for nothing to be read.
    pub metadata_next: i64,
}

/// How a node is.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = PeerPing, versions = "0", flexible = "0..")]
pub struct PeerPingResponse {
    /// Error of the request.
    pub error_code: i16,
    /// Id of the cluster.
    pub cluster_id: Str,
    /// Id drawn when the process started.
    pub process_id: Uuid,
    /// The next metadata entry, as the node knows it: it has acted on all before.
    pub metadata_next: i64,
    /// Milliseconds since the store last answered the node.
    pub store_age_ms: i64,
    /// Bytes of records that the node took and gave per second of late.
    pub bytes_per_second: i64,
}

/// "Can you reach this session's node?" The node tries now, before it answers.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = PeerWitness, versions = "0", flexible = "0..", response = PeerWitnessResponse)]
pub struct PeerWitnessRequest {
    /// The session.
    pub session_id: Uuid,
}

/// What a witness saw.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = PeerWitness, versions = "0", flexible = "0..")]
pub struct PeerWitnessResponse {
    /// Error of the request.
    pub error_code: i16,
    /// Whether the node answered, and its store answers it.
    pub reached: bool,
}

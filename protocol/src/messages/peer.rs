//! Between the nodes of a cluster, and from its operators, over the Kafka port: whether a node lives and how far it
//! has read, whether another node can reach a third one, how a node is, and what an operator wants of it. Tidelog's
//! own, never advertised; the keys lie far above Kafka's.

use crate::codec::{Str, Uuid};
use crate::{Message, Wire};

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
    /// Milliseconds since the store last answered the node, or for which it has not confirmed a write; −1 if it
    /// never answered.
    pub store_age_ms: i64,
    /// Milliseconds since the store last confirmed a write of the node's; −1 if it never did.
    pub confirmed_age_ms: i64,
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

/// "How are you?"
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = PeerStatus, versions = "0", flexible = "0..", response = PeerStatusResponse)]
pub struct PeerStatusRequest {}

/// How a node is, and the cluster as it knows it.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = PeerStatus, versions = "0", flexible = "0..")]
pub struct PeerStatusResponse {
    /// Error of the request.
    pub error_code: i16,
    /// Id of the cluster; empty until the node has read the metadata log.
    pub cluster_id: Str,
    /// Id drawn when the process started.
    pub process_id: Uuid,
    /// Id of the node; −1 while it serves no session.
    #[field(default = "-1")]
    pub node_id: i32,
    /// The session that it serves; zero if none.
    pub session_id: Uuid,
    /// Version of the build.
    pub version: Str,
    /// Milliseconds since the process started.
    pub uptime_ms: i64,
    /// The next metadata entry, as the node knows it: it has acted on all before.
    pub metadata_next: i64,
    /// Milliseconds since the store last answered the node, or for which it has not confirmed a write; −1 if it
    /// never answered.
    #[field(default = "-1")]
    pub store_age_ms: i64,
    /// What keeps the store from confirming a write; null while writes get through.
    #[field(nullable = "0..")]
    pub store_trouble: Option<Str>,
    /// Shards that it holds.
    pub shards: i32,
    /// Partitions that it holds, as far as they were asked for.
    pub partitions: i32,
    /// Slots of the session.
    pub slots: i64,
    /// How many of them no checkpoint covers.
    pub checkpoint_lag: i64,
    /// Bytes of committed slots in memory.
    pub tail_bytes: i64,
    /// Client connections that are open.
    pub connections: i32,
    /// Milliseconds for which the counts below are: at most about a minute.
    pub window_ms: i64,
    /// Bytes of records taken in that time.
    pub bytes_taken: i64,
    /// Bytes of records given in that time.
    pub bytes_given: i64,
    /// Requests to the store in that time.
    pub store_requests: Vec<PeerStoreRequests>,
    /// What requests at that rate would cost on S3 Standard, in millionths of a US dollar per month of 30 days.
    pub s3_microdollars_per_month: i64,
    /// Shards that no open session holds.
    pub unassigned_shards: i32,
    /// The open sessions.
    pub sessions: Vec<PeerSession>,
    /// Shards that are assigned to the node and not served, because their state can't be rebuilt.
    pub unserved_shards: i32,
    /// Some of them, and why.
    pub unserved: Vec<PeerUnserved>,
}

/// A shard that is not served.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct PeerUnserved {
    /// The shard.
    pub shard: i32,
    /// Why it can't be rebuilt: names the object.
    pub error: Str,
}

/// Requests to the store of one kind.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct PeerStoreRequests {
    /// `put`, `get`, `list`, `head`, `delete` or `copy`.
    pub kind: Str,
    /// How many.
    pub count: i64,
}

/// An open session.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct PeerSession {
    /// Its id.
    pub session_id: Uuid,
    /// The process that writes it.
    pub process_id: Uuid,
    /// The node.
    pub node_id: i32,
    /// The node's rack.
    #[field(nullable = "0..")]
    pub rack: Option<Str>,
    /// Where other nodes reach it.
    pub host: Str,
    /// The port.
    pub port: i32,
    /// Shards that it holds.
    pub shards: i32,
    /// Whether it shall give its shards away.
    pub draining: bool,
    /// Whether another node asked if its node lives, and had no answer yet.
    pub suspected: bool,
    /// Whether no other node has reached it there yet, so that it gets no shards.
    #[field(tag = 0)]
    pub unreached: bool,
}

/// What an operator wants. Any node takes it, about whichever node it is.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = PeerControl, versions = "0", flexible = "0..", response = PeerControlResponse)]
pub struct PeerControlRequest {
    /// The node that it is about; −1 where it is about the one that is asked.
    #[field(default = "-1")]
    pub node_id: i32,
    /// 0: the node shall give its shards away and get none; 1: it may have some again; 2: the node that gets
    /// this shall even out load now, if it has more to do than others.
    pub action: i8,
}

/// The node shall give its shards away and get none.
pub const DRAIN: i8 = 0;

/// The node may have shards again.
pub const UNDRAIN: i8 = 1;

/// The node that gets this shall even out load now.
pub const REBALANCE: i8 = 2;

/// Whether that is recorded, or begun.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = PeerControl, versions = "0", flexible = "0..")]
pub struct PeerControlResponse {
    /// Error of the request.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
}

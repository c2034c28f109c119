//! Kafka's APIs: which are served, in which versions, and by what.
//!
//! One file per API turns a decoded request into a response. Only here and below do wire types meet domain
//! types. How frames are read and written belongs to [`crate::connection`].

mod alter_configs;
mod alter_replica_log_dirs;
mod alter_share_group_offsets;
mod api_versions;
mod assignment;
mod consumer_group_describe;
mod consumer_group_heartbeat;
mod create_partitions;
mod create_topics;
mod delegation_tokens;
mod delete_groups;
mod delete_records;
mod delete_share_group_offsets;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_producers;
mod describe_share_group_offsets;
mod describe_topic_partitions;
mod elect_leaders;
mod fetch;
mod find_coordinator;
mod groups;
mod heartbeat;
mod incoming;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_config_resources;
mod list_groups;
mod list_offsets;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod partition_reassignments;
mod peer;
mod produce;
mod quorum;
mod records;
mod resources;
mod share_acknowledge;
mod share_fetch;
mod share_grants;
mod share_group_describe;
mod share_group_heartbeat;
mod share_offsets;
mod status;
mod sync_group;
mod topics;
mod unregister_broker;
mod update_features;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use protocol::{ApiKey, DecodeError, EncodeError, Str};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::broker::{Broker, Stopping, Tie};
use crate::connection::Remote;
use crate::memory::{Permit, shrink};
pub(crate) use incoming::Incoming;
use incoming::Outgoing;

/// The longest that anything is waited for which the client has set no time for: the start, the metadata log, a
/// slot's commit, the store. Clients hang up after 30 s or more, and what they ask next waits behind.
const PATIENCE: Duration = Duration::from_secs(15);

/// An API that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    /// The API.
    pub(crate) key: ApiKey,
    /// The lowest version that is advertised.
    pub(crate) advertised: i16,
    /// The lowest version that is served.
    pub(crate) lowest: i16,
    /// The highest version that is served, and advertised.
    pub(crate) highest: i16,
}

const fn served(key: ApiKey, lowest: i16, highest: i16) -> Served {
    Served { key, advertised: lowest, lowest, highest }
}

/// Every API that is advertised.
pub(crate) const SERVED: &[Served] = &[
    // Old librdkafka compresses only for brokers that advertise Produce 0, which none serves any more.
    Served { key: ApiKey::Produce, advertised: 0, lowest: 3, highest: 13 },
    served(ApiKey::Fetch, 4, 18),
    served(ApiKey::ListOffsets, 1, 11),
    served(ApiKey::Metadata, 0, 13),
    served(ApiKey::OffsetCommit, 2, 10),
    served(ApiKey::OffsetFetch, 1, 10),
    served(ApiKey::FindCoordinator, 0, 6),
    served(ApiKey::JoinGroup, 0, 9),
    served(ApiKey::Heartbeat, 0, 4),
    served(ApiKey::LeaveGroup, 0, 5),
    served(ApiKey::SyncGroup, 0, 5),
    served(ApiKey::DescribeGroups, 0, 6),
    served(ApiKey::ListGroups, 0, 5),
    served(ApiKey::ApiVersions, 0, 4),
    served(ApiKey::CreateTopics, 2, 7),
    served(ApiKey::DeleteTopics, 1, 6),
    served(ApiKey::DeleteRecords, 0, 2),
    served(ApiKey::InitProducerId, 0, 5),
    served(ApiKey::OffsetForLeaderEpoch, 2, 4),
    served(ApiKey::DescribeConfigs, 1, 4),
    served(ApiKey::AlterConfigs, 0, 2),
    served(ApiKey::AlterReplicaLogDirs, 1, 2),
    served(ApiKey::DescribeLogDirs, 1, 5),
    served(ApiKey::CreatePartitions, 0, 3),
    served(ApiKey::CreateDelegationToken, 1, 3),
    served(ApiKey::RenewDelegationToken, 1, 2),
    served(ApiKey::ExpireDelegationToken, 1, 2),
    served(ApiKey::DescribeDelegationToken, 1, 3),
    served(ApiKey::DeleteGroups, 0, 2),
    served(ApiKey::ElectLeaders, 0, 2),
    served(ApiKey::IncrementalAlterConfigs, 0, 1),
    served(ApiKey::AlterPartitionReassignments, 0, 1),
    served(ApiKey::ListPartitionReassignments, 0, 0),
    served(ApiKey::OffsetDelete, 0, 0),
    served(ApiKey::DescribeQuorum, 0, 2),
    served(ApiKey::UpdateFeatures, 0, 2),
    served(ApiKey::DescribeCluster, 0, 2),
    served(ApiKey::DescribeProducers, 0, 0),
    served(ApiKey::UnregisterBroker, 0, 0),
    served(ApiKey::ConsumerGroupHeartbeat, 0, 1),
    served(ApiKey::ConsumerGroupDescribe, 0, 1),
    served(ApiKey::ListConfigResources, 0, 1),
    served(ApiKey::DescribeTopicPartitions, 0, 0),
    served(ApiKey::ShareGroupHeartbeat, 1, 1),
    served(ApiKey::ShareGroupDescribe, 1, 1),
    served(ApiKey::ShareFetch, 1, 2),
    served(ApiKey::ShareAcknowledge, 1, 2),
    served(ApiKey::AddRaftVoter, 0, 1),
    served(ApiKey::RemoveRaftVoter, 0, 0),
    served(ApiKey::DescribeShareGroupOffsets, 0, 1),
    served(ApiKey::AlterShareGroupOffsets, 0, 0),
    served(ApiKey::DeleteShareGroupOffsets, 0, 0),
];

/// The APIs between nodes, and from operators: never advertised, and served on the inter-node listener alone.
pub(crate) const PRIVATE: [ApiKey; 6] = [
    ApiKey::PeerPing,
    ApiKey::PeerWitness,
    ApiKey::PeerStatus,
    ApiKey::PeerControl,
    ApiKey::PeerShares,
    ApiKey::PeerShareGrant,
];

/// What handlers need besides their request.
pub(crate) struct Context {
    /// The node.
    pub(crate) broker: Arc<Broker>,
    /// The client.
    pub(crate) remote: Remote,
    /// The name of the listener that the client came by: it gets nodes' addresses of that name.
    pub(crate) listener: Arc<str>,
    /// Done when the node is about to stop: nothing should wait any more.
    pub(crate) stop: CancellationToken,
    /// What ends with the connection.
    pub(crate) tie: Tie,
    /// The memory of the request at hand. What it writes into the log of groups takes it along; what waits for
    /// something that may be long in coming lets go of it.
    pub(crate) admitted: Mutex<Option<Permit>>,
}

/// Whether something of a request goes into the log, and must have memory until that is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// Nothing.
    No,
    /// Records, or what a group remembers.
    Yes {
        /// Whether the client expects no answer, and may have gone on purpose.
        unacknowledged: bool,
    },
    /// Something small now and then.
    Heartbeat,
}

/// What becomes of a request.
pub(crate) enum Answer {
    /// It is answered.
    Now(Reply),
    /// It has had its effect, and is answered when that is durable. The next request need not wait for it.
    Later(BoxFuture<'static, Reply>),
}

/// The APIs of which something goes into the log.
const STORED: [ApiKey; 11] = [
    ApiKey::Produce,
    ApiKey::JoinGroup,
    ApiKey::SyncGroup,
    ApiKey::LeaveGroup,
    ApiKey::OffsetCommit,
    ApiKey::OffsetDelete,
    ApiKey::DeleteGroups,
    ApiKey::ShareFetch,
    ApiKey::ShareAcknowledge,
    ApiKey::AlterShareGroupOffsets,
    ApiKey::DeleteShareGroupOffsets,
];

/// What a frame is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contents {
    /// Records, which go into the log.
    Records,
    /// Other things that go into the log.
    State,
    /// Nothing that goes into the log.
    Other,
}

impl Contents {
    /// By how the frame begins.
    pub(crate) fn of(frame: &[u8]) -> Self {
        let key = frame.first_chunk().map(|key| i16::from_be_bytes(*key));
        match STORED.iter().find(|stored| Some(stored.code()) == key) {
            Some(ApiKey::Produce) => Self::Records,
            Some(_) => Self::State,
            None => Self::Other,
        }
    }
}

impl Answer {
    /// The answer, with the memory that was taken for it before it was made; what it does not need is given back.
    fn within(self, permit: Option<Permit>) -> Self {
        match (self, permit) {
            (Self::Now(Reply::Frame(chunks, None)), Some(mut permit)) => {
                shrink(&mut permit, chunks.iter().map(Bytes::len).sum());
                Self::Now(Reply::Frame(chunks, Some(permit)))
            }
            (answer, _) => answer,
        }
    }

    /// As [`Answer::within`]; an answer that turns out to take more has yet to get its memory.
    fn in_room(self, permit: Option<Permit>) -> Self {
        let bytes = match &self {
            Self::Now(Reply::Frame(chunks, None)) => chunks.iter().map(Bytes::len).sum(),
            _ => 0,
        };
        self.within(permit.filter(|permit| permit.num_permits() >= bytes))
    }
}

/// What is sent.
#[derive(Debug)]
pub(crate) enum Reply {
    /// A frame, in chunks, and the memory that they take, if it is counted.
    Frame(Vec<Bytes>, Option<Permit>),
    /// Nothing: the client does not want to know.
    Nothing,
    /// The connection is closed instead.
    Close,
}

/// Why a request has no answer, and its connection is closed.
#[derive(Debug, Error)]
pub(crate) enum Refusal {
    /// The header is malformed, or of an unknown API.
    #[error("request header: {0}")]
    Header(DecodeError),
    /// The API or its version is not served.
    #[error("{api:?} version {version} is not served")]
    NotServed {
        /// The API.
        api: ApiKey,
        /// The version.
        version: i16,
    },
    /// The API is for nodes and operators, and the listener is for clients.
    #[error("{api:?} is served on the inter-node listener alone, not on {listener}")]
    Private {
        /// The API.
        api: ApiKey,
        /// The listener.
        listener: Arc<str>,
    },
    /// The body is malformed.
    #[error("{api:?} version {version}: {source}")]
    Body {
        /// The API.
        api: ApiKey,
        /// The version.
        version: i16,
        /// What is wrong where.
        source: DecodeError,
    },
    /// It names more than one of its kind may.
    #[error("{api:?} names {elements} things, and may name {most} here")]
    TooMany {
        /// The API.
        api: ApiKey,
        /// How many it names.
        elements: usize,
        /// How many it may name.
        most: usize,
    },
    /// The response can't be encoded: a bug.
    #[error("response to {api:?} version {version}: {source}")]
    Response {
        /// The API.
        api: ApiKey,
        /// The version.
        version: i16,
        /// What is wrong.
        source: EncodeError,
    },
    /// The node does not serve any more.
    #[error(transparent)]
    Stopping(#[from] Stopping),
    /// The node does not serve yet.
    #[error("the node is still starting")]
    Starting,
}

/// A response that can tell its errors, for the metrics.
trait Errors {
    /// Calls `each` with every error code in the response, zeros included.
    fn errors(&self, each: &mut dyn FnMut(i16));
}

/// A message for a human, as the wire wants it. What it repeats of a request may be as long as a string can be.
fn text(message: impl std::fmt::Display) -> Option<Str> {
    Some(Str::cut(message.to_string()))
}

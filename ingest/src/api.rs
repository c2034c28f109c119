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
use coordinator::cluster::Cluster;
use coordinator::topic::Topic;
use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use protocol::frame::{self, RequestHeader};
use protocol::messages::PeerStatusRequest;
use protocol::{ApiKey, DecodeError, EncodeError, Message, Request, Str};
use thiserror::Error;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::broker::{Broker, Stopping, Tie};
use crate::connection::Remote;
use crate::memory::{Permit, shrink};
use crate::metrics::Metrics;

/// The longest that anything is waited for which the client has set no time for: the start, the metadata log, a
/// slot's commit, the store. Clients hang up after 30 s or more, and what they ask next waits behind.
const PATIENCE: Duration = Duration::from_secs(15);

/// What an answer takes for each topic and for each partition of the cluster, at most, while it is made.
const BROAD_TOPIC: usize = 512;
const BROAD_PARTITION: usize = 256;

/// Answers that take less are made without waiting for memory.
const BROAD: usize = 64 << 10;

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
    /// The memory of the request at hand, if what it writes goes into the log of groups.
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

/// A request whose header has been read.
pub(crate) struct Incoming {
    header: RequestHeader,
    body: Bytes,
    received: Instant,
}

impl Incoming {
    /// Reads the header of a frame. Fails on what is not served.
    pub(crate) fn new(context: &Context, frame: Bytes) -> Result<Self, Refusal> {
        let length = frame.len();
        let (header, body) = frame::decode_request_header(frame).map_err(Refusal::Header)?;
        context.broker.metrics().request_received(header.request_api_key, length);
        let incoming = Self { header, body, received: Instant::now() };
        if incoming.is_served() { Ok(incoming) } else { Err(incoming.not_served()) }
    }

    fn is_served(&self) -> bool {
        let version = self.header.request_api_version;
        match self.header.request_api_key {
            // An unknown version is answered, too.
            ApiKey::ApiVersions => true,
            ApiKey::PeerPing
            | ApiKey::PeerWitness
            | ApiKey::PeerStatus
            | ApiKey::PeerControl
            | ApiKey::PeerShares => version == 0,
            key => SERVED.iter().any(|s| s.key == key && (s.lowest..=s.highest).contains(&version)),
        }
    }

    fn not_served(&self) -> Refusal {
        Refusal::NotServed { api: self.header.request_api_key, version: self.header.request_api_version }
    }

    /// The API.
    pub(crate) fn key(&self) -> ApiKey {
        self.header.request_api_key
    }

    /// Whether something of the request goes into the log.
    pub(crate) fn stored(&self) -> Stored {
        match self.key() {
            ApiKey::Produce => Stored::Yes {
                unacknowledged: produce::acks(&self.body, self.header.request_api_version) == Some(0),
            },
            ApiKey::ConsumerGroupHeartbeat | ApiKey::ShareGroupHeartbeat => Stored::Heartbeat,
            key if STORED.contains(&key) => Stored::Yes { unacknowledged: false },
            _ => Stored::No,
        }
    }

    /// Whether the request has no effect until it has its answer, so that it may be given up with its client.
    pub(crate) fn is_void_alone(&self) -> bool {
        self.key() == ApiKey::Produce && self.stored() == Stored::Yes { unacknowledged: false }
    }

    /// The bytes that the answer may take while it is made, where it may tell of the whole cluster; what it is made
    /// of takes more than it does itself.
    fn breadth(&self, cluster: &Cluster) -> usize {
        match self.key() {
            ApiKey::Metadata
            | ApiKey::DescribeTopicPartitions
            | ApiKey::DescribeLogDirs
            | ApiKey::OffsetFetch => {
                let partitions = |topic: &Topic| usize::try_from(topic.partitions).unwrap_or(0);
                cluster.topics().map(|topic| BROAD_TOPIC + BROAD_PARTITION * partitions(topic)).sum()
            }
            _ => 0,
        }
    }

    /// Whether the answer may take as long as the client likes.
    pub(crate) fn is_patient(&self) -> bool {
        matches!(self.key(), ApiKey::Fetch | ApiKey::JoinGroup | ApiKey::SyncGroup | ApiKey::ShareFetch)
    }

    /// Handles the request. `permit` is for the memory that its bytes take.
    pub(crate) async fn handle(self, context: &Context, permit: Option<Permit>) -> Result<Answer, Refusal> {
        match self.key() {
            ApiKey::ApiVersions => return api_versions::handle(context, self),
            ApiKey::PeerPing => {
                let (request, outgoing) = self.open()?;
                return outgoing.now(context, &peer::ping(context, request).await);
            }
            ApiKey::PeerWitness => {
                let (request, outgoing) = self.open()?;
                return outgoing.now(context, &peer::witness(context, request).await);
            }
            ApiKey::PeerStatus => {
                let (PeerStatusRequest {}, outgoing) = self.open()?;
                return outgoing.now(context, &status::status(context));
            }
            _ => {}
        }
        let cluster = timeout(PATIENCE, context.broker.ready()).await.map_err(|_| Refusal::Starting)??;
        let version = self.header.request_api_version;
        let breadth = self.breadth(&cluster);
        if breadth >= BROAD {
            let permit = timeout(PATIENCE, context.broker.answers().take(breadth)).await.ok().flatten();
            let answer = self.handle_in(context, cluster, version, None).await?;
            return Ok(answer.within(permit));
        }
        self.handle_in(context, cluster, version, permit).await
    }

    async fn handle_in(
        self,
        context: &Context,
        cluster: Arc<Cluster>,
        version: i16,
        permit: Option<Permit>,
    ) -> Result<Answer, Refusal> {
        let permit = match self.key() {
            ApiKey::Produce => permit,
            _ => {
                *context.admitted.lock() = permit.filter(|_| self.stored() != Stored::No);
                None
            }
        };
        // The handlers' futures are boxed: one that could be any of them would be as large as the largest.
        macro_rules! answer {
            ($handler:path $(, $argument:expr)*) => {{
                let (request, outgoing) = self.open()?;
                let response = $handler(context $(, $argument)*, request).boxed().await;
                outgoing.now(context, &response)
            }};
        }
        match self.key() {
            ApiKey::Produce => produce::handle(context, cluster, self, permit).boxed().await,
            ApiKey::Fetch => {
                let (request, outgoing) = self.open()?;
                let (response, permit) = fetch::answer(context, cluster, version, request).boxed().await;
                Ok(outgoing.now(context, &response)?.within(permit))
            }
            ApiKey::ListOffsets => answer!(list_offsets::answer, cluster, version),
            ApiKey::Metadata => answer!(metadata::answer, cluster, version),
            ApiKey::OffsetCommit => answer!(offset_commit::answer, cluster, version),
            ApiKey::OffsetFetch => answer!(offset_fetch::answer, cluster, version),
            ApiKey::JoinGroup => {
                let client_id = self.header.client_id.clone();
                answer!(join_group::answer, version, client_id)
            }
            ApiKey::Heartbeat => answer!(heartbeat::answer),
            ApiKey::LeaveGroup => answer!(leave_group::answer, version),
            ApiKey::SyncGroup => answer!(sync_group::answer),
            ApiKey::DescribeGroups => answer!(describe_groups::answer, version),
            ApiKey::DeleteGroups => answer!(delete_groups::answer),
            ApiKey::OffsetDelete => answer!(offset_delete::answer, cluster),
            ApiKey::ConsumerGroupHeartbeat => {
                let client_id = self.header.client_id.clone();
                answer!(consumer_group_heartbeat::answer, version, client_id)
            }
            ApiKey::ConsumerGroupDescribe => answer!(consumer_group_describe::answer, cluster),
            ApiKey::ShareGroupHeartbeat => {
                let client_id = self.header.client_id.clone();
                answer!(share_group_heartbeat::answer, client_id)
            }
            ApiKey::ShareGroupDescribe => answer!(share_group_describe::answer, cluster),
            ApiKey::ShareFetch => {
                let (request, outgoing) = self.open()?;
                let (response, permit) =
                    share_fetch::answer(context, cluster, version, request).boxed().await;
                Ok(outgoing.now(context, &response)?.within(permit))
            }
            ApiKey::ShareAcknowledge => answer!(share_acknowledge::answer, cluster, version),
            ApiKey::DescribeShareGroupOffsets => answer!(describe_share_group_offsets::answer, cluster),
            ApiKey::AlterShareGroupOffsets => answer!(alter_share_group_offsets::answer, cluster),
            ApiKey::DeleteShareGroupOffsets => answer!(delete_share_group_offsets::answer, cluster),
            ApiKey::PeerShares => answer!(share_offsets::answer),
            ApiKey::CreateTopics => answer!(create_topics::answer),
            ApiKey::DeleteTopics => answer!(delete_topics::answer, version),
            ApiKey::DescribeProducers => answer!(describe_producers::answer, cluster),
            ApiKey::DeleteRecords => answer!(delete_records::answer, cluster),
            ApiKey::InitProducerId => answer!(init_producer_id::answer),
            ApiKey::OffsetForLeaderEpoch => answer!(offset_for_leader_epoch::answer, cluster),
            ApiKey::DescribeConfigs => answer!(describe_configs::answer, cluster),
            ApiKey::PeerControl => answer!(status::control),
            ApiKey::AlterConfigs => answer!(alter_configs::answer),
            ApiKey::IncrementalAlterConfigs => answer!(alter_configs::answer_incremental),
            ApiKey::CreatePartitions => answer!(create_partitions::answer),
            ApiKey::DescribeTopicPartitions => answer!(describe_topic_partitions::answer, cluster),
            _ => self.handle_at_once(context, &cluster),
        }
    }

    /// What is answered from what this node knows, without waiting for anything.
    fn handle_at_once(self, context: &Context, cluster: &Cluster) -> Result<Answer, Refusal> {
        let version = self.header.request_api_version;
        macro_rules! answer {
            ($handler:path $(, $argument:expr)*) => {{
                let (request, outgoing) = self.open()?;
                outgoing.now(context, &$handler($($argument,)* &request))
            }};
        }
        match self.key() {
            ApiKey::DescribeCluster => answer!(describe_cluster::answer, context, cluster),
            ApiKey::DescribeLogDirs => answer!(describe_log_dirs::answer, context, cluster),
            ApiKey::FindCoordinator => answer!(find_coordinator::answer, context, cluster, version),
            ApiKey::ListGroups => answer!(list_groups::answer, context),
            ApiKey::ListConfigResources => answer!(list_config_resources::answer, context, cluster, version),
            ApiKey::ElectLeaders => answer!(elect_leaders::answer, cluster),
            ApiKey::AlterPartitionReassignments => answer!(partition_reassignments::alter, cluster),
            ApiKey::ListPartitionReassignments => answer!(partition_reassignments::list),
            ApiKey::AlterReplicaLogDirs => answer!(alter_replica_log_dirs::answer),
            ApiKey::DescribeQuorum => answer!(quorum::describe),
            ApiKey::AddRaftVoter => answer!(quorum::add_voter),
            ApiKey::RemoveRaftVoter => answer!(quorum::remove_voter),
            ApiKey::UpdateFeatures => answer!(update_features::answer),
            ApiKey::UnregisterBroker => answer!(unregister_broker::answer, cluster),
            ApiKey::CreateDelegationToken => answer!(delegation_tokens::create),
            ApiKey::RenewDelegationToken => answer!(delegation_tokens::renew),
            ApiKey::ExpireDelegationToken => answer!(delegation_tokens::expire),
            ApiKey::DescribeDelegationToken => answer!(delegation_tokens::describe),
            _ => Err(self.not_served()),
        }
    }

    fn decode<R: Request>(&self) -> Result<R, Refusal> {
        let (api, version) = (self.header.request_api_key, self.header.request_api_version);
        R::decode_sent(self.body.clone(), version).map_err(|source| Refusal::Body { api, version, source })
    }

    /// The request, and what its response needs.
    fn open<R: Request>(self) -> Result<(R, Outgoing), Refusal> {
        Ok((self.decode()?, Outgoing::of(&self)))
    }
}

/// What of a request its response needs.
#[derive(Clone, Copy, Debug)]
struct Outgoing {
    key: ApiKey,
    version: i16,
    correlation_id: i32,
    received: Instant,
}

impl Outgoing {
    fn of(incoming: &Incoming) -> Self {
        Self {
            key: incoming.header.request_api_key,
            version: incoming.header.request_api_version,
            correlation_id: incoming.header.correlation_id,
            received: incoming.received,
        }
    }

    fn now<M: Message + Errors>(self, context: &Context, response: &M) -> Result<Answer, Refusal> {
        self.encode(context.broker.metrics(), response).map(Answer::Now)
    }

    fn encode<M: Message + Errors>(self, metrics: &Metrics, response: &M) -> Result<Reply, Refusal> {
        response.errors(&mut |code| metrics.response_error(self.key, code));
        let chunks = frame::encode_response(self.correlation_id, self.version, response);
        metrics.request_answered(self.key, self.received.elapsed());
        chunks.map(|chunks| Reply::Frame(chunks, None)).map_err(|source| Refusal::Response {
            api: self.key,
            version: self.version,
            source,
        })
    }
}

/// A message for a human, as the wire wants it.
fn text(message: impl std::fmt::Display) -> Option<Str> {
    Some(message.to_string().into())
}

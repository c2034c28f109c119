//! A request: read off its frame, given to the handler of its API, and its response encoded.

use std::sync::Arc;

use bytes::Bytes;
use coordinator::cluster::Cluster;
use futures::FutureExt;
use protocol::frame::{self, RequestHeader};
use protocol::messages::PeerStatusRequest;
use protocol::{ApiKey, Message, Request, Sent};
use tokio::time::{Instant, timeout};

use super::{
    Answer, Context, Errors, PATIENCE, PRIVATE, Refusal, Reply, SERVED, STORED, Stored, alter_configs,
    alter_replica_log_dirs, alter_share_group_offsets, api_versions, consumer_group_describe,
    consumer_group_heartbeat, create_partitions, create_topics, delegation_tokens, delete_groups,
    delete_records, delete_share_group_offsets, delete_topics, describe_cluster, describe_configs,
    describe_groups, describe_log_dirs, describe_producers, describe_share_group_offsets,
    describe_topic_partitions, elect_leaders, fetch, find_coordinator, heartbeat, init_producer_id,
    join_group, leave_group, list_config_resources, list_groups, list_offsets, metadata, offset_commit,
    offset_delete, offset_fetch, offset_for_leader_epoch, partition_reassignments, peer, produce, quorum,
    share_acknowledge, share_fetch, share_grants, share_group_describe, share_group_heartbeat, share_offsets,
    status, sync_group, unregister_broker, update_features,
};
use crate::memory::Permit;
use crate::metrics::Metrics;

/// What an answer takes for each topic and for each partition of the cluster, at most, while it is made.
const BROAD_TOPIC: usize = 512;
const BROAD_PARTITION: usize = 256;

/// Answers that take less are made without waiting for memory.
const BROAD: usize = 64 << 10;

/// What an answer takes for each thing that the request names, at most, while it is made.
const NAMED: usize = 256;

/// How many things that do not exist a request may name whose answer is made only after something else has been waited
/// for: a turn, other members, a slot, the store. No memory is taken for its answer before that.
const MANY: usize = 100_000;

/// A request whose header has been read.
pub(crate) struct Incoming {
    pub(super) header: RequestHeader,
    pub(super) body: Bytes,
    /// When it began to come.
    pub(super) came: Instant,
    received: Instant,
}

impl Incoming {
    /// Reads the header of a frame. Fails on what is not served.
    pub(crate) fn new(context: &Context, frame: Bytes, came: Instant) -> Result<Self, Refusal> {
        let length = frame.len();
        let (header, body) = frame::decode_request_header(frame).map_err(Refusal::Header)?;
        context.broker.metrics().request_received(header.request_api_key, length);
        let incoming = Self { header, body, came, received: Instant::now() };
        let api = incoming.key();
        match &context.listener {
            _ if !incoming.is_served() => Err(incoming.not_served()),
            listener if PRIVATE.contains(&api) && !context.broker.config().is_inter_node(listener) => {
                Err(Refusal::Private { api, listener: Arc::clone(listener) })
            }
            _ => Ok(incoming),
        }
    }

    fn is_served(&self) -> bool {
        let version = self.header.request_api_version;
        match self.header.request_api_key {
            // An unknown version is answered, too.
            ApiKey::ApiVersions => true,
            key if PRIVATE.contains(&key) => version == 0,
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

    /// Whether the answer may take as long as the client likes.
    pub(crate) fn is_patient(&self) -> bool {
        matches!(self.key(), ApiKey::Fetch | ApiKey::JoinGroup | ApiKey::SyncGroup | ApiKey::ShareFetch)
    }

    /// Whether the memory that the request's bytes take counts while it is handled. What others' requests wait for is
    /// held by none that asks the store, waits for its turn or for other members.
    fn keeps_admitted(&self) -> bool {
        matches!(self.key(), ApiKey::Fetch | ApiKey::Metadata) || self.stored() != Stored::No
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
                *context.admitted.lock() = permit.filter(|_| self.keeps_admitted());
                None
            }
        };
        // The handlers' futures are boxed: one that could be any of them would be as large as the largest.
        macro_rules! answer {
            ($handler:path $(, $argument:expr)*) => {{
                let (request, outgoing, room) = self.open_in(context, &cluster, false).await?;
                let response = $handler(context $(, $argument)*, request).boxed().await;
                Ok(outgoing.now(context, &response)?.in_room(room))
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
            ApiKey::Metadata => {
                let (Sent { request, elements }, outgoing) = (self.decode()?, Outgoing::of(&self));
                let (response, room) =
                    metadata::answer(context, cluster, version, request, elements).boxed().await;
                Ok(outgoing.now(context, &response)?.in_room(room))
            }
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
            ApiKey::ListGroups => answer!(list_groups::answer),
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
            ApiKey::PeerShareGrant => answer!(share_grants::answer),
            ApiKey::CreateTopics => answer!(create_topics::answer),
            ApiKey::DeleteTopics => answer!(delete_topics::answer, version),
            ApiKey::DescribeProducers => answer!(describe_producers::answer, cluster),
            ApiKey::DeleteRecords => answer!(delete_records::answer, cluster),
            ApiKey::InitProducerId => answer!(init_producer_id::answer),
            ApiKey::OffsetForLeaderEpoch => answer!(offset_for_leader_epoch::answer, cluster),
            ApiKey::DescribeConfigs => {
                let (request, outgoing) = self.open()?;
                let (response, permit) = describe_configs::answer(context, cluster, request).boxed().await;
                Ok(outgoing.now(context, &response)?.within(permit))
            }
            ApiKey::PeerControl => answer!(status::control),
            ApiKey::AlterConfigs => answer!(alter_configs::answer),
            ApiKey::IncrementalAlterConfigs => answer!(alter_configs::answer_incremental),
            ApiKey::CreatePartitions => answer!(create_partitions::answer),
            ApiKey::DescribeTopicPartitions => answer!(describe_topic_partitions::answer, cluster),
            _ => self.handle_at_once(context, &cluster).boxed().await,
        }
    }

    /// What is answered from what this node knows, without waiting for anything but memory.
    async fn handle_at_once(self, context: &Context, cluster: &Cluster) -> Result<Answer, Refusal> {
        let version = self.header.request_api_version;
        macro_rules! answer {
            ($handler:path $(, $argument:expr)*) => {{
                let (request, outgoing, room) = self.open_in(context, cluster, true).await?;
                Ok(outgoing.now(context, &$handler($($argument,)* &request))?.in_room(room))
            }};
        }
        match self.key() {
            ApiKey::DescribeCluster => answer!(describe_cluster::answer, context, cluster),
            ApiKey::DescribeLogDirs => answer!(describe_log_dirs::answer, context, cluster),
            ApiKey::FindCoordinator => answer!(find_coordinator::answer, context, cluster, version),
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

    pub(super) fn decode<R: Request>(&self) -> Result<Sent<R>, Refusal> {
        let (api, version) = (self.header.request_api_key, self.header.request_api_version);
        R::decode_sent(self.body.clone(), version).map_err(|source| Refusal::Body { api, version, source })
    }

    /// The request, and what its response needs.
    fn open<R: Request>(self) -> Result<(R, Outgoing), Refusal> {
        Ok((self.decode()?.request, Outgoing::of(&self)))
    }

    /// The request, what its response needs, and the memory that it takes while it is made: for each thing that it
    /// names, if it is made at once.
    async fn open_in<R: Request>(
        self,
        context: &Context,
        cluster: &Cluster,
        at_once: bool,
    ) -> Result<(R, Outgoing, Option<Permit>), Refusal> {
        let Sent { request, elements } = self.decode()?;
        let (key, outgoing) = (self.key(), Outgoing::of(&self));
        // What waits for anything else would hold the memory of others' answers meanwhile.
        let named = match at_once {
            true => NAMED * elements,
            false => few(key, elements, cluster, MANY).map(|()| 0)?,
        };
        let breadth = match key {
            ApiKey::DescribeTopicPartitions | ApiKey::DescribeLogDirs | ApiKey::OffsetFetch => {
                breadth(cluster)
            }
            _ => 0,
        };
        // What came of the frame is all that is needed of it.
        drop(self);
        Ok((request, outgoing, room(context, breadth + named).await))
    }
}

/// The bytes that an answer may take while it is made that may tell of the whole cluster; what it is made of takes more
/// than it does itself.
fn breadth(cluster: &Cluster) -> usize {
    let partitions = usize::try_from(cluster.partition_count()).unwrap_or(0);
    BROAD_TOPIC * cluster.topic_count() + BROAD_PARTITION * partitions
}

/// Fails if a request names more than all partitions that there are, each with a topic of its own, and so many more.
pub(super) fn few(api: ApiKey, elements: usize, cluster: &Cluster, more: usize) -> Result<(), Refusal> {
    let most = 2 * usize::try_from(cluster.partition_count()).unwrap_or(0) + more;
    if elements > most { Err(Refusal::TooMany { api, elements, most }) } else { Ok(()) }
}

/// Memory for an answer that is about to be made and may take so many bytes; none if they are few, or not to be had.
async fn room(context: &Context, bytes: usize) -> Option<Permit> {
    match bytes {
        ..BROAD => None,
        _ => timeout(PATIENCE, context.broker.answers().take(bytes)).await.ok().flatten(),
    }
}

/// Memory for an answer about this cluster to a request that names so many things.
pub(super) async fn broad_room(context: &Context, cluster: &Cluster, named: usize) -> Option<Permit> {
    room(context, breadth(cluster) + NAMED * named).await
}

/// What of a request its response needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outgoing {
    pub(super) key: ApiKey,
    pub(super) version: i16,
    correlation_id: i32,
    pub(super) received: Instant,
}

impl Outgoing {
    pub(super) fn of(incoming: &Incoming) -> Self {
        Self {
            key: incoming.header.request_api_key,
            version: incoming.header.request_api_version,
            correlation_id: incoming.header.correlation_id,
            received: incoming.received,
        }
    }

    pub(super) fn now<M: Message + Errors>(self, context: &Context, response: &M) -> Result<Answer, Refusal> {
        self.encode(context.broker.metrics(), response).map(Answer::Now)
    }

    pub(super) fn encode<M: Message + Errors>(
        self,
        metrics: &Metrics,
        response: &M,
    ) -> Result<Reply, Refusal> {
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

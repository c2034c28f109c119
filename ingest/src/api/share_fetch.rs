//! ShareFetch (KIP-932): a member says what became of earlier records, and gets more. The records are its own for
//! a while; no other member gets them meanwhile.

mod acknowledge;
mod acquire;
mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use broker::memory::Permit;
use coordinator::cluster::Cluster;
use coordinator::share::AcquireMode;
use coordinator::{PartitionId, TopicId};
use futures::future::join_all;
use protocol::messages::share_fetch::{
    FetchTopic, LeaderIdAndEpoch, NodeEndpoint, PartitionData, ShareFetchableTopicResponse,
};
use protocol::messages::{ShareFetchRequest, ShareFetchResponse};
use protocol::{ErrorCode, Str, Uuid};
use tokio::time::{Instant, sleep_until};

use super::fetch::MAX_BYTES;
use super::share_group_heartbeat::is_member_id;
use super::topics::{Leader, Miss, Node, TopicRef, View, has_partition, uuid};
use super::{Answer, Context, Incoming, Refusal};
use crate::share_sessions::{FINAL, FIRST, Holder, SessionReject};
pub(super) use acknowledge::{Acknowledging, error_fields};
use acquire::{Acquiring, Given, Wanted};

/// The first version in which a request may renew locks, and say how strictly a number of records holds.
const RENEWS: i16 = 2;

/// How many partitions a request may name, and how many a session may have. A session may name many in few bytes.
pub(super) const MOST_PARTITIONS: usize = 10_000;

/// What the answer takes in memory for a partition, at most, besides its records.
const PARTITION: usize = 512;

/// Why nothing is done with a partition.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    pub(super) code: ErrorCode,
    pub(super) message: Option<Str>,
    /// The leader, where this node is not and any node is.
    pub(super) leader: Option<Leader>,
}

impl Failed {
    pub(super) fn of(code: ErrorCode) -> Self {
        Self { code, message: None, leader: None }
    }
}

impl From<Miss> for Failed {
    fn from(miss: Miss) -> Self {
        Self { leader: miss.leader, ..Self::of(miss.code) }
    }
}

/// NOT_LEADER_OR_FOLLOWER, with the leader.
pub(super) fn not_leader(view: &View, partition: PartitionId) -> Failed {
    Failed { leader: view.leader(partition), ..Failed::of(ErrorCode::NotLeaderOrFollower) }
}

/// The group and the member that ask, if the request names them.
pub(super) fn holder(group: Option<&Str>, member: Option<&Str>) -> Result<Holder, &'static str> {
    let group = group.ok_or("Invalid group id in the request.")?;
    let member = member.filter(|member| is_member_id(member)).ok_or("Invalid member id in the request.")?;
    Ok(Holder::new(group, member))
}

/// Fails on more partitions than a request may name.
pub(super) fn check_named(partitions: usize) -> Result<(), &'static str> {
    if partitions > MOST_PARTITIONS { Err("The request names more than 10000 partitions.") } else { Ok(()) }
}

/// Kafka's error for a request that does not fit its session.
pub(super) fn session_error(reject: SessionReject) -> ErrorCode {
    match reject {
        SessionReject::NotFound => ErrorCode::ShareSessionNotFound,
        SessionReject::InvalidEpoch => ErrorCode::InvalidShareSessionEpoch,
        SessionReject::LimitReached => ErrorCode::ShareSessionLimitReached,
    }
}

pub(super) async fn handle(
    context: &Context,
    cluster: Arc<Cluster>,
    incoming: Incoming,
) -> Result<Answer, Refusal> {
    let version = incoming.version();
    let (request, outgoing) = incoming.open()?;
    let (response, permit) = answer(context, cluster, version, request).await;
    Ok(outgoing.now(context, &response)?.within(permit))
}

async fn answer(
    context: &Context,
    cluster: Arc<Cluster>,
    version: i16,
    mut request: ShareFetchRequest,
) -> (ShareFetchResponse, Option<Permit>) {
    let named = request.topics.iter().map(|topic| topic.partitions.len()).sum();
    let asked =
        check_named(named).and_then(|()| holder(request.group_id.as_ref(), request.member_id.as_ref()));
    let holder = match asked {
        Ok(holder) => holder,
        Err(message) => return refused(ErrorCode::InvalidRequest, Some(message)),
    };
    let renews = version >= RENEWS && request.is_renew_ack;
    let bounds = [request.max_bytes, request.min_bytes, request.max_records, request.max_wait_ms];
    if renews && bounds != [0; 4] {
        let message = "maxBytes, minBytes, maxRecords and maxWaitMs must be 0 if isRenewAck is true.";
        return refused(ErrorCode::InvalidRequest, Some(message));
    }
    let mode = match (version >= RENEWS, request.share_acquire_mode) {
        (false, _) | (true, 0) => AcquireMode::BatchOptimized,
        (true, 1) => AcquireMode::RecordLimit,
        (true, _) => return refused(ErrorCode::InvalidRequest, Some("Invalid share acquire mode.")),
    };
    let view = View::knowing(context, cluster, |cluster| knows(cluster, &request.topics)).await;
    let partitions = match begin(context, &view, &holder, &request) {
        Ok(partitions) => partitions,
        Err(code) => {
            if code == ErrorCode::ShareSessionLimitReached {
                // The client would be back at once.
                let deadline = deadline(&request);
                (request.topics, request.forgotten_topics_data) = Default::default();
                drop(context.admitted.lock().take());
                wait(context, deadline).await;
            }
            return refused(code, None);
        }
    };
    let acknowledging = Acknowledging { context, view: &view, holder: &holder, renews };
    let mut response = Responding::default();
    let mut acknowledged = Vec::new();
    for topic in &request.topics {
        for partition in topic.partitions.iter().filter(|p| !p.acknowledgement_batches.is_empty()) {
            let said = partition.acknowledgement_batches.iter();
            let said = said.map(|b| (b.first_offset, b.last_offset, &b.acknowledge_types[..]));
            let index = partition.partition_index;
            acknowledged.push((topic.topic_id, index, acknowledging.decide(topic.topic_id, index, said)));
        }
    }
    if request.share_session_epoch == FINAL {
        release(context, &holder);
    }
    // What is waited for may be long in coming: nothing is kept of the request's frame meanwhile.
    let wanted = Wanted {
        mode,
        max_bytes: usize::try_from(request.max_bytes).unwrap_or(0).min(MAX_BYTES),
        min_bytes: usize::try_from(request.min_bytes).unwrap_or(0),
        max_records: u32::try_from(request.max_records).unwrap_or(0),
        batch_size: u32::try_from(request.batch_size).unwrap_or(0),
        deadline: deadline(&request),
    };
    drop(request);
    let acquiring = Acquiring { context, view: &view, holder: &holder, wanted };
    let given = async { if renews { Default::default() } else { acquiring.acquire(partitions).await } };
    let acknowledged = join_all(acknowledged.into_iter().map(async |(topic, index, decided)| {
        let outcome = match decided {
            Ok(acknowledged) => acknowledged.outcome(&view).await,
            Err(failed) => Err(failed),
        };
        (topic, index, outcome)
    }));
    let ((given, permit), acknowledged) = futures::join!(given, acknowledged);
    given.into_iter().for_each(|(partition, given)| response.given(partition, given));
    for (topic, index, outcome) in acknowledged {
        response.acknowledged(topic, index, &outcome);
    }
    let locks = context.broker.log().map(|log| log.share_settings(&holder.group).record_lock_duration);
    (response.finish(locks.unwrap_or_default()), permit)
}

fn refused(code: ErrorCode, message: Option<&'static str>) -> (ShareFetchResponse, Option<Permit>) {
    let error_message = message.map(Str::from_static);
    (ShareFetchResponse { error_code: code.code(), error_message, ..Default::default() }, None)
}

fn knows(cluster: &Cluster, topics: &[FetchTopic]) -> bool {
    topics.iter().all(|topic| {
        let id = TopicRef::Id(topic.topic_id);
        topic.partitions.iter().all(|partition| has_partition(cluster, id, partition.partition_index))
    })
}

fn deadline(request: &ShareFetchRequest) -> Instant {
    Instant::now() + Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0))
}

async fn wait(context: &Context, deadline: Instant) {
    tokio::select! {
        () = sleep_until(deadline) => {}
        () = context.stop.cancelled() => {}
    }
}

/// Takes the request's place in its session; answers what is to be read. Partitions that are known not to exist are
/// among it this once, for their errors, and not in the session.
fn begin(
    context: &Context,
    view: &View,
    holder: &Holder,
    request: &ShareFetchRequest,
) -> Result<Vec<PartitionId>, ErrorCode> {
    let sessions = context.service.share_sessions();
    let named = request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| partition_id(topic.topic_id, partition.partition_index))
    });
    let may_exist = |partition: &PartitionId| {
        let topic = TopicRef::Id(uuid(partition.topic));
        !view.is_settled() || has_partition(&view.cluster, topic, partition.index)
    };
    let (known, unknown): (Vec<_>, BTreeSet<_>) = (
        named.clone().filter(may_exist).collect(),
        named.filter(|partition| !may_exist(partition)).collect(),
    );
    let partitions = match request.share_session_epoch {
        FINAL => sessions.acknowledge(holder, FINAL).map(|()| Vec::new()),
        FIRST => {
            let all = request.topics.iter().flat_map(|topic| &topic.partitions);
            if all.into_iter().any(|partition| !partition.acknowledgement_batches.is_empty()) {
                return Err(ErrorCode::InvalidRequest);
            }
            let most = context.broker.group_settings().share.max_share_sessions;
            let most = usize::try_from(most).unwrap_or(0);
            sessions.open(holder.clone(), context.tie.connection(), known, most)
        }
        epoch => {
            let forgotten = request
                .forgotten_topics_data
                .iter()
                .flat_map(|topic| topic.partitions.iter().map(|index| partition_id(topic.topic_id, *index)));
            let forgotten: Vec<_> = forgotten.collect();
            let partitions = sessions.update(holder, epoch, known, &forgotten);
            // Each request begins with another partition, so that none waits behind the others for long.
            partitions.map(|mut partitions| {
                let first = usize::try_from(epoch).unwrap_or(0).checked_rem(partitions.len()).unwrap_or(0);
                partitions.rotate_left(first);
                partitions
            })
        }
    };
    let mut partitions = partitions.map_err(session_error)?;
    if request.share_session_epoch != FINAL {
        partitions.extend(unknown);
    }
    Ok(partitions)
}

fn partition_id(topic: Uuid, index: i32) -> PartitionId {
    PartitionId { topic: TopicId(*topic.as_bytes()), index }
}

/// Closes the member's session: what it has acquired is available again.
pub(super) fn release(context: &Context, holder: &Holder) {
    if let Ok(partitions) = context.service.share_sessions().close(holder) {
        context.broker.release_shares(&holder.group, &holder.member, &partitions);
    }
}

/// What becomes of each partition.
#[derive(Default)]
struct Responding {
    topics: BTreeMap<TopicId, BTreeMap<i32, PartitionData>>,
    nodes: Vec<Node>,
}

impl Responding {
    fn partition(&mut self, topic: TopicId, index: i32) -> &mut PartitionData {
        let partitions = self.topics.entry(topic).or_default();
        partitions
            .entry(index)
            .or_insert_with(|| PartitionData { partition_index: index, ..Default::default() })
    }

    fn given(&mut self, partition: PartitionId, given: Result<Given, Failed>) {
        let data = self.partition(partition.topic, partition.index);
        match given {
            Ok(given) => (data.records, data.acquired_records) = (given.records, given.acquired),
            Err(failed) => {
                (data.error_code, data.error_message) = (failed.code.code(), failed.message.clone());
                self.led_by(partition, failed.leader);
            }
        }
    }

    fn acknowledged(&mut self, topic: Uuid, index: i32, outcome: &Result<(), Failed>) {
        let partition = partition_id(topic, index);
        let data = self.partition(partition.topic, index);
        (data.acknowledge_error_code, data.acknowledge_error_message) = error_fields(outcome);
        if let Err(failed) = outcome {
            self.led_by(partition, failed.leader.clone());
        }
    }

    fn led_by(&mut self, partition: PartitionId, leader: Option<Leader>) {
        let Some(Leader { epoch, node }) = leader else { return };
        self.partition(partition.topic, partition.index).current_leader =
            LeaderIdAndEpoch { leader_id: node.id, leader_epoch: epoch };
        if !self.nodes.contains(&node) {
            self.nodes.push(node);
        }
    }

    fn finish(self, locks: Duration) -> ShareFetchResponse {
        let responses = self.topics.into_iter().map(|(topic, partitions)| ShareFetchableTopicResponse {
            topic_id: uuid(topic),
            partitions: partitions.into_values().collect(),
        });
        let endpoint = |node: Node| NodeEndpoint {
            node_id: node.id,
            host: node.host.into(),
            port: node.port,
            rack: node.rack.map(Into::into),
        };
        ShareFetchResponse {
            acquisition_lock_timeout_ms: i32::try_from(locks.as_millis()).unwrap_or(i32::MAX),
            responses: responses.collect(),
            node_endpoints: self.nodes.into_iter().map(endpoint).collect(),
            ..Default::default()
        }
    }
}

//! The offsets of share groups lie with the partitions' owners: what a group's coordinator asks of them, and what
//! an owner answers (`docs/formats.md`, "Peers").

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use broker::log::NotLeader;
use broker::node::Broker;
use coordinator::cluster::{Cluster, Session};
use coordinator::group::{GroupId, Reject};
use coordinator::share::{Request as ShareRequest, SharePartitionId};
use coordinator::{PartitionId, SessionId, TopicId};
use futures::future::join_all;
use futures::{FutureExt, StreamExt, stream};
use protocol::messages::peer_shares::{ALTER, DELETE, DESCRIBE, PeerShareOutcome, PeerSharePartition};
use protocol::messages::{PeerSharesRequest, PeerSharesResponse};
use protocol::{ErrorCode, Str};
use tokio::time::{Instant, sleep, timeout};

use super::groups::code;
use super::share_grants::Grant;
use super::topics::uuid;
use super::{Context, PATIENCE};

/// How long another node has to answer.
const WITHIN: Duration = Duration::from_secs(5);

/// The pause before owners that could not be asked are asked again.
const AGAIN: Duration = Duration::from_millis(100);

/// How many partitions one request asks about: the answer, of 23 bytes for each, is far from the longest that a node
/// takes from another.
const AT_ONCE: usize = 1000;

/// How many owners' answers are waited for at a time.
const CONCURRENT: usize = 16;

/// What is wanted of share partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Their offsets.
    Describe,
    /// That they begin elsewhere, in this epoch of the group.
    Alter(i32),
    /// That they are forgotten.
    Delete,
}

/// What became of a share partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The first offset that is not settled; −1 if the group never read the partition.
    pub(super) start: i64,
    /// The partition's leader epoch.
    pub(super) leader_epoch: i32,
    /// Records that are not settled; −1 if the group never read the partition.
    pub(super) lag: i64,
}

/// Asks the owners of partitions, each with its new start where there is one. Partitions that no node leads,
/// or whose owners can't be asked in time, have failed.
pub(super) async fn ask_owners(
    context: &Context,
    group: &str,
    action: Action,
    partitions: BTreeMap<PartitionId, i64>,
) -> BTreeMap<PartitionId, Result<Outcome, ErrorCode>> {
    let deadline = Instant::now() + PATIENCE;
    let mut left = partitions;
    let mut outcomes = BTreeMap::new();
    while let Some(cluster) = context.broker.cluster().filter(|_| !left.is_empty()) {
        let asked = by_owner(&cluster, &left).into_iter().map(|(session, partitions)| {
            let session = cluster.session(session);
            ask_owner(&context.broker, session, group, action, partitions).boxed()
        });
        let asked: Vec<_> = asked.collect();
        let answered: Vec<_> = stream::iter(asked).buffer_unordered(CONCURRENT).collect().await;
        for (partition, outcome) in answered.into_iter().flatten() {
            if outcome != Err(ErrorCode::NotLeaderOrFollower) {
                left.remove(&partition);
            }
            outcomes.insert(partition, outcome);
        }
        left.retain(|partition, _| cluster.topic(partition.topic).is_some());
        if Instant::now() >= deadline || context.stop.is_cancelled() {
            break;
        }
        if !left.is_empty() {
            sleep(AGAIN).await;
        }
    }
    for (partition, _) in left {
        outcomes.entry(partition).or_insert(Err(ErrorCode::NotLeaderOrFollower));
    }
    outcomes
}

/// Partitions by the session that leads them, in parts that can be asked about at a time. Those without a
/// leader are left out.
fn by_owner(
    cluster: &Cluster,
    partitions: &BTreeMap<PartitionId, i64>,
) -> Vec<(SessionId, Vec<(PartitionId, i64)>)> {
    let mut owners: BTreeMap<SessionId, Vec<(PartitionId, i64)>> = BTreeMap::new();
    for (&partition, &start) in partitions {
        if let Some((session, _)) = cluster.leader(partition) {
            owners.entry(session.id).or_default().push((partition, start));
        }
    }
    let parts = owners.into_iter().flat_map(|(owner, partitions)| {
        partitions.chunks(AT_ONCE).map(|part| (owner, part.to_vec())).collect::<Vec<_>>()
    });
    parts.collect()
}

async fn ask_owner(
    broker: &Broker,
    session: Option<&Session>,
    group: &str,
    action: Action,
    partitions: Vec<(PartitionId, i64)>,
) -> Vec<(PartitionId, Result<Outcome, ErrorCode>)> {
    let own = session.is_some_and(|session| session.process == broker.process());
    if own {
        return act(broker, group, action, partitions).await;
    }
    let failed = |partitions: Vec<(PartitionId, i64)>| {
        partitions.into_iter().map(|(p, _)| (p, Err(ErrorCode::NotLeaderOrFollower))).collect()
    };
    let Some(session) = session else { return failed(partitions) };
    match ask_peer(broker, session, group, action, &partitions).await {
        Ok(outcomes) => partitions.into_iter().map(|(partition, _)| partition).zip(outcomes).collect(),
        Err(error) => {
            tracing::debug!(%error, session = %session.id, "a partition's owner could not be asked");
            failed(partitions)
        }
    }
}

async fn ask_peer(
    broker: &Broker,
    session: &Session,
    group: &str,
    action: Action,
    partitions: &[(PartitionId, i64)],
) -> io::Result<Vec<Result<Outcome, ErrorCode>>> {
    let (action, group_epoch) = match action {
        Action::Describe => (DESCRIBE, 0),
        Action::Alter(epoch) => (ALTER, epoch),
        Action::Delete => (DELETE, 0),
    };
    let named = partitions.iter().map(|(partition, start_offset)| PeerSharePartition {
        topic_id: uuid(partition.topic),
        partition_index: partition.index,
        start_offset: *start_offset,
    });
    let partitions = named.collect::<Vec<_>>();
    let count = partitions.len();
    let request = PeerSharesRequest { group_id: Str::from(group), action, group_epoch, partitions };
    let answer = broker.ask_node(session, &request, WITHIN).await?;
    if answer.error_code != 0 || answer.partitions.len() != count {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let outcome = |told: PeerShareOutcome| match ErrorCode::from_code(told.error_code) {
        Some(ErrorCode::None) => {
            Ok(Outcome { start: told.start_offset, leader_epoch: told.leader_epoch, lag: told.lag })
        }
        code => Err(code.unwrap_or(ErrorCode::UnknownServerError)),
    };
    Ok(answer.partitions.into_iter().map(outcome).collect())
}

/// Does what is wanted of partitions that this node leads.
async fn act(
    broker: &Broker,
    group: &str,
    action: Action,
    partitions: Vec<(PartitionId, i64)>,
) -> Vec<(PartitionId, Result<Outcome, ErrorCode>)> {
    let group = GroupId::from(group);
    let altered = partitions.iter().filter(|(_, start)| matches!(action, Action::Alter(_)) && *start >= 0);
    let altered: Vec<_> = altered.map(|(partition, _)| *partition).collect();
    let grant = match altered.is_empty() {
        true => None,
        false => match Grant::ask(broker, &group, None, altered).await {
            Ok(grant) => Some(grant),
            Err(code) => {
                // Only what the group itself says is final.
                let is_final = matches!(code, ErrorCode::GroupIdNotFound | ErrorCode::NonEmptyGroup);
                let code = if is_final { code } else { ErrorCode::NotLeaderOrFollower };
                return partitions.into_iter().map(|(partition, _)| (partition, Err(code))).collect();
            }
        },
    };
    let each = partitions.into_iter().map(|(partition, start)| {
        let id = SharePartitionId { group: GroupId::clone(&group), partition };
        let grant = grant.as_ref();
        async move {
            let outcome = timeout(PATIENCE, act_on(broker, &id, action, start, grant)).await;
            let outcome =
                outcome.unwrap_or(Err(NotLeader)).map_err(|NotLeader| ErrorCode::NotLeaderOrFollower);
            (partition, outcome.and_then(|outcome| outcome.ok_or(ErrorCode::UnknownTopicOrPartition)))
        }
    });
    join_all(each).await
}

/// Acts on a share partition that this node leads; nothing if its topic was deleted from the group meanwhile.
async fn act_on(
    broker: &Broker,
    id: &SharePartitionId,
    action: Action,
    start: i64,
    grant: Option<&Grant>,
) -> Result<Option<Outcome>, NotLeader> {
    let led = broker.lead(id.partition)?;
    let leader_epoch = led.partition.leader_epoch();
    let decided = match action {
        Action::Describe => {
            let (state, confirmed) = led.log.share_state(id)?;
            confirmed.committed().await?;
            let Some(state) = state else { return Ok(Some(Outcome { start: -1, leader_epoch, lag: -1 })) };
            let (log_start, end) = led.partition.range();
            let lag = state.lag(log_start..end);
            return Ok(Some(Outcome { start: state.start, leader_epoch, lag }));
        }
        Action::Alter(epoch) if start >= 0 => {
            let Some(grant) = grant.filter(|grant| grant.allows(id.partition)) else { return Ok(None) };
            grant.share(id, ShareRequest::Alter { epoch, start })?
        }
        // What begins nowhere begins anew with the next fetch.
        Action::Alter(_) | Action::Delete => led.log.share(id, ShareRequest::Delete, None)?,
    };
    decided.acknowledged().await?;
    Ok(Some(Outcome { start, leader_epoch, lag: -1 }))
}

/// What an owner answers to another node.
pub(super) async fn answer(context: &Context, request: PeerSharesRequest) -> PeerSharesResponse {
    let action = match request.action {
        DESCRIBE => Action::Describe,
        ALTER => Action::Alter(request.group_epoch),
        DELETE => Action::Delete,
        _ => {
            let error_code = ErrorCode::InvalidRequest.code();
            return PeerSharesResponse { error_code, ..Default::default() };
        }
    };
    let partitions = request.partitions.into_iter().map(|p| {
        (PartitionId { topic: TopicId(*p.topic_id.as_bytes()), index: p.partition_index }, p.start_offset)
    });
    let outcomes = act(&context.broker, &request.group_id, action, partitions.collect()).await;
    let told = |(_, outcome): (PartitionId, Result<Outcome, ErrorCode>)| match outcome {
        Ok(Outcome { start, leader_epoch, lag }) => {
            PeerShareOutcome { error_code: 0, start_offset: start, leader_epoch, lag }
        }
        Err(code) => PeerShareOutcome { error_code: code.code(), ..Default::default() },
    };
    PeerSharesResponse { error_code: 0, partitions: outcomes.into_iter().map(told).collect() }
}

/// Why nothing is done with a group's offsets, and what is said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) code: ErrorCode,
    pub(super) message: Option<Str>,
}

impl From<ErrorCode> for Refused {
    fn from(code: ErrorCode) -> Self {
        Self { code, message: message(code) }
    }
}

impl From<Reject> for Refused {
    fn from(reject: Reject) -> Self {
        match reject {
            Reject::GroupNotFound(message) => {
                Self { code: ErrorCode::GroupIdNotFound, message: Some(Str::cut(message)) }
            }
            reject => Self::from(code(&reject)),
        }
    }
}

/// Kafka's message for an error.
pub(super) fn message(code: ErrorCode) -> Option<Str> {
    (code != ErrorCode::None).then(|| Str::from_static(code.message()))
}

#[cfg(test)]
mod tests {
    use protocol::frame;

    use super::*;
    use broker::peer::LONGEST_ANSWER;

    #[test]
    fn an_answer_is_as_short_as_one_may_be() {
        let outcome = PeerShareOutcome {
            error_code: i16::MAX,
            start_offset: i64::MAX,
            leader_epoch: i32::MAX,
            lag: i64::MAX,
        };
        let answer = PeerSharesResponse { partitions: vec![outcome; AT_ONCE], ..Default::default() };
        let frame = frame::encode_response(1, 0, &answer).expect("it is right").concat();
        assert!(frame.len() <= LONGEST_ANSWER, "{}", frame.len());
    }
}

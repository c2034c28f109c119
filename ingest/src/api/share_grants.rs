//! Share partitions come into being with their owners when a group's coordinator allows it: how an owner asks, and what
//! a coordinator answers (`docs/formats.md`, "Peers").

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use broker::log::{Decided, Log, NotLeader, ShareAsk};
use broker::node::Broker;
use coordinator::cluster::Session;
use coordinator::group::share::ShareGrant;
use coordinator::group::{GroupId, MemberId, Reply, Request};
use coordinator::share::{Request as ShareRequest, SharePartitionId};
use coordinator::{PartitionId, TopicId};
use futures::future::try_join_all;
use protocol::messages::peer_share_grant::PeerShareGrantPartition;
use protocol::messages::{PeerShareGrantRequest, PeerShareGrantResponse};
use protocol::{ErrorCode, Str};
use tokio::time::timeout;

use super::groups::code;
use super::topics::uuid;
use super::{Context, PATIENCE};

/// How long another node has to answer.
const WITHIN: Duration = Duration::from_secs(5);

/// How many partitions one request asks for: the answer, of 21 bytes for each, is far from the longest that a node
/// takes from another.
const ASKED_TOGETHER: usize = 1000;

/// Share partitions that may come into being, unless any share partition of the group is deleted first.
pub(super) struct Grant {
    ask: ShareAsk,
    partitions: BTreeSet<PartitionId>,
}

impl Grant {
    /// As [`Grant::ask_within`], with patience.
    pub(super) async fn ask(
        broker: &Broker,
        group: &GroupId,
        member: Option<&MemberId>,
        partitions: Vec<PartitionId>,
    ) -> Result<Self, ErrorCode> {
        Self::ask_within(broker, group, member, partitions, PATIENCE).await
    }

    /// Asks for partitions that this node leads, for a member that reads them, or for an administrator that sets their
    /// offsets. Fails if the group's coordinator refuses, or can't be asked `within` that time.
    pub(super) async fn ask_within(
        broker: &Broker,
        group: &GroupId,
        member: Option<&MemberId>,
        partitions: Vec<PartitionId>,
        within: Duration,
    ) -> Result<Self, ErrorCode> {
        let log = broker.log().ok_or(ErrorCode::NotLeaderOrFollower)?;
        let ask = ShareAsk::new(log, group);
        let wanted = ShareGrant { member: member.cloned(), partitions };
        let asked = timeout(within, ask_coordinator(broker, group, wanted)).await;
        let asked = asked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let partitions = asked.unwrap_or_else(|error| {
            tracing::warn!(%error, %group, "the share group's coordinator could not be asked");
            Err(ErrorCode::CoordinatorNotAvailable)
        })?;
        Ok(Self { ask, partitions })
    }

    /// Whether a partition may.
    pub(super) fn allows(&self, partition: PartitionId) -> bool {
        self.partitions.contains(&partition)
    }

    /// Lets a share partition come into being by a request. Fails if it must be asked for again.
    pub(super) fn share(&self, id: &SharePartitionId, request: ShareRequest) -> Result<Decided, NotLeader> {
        if !self.allows(id.partition) {
            return Err(NotLeader);
        }
        self.ask.share(id, request)
    }
}

async fn ask_coordinator(
    broker: &Broker,
    group: &GroupId,
    wanted: ShareGrant,
) -> io::Result<Result<BTreeSet<PartitionId>, ErrorCode>> {
    if let Ok(coordinating) = broker.coordinate(group) {
        return Ok(decide(&coordinating, group, wanted).await);
    }
    let cluster = broker.cluster();
    let owner = cluster.as_ref().and_then(|cluster| cluster.coordinator(group));
    let (session, _) = owner.ok_or_else(|| io::Error::other("no node coordinates the group"))?;
    let ShareGrant { member, partitions } = wanted;
    // Together, so that one slot confirms them all.
    let asked = partitions.chunks(ASKED_TOGETHER).map(|some| {
        let wanted = ShareGrant { member: member.clone(), partitions: some.to_vec() };
        ask_peer(broker, session, group, wanted)
    });
    let answers = try_join_all(asked).await?;
    let granted: Result<Vec<_>, _> = answers.into_iter().collect();
    Ok(granted.map(|granted| granted.into_iter().flatten().collect()))
}

/// What a group that is coordinated here allows.
async fn decide(log: &Log, group: &GroupId, wanted: ShareGrant) -> Result<BTreeSet<PartitionId>, ErrorCode> {
    match timeout(PATIENCE, log.group(group, Request::ShareGrant(wanted), None)).await {
        Ok(Ok(Reply::ShareGrant(outcome))) => outcome.map_err(|reject| code(&reject)),
        Ok(Ok(_)) => Err(ErrorCode::UnknownServerError),
        Ok(Err(NotLeader)) => Err(ErrorCode::NotCoordinator),
        Err(_) => Err(ErrorCode::CoordinatorNotAvailable),
    }
}

async fn ask_peer(
    broker: &Broker,
    session: &Session,
    group: &GroupId,
    wanted: ShareGrant,
) -> io::Result<Result<BTreeSet<PartitionId>, ErrorCode>> {
    let request = PeerShareGrantRequest {
        group_id: Str::from(&**group),
        member_id: wanted.member.as_deref().map(Str::from),
        partitions: wanted.partitions.into_iter().map(to_wire).collect(),
    };
    let answer = broker.ask_node(session, &request, WITHIN).await?;
    Ok(match ErrorCode::from_code(answer.error_code) {
        Some(ErrorCode::None) => Ok(answer.partitions.iter().map(from_wire).collect()),
        code => Err(code.unwrap_or(ErrorCode::UnknownServerError)),
    })
}

/// What a coordinator answers to another node.
pub(super) async fn answer(context: &Context, request: PeerShareGrantRequest) -> PeerShareGrantResponse {
    let group = GroupId::from(&*request.group_id);
    let wanted = ShareGrant {
        member: request.member_id.as_deref().map(MemberId::from),
        partitions: request.partitions.iter().map(from_wire).collect(),
    };
    let decided = match context.broker.coordinate(&group) {
        Ok(log) => decide(&log, &group, wanted).await,
        Err(NotLeader) => Err(ErrorCode::NotCoordinator),
    };
    match decided {
        Ok(granted) => PeerShareGrantResponse {
            error_code: ErrorCode::None.code(),
            partitions: granted.into_iter().map(to_wire).collect(),
        },
        Err(code) => PeerShareGrantResponse { error_code: code.code(), ..Default::default() },
    }
}

fn to_wire(partition: PartitionId) -> PeerShareGrantPartition {
    PeerShareGrantPartition { topic_id: uuid(partition.topic), partition_index: partition.index }
}

fn from_wire(partition: &PeerShareGrantPartition) -> PartitionId {
    PartitionId { topic: TopicId(*partition.topic_id.as_bytes()), index: partition.partition_index }
}

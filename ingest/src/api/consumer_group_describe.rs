//! ConsumerGroupDescribe (KIP-848): consumer groups, their members, and where those are on their way.

use std::sync::Arc;

use coordinator::cluster::Cluster;
use coordinator::group::consumer::{DescribedMember, describe};
use coordinator::group::{Assignment, Group};
use futures::future::join_all;
use protocol::messages::consumer_group_describe::{self as wire, DescribedGroup, Member, TopicPartitions};
use protocol::messages::{ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse};
use protocol::{ErrorCode, Str};

use super::groups::{GROUP_OPERATIONS, check_id, code, read};
use super::topics::uuid;
use super::{Context, text};

/// Values of `member_type`.
const CLASSIC: i8 = 0;
const CONSUMER: i8 = 1;

pub(super) async fn answer(
    context: &Context,
    cluster: Arc<Cluster>,
    request: ConsumerGroupDescribeRequest,
) -> ConsumerGroupDescribeResponse {
    let operations = request.include_authorized_operations;
    let one = async |id: Str| {
        let cluster = context.broker.cluster().unwrap_or_else(|| Arc::clone(&cluster));
        let found = match check_id(&id) {
            Ok(()) => read(context, &id).await,
            Err(code) => Err(code),
        };
        let mut described = match found {
            Ok(group) => described_group(&cluster, &id, group.as_deref()),
            Err(code) => DescribedGroup { error_code: code.code(), ..Default::default() },
        };
        if operations && described.error_code == 0 {
            described.authorized_operations = GROUP_OPERATIONS;
        }
        DescribedGroup { group_id: id, ..described }
    };
    let groups = join_all(request.group_ids.into_iter().map(one)).await;
    ConsumerGroupDescribeResponse { groups, ..Default::default() }
}

fn described_group(cluster: &Cluster, id: &str, group: Option<&Group>) -> DescribedGroup {
    let group = match describe(id, group) {
        Ok(group) => group,
        Err(reject) => {
            let (error_code, error_message) = (code(&reject).code(), text(&reject));
            return DescribedGroup { error_code, error_message, ..Default::default() };
        }
    };
    DescribedGroup {
        error_code: ErrorCode::None.code(),
        group_state: Str::from_static(group.state.name()),
        group_epoch: group.group_epoch,
        assignment_epoch: group.assignment_epoch,
        assignor_name: Str::from_static(group.assignor.name()),
        members: group.members.iter().map(|m| member(cluster, m)).collect(),
        ..Default::default()
    }
}

fn member(cluster: &Cluster, described: &DescribedMember<'_>) -> Member {
    let said = described.member;
    Member {
        member_id: Str::from(&**described.id),
        instance_id: said.instance.as_deref().map(Str::from),
        rack_id: said.rack.as_deref().map(Str::from),
        member_epoch: said.epoch,
        client_id: Str::from(&*said.client_id),
        client_host: Str::from(&*said.client_host),
        subscribed_topic_names: said.topics.iter().map(|topic| Str::from(&**topic)).collect(),
        subscribed_topic_regex: said.regex.as_deref().map(Str::from),
        assignment: assignment(cluster, &described.current),
        target_assignment: assignment(cluster, &described.target),
        member_type: if said.classic.is_some() { CLASSIC } else { CONSUMER },
    }
}

/// What is assigned of topics that exist.
fn assignment(cluster: &Cluster, assigned: &Assignment) -> wire::Assignment {
    let named = assigned.iter().filter_map(|(topic, partitions)| {
        let topic = cluster.topic(*topic)?;
        Some(TopicPartitions {
            topic_id: uuid(topic.id),
            topic_name: Str::from(&*topic.name),
            partitions: partitions.iter().copied().collect(),
        })
    });
    wire::Assignment { topic_partitions: named.collect() }
}

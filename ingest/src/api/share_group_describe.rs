//! ShareGroupDescribe (KIP-932): share groups and their members.

use std::sync::Arc;

use coordinator::cluster::Cluster;
use coordinator::group::share::{ASSIGNOR, ShareMember, describe};
use coordinator::group::{Group, MemberId};
use futures::future::join_all;
use protocol::messages::share_group_describe::{Assignment, DescribedGroup, Member, TopicPartitions};
use protocol::messages::{ShareGroupDescribeRequest, ShareGroupDescribeResponse};
use protocol::{ErrorCode, Str};

use super::groups::{GROUP_OPERATIONS, check_id, code, read};
use super::topics::uuid;
use super::{Context, text};

pub(super) async fn answer(
    context: &Context,
    cluster: Arc<Cluster>,
    request: ShareGroupDescribeRequest,
) -> ShareGroupDescribeResponse {
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
    ShareGroupDescribeResponse { groups, ..Default::default() }
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
        assignor_name: Str::from_static(ASSIGNOR),
        members: group.members.into_iter().map(|(id, said)| member(cluster, id, said)).collect(),
        ..Default::default()
    }
}

fn member(cluster: &Cluster, id: &MemberId, said: &ShareMember) -> Member {
    let named = said.assigned.iter().filter_map(|(topic, partitions)| {
        let topic = cluster.topic(*topic)?;
        Some(TopicPartitions {
            topic_id: uuid(topic.id),
            topic_name: Str::from(&*topic.name),
            partitions: partitions.iter().copied().collect(),
        })
    });
    Member {
        member_id: Str::from(&**id),
        rack_id: said.rack.as_deref().map(Str::from),
        member_epoch: said.epoch,
        client_id: Str::from(&*said.client_id),
        client_host: Str::from(&*said.client_host),
        subscribed_topic_names: said.topics.iter().map(|topic| Str::from(&**topic)).collect(),
        assignment: Assignment { topic_partitions: named.collect() },
    }
}

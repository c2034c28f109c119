//! ListConfigResources: what has settings, or may have some.

use coordinator::cluster::Cluster;
use protocol::ErrorCode;
use protocol::messages::list_config_resources::ConfigResource;
use protocol::messages::{ListConfigResourcesRequest, ListConfigResourcesResponse};

use super::Context;
use super::resources::{BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC};
use super::topics::Node;

/// Version 0 knows of client metrics alone.
const TYPED: i16 = 1;

pub(super) fn answer(
    context: &Context,
    cluster: &Cluster,
    version: i16,
    request: &ListConfigResourcesRequest,
) -> ListConfigResourcesResponse {
    let all = [TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP];
    let wanted = match &request.resource_types {
        _ if version < TYPED => vec![CLIENT_METRICS],
        none if none.is_empty() => all.to_vec(),
        some => some.clone(),
    };
    if !wanted.iter().all(|kind| all.contains(kind)) {
        let error_code = ErrorCode::UnsupportedVersion.code();
        return ListConfigResourcesResponse { error_code, ..Default::default() };
    }
    let mut config_resources = Vec::new();
    let mut list = |resource_type, names: Vec<String>| {
        if wanted.contains(&resource_type) {
            config_resources.extend(
                names.into_iter().map(|name| ConfigResource { resource_name: name.into(), resource_type }),
            );
        }
    };
    list(GROUP, cluster.configs().groups.keys().cloned().collect());
    // Of nodes, as Kafka does, those that are there.
    list(BROKER, Node::all(cluster, &context.listener).iter().map(|node| node.id.to_string()).collect());
    list(TOPIC, cluster.topics_by_name().map(|topic| topic.name.clone()).collect());
    ListConfigResourcesResponse { config_resources, ..Default::default() }
}

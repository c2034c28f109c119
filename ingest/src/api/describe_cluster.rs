//! DescribeCluster: the nodes, for administrators.

use coordinator::cluster::Cluster;
use protocol::ErrorCode;
use protocol::messages::describe_cluster::DescribeClusterBroker;
use protocol::messages::{DescribeClusterRequest, DescribeClusterResponse};

use super::metadata::CLUSTER_OPERATIONS;
use super::topics::{Node, controller};
use super::{Context, text};

const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

pub(super) fn answer(
    context: &Context,
    cluster: &Cluster,
    request: &DescribeClusterRequest,
) -> DescribeClusterResponse {
    let refused = |code: ErrorCode, message: &str| DescribeClusterResponse {
        error_code: code.code(),
        error_message: text(message),
        ..Default::default()
    };
    match request.endpoint_type {
        BROKERS => {}
        CONTROLLERS => {
            return refused(
                ErrorCode::MismatchedEndpointType,
                "this is a broker, and no node is a controller only",
            );
        }
        other => {
            return refused(ErrorCode::UnsupportedEndpointType, &format!("unknown endpoint type {other}"));
        }
    }
    let nodes = Node::all(cluster, &context.listener);
    let mut response = DescribeClusterResponse {
        endpoint_type: BROKERS,
        cluster_id: cluster.id().to_string().into(),
        controller_id: controller(&context.broker, &nodes),
        ..Default::default()
    };
    if request.include_cluster_authorized_operations {
        response.cluster_authorized_operations = CLUSTER_OPERATIONS;
    }
    let broker = |node: Node| DescribeClusterBroker {
        broker_id: node.id,
        host: node.host.into(),
        port: node.port,
        rack: node.rack.map(Into::into),
        is_fenced: false,
    };
    response.brokers = nodes.into_iter().map(broker).collect();
    response
}

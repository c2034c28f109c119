//! What has settings, as requests about settings name it.

use coordinator::NodeId;
use coordinator::cluster::{Cluster, Excess, Op, Planner, Resource};
use coordinator::topic::validate_name;
use protocol::ErrorCode;

/// DescribeConfigs' numbers for what has settings.
pub(super) const TOPIC: i8 = 2;
pub(super) const BROKER: i8 = 4;
pub(super) const BROKER_LOGGER: i8 = 8;
pub(super) const CLIENT_METRICS: i8 = 16;
pub(super) const GROUP: i8 = 32;

/// Why nothing is done with a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) code: ErrorCode,
    pub(super) message: String,
}

impl Refused {
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, message)
    }

    /// An error, and what it says.
    pub(super) fn of(code: ErrorCode) -> Self {
        Self::new(code, code.message())
    }

    /// What a request gets that changes more than one may.
    pub(super) fn excessive() -> Self {
        Self::new(ErrorCode::PolicyViolation, Excess::Batch.to_string())
    }
}

/// A request that changes more than one may changes nothing, as with Kafka. What is refused anyway keeps its reason.
pub(super) fn unless_excessive<T>(
    planner: &Planner<'_>,
    ops: Vec<Op>,
    decided: Vec<Result<T, Refused>>,
) -> (Vec<Op>, Vec<Result<T, Refused>>) {
    if !planner.is_excessive() {
        return (ops, decided);
    }
    (Vec::new(), decided.into_iter().map(|each| each.and_then(|_| Err(Refused::excessive()))).collect())
}

/// What Kafka has settings of, and this node does not.
pub(super) fn unsupported(kind: i8) -> Option<Refused> {
    match kind {
        CLIENT_METRICS => {
            Some(Refused::invalid("Client metrics are not collected here, and not configured."))
        }
        BROKER_LOGGER => Some(Refused::invalid("What a node logs is configured where it is started.")),
        _ => None,
    }
}

/// What a request to change settings names. `own` is the node that is asked.
pub(super) fn altered(cluster: &Cluster, own: NodeId, kind: i8, name: &str) -> Result<Resource, Refused> {
    match kind {
        TOPIC if name.is_empty() => Err(Refused::invalid("Default topic resources are not allowed.")),
        TOPIC => {
            let invalid = |error: coordinator::topic::InvalidName| {
                Refused::new(ErrorCode::InvalidTopicException, error.to_string())
            };
            validate_name(name).map_err(invalid)?;
            let unknown = || {
                let message = format!("The topic '{name}' does not exist.");
                Refused::new(ErrorCode::UnknownTopicOrPartition, message)
            };
            cluster.topic_named(name).map(|topic| Resource::Topic(topic.id)).ok_or_else(unknown)
        }
        BROKER if name.is_empty() => Ok(Resource::AllBrokers),
        BROKER => match name.parse::<i32>() {
            Err(_) => Err(Refused::invalid(format!("Node id must be an integer, but it is: {name}"))),
            Ok(id) if NodeId(id) == own => Ok(Resource::Broker(own)),
            Ok(id) => {
                Err(Refused::invalid(format!("Unexpected broker id, expected {own}, but received {id}")))
            }
        },
        GROUP if name.is_empty() => Err(Refused::invalid("Default group resources are not allowed.")),
        GROUP => Ok(Resource::Group(name.to_owned())),
        other => {
            Err(unsupported(other)
                .unwrap_or_else(|| Refused::invalid(format!("Unknown resource type {other}"))))
        }
    }
}

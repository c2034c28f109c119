//! This node's settings under Kafka's names, as far as they mean something here. What it was started with can't be
//! changed while it runs.

use broker::node::Broker;
use coordinator::cluster::Cluster;
use coordinator::config::{ConfigType, Source};
use protocol::Str;
use protocol::messages::describe_configs::{DescribeConfigsResourceResult, DescribeConfigsSynonym};

use super::setting;
use crate::api::Context;
use crate::api::fetch::MAX_BYTES;
use crate::api::resources::Refused;

/// A setting of a node.
struct Setting {
    name: &'static str,
    kind: ConfigType,
    value: Option<String>,
    /// The default, as Kafka's DescribeConfigs writes it, where there is one.
    default: Option<&'static str>,
    documentation: &'static str,
}

/// The settings of this node; with an empty name, those that were changed for all nodes.
pub(super) fn describe(
    context: &Context,
    cluster: &Cluster,
    name: &str,
) -> Result<Vec<DescribeConfigsResourceResult>, Refused> {
    if name.is_empty() {
        return Ok(cluster.describe_all_brokers().into_iter().map(setting).collect());
    }
    let own = context.broker.node_id().map(|id| id.0);
    if own.is_none() || name.parse().ok() != own {
        let message = match (own, name.parse::<i32>()) {
            (_, Err(_)) => format!("Broker id must be an integer, but it is: {name}"),
            (Some(own), Ok(_)) => {
                format!("Unexpected broker id, expected {own} or empty string, but received {name}")
            }
            (None, Ok(_)) => "The broker has no id at the moment".to_owned(),
        };
        return Err(Refused::invalid(message));
    }
    let mut described: Vec<_> = settings(&context.broker).into_iter().map(result).collect();
    let (node, statics) = (context.broker.configured(), &context.broker.config().settings);
    described.extend(cluster.describe_broker(node, statics).into_iter().map(setting));
    described.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(described)
}

fn settings(broker: &Broker) -> Vec<Setting> {
    use ConfigType::{Boolean, Int, Long, String as Text};
    let config = broker.config();
    let addresses = config.addresses.iter().map(|address| format!("{}://{address}", address.listener));
    let addresses = addresses.collect::<Vec<_>>().join(",");
    let between_nodes = config.addresses.first().map(|address| address.listener.clone());
    let id = broker.node_id().map(|id| id.to_string());
    let setting = |name, kind, value: String, default, documentation| Setting {
        name,
        kind,
        value: Some(value),
        default,
        documentation,
    };
    vec![
        Setting {
            name: "broker.id",
            kind: Int,
            value: id.clone(),
            default: None,
            documentation: "This node's id.",
        },
        Setting { name: "node.id", kind: Int, value: id, default: None, documentation: "This node's id." },
        Setting {
            name: "broker.rack",
            kind: Text,
            value: config.rack.clone(),
            default: None,
            documentation: "The rack that this node is in.",
        },
        setting(
            "advertised.listeners",
            Text,
            addresses,
            None,
            "Where clients and other nodes reach this node.",
        ),
        Setting {
            name: "inter.broker.listener.name",
            kind: Text,
            value: between_nodes,
            default: None,
            documentation: "The listener by which nodes reach each other.",
        },
        setting(
            "auto.create.topics.enable",
            Boolean,
            config.auto_create_topics.to_string(),
            Some("true"),
            "Whether asking for an unknown topic creates it.",
        ),
        setting(
            "delete.topic.enable",
            Boolean,
            true.to_string(),
            Some("true"),
            "Whether topics can be deleted.",
        ),
        setting(
            "num.partitions",
            Int,
            config.default_partitions.to_string(),
            Some("1"),
            "The partitions of a topic that is created without saying how many.",
        ),
        setting(
            "default.replication.factor",
            Int,
            config.default_replication_factor.to_string(),
            Some("1"),
            "The replication factor of a topic that is created without one. The store replicates.",
        ),
        setting(
            "log.retention.hours",
            Int,
            "168".to_owned(),
            Some("168"),
            "The default of a topic's retention.ms in hours, while log.retention.ms is not set for all nodes.",
        ),
        setting(
            "log.retention.check.interval.ms",
            Long,
            config.retention_check_interval.as_millis().to_string(),
            Some("300000"),
            "How often records are looked for that need not be kept any longer, in ms.",
        ),
        setting(
            "socket.request.max.bytes",
            Int,
            config.max_request_bytes.to_string(),
            Some("104857600"),
            "The largest request, in bytes.",
        ),
        setting(
            "fetch.max.bytes",
            Int,
            MAX_BYTES.to_string(),
            Some("57671680"),
            "The most bytes of records in one response, but for a larger first batch.",
        ),
        setting(
            "connections.max.idle.ms",
            Long,
            config.idle_timeout.as_millis().to_string(),
            Some("600000"),
            "A connection that sends nothing for this long is closed, in ms.",
        ),
        setting(
            "max.connections",
            Int,
            config.max_connections.to_string(),
            Some("2147483647"),
            "Connections over this are refused.",
        ),
        setting(
            "producer.id.expiration.ms",
            Int,
            config.log.producer_expiration.as_millis().to_string(),
            Some("86400000"),
            "An idempotent producer that sends nothing for this long is forgotten, in ms.",
        ),
    ]
}

fn result(setting: Setting) -> DescribeConfigsResourceResult {
    let Setting { name, kind, value, default, documentation } = setting;
    let is_default = value.as_deref() == default;
    let (name, value) = (Str::from_static(name), value.map(Str::from));
    let mut synonyms = Vec::new();
    if !is_default {
        synonyms.push(DescribeConfigsSynonym {
            name: name.clone(),
            value: value.clone(),
            source: Source::Static as i8,
        });
    }
    if let Some(default) = default {
        let value = Some(Str::from_static(default));
        synonyms.push(DescribeConfigsSynonym { name: name.clone(), value, source: Source::Default as i8 });
    }
    DescribeConfigsResourceResult {
        name,
        value,
        read_only: true,
        config_source: if is_default { Source::Default as i8 } else { Source::Static as i8 },
        is_sensitive: false,
        synonyms,
        config_type: kind as i8,
        documentation: Some(Str::from_static(documentation)),
    }
}

//! DescribeConfigs: the settings of topics and of this node.

mod broker;

use std::collections::HashSet;
use std::sync::Arc;

use coordinator::cluster::Cluster;
use coordinator::topic::Topic;
use coordinator::topic::config::effective;
use coordinator::topic::validate_name;
use protocol::messages::describe_configs::{
    DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};
use protocol::{ErrorCode, Str};

use super::create_topics::{DEFAULT_CONFIG, TOPIC_CONFIG};
use super::topics::{TopicRef, View};
use super::{Context, Errors, text};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Why a resource is not described.
struct Refused {
    code: ErrorCode,
    message: String,
}

pub(super) async fn answer(
    context: &Context,
    cluster: Arc<Cluster>,
    request: DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let known = |cluster: &Cluster| {
        let mut topics = request.resources.iter().filter(|r| r.resource_type == TOPIC);
        topics.all(|r| cluster.topic_named(&r.resource_name).is_some())
    };
    let view = View::knowing(context, cluster, known).await;
    let results = request.resources.iter().map(|resource| {
        let described = match resource.resource_type {
            TOPIC => topic(&view, &resource.resource_name),
            BROKER => broker::describe(context, &resource.resource_name),
            other => {
                let message = format!("Unsupported resource type: {other}");
                Err(Refused { code: ErrorCode::InvalidRequest, message })
            }
        };
        result(&request, resource, described)
    });
    let results = results.collect();
    DescribeConfigsResponse { results, ..Default::default() }
}

fn topic(view: &View, name: &str) -> Result<Vec<DescribeConfigsResourceResult>, Refused> {
    if let Err(error) = validate_name(name) {
        return Err(Refused { code: ErrorCode::InvalidTopicException, message: error.to_string() });
    }
    match TopicRef::Name(name).find(&view.cluster) {
        Some(topic) => Ok(settings(topic)),
        None => {
            let code = view.missing(ErrorCode::UnknownTopicOrPartition);
            Err(Refused { code, message: code.message().to_owned() })
        }
    }
}

fn settings(topic: &Topic) -> Vec<DescribeConfigsResourceResult> {
    let each = effective(&topic.overrides).map(|(definition, value, overridden)| {
        let own = Str::from_static(definition.name);
        let value = Some(Str::from(value.as_ref()));
        let mut synonyms = Vec::new();
        if overridden {
            synonyms.push(DescribeConfigsSynonym {
                name: own.clone(),
                value: value.clone(),
                source: TOPIC_CONFIG,
            });
        }
        if let Some(synonym) = definition.synonym {
            let (name, value) = (Str::from_static(synonym), Some(Str::from_static(definition.default)));
            synonyms.push(DescribeConfigsSynonym { name, value, source: DEFAULT_CONFIG });
        }
        DescribeConfigsResourceResult {
            name: own,
            value,
            read_only: false,
            config_source: if overridden { TOPIC_CONFIG } else { DEFAULT_CONFIG },
            is_sensitive: false,
            synonyms,
            config_type: definition.kind as i8,
            documentation: Some(Str::from_static(definition.documentation)),
        }
    });
    each.collect()
}

fn result(
    request: &DescribeConfigsRequest,
    resource: &DescribeConfigsResource,
    described: Result<Vec<DescribeConfigsResourceResult>, Refused>,
) -> DescribeConfigsResult {
    let result = DescribeConfigsResult {
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.clone(),
        ..Default::default()
    };
    let mut configs = match described {
        Ok(configs) => configs,
        Err(Refused { code, message }) => {
            return DescribeConfigsResult { error_code: code.code(), error_message: text(message), ..result };
        }
    };
    if let Some(keys) = resource.configuration_keys.as_ref().filter(|keys| !keys.is_empty()) {
        let keys: HashSet<&str> = keys.iter().map(Str::as_str).collect();
        configs.retain(|config| keys.contains(config.name.as_str()));
    }
    for config in &mut configs {
        if !request.include_synonyms {
            config.synonyms.clear();
        }
        if !request.include_documentation {
            config.documentation = None;
        }
    }
    DescribeConfigsResult { configs, ..result }
}

impl Errors for DescribeConfigsResponse {
    fn errors(&self, each: &mut dyn FnMut(i16)) {
        self.results.iter().for_each(|result| each(result.error_code));
    }
}

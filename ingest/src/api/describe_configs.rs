//! DescribeConfigs: the settings of topics, of this node, of all nodes, and of groups.

mod broker;

use std::collections::HashSet;
use std::sync::Arc;

use ::broker::memory::Permit;
use coordinator::cluster::Cluster;
use coordinator::config::{Described, Layer};
use coordinator::topic::validate_name;
use protocol::messages::describe_configs::{
    DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};
use protocol::{ErrorCode, Str};
use tokio::time::timeout;

use super::resources::{BROKER, GROUP, Refused, TOPIC, unsupported};
use super::topics::{TopicRef, View};
use super::{Answer, Context, Incoming, PATIENCE, Refusal, text};

/// What the description of a resource may take while it is made: some hundred bytes for each setting.
const DESCRIPTION: usize = 16 << 10;

/// So many resources are described without waiting for memory.
const FEW: usize = 16;

pub(super) async fn handle(
    context: &Context,
    cluster: Arc<Cluster>,
    incoming: Incoming,
) -> Result<Answer, Refusal> {
    let (request, outgoing) = incoming.open()?;
    let (response, permit) = answer(context, cluster, request).await;
    Ok(outgoing.now(context, &response)?.within(permit))
}

/// Describes each resource once, however often it is asked for. Takes memory for it first; what the answers of all
/// clients may not take together is refused.
async fn answer(
    context: &Context,
    cluster: Arc<Cluster>,
    mut request: DescribeConfigsRequest,
) -> (DescribeConfigsResponse, Option<Permit>) {
    let mut seen = HashSet::with_capacity(request.resources.len());
    request
        .resources
        .retain(|r| seen.insert((r.resource_type, r.resource_name.clone(), r.configuration_keys.clone())));
    let (count, answers) = (request.resources.len(), context.broker.answers());
    let most = FEW.max(answers.size() / DESCRIPTION);
    if count > most {
        let refused =
            Refused::invalid(format!("At most {most} resources are described at once (answer-memory)."));
        let results = request.resources.iter().map(|each| result(&request, each, Err(refused.clone())));
        let results = results.collect();
        return (DescribeConfigsResponse { results, ..Default::default() }, None);
    }
    let permit = match count {
        0..=FEW => None,
        _ => timeout(PATIENCE, answers.take(count * DESCRIPTION)).await.ok().flatten(),
    };
    let known = |cluster: &Cluster| {
        let mut topics = request.resources.iter().filter(|r| r.resource_type == TOPIC);
        topics.all(|r| cluster.topic_named(&r.resource_name).is_some())
    };
    let view = View::knowing(context, cluster, known).await;
    let results = request.resources.iter().map(|resource| {
        let described = match resource.resource_type {
            TOPIC => topic(&view, &resource.resource_name),
            BROKER => broker::describe(context, &view.cluster, &resource.resource_name),
            GROUP => group(context, &view.cluster, &resource.resource_name),
            other => Err(unsupported(other)
                .unwrap_or_else(|| Refused::invalid(format!("Unsupported resource type: {other}")))),
        };
        result(&request, resource, described)
    });
    let results = results.collect();
    (DescribeConfigsResponse { results, ..Default::default() }, permit)
}

fn topic(view: &View, name: &str) -> Result<Vec<DescribeConfigsResourceResult>, Refused> {
    if let Err(error) = validate_name(name) {
        return Err(Refused::new(ErrorCode::InvalidTopicException, error.to_string()));
    }
    match TopicRef::Name(name).find(&view.cluster) {
        Some(topic) => Ok(view.cluster.describe_topic(&topic.overrides).into_iter().map(setting).collect()),
        None => {
            let code = view.missing(ErrorCode::UnknownTopicOrPartition);
            // Kafka says no more than the error does.
            let is_plain = code == ErrorCode::UnknownTopicOrPartition;
            Err(Refused::new(code, if is_plain { "" } else { code.message() }))
        }
    }
}

/// A group need not be there: its settings can be made before it is.
fn group(
    context: &Context,
    cluster: &Cluster,
    name: &str,
) -> Result<Vec<DescribeConfigsResourceResult>, Refused> {
    if name.is_empty() {
        return Err(Refused::invalid("Group name must not be empty"));
    }
    let (node, statics) = (context.broker.configured(), &context.broker.config().settings);
    Ok(cluster.describe_group(node, statics, name).into_iter().map(setting).collect())
}

/// A setting as the wire has it.
fn setting(described: Described<'_>) -> DescribeConfigsResourceResult {
    let Described { definition, is_read_only, value, source, layers } = described;
    let synonym = |Layer { source, name, value }: Layer<'_>| DescribeConfigsSynonym {
        name: Str::from_static(name),
        value: Some(value.as_ref().into()),
        source: source as i8,
    };
    DescribeConfigsResourceResult {
        name: Str::from_static(definition.name),
        value: value.as_deref().map(Into::into),
        read_only: is_read_only,
        config_source: source as i8,
        is_sensitive: false,
        synonyms: layers.into_iter().map(synonym).collect(),
        config_type: definition.kind as i8,
        documentation: Some(Str::from_static(definition.documentation)),
    }
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

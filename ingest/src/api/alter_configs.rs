//! AlterConfigs and IncrementalAlterConfigs: all changes of a request that can be made, in one metadata entry.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use broker::node::{RefreshError, owners};
use coordinator::cluster::{Asked, Change, Cluster, ConfigReject, Op, Planner, Resource};
use coordinator::{NodeId, SessionId};
use protocol::messages::alter_configs::AlterConfigsResourceResponse;
use protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse, incremental_alter_configs,
};
use protocol::{ErrorCode, Str};
use tokio::time::timeout;

use super::resources::{Refused, altered, unless_excessive};
use super::topics::metadata_error;
use super::{Context, PATIENCE, text};

/// How long an answer waits until all nodes concerned have acted on the change. Kafka's does not wait.
const SETTLE: Duration = Duration::from_secs(5);

// What IncrementalAlterConfigs does to a setting.
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

/// What a request says of one resource.
struct Wanted {
    kind: i8,
    name: Str,
    /// How many settings it names.
    settings: usize,
    asked: Result<Asked, Refused>,
}

pub(super) async fn answer(context: &Context, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let wanted = request.resources.into_iter().map(|resource| {
        let settings = resource.configs.len();
        let configs: Vec<_> = resource.configs.into_iter().map(|c| (c.name, c.value)).collect();
        let whole = |configs: Vec<(Str, Option<Str>)>| {
            let each = configs.into_iter().map(|(name, value)| (name.to_string(), value.unwrap_or_default()));
            Asked::Whole(each.map(|(name, value)| (name, value.to_string())).collect())
        };
        let asked = distinct(configs.iter().map(|(name, _)| name))
            .and_then(|()| {
                not_null(configs.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| name))
            })
            .map(|()| whole(configs));
        Wanted { kind: resource.resource_type, name: resource.resource_name, settings, asked }
    });
    let responses = alter(context, wanted.collect(), request.validate_only).await;
    AlterConfigsResponse { responses, ..Default::default() }
}

pub(super) async fn answer_incremental(
    context: &Context,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let wanted = request.resources.into_iter().map(|resource| Wanted {
        kind: resource.resource_type,
        name: resource.resource_name,
        settings: resource.configs.len(),
        asked: changes(&resource.configs),
    });
    let responses = alter(context, wanted.collect(), request.validate_only).await;
    let response =
        |AlterConfigsResourceResponse { error_code, error_message, resource_type, resource_name }| {
            incremental_alter_configs::AlterConfigsResourceResponse {
                error_code,
                error_message,
                resource_type,
                resource_name,
            }
        };
    IncrementalAlterConfigsResponse {
        responses: responses.into_iter().map(response).collect(),
        ..Default::default()
    }
}

fn changes(configs: &[incremental_alter_configs::AlterableConfig]) -> Result<Asked, Refused> {
    distinct(configs.iter().map(|config| &config.name))?;
    let nulls = configs.iter().filter(|c| c.config_operation != DELETE && c.value.is_none());
    not_null(nulls.map(|config| &config.name))?;
    let mut changes = BTreeMap::new();
    for config in configs {
        let value = config.value.as_deref().unwrap_or_default().to_owned();
        let change = match config.config_operation {
            SET => Change::Set(value),
            DELETE => Change::Delete,
            APPEND => Change::Append(value),
            SUBTRACT => Change::Subtract(value),
            other => return Err(Refused::invalid(format!("Unknown operations type {other}"))),
        };
        changes.insert(config.name.to_string(), change);
    }
    Ok(Asked::Changes(changes))
}

fn distinct<'a>(names: impl Iterator<Item = &'a Str>) -> Result<(), Refused> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name.as_str()) {
            return Err(Refused::invalid("Error due to duplicate config keys"));
        }
    }
    Ok(())
}

fn not_null<'a>(nulls: impl Iterator<Item = &'a Str>) -> Result<(), Refused> {
    let nulls: Vec<_> = nulls.map(Str::as_str).collect();
    if nulls.is_empty() {
        return Ok(());
    }
    Err(Refused::invalid(format!("Null value not supported for : {}", nulls.join(", "))))
}

async fn alter(
    context: &Context,
    mut wanted: Vec<Wanted>,
    validate_only: bool,
) -> Vec<AlterConfigsResourceResponse> {
    // Before anything is decided: nothing else is, meanwhile.
    if wanted.iter().map(|wanted| wanted.settings.max(1)).sum::<usize>() > Planner::MAX_CHANGES {
        return wanted.into_iter().map(|wanted| response(wanted, Err(Refused::excessive()))).collect();
    }
    let mut times: HashMap<(i8, Str), usize> = HashMap::new();
    for Wanted { kind, name, .. } in &wanted {
        *times.entry((*kind, name.clone())).or_default() += 1;
    }
    for Wanted { kind, name, asked, .. } in &mut wanted {
        if times.get(&(*kind, name.clone())).is_some_and(|times| *times > 1) {
            *asked = Err(Refused::invalid("Each resource must appear at most once."));
        }
    }
    let (broker, own) = (&context.broker, context.broker.configured());
    let mut decided = Vec::new();
    let altering = async {
        if validate_only {
            (_, decided) = decide(context, &*broker.refresh().await?, own, &wanted);
            return Ok::<_, RefreshError>(None);
        }
        let proposed = broker.change(|cluster| {
            let (ops, results) = decide(context, cluster, own, &wanted);
            decided = results;
            if ops.is_empty() { Err(()) } else { Ok(ops) }
        });
        Ok(proposed.await?.ok())
    };
    let failed = match timeout(PATIENCE, Box::pin(altering)).await {
        Ok(Ok(committed)) => {
            if let Some(committed) = committed {
                let altered = decided.iter().filter_map(|result| result.as_ref().ok().cloned().flatten());
                let concerned = concerned(&committed.cluster, altered);
                // A node that is late reads it within a second.
                let _ = timeout(SETTLE, broker.settled(concerned, committed.cluster.next())).await;
            }
            None
        }
        Ok(Err(error)) => {
            tracing::warn!(%error, "settings could not be changed");
            Some(metadata_error(&error))
        }
        Err(_) => Some(ErrorCode::RequestTimedOut),
    };
    if let Some(code) = failed {
        let refused = |wanted: &Wanted| match &wanted.asked {
            Ok(_) => Refused::of(code),
            Err(refused) => refused.clone(),
        };
        decided = wanted.iter().map(|wanted| Err(refused(wanted))).collect();
    }
    wanted.into_iter().zip(decided).map(|(wanted, result)| response(wanted, result)).collect()
}

/// What to propose, and what each resource comes to: what is changed, if anything is.
fn decide(
    context: &Context,
    cluster: &Cluster,
    own: NodeId,
    wanted: &[Wanted],
) -> (Vec<Op>, Vec<Result<Option<Resource>, Refused>>) {
    let config = context.broker.config();
    let mut planner = cluster.planner(config.limits);
    let mut ops = Vec::new();
    let decided = wanted.iter().map(|Wanted { kind, name, asked, .. }| {
        let asked = asked.as_ref().map_err(Clone::clone)?;
        let resource = altered(cluster, own, *kind, name)?;
        let planned = planner.alter_config(&resource, asked, own, &config.settings);
        match planned.map_err(|reject| refused(name, &reject))? {
            Some(op) => {
                ops.push(op);
                Ok(Some(resource))
            }
            None => Ok(None),
        }
    });
    let decided = decided.collect();
    unless_excessive(&planner, ops, decided)
}

fn refused(name: &str, reject: &ConfigReject) -> Refused {
    let code = match reject {
        ConfigReject::NoTopic => {
            let message = format!("The topic '{name}' does not exist.");
            return Refused::new(ErrorCode::UnknownTopicOrPartition, message);
        }
        ConfigReject::Invalid(_)
        | ConfigReject::NoList { .. }
        | ConfigReject::NoListOfBroker { .. }
        | ConfigReject::TooLong => ErrorCode::InvalidConfig,
        ConfigReject::LongGroup
        | ConfigReject::InvalidOfBroker(_)
        | ConfigReject::ReadOnly(_)
        | ConfigReject::AllNodes(_) => ErrorCode::InvalidRequest,
        ConfigReject::Excess(_) => ErrorCode::PolicyViolation,
    };
    Refused::new(code, reject.to_string())
}

/// The sessions that act by these settings: those that lead a topic's partitions; all, where it is not a topic's.
fn concerned(cluster: &Arc<Cluster>, altered: impl Iterator<Item = Resource>) -> BTreeSet<SessionId> {
    let mut concerned = BTreeSet::new();
    for resource in altered {
        match resource {
            Resource::Topic(id) => {
                concerned.extend(owners(cluster, cluster.topic(id).map(|topic| (id, topic.partitions))));
            }
            _ => concerned.extend(cluster.open_sessions().map(|session| session.id)),
        }
    }
    concerned
}

fn response(wanted: Wanted, result: Result<Option<Resource>, Refused>) -> AlterConfigsResourceResponse {
    let (code, error_message) = match result {
        Ok(_) => (ErrorCode::None, None),
        Err(Refused { code, message }) => (code, text(message)),
    };
    AlterConfigsResourceResponse {
        error_code: code.code(),
        error_message,
        resource_type: wanted.kind,
        resource_name: wanted.name,
    }
}

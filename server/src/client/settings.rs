//! Settings of topics, nodes and groups: asking for them, and changing them.

use std::fmt;

use protocol::ErrorCode;
use protocol::messages::describe_configs::{
    DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResult,
};
use protocol::messages::incremental_alter_configs::{AlterConfigsResource, AlterableConfig};
use protocol::messages::{
    DescribeConfigsRequest, IncrementalAlterConfigsRequest, ListConfigResourcesRequest,
};

use super::{Client, Error};

/// What has settings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Resource {
    /// All nodes, where a node has no setting of its own.
    BrokerDefaults,
    /// A node.
    Broker(i32),
    /// A topic.
    Topic(String),
    /// A group.
    Group(String),
}

/// A setting of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Its name.
    pub(crate) name: String,
    /// Its value, unless it is a secret.
    pub(crate) value: Option<String>,
    /// Where the value comes from, as DescribeConfigs numbers it.
    source: i8,
    /// Whether it was set for this resource.
    pub(crate) own: bool,
    /// Whether it cannot be changed.
    pub(crate) read_only: bool,
    /// Whether its value is not told.
    pub(crate) secret: bool,
}

/// What becomes of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// It has this value.
    Set(String),
    /// It has the value that it would have if nobody had set it.
    Unset,
    /// Its list has this, too.
    Append(String),
    /// Its list has this no more.
    Subtract(String),
}

impl Resource {
    /// The number of its type.
    fn kind(&self) -> i8 {
        match self {
            Self::Topic(_) => 2,
            Self::Broker(_) | Self::BrokerDefaults => 4,
            Self::Group(_) => 32,
        }
    }

    /// The number of the source from which its own settings come.
    fn own_source(&self) -> i8 {
        match self {
            Self::Topic(_) => 1,
            Self::Broker(_) => 2,
            Self::BrokerDefaults => 3,
            Self::Group(_) => 8,
        }
    }

    /// Its type, in a word.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Topic(_) => "topic",
            Self::Broker(_) => "broker",
            Self::BrokerDefaults => "broker-defaults",
            Self::Group(_) => "group",
        }
    }

    /// Its name on the wire; empty for what there is but one of.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Topic(name) | Self::Group(name) => name.clone(),
            Self::Broker(id) => id.to_string(),
            Self::BrokerDefaults => String::new(),
        }
    }

    /// None for types that nobody here knows.
    fn of(kind: i8, name: &str) -> Option<Self> {
        match kind {
            2 => Some(Self::Topic(name.to_owned())),
            4 if name.is_empty() => Some(Self::BrokerDefaults),
            4 => name.parse().ok().map(Self::Broker),
            32 => Some(Self::Group(name.to_owned())),
            _ => None,
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(name) => write!(f, "topic {name}"),
            Self::Broker(id) => write!(f, "node {id}"),
            Self::BrokerDefaults => f.write_str("all nodes"),
            Self::Group(name) => write!(f, "group {name}"),
        }
    }
}

impl Setting {
    fn of(resource: &Resource, config: &DescribeConfigsResourceResult) -> Self {
        Self {
            name: config.name.to_string(),
            value: config.value.as_deref().map(str::to_owned),
            source: config.config_source,
            own: config.config_source == resource.own_source(),
            read_only: config.read_only,
            secret: config.is_sensitive,
        }
    }

    /// Where the value comes from, in a word.
    pub(crate) fn source(&self) -> &'static str {
        match self.source {
            1 => "topic",
            2 => "broker",
            3 => "broker-defaults",
            4 => "started-with",
            5 => "default",
            6 => "logger",
            7 => "client-metrics",
            8 => "group",
            _ => "unknown",
        }
    }

    /// The value, for people.
    pub(crate) fn shown(&self) -> &str {
        self.value.as_deref().unwrap_or(if self.secret { "(secret)" } else { "-" })
    }
}

impl Client {
    /// What has settings, or could have; in order.
    pub(crate) async fn resources(&self) -> Result<Vec<Resource>, Error> {
        let request = ListConfigResourcesRequest::default();
        let listed = self.administer(&request, |response| {
            Error::check(response.error_code, || "resources".to_owned())?;
            let resources = response.config_resources.iter();
            Ok(resources.filter_map(|r| Resource::of(r.resource_type, &r.resource_name)).collect::<Vec<_>>())
        });
        let mut resources = listed.await?;
        resources.push(Resource::BrokerDefaults);
        resources.sort_unstable();
        resources.dedup();
        Ok(resources)
    }

    /// The settings of a resource, by name.
    pub(crate) async fn settings(&self, resource: &Resource) -> Result<Vec<Setting>, Error> {
        let request = DescribeConfigsRequest {
            resources: vec![DescribeConfigsResource {
                resource_type: resource.kind(),
                resource_name: resource.name().into(),
                configuration_keys: None,
            }],
            ..Default::default()
        };
        let read = |results: Vec<DescribeConfigsResult>| {
            let mut settings = Vec::new();
            for result in results {
                let what = || format!("settings of {resource}");
                check(resource, result.error_code, result.error_message.as_deref(), what)?;
                settings.extend(result.configs.iter().map(|config| Setting::of(resource, config)));
            }
            Ok(settings)
        };
        let mut settings = match resource {
            // A node knows its own.
            Resource::Broker(id) => {
                let connection = self.node(*id).await?;
                read(connection.call(&request).await?.results)?
            }
            _ => self.administer(&request, |response| read(response.results)).await?,
        };
        settings.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(settings)
    }

    /// Changes settings of a resource, all or none; with `only_check` it only asks whether they could be.
    pub(crate) async fn change(
        &self,
        resource: &Resource,
        changes: &[(String, Change)],
        only_check: bool,
    ) -> Result<(), Error> {
        let change = |(name, change): &(String, Change)| {
            let (config_operation, value) = match change {
                Change::Set(value) => (0, Some(value.as_str().into())),
                Change::Unset => (1, None),
                Change::Append(value) => (2, Some(value.as_str().into())),
                Change::Subtract(value) => (3, Some(value.as_str().into())),
            };
            AlterableConfig { name: name.as_str().into(), config_operation, value }
        };
        let request = IncrementalAlterConfigsRequest {
            resources: vec![AlterConfigsResource {
                resource_type: resource.kind(),
                resource_name: resource.name().into(),
                configs: changes.iter().map(change).collect(),
            }],
            validate_only: only_check,
        };
        let changed = self.administer(&request, |response| {
            response.responses.iter().try_for_each(|result| {
                check(resource, result.error_code, result.error_message.as_deref(), || resource.to_string())
            })
        });
        changed.await
    }
}

/// As [`Error::check_told`]; a topic that is unknown here will be elsewhere, too.
fn check(
    resource: &Resource,
    code: i16,
    message: Option<&str>,
    what: impl FnOnce() -> String,
) -> Result<(), Error> {
    match resource {
        Resource::Topic(topic) if code == ErrorCode::UnknownTopicOrPartition.code() => {
            Err(Error::NoTopic { topic: topic.clone() })
        }
        _ => Error::check_told(code, message, what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_survive_their_names() {
        for resource in [
            Resource::BrokerDefaults,
            Resource::Broker(3),
            Resource::Topic("t".to_owned()),
            Resource::Group("g".to_owned()),
        ] {
            assert_eq!(Resource::of(resource.kind(), &resource.name()), Some(resource));
        }
        assert_eq!(Resource::of(4, "x"), None);
        assert_eq!(Resource::of(16, "metrics"), None);
    }

    #[test]
    fn what_was_set_here_is_told_from_what_was_not() {
        let config = |config_source, value: Option<&str>| DescribeConfigsResourceResult {
            name: "n".into(),
            value: value.map(Into::into),
            config_source,
            is_sensitive: value.is_none(),
            ..Default::default()
        };
        let broker = Resource::Broker(1);
        let own = Setting::of(&broker, &config(2, Some("v")));
        assert_eq!((own.own, own.source(), own.shown()), (true, "broker", "v"));
        let everywhere = Setting::of(&broker, &config(3, None));
        assert_eq!(
            (everywhere.own, everywhere.source(), everywhere.shown()),
            (false, "broker-defaults", "(secret)")
        );
        assert!(Setting::of(&Resource::BrokerDefaults, &config(3, None)).own);
        assert!(Setting::of(&Resource::Group("g".to_owned()), &config(8, None)).own);
        assert!(!Setting::of(&Resource::Group("g".to_owned()), &config(5, None)).own);
    }
}

//! Settings of topics, nodes and groups.
//!
//! What is set for one node goes to that node, as with Kafka's clients (KIP-226); any node takes the rest.

mod change;
mod resource;
mod setting;

use std::collections::BTreeMap;

use protocol::messages::describe_configs::{DescribeConfigsResource, DescribeConfigsResult};
use protocol::messages::{DescribeConfigsRequest, ListConfigResourcesRequest};
use tokio::task::JoinSet;

pub(crate) use change::Change;
pub(crate) use resource::Resource;
pub(crate) use setting::Setting;

use super::{Client, Error};

/// The version of ListConfigResources from which on it lists more than client metrics.
const TYPED: i16 = 1;

/// A resource, and its settings as a cluster answers them.
type Answered = (Resource, Result<Vec<Setting>, Error>);

impl Client {
    /// What has settings, or could have; in order. Of groups only those that have some.
    pub(crate) async fn resources(&self) -> Result<Vec<Resource>, Error> {
        let resource_types = vec![resource::BROKER, resource::TOPIC, resource::GROUP];
        let request = ListConfigResourcesRequest { resource_types };
        let mut backoff = self.backoff();
        let response = loop {
            let attempt = async {
                let response = self.any().await?.call_from(&request, TYPED).await?;
                Error::check(response.error_code, || "what has settings".to_owned())?;
                Ok(response)
            };
            match attempt.await {
                Ok(response) => break response,
                // No process listens: a command does not wait until one does.
                Err(error @ Error::Connect { .. }) => return Err(error),
                Err(error) => backoff.wait(error).await?,
            }
        };
        let listed = response.config_resources.iter();
        let mut resources: Vec<_> =
            listed.filter_map(|r| Resource::of(r.resource_type, &r.resource_name)).collect();
        resources.push(Resource::BrokerDefaults);
        resources.sort_unstable();
        resources.dedup();
        Ok(resources)
    }

    /// The settings of a resource, by name, with their documentation and all values that there are for them.
    pub(crate) async fn settings(&self, resource: &Resource) -> Result<Vec<Setting>, Error> {
        let answered = self.settings_at(resource.node(), std::slice::from_ref(resource), true).await?;
        answered.into_iter().next().map_or_else(|| Ok(Vec::new()), |(_, settings)| settings)
    }

    /// The settings of resources, in their order, without synonyms and documentation; from each node at once.
    pub(crate) async fn settings_of(&self, resources: Vec<Resource>) -> Result<Vec<Answered>, Error> {
        let mut by_node: BTreeMap<Option<i32>, Vec<Resource>> = BTreeMap::new();
        for resource in resources {
            by_node.entry(resource.node()).or_default().push(resource);
        }
        let mut asked = JoinSet::new();
        for (node, resources) in by_node {
            let client = self.clone();
            asked.spawn(async move {
                match client.settings_at(node, &resources, false).await {
                    Err(error @ Error::NoNode { node }) => Ok(vec![(Resource::Broker(node), Err(error))]),
                    answered => answered,
                }
            });
        }
        let mut answered = Vec::new();
        for answer in asked.join_all().await {
            answered.extend(answer?);
        }
        answered.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(answered)
    }

    async fn settings_at(
        &self,
        node: Option<i32>,
        resources: &[Resource],
        in_detail: bool,
    ) -> Result<Vec<Answered>, Error> {
        let asked = |resource: &Resource| DescribeConfigsResource {
            resource_type: resource.kind(),
            resource_name: resource.name().into(),
            configuration_keys: None,
        };
        let request = DescribeConfigsRequest {
            resources: resources.iter().map(asked).collect(),
            include_synonyms: in_detail,
            include_documentation: in_detail,
        };
        self.administer_at(node, &request, |response| {
            let answered = response.results.into_iter().filter_map(|result| {
                let resource = Resource::of(result.resource_type, &result.resource_name)?;
                match read(&resource, result) {
                    Err(error) if error.is_retriable() => Some(Err(error)),
                    settings => Some(Ok((resource, settings))),
                }
            });
            answered.collect()
        })
        .await
    }
}

fn read(resource: &Resource, result: DescribeConfigsResult) -> Result<Vec<Setting>, Error> {
    check(resource, result.error_code, result.error_message.as_deref())?;
    let mut settings: Vec<_> =
        result.configs.into_iter().map(|config| Setting::of(resource, config)).collect();
    settings.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(settings)
}

fn check(resource: &Resource, code: i16, message: Option<&str>) -> Result<(), Error> {
    match resource {
        Resource::Topic(topic) => Error::check_topic(topic, code, message),
        _ => Error::check_with_message(code, message, || resource.to_string()),
    }
}

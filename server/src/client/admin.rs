//! Creating, deleting and describing topics.

use protocol::messages::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use protocol::messages::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use protocol::messages::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource};
use protocol::{ErrorCode, Request};

use super::{Client, Error};

/// DescribeConfigs' number for a topic.
const TOPIC: i8 = 2;

/// A topic to be created.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NewTopic {
    /// Its name.
    pub(crate) name: String,
    /// Its number of partitions; `None` leaves it to the broker.
    pub(crate) partitions: Option<i32>,
    /// Its replication factor; `None` leaves it to the broker.
    pub(crate) replication_factor: Option<i16>,
    /// Its settings.
    pub(crate) configs: Vec<(String, String)>,
}

/// A setting of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigEntry {
    /// Its name.
    pub(crate) name: String,
    /// Its value, unless it is a secret.
    pub(crate) value: Option<String>,
    /// Whether it was set for this topic.
    pub(crate) own: bool,
}

impl Client {
    /// Sends a request to the node that takes administrative ones, until its answer is neither "not me" nor
    /// another error that goes away.
    async fn administer<R: Request, T>(
        &self,
        request: &R,
        check: impl Fn(R::Response) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut backoff = self.backoff();
        let mut controller: Option<String> = None;
        loop {
            let attempt = async {
                let connection = match &controller {
                    Some(address) => self.connection(address).await?,
                    None => self.any().await?,
                };
                check(connection.call(request).await?)
            };
            match attempt.await {
                Err(error @ Error::Connect { .. }) => return Err(error),
                Err(error) => {
                    let elsewhere = error.code() == Some(ErrorCode::NotController);
                    backoff.wait(error).await?;
                    if elsewhere {
                        let metadata = self.metadata(Some(&[]), false).await?;
                        controller = metadata.brokers.get(&metadata.controller).cloned();
                    }
                }
                done => return done,
            }
        }
    }

    fn timeout_ms(&self) -> i32 {
        i32::try_from(self.timeout().as_millis()).unwrap_or(i32::MAX)
    }

    /// Creates a topic.
    pub(crate) async fn create_topic(&self, topic: &NewTopic) -> Result<(), Error> {
        let config = |(name, value): &(String, String)| CreatableTopicConfig {
            name: name.as_str().into(),
            value: Some(value.as_str().into()),
        };
        let request = CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: topic.name.as_str().into(),
                num_partitions: topic.partitions.unwrap_or(-1),
                replication_factor: topic.replication_factor.unwrap_or(-1),
                configs: topic.configs.iter().map(config).collect(),
                ..Default::default()
            }],
            timeout_ms: self.timeout_ms(),
            ..Default::default()
        };
        let created = self.administer(&request, |response| {
            response.topics.iter().try_for_each(|result| {
                let what = || format!("topic {}", topic.name);
                Error::check_told(result.error_code, result.error_message.as_deref(), what)
            })
        });
        created.await?;
        self.forget(&topic.name).await;
        Ok(())
    }

    /// Deletes a topic.
    pub(crate) async fn delete_topic(&self, name: &str) -> Result<(), Error> {
        // Older versions know a list of names, newer ones a list of topics: each version carries one of them.
        let request = DeleteTopicsRequest {
            topics: vec![DeleteTopicState { name: Some(name.into()), ..Default::default() }],
            topic_names: vec![name.into()],
            timeout_ms: self.timeout_ms(),
        };
        // That the topic is unknown is an error that may go away elsewhere, but not here.
        let deleted = self.administer(&request, |response| {
            let failed = response.responses.iter().find(|result| result.error_code != ErrorCode::None.code());
            let Some(result) = failed else { return Ok(Ok(())) };
            if result.error_code == ErrorCode::UnknownTopicOrPartition.code() {
                return Ok(Err(Error::NoTopic { topic: name.to_owned() }));
            }
            let message = result.error_message.as_deref();
            Error::check_told(result.error_code, message, || format!("topic {name}")).map(Ok)
        });
        deleted.await??;
        self.forget(name).await;
        Ok(())
    }

    /// The settings of a topic.
    pub(crate) async fn topic_configs(&self, name: &str) -> Result<Vec<ConfigEntry>, Error> {
        let request = DescribeConfigsRequest {
            resources: vec![DescribeConfigsResource {
                resource_type: TOPIC,
                resource_name: name.into(),
                configuration_keys: None,
            }],
            ..Default::default()
        };
        let entries = self.administer(&request, |response| {
            let mut entries = Vec::new();
            for result in response.results {
                let what = || format!("settings of topic {name}");
                Error::check_told(result.error_code, result.error_message.as_deref(), what)?;
                entries.extend(result.configs.iter().map(|config| ConfigEntry {
                    name: config.name.to_string(),
                    value: config.value.as_deref().map(str::to_owned),
                    own: config.config_source == 1,
                }));
            }
            Ok(entries)
        });
        let mut entries: Vec<ConfigEntry> = entries.await?;
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }
}

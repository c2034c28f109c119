//! Administrative requests: who takes them, and those that create and delete topics.

use protocol::messages::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use protocol::messages::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use protocol::{ErrorCode, Request};

use super::{Client, Error, OPENING};

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

impl Client {
    /// Sends a request to the node that takes administrative ones, until its answer is neither "not me" nor
    /// another error that goes away.
    pub(super) async fn administer<R: Request, T>(
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

    /// As [`Client::administer`], but if a node is named it is asked itself, until it answers or the cluster does
    /// without it.
    pub(super) async fn administer_at<R: Request, T>(
        &self,
        node: Option<i32>,
        request: &R,
        check: impl Fn(R::Response) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Some(node) = node else { return self.administer(request, check).await };
        let mut backoff = self.backoff();
        loop {
            let nodes = self.metadata(Some(&[]), false).await?.brokers;
            let address = nodes.get(&node).ok_or(Error::NoNode { node })?;
            let attempt = async {
                let connection = self.connection_within(address, OPENING).await?;
                check(connection.call(request).await?)
            };
            match attempt.await {
                Err(error) => backoff.wait(error).await?,
                done => return done,
            }
        }
    }

    /// How long the broker may take, in milliseconds.
    pub(super) fn timeout_ms(&self) -> i32 {
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
                Error::check_with_message(result.error_code, result.error_message.as_deref(), what)
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
        let deleted = self.administer(&request, |response| {
            response.responses.iter().try_for_each(|result| {
                Error::check_topic(name, result.error_code, result.error_message.as_deref())
            })
        });
        deleted.await?;
        self.forget(name).await;
        Ok(())
    }
}

//! What a cluster answers about its nodes and topics.

use std::collections::BTreeMap;

use protocol::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use protocol::{ErrorCode, Uuid};

use super::{Client, Error};

/// Nodes and topics, as in the last answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metadata {
    /// Node id to address.
    pub(crate) brokers: BTreeMap<i32, String>,
    /// The node that takes administrative requests; −1 if unknown.
    pub(crate) controller: i32,
    /// By name.
    pub(crate) topics: BTreeMap<String, Topic>,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Topic {
    /// Its name.
    pub(crate) name: String,
    /// Its id; zero where the broker has no ids.
    pub(crate) id: Uuid,
    /// Its error code.
    pub(crate) error: i16,
    /// Whether it is the broker's own.
    pub(crate) internal: bool,
    /// By index.
    pub(crate) partitions: BTreeMap<i32, Partition>,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Partition {
    /// The leader's node id; −1 if there is none.
    pub(crate) leader: i32,
    /// The leader's epoch.
    pub(crate) epoch: i32,
    /// Node ids of the replicas.
    pub(crate) replicas: Vec<i32>,
    /// Node ids of the replicas in sync.
    pub(crate) in_sync: Vec<i32>,
}

impl Metadata {
    /// A topic. Fails with its own error, and if it was not asked for.
    pub(crate) fn topic(&self, name: &str) -> Result<&Topic, Error> {
        let unknown = ErrorCode::UnknownTopicOrPartition.code();
        let error = self.topics.get(name).map_or(unknown, |topic| topic.error);
        Error::check(error, || format!("topic {name}"))?;
        self.topics.get(name).ok_or_else(|| Error::NoLeader { topic: name.to_owned(), partition: 0 })
    }

    pub(super) fn leader(&self, topic: &str, partition: i32) -> Option<(Topic, String)> {
        let topic = self.topics.get(topic)?;
        let leader = topic.partitions.get(&partition)?.leader;
        Some((topic.clone(), self.brokers.get(&leader)?.clone()))
    }
}

impl Client {
    /// Asks for topics, or for all; `create` lets the broker create those that it does not have. A topic's
    /// own error is in the answer.
    pub(crate) async fn metadata(&self, topics: Option<&[&str]>, create: bool) -> Result<Metadata, Error> {
        let asked = |name: &&str| MetadataRequestTopic { name: Some((*name).into()), ..Default::default() };
        let request = MetadataRequest {
            topics: topics.map(|topics| topics.iter().map(asked).collect()),
            allow_auto_topic_creation: create,
            ..Default::default()
        };
        let mut backoff = self.backoff();
        let response = loop {
            let attempt = async { self.any().await?.call(&request).await };
            match attempt.await {
                Ok(response) => break response,
                // No process listens: a command does not wait until one does.
                Err(error @ Error::Connect { .. }) => return Err(error),
                Err(error) => backoff.wait(error).await?,
            }
        };
        Error::check(response.error_code, || "metadata".to_owned())?;
        let brokers =
            response.brokers.iter().map(|b| (b.node_id, format!("{}:{}", bracketed(&b.host), b.port)));
        let metadata = Metadata {
            brokers: brokers.collect(),
            controller: response.controller_id,
            topics: response.topics.iter().filter_map(topic).collect(),
        };
        let mut state = self.shared.state.lock().await;
        let mut known = std::mem::take(&mut state.metadata.topics);
        known.extend(metadata.topics.clone());
        state.metadata = Metadata { topics: known, ..metadata.clone() };
        Ok(metadata)
    }

    /// A topic of which every partition has a leader. Waits for that; `create` lets the broker create it.
    pub(crate) async fn ready_topic(&self, name: &str, create: bool) -> Result<Topic, Error> {
        let mut backoff = self.backoff();
        loop {
            let metadata = self.metadata(Some(&[name]), create).await?;
            let found = metadata.topic(name).and_then(|topic| {
                let headless =
                    topic.partitions.iter().find(|(_, p)| !metadata.brokers.contains_key(&p.leader));
                match headless {
                    Some((partition, _)) => {
                        Err(Error::NoLeader { topic: name.to_owned(), partition: *partition })
                    }
                    None => Ok(topic.clone()),
                }
            });
            match found {
                Ok(topic) => return Ok(topic),
                Err(error) if !create && error.code() == Some(ErrorCode::UnknownTopicOrPartition) => {
                    return Err(Error::NoTopic { topic: name.to_owned() });
                }
                Err(error) => backoff.wait(error).await?,
            }
        }
    }
}

/// An IPv6 address needs brackets in front of a port.
pub(super) fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

fn topic(response: &protocol::messages::metadata::MetadataResponseTopic) -> Option<(String, Topic)> {
    let name = response.name.as_deref()?.to_owned();
    let partitions = response.partitions.iter().map(|p| {
        let partition = Partition {
            leader: p.leader_id,
            epoch: p.leader_epoch,
            replicas: p.replica_nodes.clone(),
            in_sync: p.isr_nodes.clone(),
        };
        (p.partition_index, partition)
    });
    let topic = Topic {
        name: name.clone(),
        id: response.topic_id,
        error: response.error_code,
        internal: response.is_internal,
        partitions: partitions.collect(),
    };
    Some((name, topic))
}

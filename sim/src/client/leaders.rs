//! Who leads which partition, as far as a client knows, and the connections to them.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use protocol::Uuid;
use protocol::messages::metadata::MetadataRequestTopic;
use protocol::messages::{MetadataRequest, MetadataResponse};
use rand::Rng;

use super::{Client, Connection, PartitionIndex};
use crate::history::Event;
use crate::network::node_named;

/// The version of Metadata that is asked for.
const METADATA: i16 = 12;

/// A partition's leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Led {
    /// The machine; the node id says nothing of where it is.
    pub node: usize,
    /// The leader epoch.
    pub epoch: i32,
}

/// See the module.
#[derive(Default)]
pub struct Leaders {
    known: BTreeMap<PartitionIndex, Led>,
    connections: BTreeMap<usize, Connection>,
    /// The topics' ids.
    ids: BTreeMap<Uuid, usize>,
}

impl Leaders {
    /// The leader of a partition, if one is known.
    pub fn of(&self, partition: PartitionIndex) -> Option<Led> {
        self.known.get(&partition).copied()
    }

    /// The topic with an id, if it is known.
    pub fn topic(&self, id: Uuid) -> Option<usize> {
        self.ids.get(&id).copied()
    }

    /// The id of a topic, if it is known.
    pub fn id(&self, topic: usize) -> Option<Uuid> {
        self.ids.iter().find(|(_, of)| **of == topic).map(|(id, _)| *id)
    }

    /// A connection to a node, an open one or a new one. The caller gives it back with
    /// [`Leaders::keep`] unless it is broken.
    pub async fn connection(&mut self, client: &Client, node: usize) -> io::Result<Connection> {
        match self.connections.remove(&node) {
            Some(connection) => Ok(connection),
            None => Connection::open(&client.network, client.host(), node).await,
        }
    }

    /// Keeps a connection for later.
    pub fn keep(&mut self, node: usize, connection: Connection) {
        self.connections.insert(node, connection);
    }

    /// Asks some node who leads. As Kafka's clients do, older epochs than those known are not believed.
    pub async fn refresh(&mut self, client: &mut Client) -> io::Result<()> {
        let node = client.rng.random_range(0..client.nodes);
        let mut connection = self.connection(client, node).await?;
        let topics = client
            .topics
            .iter()
            .map(|topic| MetadataRequestTopic { name: Some((*topic.name).into()), ..Default::default() });
        let topics = Some(topics.collect());
        let request = MetadataRequest { topics, allow_auto_topic_creation: false, ..Default::default() };
        let patience = client.ms(200..4000).max(Duration::from_millis(500));
        let response = connection.ask(METADATA, &request, patience).await?;
        self.learn(client, &response, connection.peer());
        self.keep(node, connection);
        Ok(())
    }

    fn learn(&mut self, client: &Client, response: &MetadataResponse, process: u64) {
        let hosts: BTreeMap<i32, usize> = response
            .brokers
            .iter()
            .filter_map(|broker| Some((broker.node_id, node_named(&broker.host)?)))
            .collect();
        let trace = &client.trace;
        for (topic, described) in response.topics.iter().enumerate() {
            let Some(name) = client.topic((topic, 0)) else { continue };
            if !described.topic_id.is_zero() {
                self.ids.insert(described.topic_id, topic);
            }
            for partition in &described.partitions {
                let (index, epoch, leader) =
                    (partition.partition_index, partition.leader_epoch, partition.leader_id);
                let Some(node) = hosts.get(&leader).copied() else { continue };
                let led = Led { node, epoch };
                let key = (topic, index);
                if self.of(key).is_some_and(|known| known.epoch > epoch) {
                    continue;
                }
                if self.known.insert(key, led) != Some(led) {
                    trace.line(format_args!("client {} {name}-{index} {led:?}", client.number));
                }
                client.note(Event::Leader {
                    topic: Some(name.clone()),
                    partition: index,
                    epoch,
                    leader,
                    observer: client.number as i64,
                    process,
                });
            }
        }
    }
}

//! Where partitions are by the last answers to one client, and its connections.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use protocol::messages::MetadataRequest;
use protocol::messages::metadata::MetadataRequestTopic;
use protocol::{ErrorCode, Uuid};
use rand::Rng;

use super::super::{Client, Connection};
use super::Shared;
use crate::network::node_named;

/// The version of Metadata that is asked for.
const METADATA: i16 = 12;

/// A topic that Metadata reported.
#[derive(Debug, Clone)]
pub(super) struct Told {
    /// As events name it.
    pub(super) topic: Arc<str>,
    pub(super) id: Uuid,
    pub(super) partitions: i32,
}

/// A connection, and its number.
pub(super) struct Line {
    pub(super) connection: Connection,
    pub(super) link: u64,
}

/// See the module.
#[derive(Default)]
pub(super) struct Atlas {
    lines: BTreeMap<usize, Line>,
    /// The machines of leaders.
    leaders: BTreeMap<(Arc<str>, i32), usize>,
}

impl Atlas {
    /// The machine that leads a partition, if that is known.
    pub(super) fn leader(&self, topic: &Arc<str>, partition: i32) -> Option<usize> {
        self.leaders.get(&(Arc::clone(topic), partition)).copied()
    }

    /// A connection to a node. The caller gives it back with [`Atlas::keep`] unless it is broken.
    pub(super) async fn line(&mut self, client: &Client, node: usize) -> io::Result<Line> {
        if let Some(line) = self.lines.remove(&node) {
            return Ok(line);
        }
        let connection = Connection::open(&client.network, client.host(), node).await?;
        Ok(Line { connection, link: client.new_link() })
    }

    /// Keeps a connection for later.
    pub(super) fn keep(&mut self, node: usize, line: Line) {
        self.lines.insert(node, line);
    }

    /// Asks some node for topics by name; `None` for one that is not there. What is reported is noted.
    pub(super) async fn ask(
        &mut self,
        client: &mut Client,
        shared: &Shared,
        names: &[Arc<str>],
        create: bool,
    ) -> io::Result<BTreeMap<Arc<str>, Option<Told>>> {
        let node = client.rng.random_range(0..client.nodes);
        let mut line = self.line(client, node).await?;
        let topic =
            |name: &Arc<str>| MetadataRequestTopic { name: Some((**name).into()), ..Default::default() };
        let request = MetadataRequest {
            topics: Some(names.iter().map(topic).collect()),
            allow_auto_topic_creation: create,
            ..Default::default()
        };
        let patience = client.ms(500..4000);
        let response = line.connection.ask(METADATA, &request, patience).await?;
        self.keep(node, line);
        let hosts: BTreeMap<i32, usize> =
            response.brokers.iter().filter_map(|b| Some((b.node_id, node_named(&b.host)?))).collect();
        let mut told = BTreeMap::new();
        for described in &response.topics {
            let Some(name) = described.name.as_deref() else { continue };
            match ErrorCode::from_code(described.error_code) {
                Some(ErrorCode::None) => {}
                Some(ErrorCode::UnknownTopicOrPartition) => {
                    told.insert(Arc::from(name), None);
                    continue;
                }
                _ => continue,
            }
            let partitions = i32::try_from(described.partitions.len()).unwrap_or(i32::MAX);
            let id = described.topic_id;
            let topic = shared.lock().learn(client, (name, id, partitions), false);
            for partition in &described.partitions {
                let key = (Arc::clone(&topic), partition.partition_index);
                match hosts.get(&partition.leader_id) {
                    Some(node) => drop(self.leaders.insert(key, *node)),
                    None => drop(self.leaders.remove(&key)),
                }
            }
            told.insert(Arc::from(name), Some(Told { topic, id, partitions }));
        }
        Ok(told)
    }
}

/// How long a node may take to answer what changes topics.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

//! Creating topics and deleting them, adding partitions and changing settings.

use std::io;
use std::sync::Arc;

use protocol::messages::create_partitions::CreatePartitionsTopic;
use protocol::messages::create_topics::{CreatableTopic, CreatableTopicConfig};
use protocol::messages::delete_topics::DeleteTopicState;
use protocol::messages::incremental_alter_configs::{AlterConfigsResource, AlterableConfig};
use protocol::messages::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, IncrementalAlterConfigsRequest,
};
use protocol::{ErrorCode, Request};
use rand::Rng;
use rand::seq::IndexedRandom;

use super::atlas::PATIENCE;
use super::yard::PARTITIONS;
use super::{Actor, Lot};

/// The kind of resource that a topic is.
const TOPIC: i8 = 2;

impl Actor {
    async fn ask<R: Request>(&mut self, version: i16, request: &R) -> io::Result<R::Response> {
        let node = self.client.rng.random_range(0..self.client.nodes);
        let mut line = self.atlas.line(&self.client, node).await?;
        let response = line.connection.ask(version, request, PATIENCE).await?;
        self.atlas.keep(node, line);
        Ok(response)
    }

    /// Whether a node may answer so because it could not do what it was asked, or does not know whether it did.
    fn may_be(&self, code: ErrorCode) -> bool {
        code.is_retriable() || self.damages && code == ErrorCode::UnknownServerError
    }

    /// Asks for a topic, and does not ask again.
    pub(super) async fn create(&mut self, name: &Arc<str>, again: bool) {
        let partitions = self.client.rng.random_range(1..=4);
        let stamps = CreatableTopicConfig {
            name: "message.timestamp.type".into(),
            value: Some("LogAppendTime".into()),
        };
        let topic = CreatableTopic {
            name: (**name).into(),
            num_partitions: partitions,
            replication_factor: 1,
            configs: self.client.rng.random_bool(0.2).then_some(stamps).into_iter().collect(),
            ..Default::default()
        };
        let timeout_ms = self.client.rng.random_range(500..5000);
        let request = CreateTopicsRequest { topics: vec![topic], timeout_ms, validate_only: false };
        let Ok(response) = self.ask(7, &request).await else { return };
        let Some(made) = response.topics.first() else { return };
        let code = ErrorCode::from_code(made.error_code);
        self.client.trace.line(format_args!("create {} {name} {code:?}", self.client.number));
        match code {
            Some(ErrorCode::None) => {
                let told = (&**name, made.topic_id, partitions);
                self.yard.lock().learn(&self.client, told, true);
                let mut tally = self.client.tally.lock();
                tally.made += 1;
                tally.recreated += u64::from(again);
            }
            Some(ErrorCode::TopicAlreadyExists) => {}
            Some(code) if self.may_be(code) => {}
            _ => self.client.wrong(format!("{name} was not created: {code:?}")),
        }
    }

    /// Asks for a topic as clients do that only look for it: some node creates it.
    pub(super) async fn come_by(&mut self, name: &Arc<str>) {
        let names = [Arc::clone(name)];
        let known = self.yard.lock().lots.len();
        let _ = self.atlas.ask(&mut self.client, &self.yard, &names, true).await;
        if self.yard.lock().lots.len() > known {
            self.client.tally.lock().auto_created += 1;
        }
    }

    /// Asks for a topic's deletion, by its id or its name.
    pub(super) async fn delete(&mut self, topic: &Arc<str>, lot: &Lot) {
        let by_name = self.client.rng.random_bool(0.2);
        self.yard.lock().delete(&self.client, topic, by_name);
        let wanted = match by_name {
            true => DeleteTopicState { name: Some((*lot.name).into()), ..Default::default() },
            false => DeleteTopicState { name: None, topic_id: lot.id },
        };
        let timeout_ms = self.client.rng.random_range(500..5000);
        let request = DeleteTopicsRequest { topics: vec![wanted], timeout_ms, ..Default::default() };
        let Ok(response) = self.ask(6, &request).await else { return };
        let code = response.responses.first().and_then(|topic| ErrorCode::from_code(topic.error_code));
        self.client.trace.line(format_args!("deleted {} {topic} {code:?}", self.client.number));
        match code {
            Some(ErrorCode::None) => self.client.tally.lock().deleted += 1,
            Some(code) if self.may_be(code) => {}
            _ => self.client.wrong(format!("{topic} was not deleted: {code:?}")),
        }
    }

    /// Asks for more partitions.
    pub(super) async fn grow(&mut self, topic: &Arc<str>, lot: &Lot) {
        let count = lot.partitions + self.client.rng.random_range(1..3);
        if count > PARTITIONS {
            return;
        }
        let wanted = CreatePartitionsTopic { name: (*lot.name).into(), count, assignments: None };
        let request =
            CreatePartitionsRequest { topics: vec![wanted], timeout_ms: 3000, validate_only: false };
        let Ok(response) = self.ask(3, &request).await else { return };
        let code = response.results.first().and_then(|topic| ErrorCode::from_code(topic.error_code));
        self.client.trace.line(format_args!("grow {} {topic} {count} {code:?}", self.client.number));
        match code {
            Some(ErrorCode::None) => {
                self.client.tally.lock().grown += (count - lot.partitions).unsigned_abs() as u64
            }
            // Another client was faster.
            Some(ErrorCode::InvalidPartitions) => {}
            Some(code) if self.may_be(code) => {}
            _ => self.client.wrong(format!("{topic} did not get partitions: {code:?}")),
        }
        self.look(&lot.name).await;
    }

    /// Changes a setting of a topic.
    pub(super) async fn alter(&mut self, topic: &Arc<str>, lot: &Lot) {
        let (name, value) = match self.client.rng.random_range(0..4) {
            0 => {
                self.yard.lock().trim(&self.client, lot);
                ("retention.bytes", *["500", "3000"].choose(&mut self.client.rng).unwrap_or(&"500"))
            }
            1 => {
                self.yard.lock().narrow(lot);
                ("max.message.bytes", *["80", "1048588"].choose(&mut self.client.rng).unwrap_or(&"80"))
            }
            _ => {
                let types = ["LogAppendTime", "CreateTime"];
                ("message.timestamp.type", *types.choose(&mut self.client.rng).unwrap_or(&"CreateTime"))
            }
        };
        let config = AlterableConfig { name: name.into(), config_operation: 0, value: Some(value.into()) };
        let resource = AlterConfigsResource {
            resource_type: TOPIC,
            resource_name: (*lot.name).into(),
            configs: vec![config],
        };
        let request = IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
        let Ok(response) = self.ask(1, &request).await else { return };
        let code = response.responses.first().and_then(|told| ErrorCode::from_code(told.error_code));
        self.client.trace.line(format_args!("alter {} {topic} {name} {value} {code:?}", self.client.number));
        match code {
            Some(ErrorCode::None) => self.client.tally.lock().altered += 1,
            Some(code) if self.may_be(code) => {}
            _ => self.client.wrong(format!("{name} of {topic} was not changed: {code:?}")),
        }
    }
}

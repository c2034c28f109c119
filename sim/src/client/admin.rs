//! Making topics, settings of share groups, and asking for producer ids.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use protocol::ErrorCode;
use protocol::messages::create_topics::{CreatableTopic, CreatableTopicConfig};
use protocol::messages::incremental_alter_configs::{AlterConfigsResource, AlterableConfig};
use protocol::messages::{CreateTopicsRequest, IncrementalAlterConfigsRequest, InitProducerIdRequest};
use rand::Rng;

use super::{Client, Connection, Topic};
use crate::history::Event;

/// How long a node may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Creates a topic, however often that must be asked for.
pub async fn create_topic(client: &mut Client, topic: &Topic, log_append_time: bool) {
    let config = |name: &'static str, value: String| CreatableTopicConfig {
        name: name.into(),
        value: Some(value.into()),
    };
    let timestamps = log_append_time.then(|| config("message.timestamp.type", "LogAppendTime".to_owned()));
    // Producers' timestamps have no meaning. Those of nodes are younger than a week, whatever clocks say.
    let kept_ms = if log_append_time { "604800000" } else { "-1" };
    let kept =
        [config("retention.ms", kept_ms.to_owned()), config("retention.bytes", topic.keeps.to_string())];
    if topic.keeps >= 0 {
        for partition in 0..topic.partitions {
            let (topic, offset) = (Some(Arc::clone(&topic.name)), i64::MAX);
            client.note(Event::Trim { topic, partition, offset });
        }
    }
    let creatable = CreatableTopic {
        name: (*topic.name).into(),
        num_partitions: topic.partitions,
        replication_factor: 1,
        configs: kept.into_iter().chain(timestamps).collect(),
        ..Default::default()
    };
    let request = CreateTopicsRequest { topics: vec![creatable], timeout_ms: 3000, validate_only: false };
    loop {
        let node = client.rng.random_range(0..client.nodes);
        let answer = async {
            let mut connection = Connection::open(&client.network, client.host(), node).await?;
            connection.ask(5, &request, PATIENCE).await
        };
        let code = answer.await.ok().and_then(|response| response.topics.first().map(|t| t.error_code));
        if code == Some(ErrorCode::None.code()) {
            client.tally.lock().created.push(Arc::clone(&topic.name));
        }
        if [Some(ErrorCode::None.code()), Some(ErrorCode::TopicAlreadyExists.code())].contains(&code) {
            return;
        }
        client.pause(20..200).await;
    }
}

/// Lets share groups begin where logs do, however often that must be asked for.
pub async fn begin_early(client: &mut Client, groups: &[Arc<str>]) {
    /// A group, as a resource that has settings.
    const GROUP: i8 = 32;
    let reset = AlterableConfig {
        name: "share.auto.offset.reset".into(),
        config_operation: 0,
        value: Some("earliest".into()),
    };
    let resource = |group: &Arc<str>| AlterConfigsResource {
        resource_type: GROUP,
        resource_name: (**group).into(),
        configs: vec![reset.clone()],
    };
    let resources = groups.iter().map(resource).collect();
    let request = IncrementalAlterConfigsRequest { resources, validate_only: false };
    while !groups.is_empty() {
        let node = client.rng.random_range(0..client.nodes);
        let answer = async {
            let mut connection = Connection::open(&client.network, client.host(), node).await?;
            connection.ask(1, &request, PATIENCE).await
        };
        if answer.await.is_ok_and(|response| response.responses.iter().all(|told| told.error_code == 0)) {
            return;
        }
        client.pause(20..200).await;
    }
}

/// A producer id from some node.
pub(super) async fn producer_id(client: &mut Client) -> io::Result<i64> {
    let node = client.rng.random_range(0..client.nodes);
    let request = InitProducerIdRequest {
        transaction_timeout_ms: i32::MAX,
        producer_id: -1,
        producer_epoch: -1,
        ..Default::default()
    };
    let mut connection = Connection::open(&client.network, client.host(), node).await?;
    let response = connection.ask(4, &request, PATIENCE).await?;
    match response.error_code {
        0 => Ok(response.producer_id),
        code => Err(io::Error::other(format!("error {code}"))),
    }
}

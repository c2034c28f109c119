//! DescribeConfigs and InitProducerId.

use protocol::ErrorCode;
use protocol::messages::describe_configs::{
    DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResult,
};
use protocol::messages::{DescribeConfigsRequest, InitProducerIdRequest};

use crate::client::Client;
use crate::node::{NODE, Node};

async fn describe(
    client: &mut Client,
    version: i16,
    kind: i8,
    name: &str,
    keys: Option<&[&str]>,
) -> DescribeConfigsResult {
    let resource = DescribeConfigsResource {
        resource_type: kind,
        resource_name: name.into(),
        configuration_keys: keys.map(|keys| keys.iter().map(|key| (*key).into()).collect()),
    };
    let request = DescribeConfigsRequest {
        resources: vec![resource],
        include_synonyms: true,
        include_documentation: true,
    };
    let response = client.ask(version, &request).await;
    assert_eq!((response.results[0].resource_type, response.results[0].resource_name.as_str()), (kind, name));
    response.results[0].clone()
}

fn named<'a>(result: &'a DescribeConfigsResult, name: &str) -> &'a DescribeConfigsResourceResult {
    result.configs.iter().find(|config| config.name == name).expect("the setting is told")
}

#[tokio::test(start_paused = true)]
async fn the_settings_of_a_topic() {
    let node = Node::start().await;
    let mut client = node.with_configured("t", 1, &[("cleanup.policy", "compact")]).await;
    for version in 1..=4 {
        let result = describe(&mut client, version, 2, "t", None).await;
        assert_eq!(result.error_code, 0);
        let policy = named(&result, "cleanup.policy");
        assert_eq!(
            (policy.value.as_deref(), policy.config_source, policy.read_only),
            (Some("compact"), 1, false)
        );
        let synonyms: Vec<_> = policy.synonyms.iter().map(|s| (s.name.as_str(), s.source)).collect();
        assert_eq!(synonyms, [("cleanup.policy", 1), ("log.cleanup.policy", 5)]);
        assert_eq!(policy.config_type, if version >= 3 { 7 } else { 0 });
        assert_eq!(policy.documentation.is_some(), version >= 3);
        let bytes = named(&result, "max.message.bytes");
        assert_eq!((bytes.value.as_deref(), bytes.config_source), (Some("1048588"), 5));
    }
    let result = describe(&mut client, 4, 2, "t", Some(&["retention.ms", "no.such.thing"])).await;
    assert_eq!(result.configs.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["retention.ms"]);
}

#[tokio::test(start_paused = true)]
async fn the_settings_of_the_node() {
    let node = Node::start().await;
    let mut client = node.connect();
    let result = describe(&mut client, 4, 4, &NODE.to_string(), None).await;
    assert_eq!(result.error_code, 0);
    for (name, value) in [
        ("broker.id", "7"),
        ("advertised.listeners", "PLAINTEXT://node7.test:9092"),
        ("auto.create.topics.enable", "true"),
        ("num.partitions", "1"),
        ("default.replication.factor", "1"),
        ("message.max.bytes", "1048588"),
        ("socket.request.max.bytes", "8388608"),
    ] {
        let setting = named(&result, name);
        let may_change = name == "message.max.bytes";
        assert_eq!((setting.value.as_deref(), setting.read_only), (Some(value), !may_change), "{name}");
    }
    let retention = named(&result, "log.retention.ms");
    assert_eq!((retention.value.as_deref(), retention.config_source, retention.read_only), (None, 5, false));
    let delay = named(&result, "group.initial.rebalance.delay.ms");
    assert_eq!((delay.value.as_deref(), delay.config_source, delay.read_only), (Some("3000"), 5, true));
    assert_eq!(describe(&mut client, 4, 4, "", None).await.configs, []);
    assert_eq!(named(&result, "num.partitions").config_source, 5);
    assert_eq!(named(&result, "socket.request.max.bytes").config_source, 4);
    let names: Vec<_> = result.configs.iter().map(|c| c.name.as_str()).collect();
    assert!(names.windows(2).all(|w| w[0] < w[1]), "each name once: {names:?}");
}

#[tokio::test(start_paused = true)]
async fn resources_that_are_not_there() {
    let node = Node::start().await;
    let mut client = node.connect();
    for (kind, name, code) in [
        (2, "t", ErrorCode::UnknownTopicOrPartition),
        (2, "a b", ErrorCode::InvalidTopicException),
        (4, "8", ErrorCode::InvalidRequest),
        (4, "x", ErrorCode::InvalidRequest),
        (2, "", ErrorCode::InvalidTopicException),
        (8, "7", ErrorCode::InvalidRequest),
        (16, "m", ErrorCode::InvalidRequest),
        (32, "", ErrorCode::InvalidRequest),
        (99, "x", ErrorCode::InvalidRequest),
    ] {
        let result = describe(&mut client, 4, kind, name, None).await;
        assert_eq!((result.error_code, result.configs.len()), (code.code(), 0), "{kind} {name}");
        // Of a topic that is not there Kafka says nothing more.
        let silent = code == ErrorCode::UnknownTopicOrPartition;
        assert_eq!(result.error_message.as_deref().map(str::is_empty), Some(silent));
    }
}

#[tokio::test(start_paused = true)]
async fn few_bytes_do_not_ask_for_any_number_of_pages() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let resource = |resource_type, name: &str| DescribeConfigsResource {
        resource_type,
        resource_name: name.into(),
        configuration_keys: Some(vec!["share.auto.offset.reset".into(), "retention.ms".into()]),
    };
    let mut ask = async |resources| {
        let request =
            DescribeConfigsRequest { resources, include_synonyms: false, include_documentation: false };
        let results = client.ask(4, &request).await.results;
        results.iter().map(|result| (result.error_code, result.configs.len())).collect::<Vec<_>>()
    };
    let refused = (ErrorCode::InvalidRequest.code(), 0);
    let again = vec![resource(2, "t"), resource(32, "t"), resource(2, "t"), resource(32, "t")];
    assert_eq!(ask(again).await, [(0, 1), (0, 1), refused, refused]);
    let groups = (0..15_000).map(|number| resource(32, &format!("g{number}"))).collect();
    let told = ask(groups).await;
    let pages = told.iter().filter(|told| **told == (0, 1)).count();
    assert_eq!((told.len(), pages), (15_000, 10_001), "and one for the topic");
    assert!(told[10_001..].iter().all(|told| *told == refused));
    assert_eq!(node.broker.answers().available(), node.broker.answers().size());
}

#[tokio::test(start_paused = true)]
async fn producer_ids_are_never_given_twice() {
    let node = Node::start().await;
    let mut client = node.connect();
    let mut ids = Vec::new();
    for version in 0..=5 {
        let response = client.ask(version, &InitProducerIdRequest::default()).await;
        assert_eq!((response.error_code, response.producer_epoch), (0, 0));
        ids.push(response.producer_id);
    }
    assert!(ids.windows(2).all(|w| w[0] < w[1]), "{ids:?}");
}

#[tokio::test(start_paused = true)]
async fn transactional_producers_are_refused() {
    let node = Node::start().await;
    let mut client = node.connect();
    for (id, code) in [("x", ErrorCode::TransactionalIdAuthorizationFailed), ("", ErrorCode::InvalidRequest)]
    {
        let request = InitProducerIdRequest { transactional_id: Some(id.into()), ..Default::default() };
        let response = client.ask(4, &request).await;
        assert_eq!(
            (response.error_code, response.producer_id, response.producer_epoch),
            (code.code(), -1, -1)
        );
    }
    let half = InitProducerIdRequest { producer_id: 5, ..Default::default() };
    assert_eq!(client.ask(4, &half).await.error_code, ErrorCode::InvalidRequest.code());
}

//! AlterConfigs, IncrementalAlterConfigs, what DescribeConfigs says then, and ListConfigResources.

use protocol::ErrorCode;
use protocol::messages::describe_configs::{DescribeConfigsResource, DescribeConfigsResourceResult};
use protocol::messages::{
    AlterConfigsRequest, DescribeConfigsRequest, IncrementalAlterConfigsRequest, ListConfigResourcesRequest,
    alter_configs, incremental_alter_configs,
};

use crate::client::{Client, batch, idempotent};
use crate::node::{NODE, Node};
use crate::store::Fault;

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const GROUP: i8 = 32;

type Changes<'a> = &'a [(&'a str, i8, Option<&'a str>)];

fn resource(kind: i8, name: &str, changes: Changes<'_>) -> incremental_alter_configs::AlterConfigsResource {
    let config =
        |(name, operation, value): &(&str, i8, Option<&str>)| incremental_alter_configs::AlterableConfig {
            name: (*name).into(),
            config_operation: *operation,
            value: value.map(Into::into),
        };
    let configs = changes.iter().map(config).collect();
    incremental_alter_configs::AlterConfigsResource {
        resource_type: kind,
        resource_name: name.into(),
        configs,
    }
}

/// The error of each resource, and what it says.
async fn change(
    client: &mut Client,
    resources: Vec<incremental_alter_configs::AlterConfigsResource>,
) -> Vec<(ErrorCode, String)> {
    let request = IncrementalAlterConfigsRequest { resources, validate_only: false };
    let response = client.ask(1, &request).await;
    let result = |r: &incremental_alter_configs::AlterConfigsResourceResponse| {
        let code = ErrorCode::from_code(r.error_code).expect("a known error");
        (code, r.error_message.as_deref().unwrap_or_default().to_owned())
    };
    response.responses.iter().map(result).collect()
}

async fn change_one(
    client: &mut Client,
    kind: i8,
    name: &str,
    key: &str,
    operation: i8,
    value: Option<&str>,
) -> (ErrorCode, String) {
    let mut results = change(client, vec![resource(kind, name, &[(key, operation, value)])]).await;
    results.remove(0)
}

/// Changes one setting, which works.
async fn set(client: &mut Client, kind: i8, name: &str, key: &str, value: &str) {
    let result = change_one(client, kind, name, key, SET, Some(value)).await;
    assert_eq!(result, (ErrorCode::None, String::new()));
}

/// One setting of a resource.
async fn described(client: &mut Client, kind: i8, name: &str, key: &str) -> DescribeConfigsResourceResult {
    let resource = DescribeConfigsResource {
        resource_type: kind,
        resource_name: name.into(),
        configuration_keys: Some(vec![key.into()]),
    };
    let request = DescribeConfigsRequest {
        resources: vec![resource],
        include_synonyms: true,
        include_documentation: false,
    };
    let response = client.ask(4, &request).await;
    assert_eq!(response.results[0].error_code, 0, "{:?}", response.results[0].error_message);
    response.results[0].configs[0].clone()
}

/// The value and its source.
async fn value(client: &mut Client, kind: i8, name: &str, key: &str) -> (Option<String>, i8) {
    let config = described(client, kind, name, key).await;
    (config.value.map(|value| value.to_string()), config.config_source)
}

#[tokio::test(start_paused = true)]
async fn a_topics_setting_decides_as_soon_as_it_is_answered() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let keyless = idempotent(5, 0, 0, 1);
    assert_eq!(client.produce("t", keyless.clone()).await.error_code, 0);
    set(&mut client, TOPIC, "t", "cleanup.policy", "compact").await;
    assert_eq!(value(&mut client, TOPIC, "t", "cleanup.policy").await, (Some("compact".to_owned()), 1));
    let refused = client.produce("t", idempotent(5, 0, 1, 1)).await;
    assert_eq!(ErrorCode::from_code(refused.error_code), Some(ErrorCode::InvalidRecord));
    assert_eq!(client.produce("t", batch(&["a"])).await.error_code, 0);
    let result = change_one(&mut client, TOPIC, "t", "cleanup.policy", DELETE, None).await;
    assert_eq!(result.0, ErrorCode::None);
    assert_eq!(client.produce("t", idempotent(5, 0, 1, 1)).await.error_code, 0);

    set(&mut client, TOPIC, "t", "message.timestamp.type", "LogAppendTime").await;
    assert!(client.produce("t", batch(&["a"])).await.log_append_time_ms > 0);
    let next = node.broker.cluster().expect("a cluster").next();
    set(&mut client, TOPIC, "t", "message.timestamp.type", "LogAppendTime").await;
    assert_eq!(node.broker.cluster().expect("a cluster").next(), next, "no entry where nothing changes");
}

#[tokio::test(start_paused = true)]
async fn settings_of_all_nodes_are_the_topics_defaults() {
    let node = Node::start().await;
    let mut client = node.with_configured("own", 1, &[("max.message.bytes", "1000")]).await;
    client.create_topic("t", 1, &[]).await;
    set(&mut client, BROKER, "", "message.max.bytes", "30").await;
    set(&mut client, BROKER, "", "log.retention.ms", "7000").await;
    client.create_topic("later", 1, &[]).await;
    for (topic, code) in [("own", 0), ("t", 10), ("later", 10)] {
        assert_eq!(client.produce(topic, batch(&["a"])).await.error_code, code, "{topic}");
    }
    let retention = described(&mut client, TOPIC, "t", "retention.ms").await;
    let synonyms: Vec<_> = retention
        .synonyms
        .iter()
        .map(|s| (s.name.as_str(), s.value.as_deref().unwrap_or("-"), s.source))
        .collect();
    assert_eq!((retention.value.as_deref(), retention.config_source), (Some("7000"), 3));
    assert_eq!(synonyms, [("log.retention.ms", "7000", 3), ("log.retention.hours", "168", 5)]);
    assert_eq!(value(&mut client, BROKER, "", "log.retention.ms").await, (Some("7000".to_owned()), 3));
    let own = NODE.to_string();
    assert_eq!(value(&mut client, BROKER, &own, "message.max.bytes").await, (Some("30".to_owned()), 3));
    let result = change_one(&mut client, BROKER, "", "message.max.bytes", DELETE, None).await;
    assert_eq!(result.0, ErrorCode::None);
    assert_eq!(client.produce("t", batch(&["a"])).await.error_code, 0);
}

#[tokio::test(start_paused = true)]
async fn groups_have_settings_before_they_are_there() {
    let node = Node::start().await;
    let mut client = node.connect();
    let session = "consumer.session.timeout.ms";
    assert_eq!(value(&mut client, GROUP, "g", session).await, (Some("45000".to_owned()), 5));
    set(&mut client, GROUP, "g", session, "50000").await;
    assert_eq!(value(&mut client, GROUP, "g", session).await, (Some("50000".to_owned()), 8));
    assert_eq!(node.broker.group_config("g").consumer.session_timeout_ms, 50_000);
    assert_eq!(node.broker.group_config("h").consumer.session_timeout_ms, 45_000);
    set(&mut client, BROKER, "", "group.share.assignment.interval.ms", "2000").await;
    assert_eq!(node.broker.group_config("h").share.assignment_interval_ms, 2000);
    let interval = described(&mut client, GROUP, "h", "share.assignment.interval.ms").await;
    assert_eq!((interval.value.as_deref(), interval.config_source), (Some("2000"), 3));
}

/// Error codes and messages of Apache Kafka 4.3.1, but for the last few.
#[tokio::test(start_paused = true)]
async fn what_is_refused_and_how() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let own = NODE.to_string();
    let (config, request) = (ErrorCode::InvalidConfig, ErrorCode::InvalidRequest);
    let not_a_list = "Can't SUBTRACT to key retention.ms because its type is not LIST.";
    let illegal = "Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, \
                   '.', '_' and '-'";
    let bound =
        "consumer.session.timeout.ms must be less than or equal to group.consumer.max.session.timeout.ms";
    for (kind, name, key, operation, value, code, message) in [
        (
            TOPIC,
            "t",
            "retention.ms",
            SET,
            Some("-2"),
            config,
            "Invalid value -2 for configuration retention.ms: Value must be at least -1",
        ),
        (TOPIC, "t", "nope", SET, Some("1"), config, "Unknown topic config name: nope"),
        (TOPIC, "t", "retention.ms", SUBTRACT, Some("1"), config, not_a_list),
        (TOPIC, "t", "retention.ms", SET, None, request, "Null value not supported for : retention.ms"),
        (TOPIC, "t", "retention.ms", 4, Some("1"), request, "Unknown operations type 4"),
        (TOPIC, "", "retention.ms", SET, Some("1"), request, "Default topic resources are not allowed."),
        (
            TOPIC,
            "u",
            "retention.ms",
            SET,
            Some("1"),
            ErrorCode::UnknownTopicOrPartition,
            "The topic 'u' does not exist.",
        ),
        (TOPIC, "a b", "retention.ms", SET, Some("1"), ErrorCode::InvalidTopicException, illegal),
        (
            BROKER,
            &own,
            "log.retention.hours",
            SET,
            Some("7"),
            request,
            "Cannot update these configs dynamically: [log.retention.hours]",
        ),
        (
            BROKER,
            "",
            "num.io.threads",
            SET,
            Some("0"),
            request,
            "Invalid value 0 for configuration num.io.threads: Value must be at least 1",
        ),
        (
            BROKER,
            "",
            "log.retention.ms",
            APPEND,
            Some("1"),
            config,
            "Config value append is not allowed for config key: log.retention.ms",
        ),
        (
            BROKER,
            "8",
            "num.io.threads",
            SET,
            Some("9"),
            request,
            "Unexpected broker id, expected 7, but received 8",
        ),
        (BROKER, "x", "num.io.threads", SET, Some("9"), request, "Node id must be an integer, but it is: x"),
        (GROUP, "g", "nope", SET, Some("1"), config, "Unknown group config name: nope"),
        (GROUP, "g", "consumer.session.timeout.ms", SET, Some("60001"), config, bound),
        (
            GROUP,
            "",
            "consumer.session.timeout.ms",
            SET,
            Some("50000"),
            request,
            "Default group resources are not allowed.",
        ),
        (3, "x", "a", SET, Some("b"), request, "Unknown resource type 3"),
        (BROKER, "", "nope", SET, Some("7"), config, "Unknown broker config name: nope"),
        (
            16,
            "m",
            "interval.ms",
            SET,
            Some("1000"),
            request,
            "Client metrics are not collected here, and not configured.",
        ),
    ] {
        let result = change_one(&mut client, kind, name, key, operation, value).await;
        assert_eq!(result, (code, message.to_owned()));
    }
    let next = node.broker.cluster().expect("a cluster").next();
    assert_eq!(change_one(&mut client, TOPIC, "t", "nope", DELETE, None).await.0, ErrorCode::None);
    assert_eq!(change_one(&mut client, BROKER, "", "node.id", DELETE, None).await.0, ErrorCode::None);
    assert_eq!(node.broker.cluster().expect("a cluster").next(), next);
}

#[tokio::test(start_paused = true)]
async fn each_resource_has_its_own_answer() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    client.create_topic("twice", 1, &[]).await;
    let retention = |value| [("retention.ms", SET, Some(value))];
    let results = change(
        &mut client,
        vec![
            resource(TOPIC, "u", &retention("5")),
            resource(
                TOPIC,
                "t",
                &[("retention.ms", SET, Some("5")), ("cleanup.policy", APPEND, Some("compact"))],
            ),
            resource(TOPIC, "twice", &retention("5")),
            resource(GROUP, "g", &[("share.isolation.level", SET, Some("read_committed"))]),
            resource(TOPIC, "twice", &retention("6")),
            resource(GROUP, "h", &[("a", SET, Some("1")), ("a", DELETE, None)]),
            resource(GROUP, "i", &[]),
        ],
    )
    .await;
    let codes: Vec<_> = results.iter().map(|(code, _)| *code).collect();
    let (none, invalid) = (ErrorCode::None, ErrorCode::InvalidRequest);
    assert_eq!(codes, [ErrorCode::UnknownTopicOrPartition, none, invalid, none, invalid, invalid, none]);
    assert_eq!(results[2].1, "Each resource must appear at most once.");
    assert_eq!(results[5].1, "Error due to duplicate config keys");
    assert_eq!(
        value(&mut client, TOPIC, "t", "cleanup.policy").await,
        (Some("delete,compact".to_owned()), 1)
    );
    assert_eq!(value(&mut client, TOPIC, "twice", "retention.ms").await.1, 5);
    assert_eq!(
        value(&mut client, GROUP, "g", "share.isolation.level").await,
        (Some("read_committed".to_owned()), 8)
    );
}

#[tokio::test(start_paused = true)]
async fn the_whole_of_a_resource_in_every_version() {
    let node = Node::start().await;
    let mut client = node.with_configured("t", 1, &[("retention.ms", "5")]).await;
    for version in 0..=2 {
        let whole = |settings: &[(&str, Option<&str>)]| {
            let config = |(name, value): &(&str, Option<&str>)| alter_configs::AlterableConfig {
                name: (*name).into(),
                value: value.map(Into::into),
            };
            alter_configs::AlterConfigsResource {
                resource_type: TOPIC,
                resource_name: "t".into(),
                configs: settings.iter().map(config).collect(),
            }
        };
        let mut request =
            AlterConfigsRequest { resources: vec![whole(&[("segment.ms", Some("6"))])], validate_only: true };
        assert_eq!(client.ask(version, &request).await.responses[0].error_code, 0);
        assert_eq!(value(&mut client, TOPIC, "t", "segment.ms").await.1, 5, "it was only checked");
        request.validate_only = false;
        assert_eq!(client.ask(version, &request).await.responses[0].error_code, 0);
        assert_eq!(value(&mut client, TOPIC, "t", "segment.ms").await, (Some("6".to_owned()), 1));
        assert_eq!(value(&mut client, TOPIC, "t", "retention.ms").await.1, 5, "it is at its default again");
        for (settings, code) in [
            (&[("segment.ms", None)][..], ErrorCode::InvalidRequest),
            (&[("segment.ms", Some("1")), ("segment.ms", Some("1"))], ErrorCode::InvalidRequest),
            (&[("nope", Some("1"))], ErrorCode::InvalidConfig),
        ] {
            let request = AlterConfigsRequest { resources: vec![whole(settings)], validate_only: false };
            let response = client.ask(version, &request).await;
            assert_eq!(response.responses[0].error_code, code.code(), "{settings:?}");
        }
        let none = AlterConfigsRequest { resources: vec![whole(&[])], validate_only: false };
        assert_eq!(client.ask(version, &none).await.responses[0].error_code, 0);
        assert_eq!(value(&mut client, TOPIC, "t", "segment.ms").await.1, 5);
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_changes_nothing() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    node.store.set(Fault::MetadataUnreadable);
    let (code, _) = change_one(&mut client, TOPIC, "t", "retention.ms", SET, Some("5")).await;
    assert!(code.is_retriable(), "{code:?}");
}

#[tokio::test(start_paused = true)]
async fn what_has_settings_is_listed() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    set(&mut client, GROUP, "g", "consumer.session.timeout.ms", "50000").await;
    let mut list = async |version, types: &[i8]| {
        let request = ListConfigResourcesRequest { resource_types: types.to_vec() };
        let response = client.ask(version, &request).await;
        let resources = response.config_resources.iter();
        let listed = resources.map(|r| (r.resource_type, r.resource_name.to_string()));
        (response.error_code, listed.collect::<Vec<_>>())
    };
    let group = (GROUP, "g".to_owned());
    let all = vec![group.clone(), (BROKER, NODE.to_string()), (TOPIC, "t".to_owned())];
    assert_eq!(list(1, &[]).await, (0, all));
    assert_eq!(list(1, &[GROUP, 16]).await, (0, vec![group]));
    assert_eq!(list(0, &[]).await, (0, vec![]));
    assert_eq!(list(1, &[GROUP, 5]).await, (ErrorCode::UnsupportedVersion.code(), vec![]));
}

use super::super::{Asked, Change, ConfigReject, Format, Limits, Op, Outcome, PartitionsReject, TopicPlan};
use super::*;
use crate::{ClusterId, Shards};

const NODE: NodeId = NodeId(1);
const TOPIC: TopicId = TopicId([7; 16]);

fn cluster() -> Cluster {
    let format =
        Format { cluster: ClusterId([9; 16]), shards: Shards::DEFAULT, level: super::super::FORMAT_LEVEL };
    let mut cluster = Cluster::new(format);
    let overrides = Overrides::new();
    let plan = TopicPlan { name: "t".to_owned(), partitions: 2, replication_factor: 1, overrides };
    let create = cluster.planner(Limits::default()).create_topic(TOPIC, &plan).expect("new");
    put(&mut cluster, create);
    cluster
}

fn put(cluster: &mut Cluster, op: Op) {
    assert_eq!(cluster.apply(cluster.next(), &[op]), Ok(vec![Outcome::Applied]));
}

fn set(value: &str) -> Change {
    Change::Set(value.to_owned())
}

/// What comes of one change.
fn planned(
    cluster: &Cluster,
    resource: &Resource,
    name: &str,
    change: Change,
) -> Result<Option<Op>, ConfigReject> {
    let asked = Asked::Changes([(name.to_owned(), change)].into());
    cluster.planner(Limits::default()).alter_config(resource, &asked, NODE, &Statics::default())
}

/// Makes one change.
fn change(cluster: &mut Cluster, resource: &Resource, name: &str, change: Change) {
    let op = planned(cluster, resource, name, change).expect("legal").expect("news");
    put(cluster, op);
}

/// A value, where it comes from, and its synonyms.
type Told<'a> = (Option<&'a str>, Source, Vec<(&'a str, &'a str, i8)>);

/// The value, who gave it, and all who gave one.
fn described<'a>(all: &'a [Described<'a>], name: &str) -> Told<'a> {
    let found = all.iter().find(|d| d.definition.name == name).expect("described");
    let layers = found.layers.iter().map(|l| (l.name, l.value.as_ref(), l.source as i8));
    (found.value.as_deref(), found.source, layers.collect())
}

#[test]
fn a_change_counts_from_its_entry_on_and_can_be_taken_back() {
    let (mut cluster, topic) = (cluster(), Resource::Topic(TOPIC));
    change(&mut cluster, &topic, "max.message.bytes", set("77"));
    assert_eq!(cluster.topic(TOPIC).map(|t| t.config.max_message_bytes), Some(77));
    assert_eq!(planned(&cluster, &topic, "max.message.bytes", set("77")), Ok(None), "it is so already");
    change(&mut cluster, &topic, "max.message.bytes", Change::Delete);
    assert_eq!(cluster.topic(TOPIC).map(|t| t.config.max_message_bytes), Some(1_048_588));
    assert_eq!(planned(&cluster, &topic, "no.such", Change::Delete), Ok(None));
}

#[test]
fn a_change_is_void_without_its_topic_and_without_news() {
    let mut cluster = cluster();
    let resource = Resource::Topic(TOPIC);
    let op = planned(&cluster, &resource, "retention.ms", set("5")).expect("legal").expect("news");
    put(&mut cluster, op.clone());
    assert_eq!(cluster.apply(cluster.next(), std::slice::from_ref(&op)), Ok(vec![Outcome::Void]));
    put(&mut cluster, Op::DeleteTopic { topic: TOPIC });
    assert_eq!(cluster.apply(cluster.next(), &[op]), Ok(vec![Outcome::Void]));
    assert_eq!(planned(&cluster, &resource, "retention.ms", set("6")), Err(ConfigReject::NoTopic));
}

#[test]
fn lists_grow_and_shrink_from_what_counts() {
    let (mut cluster, topic) = (cluster(), Resource::Topic(TOPIC));
    let append = |items: &str| Change::Append(items.to_owned());
    change(&mut cluster, &topic, "cleanup.policy", append("compact"));
    assert_eq!(cluster.overrides(&topic)["cleanup.policy"], "delete,compact");
    assert_eq!(planned(&cluster, &topic, "cleanup.policy", append("compact")), Ok(None));
    let subtract = Change::Subtract("delete,compact".to_owned());
    change(&mut cluster, &topic, "cleanup.policy", subtract);
    assert_eq!(cluster.overrides(&topic)["cleanup.policy"], "");
    let refused = planned(&cluster, &topic, "retention.ms", append("1")).expect_err("no list");
    assert_eq!(refused.to_string(), "Can't APPEND to key retention.ms because its type is not LIST.");
    let refused =
        planned(&cluster, &Resource::AllBrokers, "log.retention.ms", append("1")).expect_err("no list");
    assert_eq!(refused.to_string(), "Config value append is not allowed for config key: log.retention.ms");
    let all = "0:1,".repeat(8191);
    change(&mut cluster, &topic, "leader.replication.throttled.replicas", set(all.trim_end_matches(',')));
    let refused = planned(&cluster, &topic, "leader.replication.throttled.replicas", append("1:1,2:1"));
    assert_eq!(refused, Err(ConfigReject::TooLong));
}

#[test]
fn the_whole_may_be_given_at_once() {
    let (mut cluster, topic) = (cluster(), Resource::Topic(TOPIC));
    change(&mut cluster, &topic, "retention.ms", set("5"));
    let whole = |settings: &[(&str, &str)]| {
        Asked::Whole(settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect())
    };
    let statics = Statics::default();
    let plan = |cluster: &Cluster, asked| {
        cluster.planner(Limits::default()).alter_config(&topic, &asked, NODE, &statics)
    };
    let op = plan(&cluster, whole(&[("segment.ms", "6")])).expect("legal").expect("news");
    put(&mut cluster, op);
    let own: Vec<_> = cluster.overrides(&topic).iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(own, [("segment.ms", "6")]);
    assert_eq!(plan(&cluster, whole(&[("segment.ms", "6")])), Ok(None));
    assert!(plan(&cluster, whole(&[("segment.mss", "6")])).is_err());
}

#[test]
fn what_nodes_may_be_told_is_kafkas() {
    let cluster = cluster();
    let refusal = |resource: &Resource, name: &str, value: &str| {
        planned(&cluster, resource, name, set(value)).expect_err("refused").to_string()
    };
    let (one, all) = (Resource::Broker(NODE), Resource::AllBrokers);
    for resource in [&one, &all] {
        assert_eq!(
            refusal(resource, "log.retention.hours", "7"),
            "Cannot update these configs dynamically: [log.retention.hours]"
        );
        assert_eq!(
            refusal(resource, "group.initial.rebalance.delay.ms", "0"),
            "Cannot update these configs dynamically: [group.initial.rebalance.delay.ms]"
        );
        assert_eq!(
            refusal(resource, "log.retention.ms", "x"),
            "Invalid value x for configuration log.retention.ms: Not a number of type LONG"
        );
        assert_eq!(refusal(resource, "nope", "7"), "Unknown broker config name: nope");
        assert_eq!(planned(&cluster, resource, "node.id", Change::Delete), Ok(None));
        assert!(matches!(planned(&cluster, resource, "num.io.threads", set("9")), Ok(Some(_))));
    }
    assert!(
        refusal(&one, "log.retention.ms", "5").starts_with("These configs can only be updated at default")
    );
    assert!(matches!(planned(&cluster, &all, "log.retention.ms", set("5")), Ok(Some(_))));
}

#[test]
fn who_gave_a_topics_setting_its_value() {
    let mut cluster = cluster();
    let nothing = Overrides::new();
    let before = cluster.describe_topic(&nothing);
    assert!(before.windows(2).all(|w| w[0].definition.name < w[1].definition.name));
    assert_eq!(described(&before, "retention.ms"), (Some("604800000"), Source::Default, vec![]));
    let expected = vec![("message.max.bytes", "1048588", 5)];
    assert_eq!(described(&before, "max.message.bytes"), (Some("1048588"), Source::Default, expected));
    let before = described(&before, "remote.storage.enable").clone();
    assert_eq!(before, (Some("false"), Source::Default, vec![]));

    change(&mut cluster, &Resource::AllBrokers, "log.retention.ms", set(" 7000 "));
    change(&mut cluster, &Resource::AllBrokers, "message.max.bytes", set("8"));
    change(&mut cluster, &Resource::Topic(TOPIC), "retention.ms", set("4"));
    let topic = cluster.topic(TOPIC).expect("there");
    assert_eq!(topic.config.max_message_bytes, 8);
    let after = cluster.describe_topic(&topic.overrides);
    let expected =
        vec![("retention.ms", "4", 1), ("log.retention.ms", "7000", 3), ("log.retention.hours", "168", 5)];
    assert_eq!(described(&after, "retention.ms"), (Some("4"), Source::Topic, expected));
    let expected = vec![("message.max.bytes", "8", 3), ("message.max.bytes", "1048588", 5)];
    assert_eq!(described(&after, "max.message.bytes"), (Some("8"), Source::AllBrokers, expected));
}

#[test]
fn who_gave_a_nodes_and_a_groups_setting_its_value() {
    let mut cluster = cluster();
    let statics =
        Statics::read([("group.consumer.max.size".to_owned(), "5".to_owned())].into()).expect("legal");
    let name = "group.consumer.assignment.interval.ms";
    change(&mut cluster, &Resource::AllBrokers, name, set("20000"));
    assert_eq!(cluster.group_settings(NODE, &statics).consumer.assignment_interval_ms.value, 15_000);
    change(&mut cluster, &Resource::Broker(NODE), name, set("2000"));
    assert_eq!(cluster.group_settings(NODE, &statics).consumer.assignment_interval_ms.value, 2000);
    assert_eq!(cluster.group_settings(NodeId(2), &statics).consumer.assignment_interval_ms.value, 15_000);

    let node = cluster.describe_broker(NODE, &statics);
    let layers = vec![(name, "2000", 2), (name, "20000", 3), (name, "1000", 5)];
    assert_eq!(described(&node, name), (Some("2000"), Source::Broker, layers.clone()));
    let size = "group.consumer.max.size";
    assert_eq!(
        described(&node, size),
        (Some("5"), Source::Static, vec![(size, "5", 4), (size, "2147483647", 5)])
    );
    assert!(node.iter().find(|d| d.definition.name == size).is_some_and(|d| d.is_read_only));
    assert_eq!(described(&node, "log.retention.ms"), (None, Source::Default, vec![]));
    let all = cluster.describe_all_brokers();
    assert_eq!(all.len(), 1);
    assert_eq!(described(&all, name), (Some("20000"), Source::AllBrokers, vec![(name, "20000", 3)]));

    let group = Resource::Group("g".to_owned());
    change(&mut cluster, &group, "consumer.session.timeout.ms", set("50000"));
    let described_group = cluster.describe_group(NODE, &statics, "g");
    assert_eq!(
        described(&described_group, "consumer.assignment.interval.ms"),
        (Some("2000"), Source::Broker, layers)
    );
    let session =
        vec![("consumer.session.timeout.ms", "50000", 8), ("group.consumer.session.timeout.ms", "45000", 5)];
    assert_eq!(
        described(&described_group, "consumer.session.timeout.ms"),
        (Some("50000"), Source::Group, session)
    );
    let reset = vec![("share.auto.offset.reset", "latest", 5)];
    assert_eq!(
        described(&described_group, "share.auto.offset.reset"),
        (Some("latest"), Source::Default, reset)
    );
    let settings = cluster.group_settings(NODE, &statics);
    assert_eq!(cluster.group_config(&settings, "g").consumer.session_timeout_ms, 50_000);
    assert_eq!(cluster.group_config(&settings, "h").consumer.session_timeout_ms, 45_000);
    assert!(planned(&cluster, &group, "consumer.session.timeout.ms", set("60001")).is_err());
    let long = Resource::Group("g".repeat(32_768));
    let refused = planned(&cluster, &long, "consumer.session.timeout.ms", set("50000"));
    assert_eq!(refused, Err(ConfigReject::LongGroup));
}

#[test]
fn partitions_only_grow() {
    let mut cluster = cluster();
    let refusal = |count, assigned| {
        let refused = cluster.planner(Limits::default()).create_partitions(TOPIC, count, assigned);
        refused.expect_err("refused").to_string()
    };
    assert_eq!(refusal(2, None), "Topic already has 2 partition(s).");
    assert_eq!(refusal(-1, None), "The topic t currently has 2 partition(s); -1 would not be an increase.");
    assert_eq!(
        refusal(4, Some(1)),
        "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified."
    );
    assert_eq!(
        cluster.planner(Limits::default()).create_partitions(TOPIC, i32::MAX, None),
        Err(PartitionsReject::TooMany)
    );
    let unknown = cluster.planner(Limits::default()).create_partitions(TopicId([8; 16]), 3, None);
    assert_eq!(unknown, Err(PartitionsReject::NoTopic));
    let grow = cluster.planner(Limits::default()).create_partitions(TOPIC, 4, Some(2)).expect("legal");
    let stale = cluster.planner(Limits::default()).create_partitions(TOPIC, 3, None).expect("legal");
    put(&mut cluster, grow.clone());
    assert_eq!(cluster.topic(TOPIC).map(|t| t.partitions), Some(4));
    assert_eq!(cluster.apply(cluster.next(), &[stale, grow]), Ok(vec![Outcome::Void; 2]));
    assert_eq!(cluster.topic(TOPIC).map(|t| t.partitions), Some(4));
}

/// What is appended or subtracted is looked at only if it is no longer than a value may be, and each item once.
#[test]
fn a_long_list_is_refused_before_it_is_read() {
    let cluster = cluster();
    let (topic, name) = (Resource::Topic(TOPIC), "leader.replication.throttled.replicas");
    let items = |count: usize| (0..count).map(|n| format!("{n}:1,")).collect::<String>();
    for change in [Change::Append(items(10_000)), Change::Subtract(items(10_000))] {
        assert_eq!(planned(&cluster, &topic, name, change), Err(ConfigReject::TooLong));
    }
    let whole = Asked::Whole([(name.to_owned(), items(10_000))].into());
    let refused = cluster.planner(Limits::default()).alter_config(&topic, &whole, NODE, &Statics::default());
    assert_eq!(refused, Err(ConfigReject::TooLong));
    let Ok(Some(Op::AlterConfig { changes, .. })) =
        planned(&cluster, &topic, name, Change::Append("2:1, 1:1,2:1,,1:1".to_owned()))
    else {
        panic!("a change")
    };
    assert_eq!(changes.get(name), Some(&Some("2:1,1:1".to_owned())));
}

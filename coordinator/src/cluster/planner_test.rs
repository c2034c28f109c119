use std::collections::BTreeMap;

use super::super::{Asked, Change, ConfigReject, Format, PartitionsReject, Resource, TopicPlan, TopicReject};
use super::*;
use crate::config::broker::Statics;
use crate::{ClusterId, NodeId, Shards, TopicId};

const LIMITS: Limits = Limits { topics: 3, partitions: 10, groups: 2 };

fn cluster(topics: &[(&str, i32)]) -> Cluster {
    let mut cluster = Cluster::new(Format { cluster: ClusterId([9; 16]), shards: Shards::DEFAULT, level: 1 });
    for (n, (name, partitions)) in topics.iter().enumerate() {
        let op = cluster.planner(Limits::default()).create_topic(id(n), &topic(name, *partitions));
        put(&mut cluster, op.expect("legal"));
    }
    cluster
}

fn put(cluster: &mut Cluster, op: Op) {
    cluster.apply(cluster.next(), &[op]).expect("the next entry");
}

fn id(n: usize) -> TopicId {
    TopicId((n as u128).to_be_bytes())
}

fn topic(name: &str, partitions: i32) -> TopicPlan {
    TopicPlan { name: name.into(), partitions, replication_factor: 1, overrides: BTreeMap::new() }
}

fn group(planner: &mut Planner<'_>, name: &str, value: Option<&str>) -> Result<Option<Op>, ConfigReject> {
    let change = value.map_or(Change::Delete, |value| Change::Set(value.to_owned()));
    let asked = Asked::Changes([("consumer.session.timeout.ms".to_owned(), change)].into());
    planner.alter_config(&Resource::Group(name.to_owned()), &asked, NodeId(1), &Statics::default())
}

#[test]
fn topics_of_one_entry_do_not_collide() {
    let cluster = cluster(&[("old.one", 1)]);
    let mut planner = cluster.planner(Limits::default());
    let mut create = |n, name| planner.create_topic(id(n), &topic(name, 1));
    assert!(create(1, "a.b").is_ok());
    let collides = |name: &str, existing: &str| {
        Err(TopicReject::Collides { name: name.into(), existing: existing.into() })
    };
    assert_eq!(create(2, "a_b"), collides("a_b", "a.b"));
    assert_eq!(create(3, "a.b"), Err(TopicReject::Exists("a.b".into())));
    assert_eq!(create(4, "old_one"), collides("old_one", "old.one"));
    assert!(create(5, "a-b").is_ok());
    assert_eq!(create(6, "__cluster_metadata"), Err(TopicReject::Metadata));
}

#[test]
fn a_cluster_has_so_many_topics_and_no_more() {
    let mut cluster = cluster(&[("a", 1), ("b", 1)]);
    let mut planner = cluster.planner(LIMITS);
    assert!(planner.create_topic(id(2), &topic("c", 1)).is_ok());
    let refused = planner.create_topic(id(3), &topic("d", 1)).expect_err("one too many");
    assert_eq!(refused, TopicReject::Excess(Excess::Topics(3)));
    assert_eq!(refused.to_string(), "The cluster has at most 3 topics (max-topics).");
    assert!(!planner.is_excessive());
    put(&mut cluster, Op::DeleteTopic { topic: id(0) });
    let mut planner = cluster.planner(LIMITS);
    assert!(planner.create_topic(id(2), &topic("c", 1)).is_ok());
    assert!(planner.create_topic(id(3), &topic("d", 1)).is_ok());
    let none = Limits { topics: 0, ..LIMITS };
    let fewer = cluster.planner(none).create_topic(id(2), &topic("c", 1));
    assert_eq!(fewer, Err(TopicReject::Excess(Excess::Topics(0))));
}

#[test]
fn topics_have_so_many_partitions_together_and_no_more() {
    let mut cluster = cluster(&[("a", 4), ("b", 2)]);
    let excess = Excess::Partitions(10);
    let mut planner = cluster.planner(LIMITS);
    assert_eq!(planner.create_topic(id(2), &topic("c", 5)), Err(TopicReject::Excess(excess)));
    assert!(planner.create_topic(id(2), &topic("c", 3)).is_ok());
    assert_eq!(planner.create_partitions(id(0), 6, None), Err(PartitionsReject::Excess(excess)));
    assert!(planner.create_partitions(id(1), 3, None).is_ok());
    assert_eq!(
        excess.to_string(),
        "The topics of the cluster have at most 10 partitions together (max-partitions)."
    );
    let grow = cluster.planner(LIMITS).create_partitions(id(0), 8, None).expect("there is room");
    put(&mut cluster, grow);
    assert_eq!(cluster.partition_count(), 10);
    put(&mut cluster, Op::DeleteTopic { topic: id(0) });
    assert_eq!(cluster.partition_count(), 2);
    assert!(cluster.planner(LIMITS).create_topic(id(2), &topic("c", 8)).is_ok());
}

#[test]
fn so_many_groups_have_settings_and_no_more() {
    let mut cluster = cluster(&[]);
    let mut planner = cluster.planner(LIMITS);
    let ops = ["g", "h"].map(|name| group(&mut planner, name, Some("50000")).expect("legal").expect("news"));
    let refused = group(&mut planner, "i", Some("50000")).expect_err("one too many");
    assert_eq!(refused, ConfigReject::Excess(Excess::Groups(2)));
    assert_eq!(refused.to_string(), "At most 2 groups have settings of their own (max-configured-groups).");
    ops.into_iter().for_each(|op| put(&mut cluster, op));
    let mut planner = cluster.planner(LIMITS);
    // Those that have some may have others.
    assert!(group(&mut planner, "g", Some("55000")).is_ok_and(|op| op.is_some()));
    assert_eq!(group(&mut planner, "g", Some("50000")), Ok(None));
    assert_eq!(group(&mut planner, "i", None), Ok(None));
    assert!(group(&mut planner, "i", Some("50000")).is_err());
    let gone = group(&mut planner, "g", None).expect("legal").expect("news");
    put(&mut cluster, gone);
    assert!(group(&mut cluster.planner(LIMITS), "i", Some("50000")).is_ok());
}

#[test]
fn an_entry_adds_so_many_partitions_and_then_takes_nothing_more() {
    let cluster = cluster(&[("a", 1)]);
    let mut planner = cluster.planner(Limits::default());
    assert!(planner.create_topic(id(1), &topic("b", 6_000)).is_ok());
    assert!(planner.create_partitions(id(0), 4_001, None).is_ok());
    assert!(!planner.is_excessive());
    let refused = planner.create_topic(id(2), &topic("c", 1)).expect_err("one too many");
    assert_eq!(refused, TopicReject::Excess(Excess::Batch));
    let message = "Unable to perform excessively large batch operation. A request makes at most 10000 changes, \
                   adds at most 10000 partitions, and takes at most 4194304 bytes of metadata.";
    assert_eq!(refused.to_string(), message);
    assert!(planner.is_excessive());
    assert_eq!(group(&mut planner, "g", Some("50000")), Err(ConfigReject::Excess(Excess::Batch)));
}

#[test]
fn an_entry_makes_so_many_changes_of_so_many_bytes() {
    let cluster = cluster(&[]);
    let mut planner = cluster.planner(Limits { groups: 20_000, ..LIMITS });
    for n in 0..10_000 {
        assert!(group(&mut planner, &format!("g{n}"), Some("50000")).is_ok());
    }
    assert_eq!(group(&mut planner, "one more", Some("50000")), Err(ConfigReject::Excess(Excess::Batch)));

    let mut planner = cluster.planner(Limits { groups: 20_000, ..LIMITS });
    let long = "g".repeat(32_000);
    let mut taken = 0;
    while group(&mut planner, &format!("{long}{taken}"), Some("50000")).is_ok() {
        taken += 1;
    }
    assert!((129..=131).contains(&taken), "{taken}");
    assert!(planner.is_excessive());
}

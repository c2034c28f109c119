use std::collections::BTreeMap;

use super::*;

fn format() -> Format {
    Format { cluster: ClusterId([9; 16]), shards: Shards::new(4).expect("4 shards"), level: FORMAT_LEVEL }
}

fn session(n: u8) -> SessionId {
    SessionId([n; 16])
}

fn process(n: u8) -> ProcessId {
    ProcessId([n; 16])
}

fn open(s: u8, p: u8) -> Op {
    Op::Open { session: session(s), process: process(p), node: None, rack: None, addresses: vec![] }
}

fn dead(s: u8, cut: u64, checkpoint: Option<u64>) -> Op {
    let checkpoint = checkpoint.map(|n| CheckpointRef { n, as_of: Epoch(100) });
    Op::Dead { session: session(s), end: SessionEnd { cut, checkpoint } }
}

fn put(cluster: &mut Cluster, ops: &[Op]) -> Vec<Outcome> {
    let k = cluster.next();
    cluster.apply(k, ops).expect("the next entry")
}

use Outcome::{Applied, Void};

/// A cluster whose first session holds all shards.
fn started() -> Cluster {
    let mut cluster = Cluster::new(format());
    put(&mut cluster, &[open(1, 1)]);
    let take = cluster.plan_takeover(session(1), process(1));
    assert_eq!(take.len(), 1, "one MOVE for all shards that were never granted");
    assert_eq!(put(&mut cluster, &take), [Applied]);
    cluster
}

#[test]
fn a_first_session_takes_every_shard() {
    let cluster = started();
    for shard in cluster.shards().all() {
        let grant = *cluster.assigned(shard).expect("granted");
        assert_eq!(grant, Grant { epoch: Epoch(2), session: session(1), leader_epoch: 0, end: None });
    }
    assert_eq!(cluster.session(session(1)).map(|s| s.node), Some(NodeId(1)));
    assert_eq!(cluster.plan_takeover(session(2), process(2)), []);
}

#[test]
fn another_process_raises_the_leader_epoch_and_the_same_one_does_not() {
    let mut cluster = started();
    put(&mut cluster, &[dead(1, 7, None), open(2, 1)]);
    let take = cluster.plan_takeover(session(2), process(1));
    assert_eq!(put(&mut cluster, &take), [Applied]);
    assert_eq!(cluster.assigned(ShardId(0)).map(|g| g.leader_epoch), Some(0));
    assert_eq!(cluster.session(session(2)).map(|s| s.node), Some(NodeId(1)), "the process keeps its node id");

    put(&mut cluster, &[dead(2, 3, Some(2)), open(3, 3)]);
    let take = cluster.plan_takeover(session(3), process(3));
    assert_eq!(put(&mut cluster, &take), [Applied]);
    assert_eq!(cluster.assigned(ShardId(0)).map(|g| g.leader_epoch), Some(1));
    let ends: Vec<_> = cluster.grants(ShardId(0)).iter().map(|g| (g.session, g.end)).collect();
    assert_eq!(ends, [(session(2), Some(3)), (session(3), None)], "what the checkpoint covers is forgotten");
    assert_eq!(cluster.session(session(1)), None);
}

#[test]
fn a_stale_move_is_void() {
    let mut cluster = started();
    put(&mut cluster, &[dead(1, 7, None), open(2, 2), open(3, 3)]);
    let by_two = cluster.plan_takeover(session(2), process(2));
    let by_three = cluster.plan_takeover(session(3), process(3));
    assert_eq!(put(&mut cluster, &by_two), [Applied]);
    assert_eq!(put(&mut cluster, &by_three), [Void], "the shards are another's now");
    assert_eq!(put(&mut cluster, &by_two), [Void], "an entry repeated at a later index changes nothing");
}

#[test]
fn a_move_to_a_session_that_has_ended_is_void() {
    let mut cluster = started();
    put(&mut cluster, &[dead(1, 7, None), open(2, 2)]);
    let take = cluster.plan_takeover(session(2), process(2));
    put(&mut cluster, &[dead(2, 0, None)]);
    assert_eq!(put(&mut cluster, &take), [Void]);
}

#[test]
fn the_first_recorded_end_of_a_session_counts() {
    let mut cluster = started();
    assert_eq!(put(&mut cluster, &[dead(1, 7, None), dead(1, 9, None)]), [Applied, Void]);
    let closed = Op::Closed { session: session(1), end: SessionEnd { cut: 8, checkpoint: None } };
    assert_eq!(put(&mut cluster, &[closed]), [Void]);
    assert_eq!(cluster.assigned(ShardId(3)).and_then(|g| g.end), Some(7));
}

#[test]
fn a_node_id_belongs_to_one_process_while_its_session_is_open() {
    let mut cluster = started();
    let claim = |s, p| Op::Open {
        session: session(s),
        process: process(p),
        node: Some(NodeId(1)),
        rack: None,
        addresses: vec![],
    };
    assert_eq!(put(&mut cluster, &[claim(2, 2)]), [Void]);
    assert_eq!(put(&mut cluster, &[claim(2, 1)]), [Applied]);
    assert_eq!(put(&mut cluster, &[dead(1, 0, None), dead(2, 0, None), claim(3, 3)]), [Applied; 3]);
}

fn topic(name: &str) -> TopicPlan {
    TopicPlan { name: name.into(), partitions: 1, replication_factor: 1, overrides: BTreeMap::new() }
}

#[test]
fn two_topics_of_one_name_never_exist_together() {
    let mut cluster = started();
    let first = cluster.plan_topic(TopicId([1; 16]), &topic("a.b")).expect("new");
    let second = cluster.plan_topic(TopicId([2; 16]), &topic("a.b")).expect("new, too");
    assert_eq!(put(&mut cluster, &[first]), [Applied]);
    assert_eq!(put(&mut cluster, std::slice::from_ref(&second)), [Void]);
    assert_eq!(cluster.plan_topic(TopicId([3; 16]), &topic("a.b")), Err(TopicReject::Exists("a.b".into())));
    let collides = TopicReject::Collides { name: "a_b".into(), existing: "a.b".into() };
    assert_eq!(cluster.plan_topic(TopicId([3; 16]), &topic("a_b")), Err(collides));
    let delete = Op::DeleteTopic { topic: TopicId([1; 16]) };
    assert_eq!(put(&mut cluster, &[delete.clone(), delete, second]), [Applied, Void, Applied]);
    assert_eq!(cluster.topic_named("a.b").map(|t| t.id), Some(TopicId([2; 16])));
}

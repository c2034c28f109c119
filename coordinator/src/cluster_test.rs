use std::collections::BTreeMap;

use super::*;
use crate::steps;

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
    let take = cluster.plan_takeover();
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
    assert_eq!(cluster.plan_takeover(), []);
}

#[test]
fn another_process_raises_the_leader_epoch_and_the_same_one_does_not() {
    let mut cluster = started();
    put(&mut cluster, &[dead(1, 7, None), open(2, 1)]);
    let take = cluster.plan_takeover();
    assert_eq!(put(&mut cluster, &take), [Applied]);
    assert_eq!(cluster.assigned(ShardId(0)).map(|g| g.leader_epoch), Some(0));
    assert_eq!(cluster.session(session(2)).map(|s| s.node), Some(NodeId(1)), "the process keeps its node id");

    put(&mut cluster, &[dead(2, 3, Some(2)), open(3, 3)]);
    let take = cluster.plan_takeover();
    assert_eq!(put(&mut cluster, &take), [Applied]);
    assert_eq!(cluster.assigned(ShardId(0)).map(|g| g.leader_epoch), Some(1));
    let ends: Vec<_> = cluster.grants(ShardId(0)).iter().map(|g| (g.session, g.end)).collect();
    assert_eq!(
        ends,
        [(session(2), Some(HoldingEnd::Cut(3))), (session(3), None)],
        "what the checkpoint covers is forgotten"
    );
    assert_eq!(cluster.session(session(1)), None);
}

#[test]
fn a_stale_move_is_void() {
    let mut cluster = started();
    put(&mut cluster, &[dead(1, 7, None), open(2, 2)]);
    put(&mut cluster, &[open(3, 3)]);
    let by_two = cluster.plan_takeover();
    let by_three = by_two.clone();
    assert_eq!(put(&mut cluster, &by_two), [Applied, Applied], "two survivors get half each");
    assert_eq!(put(&mut cluster, &by_three), [Void, Void], "the shards are others' now");
}

#[test]
fn a_move_to_a_session_that_has_ended_is_void() {
    let mut cluster = started();
    put(&mut cluster, &[dead(1, 7, None), open(2, 2)]);
    let take = cluster.plan_takeover();
    put(&mut cluster, &[dead(2, 0, None)]);
    assert_eq!(put(&mut cluster, &take), [Void]);
}

#[test]
fn the_first_recorded_end_of_a_session_counts() {
    let mut cluster = started();
    assert_eq!(put(&mut cluster, &[dead(1, 7, None), dead(1, 9, None)]), [Applied, Void]);
    let closed = Op::Closed { session: session(1), end: SessionEnd { cut: 8, checkpoint: None } };
    assert_eq!(put(&mut cluster, &[closed]), [Void]);
    assert_eq!(cluster.assigned(ShardId(3)).and_then(|g| g.end), Some(HoldingEnd::Cut(7)));
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

fn plan(cluster: &Cluster, n: u8, name: &str) -> Result<Op, TopicReject> {
    cluster.planner(Limits::default()).create_topic(TopicId([n; 16]), &topic(name))
}

#[test]
fn two_topics_of_one_name_never_exist_together() {
    let mut cluster = started();
    let first = plan(&cluster, 1, "a.b").expect("new");
    let second = plan(&cluster, 2, "a.b").expect("new, too");
    assert_eq!(put(&mut cluster, &[first]), [Applied]);
    assert_eq!(put(&mut cluster, std::slice::from_ref(&second)), [Void]);
    assert_eq!(plan(&cluster, 3, "a.b"), Err(TopicReject::Exists("a.b".into())));
    let collides = TopicReject::Collides { name: "a_b".into(), existing: "a.b".into() };
    assert_eq!(plan(&cluster, 3, "a_b"), Err(collides));
    let delete = Op::DeleteTopic { topic: TopicId([1; 16]) };
    assert_eq!(put(&mut cluster, &[delete.clone(), delete, second]), [Applied, Void, Applied]);
    assert_eq!(cluster.topic_named("a.b").map(|t| t.id), Some(TopicId([2; 16])));
}

/// Counted in entries that are gone through or copied, and in pointers to leaves of the maps of topics.
#[test]
fn what_a_change_of_a_topic_costs_hardly_grows_with_their_number() {
    const TOPICS: u32 = 10_000;
    let mut cluster = started();
    let id = |n: u32| TopicId(u128::from(n).to_be_bytes());
    let create = |n: u32| Op::CreateTopic {
        topic: id(n),
        name: format!("a.topic.{n}"),
        partitions: 1,
        replication_factor: 1,
        overrides: BTreeMap::new(),
    };
    put(&mut cluster, &(0..TOPICS).map(create).collect::<Vec<_>>());
    let settings = BTreeMap::from([("retention.ms".to_owned(), Some("5000".to_owned()))]);
    for op in [
        create(TOPICS),
        Op::CreatePartitions { topic: id(7), partitions: 2 },
        Op::AlterConfig { resource: config::Resource::Topic(id(9)), changes: settings },
        Op::DeleteTopic { topic: id(5_000) },
    ] {
        let before = steps::so_far();
        let mut after = cluster.clone();
        assert_eq!(put(&mut after, std::slice::from_ref(&op)), [Applied]);
        let deleted: Vec<_> = cluster.deleted_until(&after).into_iter().collect();
        assert_eq!(deleted, if matches!(op, Op::DeleteTopic { .. }) { vec![id(5_000)] } else { vec![] });
        let steps = steps::so_far() - before;
        assert!(steps <= 3 * TOPICS as usize / 32 + 8 * 64, "{op:?}: {steps} steps");
        assert_ne!(cluster, after);
    }
    assert!(cluster.deleted_until(&cluster.clone()).is_empty());
}

/// The first session and a second one, which gets shard 0 by a RELEASE in slot 4.
fn moved() -> Cluster {
    let mut cluster = started();
    put(&mut cluster, &[open(2, 2)]);
    let released = cluster.plan_released(session(1), 5, &[(ShardId(0), session(2))]);
    assert_eq!(put(&mut cluster, &released), [Applied]);
    cluster
}

#[test]
fn a_released_shard_moves_while_its_session_goes_on() {
    let cluster = moved();
    let [released, held] = cluster.grants(ShardId(0)) else { panic!("two holdings") };
    assert_eq!((released.session, released.end), (session(1), Some(HoldingEnd::Released(5))));
    assert_eq!((held.session, held.leader_epoch, held.end), (session(2), 1, None));
    assert_eq!(cluster.assigned(ShardId(1)).map(|g| g.session), Some(session(1)));
}

#[test]
fn a_release_holds_all_that_came_before_it() {
    let mut cluster = moved();
    put(&mut cluster, &[open(3, 3)]);
    let again = cluster.plan_released(session(2), 2, &[(ShardId(0), session(3))]);
    assert_eq!(put(&mut cluster, &again), [Applied]);
    let sessions: Vec<_> = cluster.grants(ShardId(0)).iter().map(|g| g.session).collect();
    assert_eq!(sessions, [session(2), session(3)]);
}

#[test]
fn only_an_open_session_moves_what_it_released() {
    let mut cluster = started();
    put(&mut cluster, &[open(2, 2)]);
    let released = cluster.plan_released(session(1), 5, &[(ShardId(0), session(2))]);
    put(&mut cluster, &[dead(1, 7, None)]);
    assert_eq!(put(&mut cluster, &released), [Void], "the dead session's shards are its takers'");
}

#[test]
fn whoever_drains_gets_nothing() {
    let mut cluster = started();
    put(&mut cluster, &[open(2, 2)]);
    let drain = |session, draining| Op::Drain { session, draining };
    assert_eq!(put(&mut cluster, &[drain(session(1), true), drain(session(1), true)]), [Applied, Void]);
    assert_eq!(cluster.surplus(session(1)).len(), 4);
    assert!(cluster.placement().iter().all(|(_, to)| *to == session(2)));
    assert_eq!(put(&mut cluster, &[drain(session(1), false)]), [Applied]);
    assert_eq!(cluster.surplus(session(1)).len(), 2);
    put(&mut cluster, &[drain(session(1), true), drain(session(2), true)]);
    assert_eq!(cluster.surplus(session(1)), [], "the last ones keep what they have");
}

#[test]
fn a_suspicion_is_answered_once() {
    let mut cluster = started();
    let (suspect, alive) = (Op::Suspect { session: session(1) }, Op::Alive { session: session(1) });
    assert_eq!(put(&mut cluster, std::slice::from_ref(&alive)), [Void]);
    assert_eq!(put(&mut cluster, &[suspect.clone(), suspect.clone()]), [Applied, Void]);
    assert_eq!(cluster.session(session(1)).and_then(|s| s.suspected), Some(Epoch(4)));
    assert_eq!(put(&mut cluster, &[alive]), [Applied]);
    assert_eq!(put(&mut cluster, &[dead(1, 0, None), suspect]), [Applied, Void]);
}

fn reached(s: u8, reached: bool) -> Op {
    Op::Reached { session: session(s), reached }
}

#[test]
fn what_no_node_reaches_gets_nothing_until_one_does() {
    let mut cluster = started();
    assert_eq!(
        put(&mut cluster, &[open(2, 2), reached(2, false), reached(2, false)]),
        [Applied, Applied, Void]
    );
    assert_eq!(cluster.surplus(session(1)), []);
    assert_eq!(cluster.plan_reached(session(2), false), None);
    let op = cluster.plan_reached(session(2), true).expect("it is news");
    assert_eq!(put(&mut cluster, &[op]), [Applied]);
    assert_eq!(cluster.surplus(session(1)).len(), 2);
    assert_eq!(cluster.plan_reached(session(3), true), None, "there is no such session");
    assert_eq!(put(&mut cluster, &[dead(2, 0, None), reached(2, false)]), [Applied, Void]);
}

#[test]
fn older_builds_are_not_told_of_it() {
    let mut cluster = Cluster::new(Format { level: 1, ..format() });
    put(&mut cluster, &[open(1, 1)]);
    assert_eq!(cluster.plan_reached(session(1), false), None);
}

#[test]
fn what_is_not_reached_keeps_what_it_has() {
    let mut cluster = started();
    put(&mut cluster, &[open(2, 2)]);
    let released =
        cluster.plan_released(session(1), 5, &[(ShardId(0), session(2)), (ShardId(1), session(2))]);
    put(&mut cluster, &released);
    for unreached in [&[1][..], &[2], &[1, 2]] {
        let mut cluster = cluster.clone();
        put(&mut cluster, &unreached.iter().map(|s| reached(*s, false)).collect::<Vec<_>>());
        for s in [1, 2] {
            assert_eq!(cluster.surplus(session(s)), [], "{unreached:?}");
        }
    }
    // What has more than is even gives of it to one that is reached.
    let mut cluster = started();
    put(&mut cluster, &[open(2, 2), reached(1, false)]);
    assert_eq!(cluster.surplus(session(1)).len(), 2);
}

#[test]
fn what_is_free_goes_to_those_who_are_reached_and_else_to_those_who_hold() {
    let mut three = started();
    put(&mut three, &[open(2, 2), reached(2, false)]);
    put(&mut three, &[open(3, 3), reached(3, false)]);
    // The only one that holds any ends: others take them, reached or not.
    let mut cluster = three.clone();
    put(&mut cluster, &[dead(1, 7, None)]);
    let take = cluster.plan_takeover();
    assert_eq!(put(&mut cluster, &take), [Applied, Applied], "both get some");
    assert_eq!(cluster.plan_takeover(), []);
    // A node that no other one has reached yet is left out.
    put(&mut cluster, &[open(4, 4), reached(4, false), dead(2, 0, None)]);
    let holder = |cluster: &Cluster, shard| cluster.assigned(ShardId(shard)).map(|g| g.session);
    let take = cluster.plan_takeover();
    put(&mut cluster, &take);
    assert!((0..4).all(|shard| holder(&cluster, shard) == Some(session(3))));
    // One that is reached takes what is free at once, whatever others hold.
    let mut cluster = three.clone();
    put(&mut cluster, &[reached(3, true), dead(1, 7, None)]);
    let take = cluster.plan_takeover();
    put(&mut cluster, &take);
    assert!((0..4).all(|shard| holder(&cluster, shard) == Some(session(3))));
    assert_eq!(cluster.surplus(session(3)), []);
}

#[test]
fn a_draining_node_gives_its_shards_to_whoever_is_there() {
    let mut cluster = started();
    put(&mut cluster, &[open(2, 2), reached(2, false)]);
    put(&mut cluster, &[Op::Drain { session: session(1), draining: true }]);
    assert_eq!(cluster.surplus(session(1)).len(), 4, "there is no other");
    put(&mut cluster, &[open(3, 3)]);
    let to: Vec<_> = cluster.surplus(session(1)).into_iter().map(|(_, to)| to).collect();
    assert_eq!(to, [session(3); 4]);
}

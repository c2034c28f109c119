use std::time::Duration;

use crate::PartitionId;
use crate::group::driver::*;
use crate::group::offsets::Commit;
use crate::group::{Reject, Request};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const CHECK: Duration = Duration::from_secs(600);

fn partition(d: &mut Driver, topic: u8) -> PartitionId {
    PartitionId { topic: d.create_topic(topic), index: 0 }
}

fn simple(partition: PartitionId) -> Commit {
    commit_of(caller("", None, -1), partition, 7)
}

/// KIP-211.
#[test]
fn offsets_are_kept_for_a_week_after_the_last_member_has_gone() {
    let mut d = Driver::new();
    let partition = partition(&mut d, 1);
    let members = d.stable(&[None]);
    d.commit(commit_of(caller(&members[0], None, 1), partition, 7)).expect("a member");
    for _ in 0..(10 * 24 * 3600 / 9) {
        d.pass(Duration::from_secs(9));
        d.beat(&members[0], 1).expect("stable");
    }
    d.leave(&[(&*members[0], None)]);
    d.pass(DAY * 7 - MS);
    assert!(d.group().offsets.contains_key(&partition));
    d.pass(CHECK);
    assert!(d.shard.group(GROUP).is_none(), "and the group goes with them");
    assert!(d.written.is_empty());
    assert_eq!(d.shard.next_tick(), None);
}

/// An administrator who sets an empty group's offsets anew means them to be read.
#[test]
fn what_is_committed_to_an_empty_group_is_kept_for_a_week_from_then_on() {
    let mut d = Driver::new();
    let (one, two) = (partition(&mut d, 1), partition(&mut d, 2));
    let members = d.stable(&[None]);
    d.commit(commit_of(caller(&members[0], None, 1), one, 7)).expect("a member");
    d.leave(&[(&*members[0], None)]);
    d.pass(DAY * 7 - CHECK * 2);
    d.commit(simple(two)).expect("an empty group");
    d.pass(CHECK * 3);
    assert_eq!(d.group().offsets.keys().collect::<Vec<_>>(), [&two]);
    d.pass(DAY * 7 - CHECK * 4);
    assert_eq!(d.group().offsets.len(), 1, "it is not a week yet");
    d.pass(CHECK * 2);
    assert!(d.shard.group(GROUP).is_none());
}

#[test]
fn offsets_of_whoever_is_no_member_are_kept_for_a_week_after_each_commit() {
    let mut d = Driver::new();
    let (one, two) = (partition(&mut d, 1), partition(&mut d, 2));
    d.commit(simple(one)).expect("a simple group");
    d.pass(DAY * 4);
    d.commit(simple(two)).expect("a simple group");
    d.pass(DAY * 3 + CHECK);
    assert_eq!(d.group().offsets.keys().collect::<Vec<_>>(), [&two]);
    d.pass(DAY * 4);
    assert!(d.shard.group(GROUP).is_none());
}

/// OffsetCommit 2 to 4.
#[test]
fn a_client_may_say_how_long_it_needs_an_offset() {
    let mut d = Driver::new();
    let (one, two) = (partition(&mut d, 1), partition(&mut d, 2));
    let kept = |partition, time: Duration| {
        let retention_ms = Some(i64::try_from(time.as_millis()).expect("some days"));
        Commit { retention_ms, ..simple(partition) }
    };
    d.commit(kept(one, DAY)).expect("a simple group");
    d.commit(kept(two, DAY * 30)).expect("a simple group");
    d.pass(DAY - MS);
    assert_eq!(d.group().offsets.len(), 2);
    d.pass(CHECK);
    assert_eq!(d.group().offsets.keys().collect::<Vec<_>>(), [&two]);
    d.pass(DAY * 28);
    assert_eq!(d.group().offsets.len(), 1);
    d.pass(DAY + CHECK);
    assert!(d.shard.group(GROUP).is_none());
}

#[test]
fn live_consumers_lose_offsets_of_topics_that_they_no_longer_read() {
    for (protocol_type, metadata, kept) in
        [("consumer", "t1", &[1][..]), ("consumer", "?", &[1, 2]), ("connect", "t1", &[1, 2])]
    {
        let mut d = Driver::new();
        let partitions = [partition(&mut d, 1), partition(&mut d, 2)];
        d.settings.offsets_retention = Duration::from_secs(60);
        let mut join = d.join_of("", None, &[("range", metadata)]);
        join.protocol_type = protocol_type.to_owned();
        join.session_timeout_ms = 1_800_000;
        let token = d.send(Request::Join(join));
        d.pass(DELAY);
        let member = d.joined(token).expect("joined").member;
        let sync = crate::group::classic::Sync {
            caller: caller(&member, None, 1),
            protocol_type: None,
            protocol: None,
            assignments: vec![],
        };
        d.send(Request::Sync(sync));
        for partition in partitions {
            d.commit(commit_of(caller(&member, None, 1), partition, 7)).expect("a member");
        }
        d.pass(CHECK);
        let left: Vec<u8> = d.group().offsets.keys().map(|p| p.topic.0[0]).collect();
        assert_eq!(left, kept, "{protocol_type} {metadata}");
    }
}

#[test]
fn nothing_expires_during_a_rebalance() {
    let mut d = Driver::new();
    let partition = partition(&mut d, 2);
    d.settings.offsets_retention = Duration::from_secs(1);
    let members = d.stable(&[Some("i")]);
    d.commit(commit_of(caller(&members[0], Some("i"), 1), partition, 7)).expect("a member");
    let mut join = d.join_of("", None, &[("range", "t1")]);
    join.rebalance_timeout_ms = 3_600_000;
    d.send(Request::Join(join));
    for _ in 0..(CHECK.as_secs() / 5) {
        d.pass(Duration::from_secs(5));
        d.beat(&members[0], 1).expect_err("rebalancing");
    }
    assert!(d.group().offsets.contains_key(&partition));
}

#[test]
fn offsets_of_a_deleted_topic_are_forgotten() {
    let mut d = Driver::new();
    let (one, two) = (partition(&mut d, 1), partition(&mut d, 2));
    d.commit(simple(one)).expect("a simple group");
    d.commit(simple(two)).expect("a simple group");
    d.delete_topic(one.topic);
    assert_eq!(d.group().offsets_in(&d.cluster).map(|(p, _)| p).collect::<Vec<_>>(), [&two]);
    d.step(|shard, now, world, effects| shard.forget_topics(now, world, &[one.topic].into(), effects));
    assert_eq!(d.written[GROUP].offsets.keys().collect::<Vec<_>>(), [&two]);
    // If that is not reported, they go in time.
    d.delete_topic(two.topic);
    d.pass(CHECK);
    assert!(d.shard.group(GROUP).is_none());
}

#[test]
fn an_empty_group_that_somebody_is_about_to_join_stays() {
    let mut d = Driver::new();
    let members = d.stable(&[None]);
    d.leave(&[(&*members[0], None)]);
    d.pass(CHECK - DELAY * 3 - MS);
    let mut join = d.join_of("", None, &[("range", "t1")]);
    join.requires_known_id = true;
    let token = d.send(Request::Join(join.clone()));
    assert_eq!(d.join_reject(token), Reject::MemberIdRequired);
    d.pass(MS * 2);
    join.member = join.fresh.clone();
    let token = d.send(Request::Join(join));
    d.pass(DELAY);
    assert_eq!(d.joined(token).expect("joined").generation, 3, "it is the same group");
}

/// A clock that is days ahead for some seconds must not cost any group an offset.
#[test]
fn nothing_expires_while_the_clock_may_be_wrong() {
    let mut d = Driver::new();
    let (one, two) = (partition(&mut d, 1), partition(&mut d, 2));
    for partition in [one, two] {
        d.commit(simple(partition)).expect("a simple group");
    }
    let right = d.now.wall;
    (d.now.wall, d.now.is_settled) = (right + DAY.as_millis() as i64 * 8, false);
    d.pass(CHECK * 2);
    assert_eq!(d.group().offsets.len(), 2);
    d.delete_topic(two.topic);
    d.pass(CHECK);
    assert_eq!(
        d.group().offsets.keys().collect::<Vec<_>>(),
        [&one],
        "what no client can read goes all the same"
    );
    (d.now.wall, d.now.is_settled) = (right + CHECK.as_millis() as i64 * 3, true);
    d.pass(CHECK);
    assert_eq!(d.group().offsets.len(), 1, "it is not a week yet");
    d.pass(DAY * 7);
    assert!(d.shard.group(GROUP).is_none());
}

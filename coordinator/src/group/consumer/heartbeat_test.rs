use crate::cluster::Op;
use crate::group::Reject;
use crate::group::consumer::lab::*;
use crate::group::consumer::{ConsumerHeartbeat, ConsumerState, MemberState};
use crate::group::state::Assignment;
use crate::{Epoch, SessionId};

#[test]
fn the_first_member_gets_everything() {
    let mut lab = Lab::new(&[("a", 3), ("b", 1)]);
    let beat = lab.ok(join("m1", &["a", "b", "no such topic"]));
    assert_eq!((&*beat.member, beat.epoch, beat.heartbeat_interval_ms), ("m1", 2, 5000));
    assert_eq!(beat.assignment, Some(lab.parts(&[("a", &[0, 1, 2]), ("b", &[0])])));
    assert_eq!(lab.epochs(), (2, 2));
    assert_eq!(lab.described().state, ConsumerState::Stable);
    let beat = lab.ok(at("m1", 2));
    assert_eq!((beat.epoch, beat.assignment), (2, None), "nothing is new");
    assert!(lab.changes.is_empty(), "and nothing is written");
}

/// KIP-848, "Example": the one gives back before the other gets.
#[test]
fn a_second_member_gets_what_the_first_has_given_back() {
    let mut lab = Lab::new(&[("a", 4)]);
    lab.ok(join("m1", &["a"]));
    lab.pass(SECOND);
    let beat = lab.ok(join("m2", &["a"]));
    assert_eq!((beat.epoch, beat.assignment), (3, Some(Assignment::new())), "m1 has everything");
    assert_eq!(lab.member("m2").state, MemberState::UnreleasedPartitions);
    assert_eq!(lab.described().state, ConsumerState::Reconciling);

    let beat = lab.ok(at("m1", 2));
    assert_eq!((beat.epoch, beat.assignment), (2, Some(lab.parts(&[("a", &[0, 1])]))));
    assert_eq!(lab.member("m1").state, MemberState::UnrevokedPartitions);
    let beat = lab.ok(at("m2", 3));
    assert_eq!((beat.epoch, beat.assignment), (3, None), "m1 has not given anything back yet");
    // It still owns them, or does not say.
    let beat = lab.ok(at("m1", 2).owns(&lab.parts(&[("a", &[0, 1, 2])])));
    assert_eq!((beat.epoch, beat.assignment), (2, None));

    let kept = lab.parts(&[("a", &[0, 1])]);
    let beat = lab.ok(at("m1", 2).owns(&kept));
    assert_eq!((beat.epoch, beat.assignment), (3, None));
    let beat = lab.ok(at("m2", 3));
    assert_eq!((beat.epoch, beat.assignment), (3, Some(lab.parts(&[("a", &[2, 3])]))));
    assert_eq!(lab.described().state, ConsumerState::Stable);
}

#[test]
fn whoever_says_everything_is_told_everything() {
    let mut lab = Lab::new(&[("a", 2)]);
    let everything = lab.ok(join("m1", &["a"])).assignment.expect("it joined");
    let full = join("m1", &["a"]).owns(&everything);
    let beat = lab.ok(ConsumerHeartbeat { epoch: 2, ..full.clone() });
    assert_eq!(beat.assignment, Some(everything.clone()));
    let delta = ConsumerHeartbeat { epoch: 2, rebalance_timeout_ms: None, ..full };
    assert_eq!(lab.ok(delta).assignment, None, "no rebalance timeout, so not everything");
    assert_eq!(
        lab.ok(at("m1", 0).owns(&Assignment::new()).reads(&["a"]).timeout()).assignment,
        Some(everything)
    );
    assert_eq!(lab.epochs(), (2, 2), "joining again changes nothing");
}

#[test]
fn requests_that_are_none() {
    let mut lab = Lab::new(&[("a", 2)]);
    let mut case = |heartbeat, message: &str| {
        assert_eq!(lab.refused(heartbeat), (Reject::InvalidRequest, message.to_owned()));
    };
    case(join("", &["a"]), "MemberId can't be empty.");
    case(ConsumerHeartbeat { makes_own_id: false, ..at(" ", 1) }, "MemberId can't be empty.");
    case(join("m1", &["a"]).fixed(""), "InstanceId can't be empty.");
    case(ConsumerHeartbeat { rack: Some(String::new()), ..join("m1", &["a"]) }, "RackId can't be empty.");
    case(
        ConsumerHeartbeat { rebalance_timeout_ms: None, ..join("m1", &["a"]) },
        "RebalanceTimeoutMs must be provided in first request.",
    );
    case(
        ConsumerHeartbeat { owned: None, ..join("m1", &["a"]) },
        "TopicPartitions must be empty when (re-)joining.",
    );
    case(
        ConsumerHeartbeat { topics: None, ..join("m1", &["a"]) },
        "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
    );
    case(at("m1", -2), "InstanceId can't be null.");
    case(at("m1", -3), "MemberEpoch is invalid.");
}

#[test]
fn groups_and_members_that_nobody_knows() {
    let mut lab = Lab::new(&[("a", 2)]);
    let not_found = |message: &str| (Reject::GroupNotFound(message.to_owned()), message.to_owned());
    assert_eq!(lab.refused(at("m1", 1)), not_found("Consumer group g not found."));
    assert_eq!(lab.refused(at("m1", -1)), not_found("Group g not found."));
    assert!(lab.shard.group(GROUP).is_none());
    lab.ok(join("m1", &["a"]));
    let unknown = (Reject::UnknownMember, "Member m2 is not a member of group g.".to_owned());
    assert_eq!(lab.refused(at("m2", 1)), unknown);
    assert_eq!(lab.refused(at("m2", -1)), unknown);
}

#[test]
fn a_member_is_where_the_group_knows_it_or_one_reply_behind() {
    let mut lab = Lab::new(&[("a", 4)]);
    lab.ok(join("m1", &["a"]));
    lab.pass(SECOND);
    lab.ok(join("m2", &["a"]));
    let kept = lab.ok(at("m1", 2)).assignment.expect("less");
    assert_eq!(lab.ok(at("m1", 2).owns(&kept)).epoch, 3);

    let (reject, message) = lab.refused(at("m1", 4));
    let expected = "The consumer group member has a greater member epoch (4) than the one known by the group \
                    coordinator (3). The member must abandon all its partitions and rejoin.";
    assert_eq!((reject, &*message), (Reject::FencedMemberEpoch, expected));
    assert_eq!(lab.ok(at("m1", 2).owns(&kept)).epoch, 3, "the reply was lost");
    let (reject, message) = lab.refused(at("m1", 2));
    let expected = "The consumer group member has a smaller member epoch (2) than the one known by the group \
                    coordinator (3). The member must abandon all its partitions and rejoin.";
    assert_eq!((reject, &*message), (Reject::FencedMemberEpoch, expected), "it does not say what it owns");
    let all = lab.parts(&[("a", &[0, 1, 2])]);
    assert_eq!(lab.refused(at("m1", 2).owns(&all)).0, Reject::FencedMemberEpoch, "it owns more than it may");
    assert_eq!(lab.refused(at("m1", 1).owns(&kept)).0, Reject::FencedMemberEpoch, "too old");
}

#[test]
fn version_0_leaves_the_id_to_the_group() {
    let mut lab = Lab::new(&[("a", 2)]);
    let first = ConsumerHeartbeat { makes_own_id: false, ..join("", &["a"]) };
    assert_eq!(&*lab.ok(first).member, "fresh");
    assert_eq!(lab.ok(at("fresh", 2)).epoch, 2);
}

#[test]
fn a_group_has_as_many_members_as_it_may() {
    let mut lab = Lab::new(&[("a", 2)]);
    lab.settings.consumer_max_size = 1;
    lab.ok(join("m1", &["a"]));
    let (reject, message) = lab.refused(join("m2", &["a"]));
    assert_eq!(reject, Reject::GroupMaxSize);
    assert_eq!(message, "The consumer group has reached its maximum capacity of 1 members.");
    lab.ok(join("m1", &["a"]));
}

#[test]
fn most_members_choose_the_assignor() {
    let mut lab = Lab::new(&[("a", 2), ("b", 2)]);
    let asks = |member, assignor: &str| ConsumerHeartbeat {
        assignor: Some(assignor.to_owned()),
        ..join(member, &["a", "b"])
    };
    let (reject, message) = lab.refused(asks("m1", "sticky"));
    assert_eq!(reject, Reject::UnsupportedAssignor);
    assert_eq!(message, "ServerAssignor sticky is not supported. Supported assignors: uniform, range.");
    lab.ok(asks("m1", "range"));
    lab.pass(SECOND);
    lab.ok(asks("m2", "range"));
    let kept = lab.ok(at("m1", 2)).assignment.expect("less");
    assert_eq!(kept, lab.parts(&[("a", &[0]), ("b", &[0])]), "ranges");
    assert_eq!(lab.described().assignor.name(), "range");
}

#[test]
fn a_silent_member_is_out_after_its_session() {
    let mut lab = Lab::new(&[("a", 4)]);
    lab.ok(join("m1", &["a"]));
    lab.pass(SECOND * 30);
    lab.ok(join("m2", &["a"]));
    assert_eq!(lab.epochs(), (3, 3));
    lab.pass(SECOND * 15);
    assert_eq!(lab.epochs(), (4, 3), "m1 is gone");
    assert_eq!(lab.described().state, ConsumerState::Assigning);
    let beat = lab.ok(at("m2", 3));
    assert_eq!((beat.epoch, beat.assignment), (4, Some(lab.parts(&[("a", &[0, 1, 2, 3])]))));
    assert_eq!(lab.refused(at("m1", 2)).0, Reject::UnknownMember);
    lab.pass(SECOND * 45);
    assert_eq!(lab.described().state, ConsumerState::Empty);
    assert_eq!(lab.group().empty_since, Some(lab.now.wall));
}

#[test]
fn whoever_keeps_what_it_must_give_back_is_out_after_its_rebalance_timeout() {
    let mut lab = Lab::new(&[("a", 4)]);
    let all = lab.ok(join("m1", &["a"])).assignment.expect("everything");
    lab.pass(SECOND);
    lab.ok(join("m2", &["a"]));
    for _ in 0..30 {
        lab.ok(at("m1", 2).owns(&all));
        lab.ok(at("m2", 3));
        lab.pass(SECOND);
    }
    assert_eq!(lab.refused(at("m1", 2)).0, Reject::UnknownMember);
    assert_eq!(lab.ok(at("m2", 3)).assignment, Some(all));
}

#[test]
fn a_member_that_leaves_leaves_everything() {
    let mut lab = Lab::new(&[("a", 4)]);
    lab.ok(join("m1", &["a"]));
    lab.pass(SECOND);
    lab.ok(join("m2", &["a"]));
    let beat = lab.ok(at("m1", -1));
    assert_eq!((beat.epoch, beat.heartbeat_interval_ms, beat.assignment), (-1, 0, None));
    lab.pass(SECOND);
    assert_eq!(lab.ok(at("m2", 3)).assignment, Some(lab.parts(&[("a", &[0, 1, 2, 3])])));
}

/// `group.consumer.assignment.interval.ms`.
#[test]
fn targets_are_computed_once_a_second() {
    let mut lab = Lab::new(&[("a", 4)]);
    lab.ok(join("m1", &["a"]));
    let beat = lab.ok(join("m2", &["a"]));
    assert_eq!((lab.epochs(), beat.epoch), ((3, 2), 2));
    assert_eq!(lab.described().state, ConsumerState::Assigning);
    lab.pass(SECOND);
    assert_eq!(lab.ok(at("m1", 2)).assignment, Some(lab.parts(&[("a", &[0, 1])])));
    assert_eq!(lab.epochs(), (3, 3));
}

#[test]
fn a_member_that_reads_less_gives_the_rest_back_at_once() {
    let mut lab = Lab::new(&[("a", 2), ("b", 2)]);
    let all = lab.ok(join("m1", &["a", "b"])).assignment.expect("everything");
    let beat = lab.ok(at("m1", 2).reads(&["a"]).owns(&all));
    // The next targets are due in a second.
    assert_eq!((lab.epochs(), beat.epoch), ((3, 2), 2));
    assert_eq!(beat.assignment, Some(lab.parts(&[("a", &[0, 1])])));
    assert_eq!(lab.member("m1").state, MemberState::UnrevokedPartitions);
    let kept = lab.parts(&[("a", &[0, 1])]);
    assert_eq!(lab.ok(at("m1", 2).owns(&kept)).epoch, 2);
    assert_eq!(lab.member("m1").state, MemberState::Stable);
    lab.pass(SECOND);
    assert_eq!(lab.ok(at("m1", 2)).epoch, 3);
}

#[test]
fn topics_come_grow_and_go() {
    let mut lab = Lab::new(&[("a", 1)]);
    lab.ok(join("m1", &["a", "b"]));
    lab.pass(SECOND);
    let session = SessionId([1; 16]);
    lab.log(Op::Suspect { session });
    assert_eq!(lab.ok(at("m1", 2)).epoch, 2, "an entry about something else");
    assert!(lab.changes.is_empty());
    lab.create("c", 1);
    assert_eq!(lab.ok(at("m1", 2)).epoch, 2, "nobody reads it");
    lab.create("b", 1);
    assert_eq!(lab.ok(at("m1", 2)).assignment, Some(lab.parts(&[("a", &[0]), ("b", &[0])])));
    lab.pass(SECOND);
    lab.grow("b", 2);
    assert_eq!(lab.ok(at("m1", 3)).assignment, Some(lab.parts(&[("a", &[0]), ("b", &[0, 1])])));
    lab.pass(SECOND);
    lab.delete("b");
    let beat = lab.ok(at("m1", 4).owns(&lab.parts(&[("a", &[0])])));
    assert_eq!((beat.epoch, beat.assignment), (5, Some(lab.parts(&[("a", &[0])]))));
    // Created again it is another topic.
    lab.pass(SECOND);
    let b = lab.create("b", 1);
    assert!(lab.ok(at("m1", 5)).assignment.expect("more").contains_key(&b));
    assert!(lab.cluster.next() > Epoch(1));
}

#[test]
fn an_empty_subscription_reads_nothing_and_disturbs_nobody() {
    let mut lab = Lab::new(&[("a", 2)]);
    let beat = lab.ok(join("m1", &[]));
    assert_eq!((beat.epoch, beat.assignment, lab.epochs()), (1, Some(Assignment::new()), (1, 1)));
    assert_eq!(lab.ok(at("m1", 1).reads(&["a"])).assignment, Some(lab.parts(&[("a", &[0, 1])])));
}

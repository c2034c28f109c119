use crate::group::Reject;
use crate::group::consumer::ConsumerState;
use crate::group::consumer::lab::*;

#[test]
fn a_static_member_comes_back_to_what_it_had() {
    let mut lab = Lab::new(&[("a", 4)]);
    lab.ok(join("m1", &["a"]).fixed("i1"));
    lab.pass(SECOND);
    lab.ok(join("m2", &["a"]).fixed("i2"));
    let kept = lab.ok(at("m1", 2).fixed("i1")).assignment.expect("less");
    lab.ok(at("m1", 2).fixed("i1").owns(&kept));
    lab.ok(at("m2", 3).fixed("i2"));
    assert_eq!(lab.described().state, ConsumerState::Stable);

    let beat = lab.ok(at("m1", -2).fixed("i1"));
    assert_eq!((beat.epoch, beat.heartbeat_interval_ms), (-2, 0));
    assert_eq!(lab.epochs(), (3, 3), "the others keep what they have");
    assert_eq!(lab.ok(at("m2", 3).fixed("i2")).assignment, None);

    let beat = lab.ok(join("m3", &["a"]).fixed("i1"));
    assert_eq!((beat.epoch, beat.assignment), (3, Some(kept)));
    assert_eq!((lab.epochs(), lab.group().members.len()), ((3, 3), 2), "nobody else is concerned");
    let fenced =
        (Reject::FencedInstance, "Static member m1 with instance id i1 was fenced by member m3.".to_owned());
    assert_eq!(lab.refused(at("m1", 3).fixed("i1")), fenced);
    assert_eq!(lab.refused(at("m1", -1).fixed("i1")), fenced);
    assert_eq!(lab.refused(at("m1", 3)).0, Reject::UnknownMember);
}

#[test]
fn a_static_member_may_come_back_under_its_id() {
    let mut lab = Lab::new(&[("a", 4)]);
    let all = lab.ok(join("m1", &["a"]).fixed("i1")).assignment;
    lab.ok(at("m1", -2).fixed("i1"));
    assert_eq!(lab.refused(at("m1", 2).fixed("i1")).0, Reject::FencedMemberEpoch, "it has left");
    let beat = lab.ok(join("m1", &["a"]).fixed("i1"));
    assert_eq!((beat.epoch, beat.assignment), (2, all));
}

#[test]
fn an_instance_id_is_taken_until_its_member_leaves() {
    let mut lab = Lab::new(&[("a", 4)]);
    lab.ok(join("m1", &["a"]).fixed("i1"));
    let expected = "Static member m2 with instance id i1 cannot join the group because the instance id is owned by m1 \
                    member.";
    assert_eq!(
        lab.refused(join("m2", &["a"]).fixed("i1")),
        (Reject::UnreleasedInstance, expected.to_owned())
    );
    let unknown = (Reject::UnknownMember, "Instance id i2 is unknown.".to_owned());
    assert_eq!(lab.refused(at("m1", 2).fixed("i2")), unknown);
    assert_eq!(lab.refused(at("m1", -1).fixed("i2")), unknown);
    lab.ok(at("m1", -1).fixed("i1"));
    lab.pass(SECOND);
    assert_eq!(lab.ok(join("m2", &["a"]).fixed("i1")).epoch, 4, "it left for good");
}

#[test]
fn a_static_member_that_does_not_come_back_is_out_after_its_session() {
    let mut lab = Lab::new(&[("a", 4)]);
    lab.ok(join("m1", &["a"]).fixed("i1"));
    lab.ok(at("m1", -2).fixed("i1"));
    lab.pass(SECOND * 45);
    assert_eq!(lab.described().state, ConsumerState::Empty);
}

#[test]
fn a_static_member_that_leaves_while_it_gives_back_has_given_back() {
    let mut lab = Lab::new(&[("a", 4)]);
    lab.ok(join("m1", &["a"]).fixed("i1"));
    lab.pass(SECOND);
    lab.ok(join("m2", &["a"]));
    lab.ok(at("m1", 2).fixed("i1"));
    assert!(lab.member("m1").revoking.len() == 1);
    lab.ok(at("m1", -2).fixed("i1"));
    assert_eq!(lab.ok(at("m2", 3)).assignment, Some(lab.parts(&[("a", &[2, 3])])));
    // It is away for longer than its rebalance timeout, but not for a session.
    lab.pass(SECOND * 40);
    assert_eq!(lab.ok(join("m3", &["a"]).fixed("i1")).assignment, Some(lab.parts(&[("a", &[0, 1])])));
}

#[test]
fn a_static_member_takes_its_place_in_a_full_group_only_under_its_id() {
    let mut lab = Lab::new(&[("a", 4)]);
    lab.settings.consumer_max_size = 1;
    lab.ok(join("m1", &["a"]).fixed("i1"));
    lab.ok(at("m1", -2).fixed("i1"));
    // As Kafka does it.
    assert_eq!(lab.refused(join("m2", &["a"]).fixed("i1")).0, Reject::GroupMaxSize);
    lab.ok(join("m1", &["a"]).fixed("i1"));
}

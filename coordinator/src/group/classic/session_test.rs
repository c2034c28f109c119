use crate::group::driver::*;
use crate::group::{ClassicState, Reject};

#[test]
fn a_silent_member_goes_when_its_session_ends() {
    let mut d = Driver::new();
    let members = d.stable(&[None, None]);
    d.pass(SESSION - MS);
    d.beat(&members[0], 1).expect("stable");
    assert_eq!(d.members().len(), 2);
    d.pass(MS);
    assert_eq!(d.members(), [&*members[0]]);
    assert_eq!(d.beat(&members[0], 1), Err(Reject::RebalanceInProgress));
    assert_eq!(d.beat(&members[1], 1), Err(Reject::UnknownMember));
    d.pass(SESSION);
    assert_eq!((d.classic().state, d.classic().generation), (ClassicState::Empty, 2));
}

#[test]
fn what_keeps_a_session() {
    let topic = crate::TopicId([1; 16]);
    let sign: [fn(&mut Driver, &str); 4] = [
        |d, m| d.beat(m, 1).expect("stable"),
        |d, m| assert!(d.join(m, None) > 0),
        |d, m| assert!(d.sync(m, 1, &[]) > 0),
        |d, m| {
            let partition = crate::PartitionId { topic: crate::TopicId([1; 16]), index: 0 };
            d.commit(commit_of(caller(m, None, 1), partition, 1)).expect("stable");
        },
    ];
    for (n, sign) in sign.into_iter().enumerate() {
        let mut d = Driver::new();
        assert_eq!(d.create_topic(1), topic);
        let members = d.stable(&[None, None]);
        let leader = d.classic().leader.clone().expect("a leader");
        let follower = members.iter().find(|m| **m != leader).expect("a follower");
        for _ in 0..4 {
            d.pass(SESSION - MS);
            sign(&mut d, follower);
            d.beat(&leader, 1).expect("stable");
        }
        assert_eq!(d.members().len(), 2, "{n}");
    }
}

#[test]
fn no_session_ends_while_its_member_waits_for_a_reply() {
    let mut d = Driver::new();
    let members = d.stable(&[None, Some("i")]);
    let dynamic = members.iter().find(|m| d.group().classic_member(m).expect("a member").instance.is_none());
    let dynamic = dynamic.expect("a dynamic member").clone();
    let other = members.iter().find(|m| **m != dynamic).expect("another").clone();
    let join = d.join_of(&dynamic, None, &[("range", "t2")]);
    let parked = d.send(crate::group::Request::Join(join));
    for _ in 0..8 {
        d.pass(SESSION / 2);
        d.beat(&other, 1).expect_err("rebalancing");
    }
    assert!(d.is_parked(parked));
    d.join(&other, Some("i"));
    let joined = d.joined(parked).expect("joined");
    // It begins anew with the reply.
    d.pass(SESSION - MS);
    assert_eq!(d.beat(&joined.member, 2), Ok(()));
}

#[test]
fn who_may_send_heartbeats() {
    let mut d = Driver::new();
    let members = d.stable(&[None, Some("i")]);
    let (a, b) = (&*members[0], &*members[1]);
    for (member, instance, generation, outcome) in [
        (a, None, 1, Ok(())),
        (b, Some("i"), 1, Ok(())),
        (b, None, 1, Ok(())),
        (a, Some("i"), 1, Err(Reject::FencedInstance)),
        (a, Some("j"), 1, Err(Reject::UnknownMember)),
        (a, None, 0, Err(Reject::IllegalGeneration)),
        (a, None, 2, Err(Reject::IllegalGeneration)),
        ("", None, 1, Err(Reject::UnknownMember)),
        ("stranger", None, 1, Err(Reject::UnknownMember)),
    ] {
        assert_eq!(d.beat_as(caller(member, instance, generation)), outcome, "{member} {instance:?}");
    }
}

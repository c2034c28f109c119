use crate::group::driver::*;
use crate::group::{ClassicState, Reject, Reply, Request};

/// KIP-345: an administrator removes static members by their instances, several at once.
#[test]
fn members_go_each_with_its_own_outcome() {
    let mut d = Driver::new();
    let members = d.stable(&[None, Some("a"), Some("b"), Some("c")]);
    let (writes, b) = (d.writes, members[2].clone());
    let outcomes = d.leave(&[
        ("", Some("a")),
        (&*b, Some("b")),
        ("", Some("nobody")),
        ("", None),
        ("stranger", None),
        (&*members[0], Some("c")),
        (&*b, None),
    ]);
    let unknown = Err(Reject::UnknownMember);
    assert_eq!(
        outcomes,
        [
            Ok(()),
            Ok(()),
            unknown.clone(),
            unknown.clone(),
            unknown.clone(),
            Err(Reject::FencedInstance),
            unknown.clone()
        ]
    );
    assert_eq!(d.writes, writes + 1, "one write, one rebalance");
    assert_eq!(d.members().len(), 2);
    assert_eq!(d.classic().state, ClassicState::PreparingRebalance);
    assert_eq!(d.leave(&[("stranger", None)]), [unknown]);
}

#[test]
fn nobody_leaves_a_group_that_there_is_not() {
    let mut d = Driver::new();
    assert_eq!(
        d.leave(&[("m", None), ("", Some("i"))]),
        [Err(Reject::UnknownMember), Err(Reject::UnknownMember)]
    );
    assert_eq!(d.shard.groups().count(), 0);
}

#[test]
fn whoever_waits_and_leaves_is_answered() {
    let mut d = Driver::new();
    let (one, two) = (d.join("", None), d.join("", None));
    d.pass(DELAY * 2);
    let (one, two) = (d.joined(one).expect("joined"), d.joined(two).expect("joined"));
    let follower = if one.leader == one.member { two.member } else { one.member };
    let syncing = d.sync(&follower, 1, &[]);
    assert_eq!(d.leave(&[(&*follower, None)]), [Ok(())]);
    assert_eq!(d.synced(syncing), Err(Reject::UnknownMember));
}

#[test]
fn whoever_was_given_an_id_may_go_too() {
    let mut d = Driver::new();
    let mut join = d.join_of("", None, &[("range", "t1")]);
    join.requires_known_id = true;
    d.send(Request::Join(join.clone()));
    assert_eq!(d.leave(&[(&*join.fresh, None)]), [Ok(())]);
    assert_eq!(d.shard.next_tick(), None);
}

#[test]
fn a_group_with_members_is_not_deleted() {
    let mut d = Driver::new();
    assert_eq!(d.delete(), Err(Reject::GroupNotFound("Group g not found.".to_owned())));
    let members = d.stable(&[None]);
    assert_eq!(d.delete(), Err(Reject::NonEmptyGroup));
    d.leave(&[(&*members[0], None)]);
    assert_eq!(d.delete(), Ok(()));
    assert!(d.written.is_empty());
    assert_eq!(d.shard.next_tick(), None);
    assert_eq!(d.delete(), Err(Reject::GroupNotFound("Group g not found.".to_owned())));
}

#[test]
fn a_shard_that_goes_elsewhere_tells_everyone_who_waits() {
    let mut d = Driver::new();
    let joining = d.join("", None);
    let mut effects = Vec::new();
    std::mem::take(&mut d.shard).end(&mut effects);
    let [crate::group::Effect::Reply { token, reply: Reply::Join(Err(refused)), .. }] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!((*token, &refused.reject), (joining, &Reject::NotCoordinator));
}

use crate::PartitionId;
use crate::group::driver::*;
use crate::group::offsets::Offset;
use crate::group::{ClassicState, Committed, Reject};

fn partition(d: &mut Driver) -> PartitionId {
    PartitionId { topic: d.create_topic(1), index: 0 }
}

#[test]
fn who_may_commit_to_a_stable_group() {
    let mut d = Driver::new();
    let partition = partition(&mut d);
    let members = d.stable(&[None, Some("i")]);
    let (a, b) = (&*members[0], &*members[1]);
    for (member, instance, generation, outcome) in [
        (a, None, 1, Ok(())),
        (b, Some("i"), 1, Ok(())),
        (a, Some("i"), 1, Err(Reject::FencedInstance)),
        (b, Some("j"), 1, Err(Reject::UnknownMember)),
        (a, None, 0, Err(Reject::IllegalGeneration)),
        (a, None, -1, Err(Reject::IllegalGeneration)),
        ("", None, 1, Err(Reject::UnknownMember)),
        ("", None, -1, Err(Reject::UnknownMember)),
        ("stranger", None, 1, Err(Reject::UnknownMember)),
    ] {
        let commit = commit_of(caller(member, instance, generation), partition, 7);
        let outcome = outcome.map(|()| vec![Ok(())]);
        assert_eq!(d.commit(commit), outcome, "{member} {instance:?} {generation}");
    }
}

#[test]
fn a_member_commits_until_the_next_generation_has_begun() {
    let mut d = Driver::new();
    let partition = partition(&mut d);
    let members = d.stable(&[None]);
    let commit = |generation| commit_of(caller(&members[0], None, generation), partition, 7);
    let new = d.join("", None);
    assert_eq!(d.commit(commit(1)), Ok(vec![Ok(())]), "PreparingRebalance");
    d.join(&members[0], None);
    assert!(d.joined(new).is_ok());
    assert_eq!(d.classic().state, ClassicState::CompletingRebalance);
    assert_eq!(d.commit(commit(1)), Err(Reject::IllegalGeneration));
    assert_eq!(d.commit(commit(2)), Err(Reject::RebalanceInProgress));
}

#[test]
fn whoever_is_no_member_commits_to_a_group_without_members() {
    let mut d = Driver::new();
    let partition = partition(&mut d);
    assert_eq!(d.commit(commit_of(caller("", None, -1), partition, 7)), Ok(vec![Ok(())]));
    let group = d.group().clone();
    assert_eq!((group.classic().map(|g| g.state), group.empty_since), (Some(ClassicState::Empty), None));
    assert_eq!(group.classic().and_then(|g| g.protocol_type.clone()), None);
    let committed_at = d.now.wall;
    let (metadata, expires_at) = (String::new(), None);
    let committed = Committed { offset: 7, leader_epoch: 0, metadata, committed_at, expires_at };
    assert_eq!(group.offsets[&partition], committed);
    assert_eq!(d.written[GROUP], group);
    // Even under a name; but not in a generation.
    assert_eq!(d.commit(commit_of(caller("x", None, -1), partition, 3)), Ok(vec![Ok(())]));
    assert_eq!(d.group().offsets[&partition].offset, 3, "offsets may be set back");
    assert_eq!(d.commit(commit_of(caller("x", None, 0), partition, 9)), Err(Reject::UnknownMember));
}

#[test]
fn a_generation_of_a_group_that_nobody_knows() {
    let mut d = Driver::new();
    let partition = partition(&mut d);
    let mut commit = commit_of(caller("m", None, 1), partition, 7);
    assert_eq!(d.commit(commit.clone()), Err(Reject::GroupNotFound("Group g not found.".to_owned())));
    commit.knows_group_not_found = false;
    assert_eq!(d.commit(commit), Err(Reject::IllegalGeneration));
    assert_eq!(d.shard.groups().count(), 0);
}

#[test]
fn metadata_that_is_too_long_is_refused_alone() {
    let mut d = Driver::new();
    let topic = d.create_topic(1);
    // 4,096 UTF-16 units each: ASCII, two bytes of UTF-8 a unit, and two units a character.
    let fits = ["x".repeat(4096), "é".repeat(4096), "𝄞".repeat(2048)];
    let offset = |metadata: String| Offset { offset: 1, leader_epoch: -1, metadata };
    let mut commit = commit_of(caller("", None, -1), PartitionId { topic, index: 0 }, 0);
    commit.offsets =
        (0..).map(|index| PartitionId { topic, index }).zip(fits.into_iter().map(offset)).collect();
    let mut longer = commit.clone();
    longer.offsets[1].1.metadata.push('x');
    let refused = Err(Reject::MetadataTooLarge);
    assert_eq!(d.commit(longer), Ok(vec![Ok(()), refused, Ok(())]));
    assert_eq!(d.group().offsets.len(), 2);
    assert_eq!(d.commit(commit), Ok(vec![Ok(()); 3]));
    assert_eq!(d.group().offsets.len(), 3);
}

#[test]
fn a_commit_that_keeps_nothing_makes_no_group() {
    let mut d = Driver::new();
    let mut commit = commit_of(caller("", None, -1), partition(&mut d), 0);
    commit.offsets[0].1.metadata = "x".repeat(4097);
    assert_eq!(d.commit(commit), Ok(vec![Err(Reject::MetadataTooLarge)]));
    assert_eq!((d.shard.groups().count(), d.writes), (0, 0));
}

use super::*;
use crate::group::Kind;
use crate::group::share::lab::Lab;

#[test]
fn offsets_may_be_set_for_a_group_that_nobody_has_joined() {
    let mut lab = Lab::new(&[("a", 2), ("b", 2)]);
    let (a, b) = (lab.topic("a"), lab.topic("b"));
    assert_eq!(lab.topics(ShareTopics::Forget([].into())), Err(Reject::group_not_found("g")));
    assert_eq!(lab.topics(ShareTopics::Add([a].into())), Ok(1));
    assert_eq!(lab.topics(ShareTopics::Add([a, b].into())), Ok(1));
    assert_eq!(lab.group().kind(), Kind::Share);
    assert_eq!(lab.topics(ShareTopics::Forget([a].into())), Ok(1));
    assert_eq!(lab.group().share().map(|group| group.topics.clone()), Some([b].into()));
}

#[test]
fn a_group_with_members_keeps_its_topics() {
    let mut lab = Lab::new(&[("a", 2)]);
    let a = lab.topic("a");
    lab.join("m", &["a"]);
    assert_eq!(lab.topics(ShareTopics::Add([a].into())), Err(Reject::NonEmptyGroup));
    assert_eq!(lab.topics(ShareTopics::Forget([a].into())), Err(Reject::NonEmptyGroup));
    assert!(lab.beat("m", -1).is_ok());
    assert_eq!(lab.topics(ShareTopics::Forget([].into())), Ok(3));
    assert_eq!(lab.topics(ShareTopics::Forget([a].into())), Ok(3));
    assert_eq!(lab.group().share().map(|group| group.topics.clone()), Some([].into()));
}

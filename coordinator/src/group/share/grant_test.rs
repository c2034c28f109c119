use super::*;
use crate::group::Request;
use crate::group::share::ShareTopics;
use crate::group::share::lab::Lab;

fn ask(lab: &mut Lab, member: Option<&str>, partitions: &[PartitionId]) -> Result<Vec<PartitionId>, Reject> {
    let wanted = ShareGrant { member: member.map(MemberId::from), partitions: partitions.to_vec() };
    let reply = lab.send(Request::ShareGrant(wanted));
    let Reply::ShareGrant(outcome) = &reply else { panic!("{reply:?}") };
    let confirmed = !matches!(outcome, Ok(granted) if granted.is_empty());
    assert_eq!(reply.needs_barrier(), confirmed, "what may come into being is confirmed");
    outcome.clone().map(|granted| granted.into_iter().collect())
}

#[test]
fn a_member_is_granted_what_is_assigned_to_it() {
    let mut lab = Lab::new(&[("a", 2), ("b", 2)]);
    let of = |lab: &Lab, name: &str| [0, 1, 2].map(|index| PartitionId { topic: lab.topic(name), index });
    let (a, b) = (of(&lab, "a"), of(&lab, "b"));
    let all = [a, b].concat();
    assert_eq!(ask(&mut lab, Some("m"), &all), Ok(vec![]), "there is no such group");
    assert_eq!(lab.written.len(), 0, "nor does asking make one");
    lab.join("m", &["a"]);
    assert_eq!(ask(&mut lab, Some("m"), &all), Ok(a[..2].to_vec()));
    assert_eq!(ask(&mut lab, Some("invented"), &all), Ok(vec![]));
    assert!(lab.beat("m", -1).is_ok());
    assert_eq!(ask(&mut lab, Some("m"), &all), Ok(vec![]), "it has left");
}

#[test]
fn offsets_are_set_of_topics_that_were_added() {
    let mut lab = Lab::new(&[("a", 2), ("b", 2)]);
    let [a, b] = ["a", "b"].map(|name| PartitionId { topic: lab.topic(name), index: 0 });
    assert_eq!(ask(&mut lab, None, &[a]), Err(Reject::group_not_found("g")));
    assert!(lab.topics(ShareTopics::Add([a.topic].into())).is_ok());
    assert_eq!(ask(&mut lab, None, &[a, b]), Ok(vec![a]));
    lab.join("m", &["a"]);
    assert_eq!(ask(&mut lab, None, &[a, b]), Err(Reject::NonEmptyGroup));
}

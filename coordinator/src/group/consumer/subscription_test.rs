use crate::group::Reject;
use crate::group::consumer::ConsumerHeartbeat;
use crate::group::consumer::lab::*;
use crate::group::state::Assignment;

fn by_regex(member: &str, regex: &str) -> ConsumerHeartbeat {
    ConsumerHeartbeat { topics: None, regex: Some(regex.to_owned()), ..join(member, &[]) }
}

#[test]
fn an_expression_reads_the_topics_that_it_matches() {
    let mut lab = Lab::new(&[("foo1", 1), ("foo2", 1), ("xfoo", 1), ("bar", 1)]);
    let beat = lab.ok(by_regex("m1", "foo.*"));
    assert_eq!(beat.assignment, Some(lab.parts(&[("foo1", &[0]), ("foo2", &[0])])));
    lab.pass(SECOND);
    let both = ConsumerHeartbeat { regex: Some("xf.*".to_owned()), ..join("m2", &["bar"]) };
    assert_eq!(lab.ok(both).assignment, Some(lab.parts(&[("xfoo", &[0]), ("bar", &[0])])));
    assert_eq!(lab.ok(at("m1", 2)).assignment, None);
}

#[test]
fn topics_that_come_later_are_matched_after_ten_seconds_at_most() {
    let mut lab = Lab::new(&[("foo1", 1)]);
    lab.ok(by_regex("m1", "foo.*"));
    lab.pass(SECOND);
    lab.create("foo2", 1);
    assert_eq!(lab.ok(at("m1", 2)).assignment, None);
    lab.pass(SECOND * 9);
    assert_eq!(lab.ok(at("m1", 2)).assignment, Some(lab.parts(&[("foo1", &[0]), ("foo2", &[0])])));
    lab.pass(SECOND * 10);
    lab.create("foo3", 1);
    assert_eq!(lab.ok(at("m1", 3)).epoch, 4, "at once if nothing has changed for as long");
    // One that is matched and gone is gone at once.
    lab.pass(SECOND);
    lab.delete("foo2");
    let kept = lab.parts(&[("foo1", &[0]), ("foo3", &[0])]);
    assert_eq!(lab.ok(at("m1", 4).owns(&kept)).assignment, Some(kept));
}

#[test]
fn an_expression_that_is_none_is_refused() {
    let mut lab = Lab::new(&[("foo1", 1)]);
    let expected = "SubscribedTopicRegex `[` is not a valid regular expression: unclosed character class.";
    assert_eq!(lab.refused(by_regex("m1", "[")), (Reject::InvalidRegex, expected.to_owned()));
    assert!(lab.shard.group(GROUP).is_none());
    lab.ok(by_regex("m1", "foo."));
    assert_eq!(
        lab.refused(ConsumerHeartbeat { regex: Some("(".to_owned()), ..at("m1", 2) }).0,
        Reject::InvalidRegex
    );
}

#[test]
fn an_empty_expression_is_none() {
    let mut lab = Lab::new(&[("foo1", 1), ("bar", 1)]);
    lab.ok(by_regex("m1", "foo."));
    lab.pass(SECOND);
    let by_name = ConsumerHeartbeat { regex: Some(String::new()), ..at("m1", 2).reads(&["bar"]) };
    let beat = lab.ok(by_name.owns(&Assignment::new()));
    assert_eq!((beat.epoch, beat.assignment), (3, Some(lab.parts(&[("bar", &[0])]))));
    assert_eq!(lab.member("m1").regex, None);
}

#[test]
fn a_new_owner_matches_again_and_finds_the_same() {
    let mut lab = Lab::new(&[("foo1", 1), ("foo2", 1)]);
    lab.ok(by_regex("m1", "foo."));
    let topic = lab.topic("foo2");
    lab.crash();
    assert_eq!(lab.delete_offsets(topic), Ok(vec![Err(Reject::SubscribedToTopic)]));
    let beat = lab.ok(at("m1", 2));
    assert_eq!((beat.epoch, beat.assignment), (2, None));
    assert!(lab.changes.is_empty());
}

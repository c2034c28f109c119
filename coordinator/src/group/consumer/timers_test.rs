//! A new owner.

use crate::group::Reject;
use crate::group::consumer::ConsumerState;
use crate::group::consumer::lab::*;

#[test]
fn a_new_owner_disturbs_nobody_and_gives_everyone_a_whole_session() {
    let mut lab = Lab::new(&[("a", 4)]);
    lab.ok(join("m1", &["a"]));
    lab.pass(SECOND * 40);
    lab.crash();
    lab.pass(SECOND * 44);
    let before = lab.written.clone();
    assert_eq!(lab.ok(at("m1", 2)).epoch, 2);
    assert_eq!(lab.written, before);
    lab.crash();
    lab.pass(SECOND * 45);
    assert_eq!(lab.described().state, ConsumerState::Empty);
}

#[test]
fn a_new_owner_waits_for_revocation_as_long_again() {
    let mut lab = Lab::new(&[("a", 4)]);
    let all = lab.ok(join("m1", &["a"])).assignment.expect("everything");
    lab.pass(SECOND);
    lab.ok(join("m2", &["a"]));
    lab.ok(at("m1", 2).owns(&all));
    lab.pass(SECOND * 20);
    lab.crash();
    lab.pass(SECOND * 29);
    lab.ok(at("m1", 2).owns(&all));
    lab.pass(SECOND);
    assert_eq!(lab.refused(at("m1", 2)).0, Reject::UnknownMember);
}

#[test]
fn a_new_owner_goes_on_with_a_reconciliation() {
    let mut lab = Lab::new(&[("a", 4)]);
    lab.ok(join("m1", &["a"]));
    lab.crash();
    lab.ok(join("m2", &["a"]));
    lab.crash();
    let kept = lab.ok(at("m1", 2)).assignment.expect("less");
    lab.crash();
    assert_eq!(lab.ok(at("m2", 3)).assignment, None);
    lab.crash();
    assert_eq!(lab.ok(at("m1", 2).owns(&kept)).epoch, 3);
    lab.crash();
    assert_eq!(lab.ok(at("m2", 3)).assignment, Some(lab.parts(&[("a", &[2, 3])])));
    assert_eq!(lab.described().state, ConsumerState::Stable);
}

use super::*;

fn topic(n: u8) -> TopicId {
    TopicId([n; 16])
}

fn held(parts: &[(u8, &[i32])], epoch: i32) -> Held {
    parts.iter().map(|(n, all)| (topic(*n), all.iter().map(|&index| (index, epoch)).collect())).collect()
}

fn parts(parts: &[(u8, &[i32])]) -> Assignment {
    parts.iter().map(|(n, all)| (topic(*n), all.iter().copied().collect())).collect()
}

fn member(state: MemberState, epoch: i32, assigned: Held, revoking: Held) -> ConsumerMember {
    ConsumerMember { state, epoch, previous_epoch: epoch, assigned, revoking, ..ConsumerMember::default() }
}

struct Case<'a> {
    target: Assignment,
    reads: &'a [u8],
    changed: bool,
    owned: Option<Assignment>,
    others: Assignment,
}

/// At target epoch 11; everything that is read is topics 1 and 2, and nobody else holds anything.
fn case(target: &[(u8, &[i32])]) -> Case<'static> {
    Case { target: parts(target), reads: &[1, 2], changed: false, owned: None, others: Assignment::new() }
}

fn step(member: ConsumerMember, case: &Case<'_>) -> ConsumerMember {
    let goal = Goal {
        epoch: 11,
        target: &case.target,
        reads: &case.reads.iter().map(|&n| topic(n)).collect(),
        subscription_changed: case.changed,
        owned: case.owned.as_ref(),
        held_by_others: &|p| case.others.get(&p.topic).is_some_and(|all| all.contains(&p.index)),
    };
    reconcile(member, &goal)
}

use MemberState::*;

#[test]
fn a_member_at_its_target_stays() {
    let at_target = member(Stable, 11, held(&[(1, &[1])], 9), Held::new());
    assert_eq!(step(at_target.clone(), &case(&[(1, &[1, 2])])), at_target, "its epoch alone says so");
}

#[test]
fn it_gets_what_is_free_with_the_epoch_of_the_target() {
    let after =
        step(member(Stable, 10, held(&[(1, &[1])], 9), Held::new()), &case(&[(1, &[1, 2]), (2, &[3])]));
    let mut assigned = held(&[(1, &[2]), (2, &[3])], 11);
    assigned.entry(topic(1)).or_default().insert(1, 9);
    assert_eq!((after.state, after.epoch, after.previous_epoch, after.assigned), (Stable, 11, 10, assigned));
}

#[test]
fn it_gives_back_before_it_gets() {
    let before = member(Stable, 10, held(&[(1, &[1, 2])], 9), Held::new());
    let after = step(before.clone(), &case(&[(1, &[2, 3])]));
    assert_eq!((after.state, after.epoch), (UnrevokedPartitions, 10));
    assert_eq!(
        (after.assigned.clone(), after.revoking.clone()),
        (held(&[(1, &[2])], 9), held(&[(1, &[1])], 9))
    );
    // As long as it owns the partition, or does not say, it stays there.
    assert_eq!(step(after.clone(), &case(&[(1, &[2, 3])])), after);
    let owns = Case { owned: Some(parts(&[(1, &[1, 2])])), ..case(&[(1, &[2, 3])]) };
    assert_eq!(step(after.clone(), &owns), after);
    let gave = Case { owned: Some(parts(&[(1, &[2])])), ..case(&[(1, &[2, 3])]) };
    for from in [after, before] {
        let after = step(from, &gave);
        assert_eq!((after.state, after.epoch, after.revoking), (Stable, 11, Held::new()));
        assert!(after.assigned[&topic(1)][&2] == 9 && after.assigned[&topic(1)][&3] == 11);
    }
}

#[test]
fn it_waits_for_others() {
    let waits = Case { others: parts(&[(1, &[2])]), ..case(&[(1, &[1, 2])]) };
    let after = step(member(Stable, 10, Held::new(), Held::new()), &waits);
    assert_eq!(
        (after.state, after.epoch, after.assigned.clone()),
        (UnreleasedPartitions, 11, held(&[(1, &[1])], 11))
    );
    let after = step(after, &case(&[(1, &[1, 2])]));
    assert_eq!((after.state, after.assigned), (Stable, held(&[(1, &[1, 2])], 11)));
}

#[test]
fn it_may_get_again_what_it_was_to_give_back() {
    let before = member(UnrevokedPartitions, 10, held(&[(1, &[2])], 9), held(&[(1, &[1])], 9));
    let gave = Case { owned: Some(parts(&[(1, &[2])])), ..case(&[(1, &[1, 2])]) };
    let after = step(before, &gave);
    assert_eq!((after.state, after.epoch), (Stable, 11));
    assert!(after.assigned[&topic(1)][&1] == 11, "it has given it back in between");
}

#[test]
fn it_never_gets_what_it_does_not_read() {
    let reads = Case { reads: &[2], ..case(&[(1, &[1]), (2, &[1])]) };
    let after = step(member(Stable, 10, held(&[(1, &[0])], 9), Held::new()), &reads);
    assert_eq!((after.state, after.revoking), (UnrevokedPartitions, held(&[(1, &[0])], 9)));
    let after = step(member(Stable, 10, Held::new(), Held::new()), &reads);
    assert_eq!((after.state, after.assigned), (Stable, held(&[(2, &[1])], 11)));
}

#[test]
fn what_it_no_longer_reads_goes_before_there_is_a_new_target() {
    let changed = Case { reads: &[2], changed: true, ..case(&[(1, &[1]), (2, &[1])]) };
    let before = member(Stable, 11, held(&[(1, &[1]), (2, &[1])], 9), Held::new());
    let after = step(before.clone(), &changed);
    assert_eq!((after.state, after.epoch), (UnrevokedPartitions, 11));
    assert_eq!((after.assigned, after.revoking), (held(&[(2, &[1])], 9), held(&[(1, &[1])], 9)));
    let after = step(before, &Case { owned: Some(Assignment::new()), ..changed });
    assert_eq!((after.state, after.assigned), (Stable, held(&[(2, &[1])], 9)));

    let giving = member(UnrevokedPartitions, 10, held(&[(1, &[1]), (2, &[1])], 9), held(&[(1, &[5])], 8));
    let after = step(giving, &Case { reads: &[2], changed: true, ..case(&[]) });
    let mut revoking = held(&[(1, &[1])], 9);
    revoking.entry(topic(1)).or_default().insert(5, 8);
    assert_eq!((after.state, after.revoking), (UnrevokedPartitions, revoking));
}

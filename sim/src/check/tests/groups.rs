//! What is wrong with groups is found, and nothing else.

use super::*;

/// A group's history: requests and replies in turn, of which each has its own number and second.
fn group(steps: &[&str]) -> Vec<Anomaly> {
    let mut lines = r#"{"type":"group_made","group":"g","patience_ms":10000}"#.to_owned();
    for step in steps {
        lines.push('\n');
        lines.push_str(step);
    }
    found(&lines)
}

fn asked(ask: u64, at_s: u64, member: &str, request: &str) -> String {
    let at_ms = at_s * 1000;
    format!(
        r#"{{"type":"group_asked","ask":{ask},"group":"g","member":"{member}","at_ms":{at_ms},"request":{request}}}"#
    )
}

fn answered(ask: u64, at_s: u64, reply: &str) -> String {
    format!(r#"{{"type":"group_answered","ask":{ask},"at_ms":{},"reply":{reply}}}"#, at_s * 1000)
}

/// Exchanges, one after the other: second, member, request, reply. No reply if that is empty.
fn exchanges(all: &[(u64, &str, &str, &str)]) -> Vec<Anomaly> {
    let mut lines = Vec::new();
    for (ask, (at, member, request, reply)) in (0..).zip(all) {
        lines.push(asked(ask, *at, member, request));
        if !reply.is_empty() {
            lines.push(answered(ask, *at, reply));
        }
    }
    group(&lines.iter().map(String::as_str).collect::<Vec<_>>())
}

fn commit(offset: i64) -> String {
    format!(r#"{{"commit":[[["t",0],{offset}]]}}"#)
}

fn offsets(offset: i64) -> String {
    format!(r#"{{"offsets":[[["t",0],{offset}]]}}"#)
}

const DONE: &str = r#""done""#;
const FETCH: &str = r#""fetch""#;

#[test]
fn an_acknowledged_offset_stays() {
    let (one, two) = (commit(1), commit(2));
    let run = |second: &str, read: i64| {
        exchanges(&[(1, "", &one, DONE), (2, "", &two, second), (3, "", FETCH, &offsets(read))])
    };
    assert_eq!(
        (run(DONE, 2), run(DONE, 1), run(DONE, -1)),
        (vec![], vec![Anomaly::LostOffset], vec![Anomaly::LostOffset])
    );
    // Without an answer, or with one that leaves it open, it may have been committed or not.
    for open in ["", r#"{"refused":16}"#] {
        assert_eq!((run(open, 1), run(open, 2)), (vec![], vec![]));
        assert_eq!(run(open, 3), [Anomaly::PhantomOffset]);
    }
    assert_eq!(run(r#"{"refused":22}"#, 2), [Anomaly::PhantomOffset]);
}

/// Of two commits, one at 1 s and one at 50 s, what is kept for a minute.
#[test]
fn an_offset_expires_no_sooner_than_it_may() {
    let run = |at: u64, read: i64| {
        let lines = [
            r#"{"type":"group_made","group":"g","patience_ms":10000,"retention_ms":60000}"#.to_owned(),
            asked(0, 1, "", &commit(1)),
            answered(0, 1, DONE),
            asked(1, 50, "", &commit(2)),
            answered(1, 50, DONE),
            asked(2, at, "", FETCH),
            answered(2, at, &offsets(read)),
        ];
        found(&lines.join("\n"))
    };
    assert_eq!((run(109, -1), run(111, -1)), (vec![Anomaly::LostOffset], vec![]));
    // The older one does not come back.
    assert_eq!((run(111, 2), run(111, 1)), (vec![], vec![Anomaly::LostOffset]));
}

#[test]
fn what_was_read_does_not_go_back() {
    let (one, two) = (commit(1), commit(2));
    let run = |reads: [i64; 3]| {
        let reads = reads.map(offsets);
        let [a, b, c] = &reads;
        exchanges(&[
            (1, "", &one, DONE),
            (2, "", &two, ""),
            (3, "", FETCH, a),
            (4, "", FETCH, b),
            (5, "", FETCH, c),
        ])
    };
    assert_eq!((run([1, 1, 2]), run([2, 2, 2])), (vec![], vec![]));
    // The commit without an answer was carried out by then, once.
    let late = exchanges(&[
        (1, "", &one, ""),
        (2, "", FETCH, &offsets(1)),
        (3, "", &two, DONE),
        (4, "", FETCH, &offsets(1)),
    ]);
    assert_eq!(late, [Anomaly::LostOffset]);
}

fn joined(generation: i32, leader: &str) -> String {
    format!(r#"{{"joined":{{"generation":{generation},"leader":"{leader}"}}}}"#)
}

fn beat(epoch: i32, owned: &str) -> String {
    format!(r#"{{"consumer_heartbeat":{{"epoch":{epoch},"owned":{owned}}}}}"#)
}

fn told(epoch: i32, assignment: &str) -> String {
    format!(r#"{{"beat":{{"epoch":{epoch},"assignment":{assignment}}}}}"#)
}

const JOIN: &str = r#""join""#;

#[test]
fn generations_rise_and_have_one_leader() {
    let run = |first: &str, second: &str| exchanges(&[(1, "a", JOIN, first), (2, "b", JOIN, second)]);
    assert_eq!(run(&joined(1, "a"), &joined(1, "a")), []);
    assert_eq!(run(&joined(1, "a"), &joined(2, "b")), []);
    assert_eq!(run(&joined(1, "a"), &joined(1, "b")), [Anomaly::TwoGroupLeaders]);
    assert_eq!(run(&joined(2, "a"), &joined(1, "a")), [Anomaly::GenerationWentBack]);
    let epochs = [(1, "a", &*beat(0, "[]"), &*told(2, "null")), (2, "a", &beat(2, "null"), &told(1, "null"))];
    assert_eq!(exchanges(&epochs), [Anomaly::GenerationWentBack]);
}

/// A static member comes back under another id of the same name, and leads what it led.
#[test]
fn a_static_member_leads_under_any_of_its_ids() {
    let run = |first: &str, second: &str| {
        exchanges(&[(1, "a", JOIN, &joined(1, first)), (2, "b", JOIN, &joined(1, second))])
    };
    assert_eq!(run("static-1-a-b", "static-1-c-d"), []);
    assert_eq!(run("static-1-a-b", "static-11-c-d"), [Anomaly::TwoGroupLeaders]);
    assert_eq!(run("static-1", "simulated-1"), [Anomaly::TwoGroupLeaders]);
}

/// Where groups expire, one begins anew only if it may have had no member meanwhile.
#[test]
fn a_group_that_may_have_expired_begins_anew() {
    let heartbeat = r#"{"heartbeat":{"generation":5}}"#;
    let run = |retention: &str, between: &[(u64, &str, &str, &str)]| {
        let mut lines =
            vec![format!(r#"{{"type":"group_made","group":"g","patience_ms":10000{retention}}}"#)];
        let (fifth, first) = (joined(5, "a"), joined(1, "c"));
        let mut all = vec![(1, "a", JOIN, &*fifth)];
        all.extend(between);
        all.push((90, "c", JOIN, &first));
        for (ask, (at, member, request, reply)) in (0..).zip(all) {
            lines.extend([asked(ask, at, member, request), answered(ask, at, reply)]);
        }
        // What comes later may still say that it was a member all along.
        lines.extend([
            asked(99, 100, "a", heartbeat),
            answered(99, 100, if between.is_empty() { "\"done\"" } else { r#"{"refused":25}"# }),
        ]);
        found(&lines.join("\n"))
    };
    let expires = r#","retention_ms":60000"#;
    let leaves = [(5, "a", heartbeat, DONE), (10, "a", r#""leave""#, DONE)];
    assert_eq!(run(expires, &leaves), []);
    assert_eq!(run("", &leaves), [Anomaly::GenerationWentBack]);
    assert_eq!(run(expires, &[]), [Anomaly::GenerationWentBack]);
}

#[test]
fn a_partition_has_one_owner() {
    let mine = r#"[["t",0]]"#;
    let run = |at: u64, given_back: &[(u64, &str, &str, &str)]| {
        let (join, all, b) = (beat(0, "[]"), told(1, mine), told(2, mine));
        let mut steps = vec![(1, "a", &*join, &*all)];
        steps.extend(given_back);
        steps.push((at, "b", &join, &b));
        exchanges(&steps)
    };
    assert_eq!(run(2, &[]), [Anomaly::PartitionOwnedTwice]);
    // It was not heard of for long, or gave it back, even if no node heard that.
    assert_eq!(run(20, &[]), []);
    assert_eq!(run(2, &[(2, "a", &beat(1, "[]"), "")]), []);
    assert_eq!(run(2, &[(2, "a", &beat(-1, "null"), "")]), []);
}

/// A heartbeat that was given up may be carried out after the next one, and raise the member's epoch once more.
#[test]
fn a_late_heartbeat_may_raise_a_members_epoch() {
    let (join, joined, fenced) = (beat(0, "[]"), told(2, "[]"), r#"{"refused":110}"#);
    let beat = |epoch, owned| beat(epoch, owned);
    let run = |lost: &[(u64, i32)], then: &[(u64, i32, i32)]| {
        let mut steps = vec![(1, "a", join.clone(), joined.clone())];
        steps.extend(lost.iter().map(|(at, epoch)| (*at, "a", beat(*epoch, "[]"), String::new())));
        steps.extend(then.iter().map(|(at, epoch, to)| (*at, "a", beat(*epoch, "null"), told(*to, "[]"))));
        let (at, _, epoch) = then.last().copied().unwrap_or((4, 2, 2));
        steps.push((at + 3, "a", beat(epoch, "null"), fenced.to_owned()));
        let steps: Vec<_> = steps.iter().map(|(at, m, asked, told)| (*at, *m, &**asked, &**told)).collect();
        exchanges(&steps).contains(&Anomaly::MemberForgotten)
    };
    assert!(!run(&[(3, 2)], &[(4, 2, 4)]), "the epoch before is still taken");
    assert!(!run(&[(3, 2)], &[(4, 2, 4), (5, 4, 4)]), "and so it is as long as that is the one before");
    assert!(run(&[(3, 2)], &[(4, 2, 4), (5, 4, 5)]), "it is too old");
    assert!(run(&[], &[(4, 2, 4)]), "nothing was lost");
    let beats: Vec<_> = (4..140).map(|at| (at, 2, 2)).collect();
    assert!(run(&[(3, 2)], &beats), "it would have come long ago");
}

#[test]
fn a_member_that_is_heard_of_stays() {
    let heartbeat = r#"{"heartbeat":{"generation":1}}"#;
    let run = |steps: &[(u64, &str)]| {
        let joined = joined(1, "a");
        let mut all = vec![(1, "a", JOIN, &*joined)];
        all.extend(steps.iter().map(|(at, reply)| (*at, "a", heartbeat, *reply)));
        exchanges(&all)
    };
    let (unknown, rebalances) = (r#"{"refused":25}"#, r#"{"refused":27}"#);
    assert_eq!(run(&[(5, DONE), (9, unknown)]), [Anomaly::MemberForgotten]);
    // After a long silence a node may answer that is no coordinator any more, but not for long.
    assert_eq!(run(&[(20, DONE), (22, unknown)]), []);
    assert_eq!(run(&[(20, DONE), (26, DONE), (32, DONE), (34, unknown)]), [Anomaly::MemberForgotten]);
    assert_eq!(run(&[(5, DONE), (16, unknown)]), []);
    // A member that joins again has no more time for the rest of the rebalance than from the first time on.
    let (joined, sync) = (joined(1, "a"), r#"{"sync":{"generation":1}}"#);
    let again = |first: &'static str| {
        exchanges(&[(1, "a", JOIN, first), (8, "a", JOIN, &*joined), (9, "a", sync, unknown)])
    };
    assert_eq!((again(""), again(r#"{"refused":27}"#)), (vec![], vec![Anomaly::MemberForgotten]));
    // Everyone was well for a long time.
    let calm: Vec<_> = (1..20).map(|n| (n * 5, DONE)).collect();
    assert_eq!(run(&[&calm[..], &[(98, rebalances)]].concat()), [Anomaly::NeedlessRebalance]);
    assert_eq!(run(&[&calm[..], &[(120, DONE), (122, rebalances)]].concat()), []);
    assert_eq!(run(&[(5, DONE), (9, rebalances)]), []);
}

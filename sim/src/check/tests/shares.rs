//! What is wrong with share groups is found, and nothing else.

use super::*;

const MADE: &str = r#"{"type":"share_made","group":"s","lock_ms":10000,"deliveries":5}
{"type":"log","topic":"t","partition":0,"offset":0,"producer":1,"sequence":0}"#;

/// A request of a member's only connection and its answer, one second after the other.
fn exchange(at_s: u64, member: u64, said: &str, given: &str, owner: u64) -> String {
    let said = match said {
        "" => String::new(),
        said => format!(r#"{{"place":["t",0],"first":0,"last":0,"said":"{said}"}}"#),
    };
    let given = match given {
        "" => String::new(),
        count => format!(r#"{{"place":["t",0],"first":0,"last":0,"deliveries":{count}}}"#),
    };
    let (asked, answered) = (at_s * 1000, at_s * 1000 + 500);
    format!(
        r#"
{{"type":"share_asked","ask":{at_s},"group":"s","member":"m{member}","at_ms":{asked},"connection":{member},"wanted":[["t",0]],"said":[{said}],"closes":false}}
{{"type":"share_answered","ask":{at_s},"at_ms":{answered},"code":0,"acknowledged":[[["t",0],0]],"given":[{given}],"owners":[[["t",0],{owner}]]}}"#
    )
}

/// Second, member, what it says, the number of the delivery that it gets, and the owner.
fn run(exchanges: &[(u64, u64, &str, &str, u64)]) -> Vec<Anomaly> {
    let lines =
        exchanges.iter().map(|(at, member, said, given, owner)| exchange(*at, *member, said, given, *owner));
    let lines: String = lines.collect();
    found(&format!("{MADE}{lines}"))
}

#[test]
fn what_is_settled_is_not_delivered_again() {
    let settled = [(1, 1, "", "1", 7), (2, 1, "accept", "", 7)];
    let then = |given: (u64, u64, &'static str, &'static str, u64)| run(&[settled[0], settled[1], given]);
    assert_eq!(run(&settled), []);
    assert_eq!(then((3, 2, "", "2", 7)), [Anomaly::DeliveredAfterSettled]);
    assert_eq!(then((3, 2, "", "1", 8)), [Anomaly::DeliveredAfterSettled]);
    assert_eq!(then((3, 2, "", "2", 6)), [], "by a leader that was replaced and has not heard of it");
}

#[test]
fn a_record_is_one_member_s_until_its_lock_ends() {
    let end = (30, 1, "accept", "", 7);
    let given =
        |at, owner, said| run(&[(1, 1, "", "1", 7), (2, 1, said, "", 7), (at, 2, "", "2", owner), end]);
    assert_eq!(given(3, 7, ""), [Anomaly::DeliveredTwice]);
    assert_eq!(given(11, 7, "renew"), [Anomaly::DeliveredTwice]);
    assert_eq!((given(11, 7, ""), given(3, 8, ""), given(3, 7, "release")), (vec![], vec![], vec![]));
    let silent = [(1, 1, "", "1", 7), (3, 2, "", "2", 7), (4, 2, "accept", "", 7)];
    assert_eq!(run(&silent), [], "nothing was heard of the first one's connection");
}

#[test]
fn deliveries_are_counted() {
    let end = (9, 2, "accept", "", 8);
    let run =
        |count, said, again| run(&[(1, 1, "", count, 7), (2, 1, said, "", 7), (3, 2, "", again, 8), end]);
    assert_eq!((run("1", "release", "2"), run("1", "", "1")), (vec![], vec![]));
    assert_eq!(run("1", "release", "1"), [Anomaly::DeliveryCount]);
    assert_eq!(run("5", "", "6"), [Anomaly::DeliveryCount]);
}

#[test]
fn what_was_never_settled_was_delivered_as_often_as_may_be() {
    assert_eq!(found(MADE), [Anomaly::LostDelivery]);
    assert_eq!(run(&[(1, 1, "", "1", 7)]), [Anomaly::LostDelivery]);
    assert_eq!(run(&[(1, 1, "", "1", 7), (2, 1, "reject", "", 7)]), []);
    let all = [(1, 1, "", "1", 7), (12, 1, "", "2", 7), (23, 1, "", "3", 7), (34, 1, "", "4", 7)];
    assert_eq!(run(&all), [Anomaly::LostDelivery]);
    assert_eq!(run(&[all[0], all[1], all[2], all[3], (45, 1, "", "5", 7)]), []);
    // The node that was asked for the fifth could not say whether what it acquired stays acquired.
    let asked = exchange(45, 1, "", "", 7);
    let refused = asked.replace(r#""given":[]"#, r#""given":[],"refused":[["t",0]]"#);
    let four: String =
        all.iter().map(|(at, by, said, given, owner)| exchange(*at, *by, said, given, *owner)).collect();
    assert_eq!(found(&format!("{MADE}{four}{asked}")), [Anomaly::LostDelivery]);
    assert_eq!(found(&format!("{MADE}{four}{refused}")), []);
}

#[test]
fn a_share_partition_s_start_stays_or_goes_on() {
    let told = |asked: u64, offset: i64| {
        format!(r#"{{"type":"share_start","group":"s","place":["t",1],"asked":{asked},"offset":{offset}}}"#)
    };
    let run = |asked, offset| found(&format!("{}\n{}", told(0, 5), told(asked, offset)));
    assert_eq!((run(1, 5), run(0, 4)), (vec![], vec![]));
    assert_eq!(
        (run(1, 4), run(1, -1)),
        (vec![Anomaly::ShareStartWentBack], vec![Anomaly::ShareStartWentBack])
    );
}

/// A request to the group and its reply, of this number, a second after the last exchange with a leader.
fn group_exchange(ask: u64, request: &str, reply: &str) -> String {
    let at_ms = ask * 1000;
    let answered = match reply {
        "" => String::new(),
        reply => format!(
            r#"
{{"type":"group_answered","ask":{ask},"at_ms":{at_ms},"reply":{reply}}}"#
        ),
    };
    format!(
        r#"
{{"type":"group_asked","ask":{ask},"group":"s","member":"d","at_ms":{at_ms},"request":{request}}}{answered}"#
    )
}

const DONE: &str = r#""done""#;
const REFUSED: &str = r#"{"refused":68}"#;

fn deleted(ask: u64, reply: &str) -> String {
    group_exchange(ask, r#""delete""#, reply)
}

#[test]
fn a_group_that_was_deleted_begins_anew() {
    let first = format!("{}{}", exchange(1, 1, "", "2", 7), exchange(2, 1, "accept", "", 7));
    let again = format!("{}{}", exchange(4, 2, "", "1", 7), exchange(5, 2, "accept", "", 7));
    let run = |between: &str, then: &str| found(&format!("{MADE}{first}{between}{then}"));
    assert_eq!(run("", &again), [Anomaly::DeliveredAfterSettled]);
    // One that was refused may have been carried out in part.
    for reply in [DONE, REFUSED, ""] {
        assert_eq!(run(&deleted(3, reply), &again), [], "{reply}");
    }
    // What was settled before does not count after it, if a member comes.
    let comes =
        group_exchange(4, r#"{"share_heartbeat":{"epoch":0}}"#, r#"{"beat":{"epoch":1,"assignment":null}}"#);
    assert_eq!(run(&deleted(3, DONE), &comes), [Anomaly::LostDelivery]);
    assert_eq!(run(&deleted(3, DONE), ""), []);
    assert_eq!(run(&deleted(3, REFUSED), ""), []);
    // A deletion that was over before is no reason.
    let early = format!("{}{first}{again}", deleted(0, DONE));
    assert_eq!(found(&format!("{MADE}{early}")), [Anomaly::DeliveredAfterSettled]);
}

#[test]
fn what_was_in_hand_when_a_group_was_deleted_is_free() {
    let given = |between: &str| {
        let then = format!("{}{}", exchange(3, 2, "", "1", 7), exchange(9, 1, "accept", "", 7));
        found(&format!("{MADE}{}{between}{then}", exchange(1, 1, "", "1", 7)))
    };
    assert_eq!(given(""), [Anomaly::DeliveredTwice]);
    assert_eq!(given(&deleted(2, DONE)), []);
}

#[test]
fn only_a_member_brings_a_deleted_group_back() {
    let start = |asked: usize, offset: i64| {
        format!(
            r#"
{{"type":"share_start","group":"s","place":["t",1],"asked":{asked},"offset":{offset}}}"#
        )
    };
    let beat = |ask, epoch, reply: &str| {
        group_exchange(ask, &format!(r#"{{"share_heartbeat":{{"epoch":{epoch}}}}}"#), reply)
    };
    let settled = format!("{}{}", exchange(8, 1, "", "1", 7), exchange(9, 1, "accept", "", 7));
    let run = |before: &str, then: &str| found(&format!("{MADE}{before}{}{then}{settled}", deleted(3, DONE)));
    let joined = r#"{"beat":{"epoch":1,"assignment":null}}"#;
    assert_eq!(run("", &start(20, 0)), [Anomaly::DeletedGroupBack]);
    assert_eq!(run("", &start(20, -1)), []);
    assert_eq!(run("", &format!("{}{}", beat(4, 0, joined), start(20, 0))), []);
    assert_eq!(run("", &format!("{}{}", start(20, 0), beat(4, 0, joined))), [Anomaly::DeletedGroupBack]);
    // One that joined before was gone by then, but a request without a reply may be late.
    assert_eq!(run(&beat(1, 0, joined), &start(20, 0)), [Anomaly::DeletedGroupBack]);
    assert_eq!(run(&beat(1, 0, ""), &start(20, 0)), []);
    assert_eq!(
        run("", &format!("{}{}", beat(4, 3, r#"{"refused":25}"#), start(20, 0))),
        [Anomaly::DeletedGroupBack]
    );
    // The start may go back meanwhile.
    let starts = format!("{}{}{}", start(2, 7), deleted(3, DONE), start(20, -1));
    assert_eq!(found(&format!("{MADE}{starts}{settled}")), []);
}

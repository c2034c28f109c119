//! Each anomaly is found, and nothing is found in a good history.

use super::*;

mod groups;
mod shares;
mod topics;

/// One event in a line, as tests of real processes write them.
const GOOD: &str = r#"
{"type":"producer_id","producer":1,"id":1048576}
{"type":"producer_id","producer":2,"id":1048577}
{"type":"leader","partition":0,"epoch":0,"leader":1,"observer":1,"process":1}
{"type":"ack","partition":0,"producer":1,"sequence":0,"offset":0}
{"type":"seen","reader":1,"partition":0,"offset":0,"producer":1,"sequence":0,"epoch":0,"poll":1}
{"type":"ack","partition":0,"producer":2,"sequence":0,"offset":1}
{"type":"leader","partition":0,"epoch":1,"leader":2,"observer":1,"process":2}
{"type":"leader","partition":0,"epoch":0,"leader":1,"observer":1,"process":1}
{"type":"ack","partition":0,"producer":1,"sequence":1,"offset":2}
{"type":"seen","reader":1,"partition":0,"offset":1,"producer":2,"sequence":0,"epoch":0,"poll":2}
{"type":"seen","reader":1,"partition":0,"offset":2,"producer":1,"sequence":1,"epoch":1,"poll":2}
{"type":"seek","reader":1,"partition":0}
{"type":"seen","reader":1,"partition":0,"offset":0,"producer":1,"sequence":0}
{"type":"seen","reader":2,"topic":"t","partition":0,"offset":9,"producer":1,"sequence":4}
{"type":"log","topic":"t","partition":0,"offset":9,"producer":1,"sequence":4}
{"type":"log","partition":0,"offset":0,"producer":1,"sequence":0,"epoch":0}
{"type":"log","partition":0,"offset":1,"producer":2,"sequence":0,"epoch":0}
{"type":"log","partition":0,"offset":2,"producer":1,"sequence":1,"epoch":1}
{"type":"log","partition":0,"offset":3,"producer":2,"sequence":1,"epoch":1}
{"type":"epoch_end","partition":0,"asked":0,"epoch":0,"offset":2}
{"type":"epoch_end","partition":0,"asked":1,"epoch":1,"offset":4}
{"type":"epoch_end","partition":0,"asked":2,"epoch":1,"offset":4}
{"type":"ack","partition":1,"producer":1,"sequence":9,"offset":4}
{"type":"trim","partition":1,"offset":7}
{"type":"log_start","partition":1,"offset":5,"observer":2}
{"type":"log_start","partition":1,"offset":5}
"#;

fn events(lines: &str) -> Vec<Event> {
    crate::history::read(lines.as_bytes()).expect("events")
}

fn found(lines: &str) -> Vec<Anomaly> {
    let mut found: Vec<_> = check(&events(lines)).into_iter().map(|violation| violation.anomaly).collect();
    found.sort();
    found.dedup();
    found
}

#[test]
fn a_good_history_has_no_violation() {
    assert_eq!(check(&events(GOOD)), Vec::new());
}

#[test]
fn what_is_written_is_read() {
    let events = events(GOOD);
    let mut bytes = Vec::new();
    crate::history::write(&events, &mut bytes).expect("written");
    assert_eq!(crate::history::read(&bytes[..]).expect("read"), events);
    assert!(crate::history::read(&b"{\"type\":\"other\"}"[..]).is_err());
}

#[test]
fn each_anomaly_is_found() {
    use Anomaly::*;
    let cases: [(&[Anomaly], &str); 22] = [
        (&[LostWrite], r#"{"type":"ack","partition":0,"producer":1,"sequence":2,"offset":4}"#),
        (&[LostWrite], r#"{"type":"seen","reader":3,"partition":0,"offset":4,"producer":1,"sequence":2}"#),
        (&[Duplicate], r#"{"type":"log","partition":0,"offset":4,"producer":2,"sequence":1}"#),
        (&[Reordered], r#"{"type":"log","topic":"t","partition":0,"offset":10,"producer":1,"sequence":3}"#),
        (&[MovedOffset], r#"{"type":"ack","partition":0,"producer":2,"sequence":1,"offset":4}"#),
        (
            &[LostWrite, InconsistentOffset],
            r#"{"type":"ack","partition":0,"producer":3,"sequence":9,"offset":3}"#,
        ),
        (
            &[InconsistentOffset, MovedOffset],
            r#"{"type":"seen","reader":3,"partition":0,"offset":3,"producer":1,"sequence":0}"#,
        ),
        (
            &[PollSkip, Unseen],
            r#"{"type":"seen","reader":1,"partition":0,"offset":2,"producer":1,"sequence":1}"#,
        ),
        (
            &[InternalPollSkip, Unseen],
            r#"{"type":"seen","reader":4,"partition":0,"offset":0,"producer":1,"sequence":0,"poll":7}
            {"type":"seen","reader":4,"partition":0,"offset":2,"producer":1,"sequence":1,"poll":7}"#,
        ),
        (
            &[NonmonotonicPoll],
            r#"{"type":"seen","reader":1,"partition":0,"offset":0,"producer":1,"sequence":0}"#,
        ),
        (
            &[InternalNonmonotonicPoll],
            r#"{"type":"seen","reader":4,"partition":0,"offset":1,"producer":2,"sequence":0,"poll":7}
            {"type":"seen","reader":4,"partition":0,"offset":0,"producer":1,"sequence":0,"poll":7}"#,
        ),
        (&[TwoLeaders], r#"{"type":"leader","partition":0,"epoch":1,"leader":1,"observer":2,"process":1}"#),
        (
            &[EpochWentBack],
            r#"{"type":"leader","partition":0,"epoch":0,"leader":1,"observer":1,"process":2}"#,
        ),
        (
            &[RecordEpoch],
            r#"{"type":"seen","reader":5,"partition":0,"offset":2,"producer":1,"sequence":1,"epoch":2}"#,
        ),
        (&[EpochEnd], r#"{"type":"epoch_end","partition":0,"asked":0,"epoch":0,"offset":4}"#),
        (&[EpochEnd], r#"{"type":"epoch_end","partition":0,"asked":1,"epoch":0,"offset":4}"#),
        (&[EpochEnd], r#"{"type":"epoch_end","partition":0,"asked":0,"epoch":-1,"offset":-1}"#),
        (&[LogStartWentBack], r#"{"type":"log_start","partition":1,"offset":4,"observer":2}"#),
        (&[LogStartWentBack], r#"{"type":"log_start","partition":1,"offset":6,"observer":9}"#),
        (&[LogStartTooFar], r#"{"type":"log_start","partition":1,"offset":8}"#),
        (&[LostWrite], r#"{"type":"ack","partition":1,"producer":1,"sequence":0,"offset":5}"#),
        (&[ProducerIdTwice], r#"{"type":"producer_id","producer":3,"id":1048576}"#),
    ];
    for (expected, line) in cases {
        assert_eq!(found(&format!("{GOOD}{line}")), expected, "{line}");
    }
}

#[test]
fn epochs_in_the_log_never_go_down() {
    let line = r#"{"type":"log","partition":0,"offset":4,"producer":2,"sequence":2,"epoch":0}"#;
    assert!(found(&format!("{GOOD}{line}")).contains(&Anomaly::RecordEpoch));
}

//! Topics that come and go, and producers that are not idempotent.

use super::*;

/// A name is used twice; a producer without idempotence sends a batch twice and another not at all well.
const GOOD: &str = r#"
{"type":"topic_made","name":"c","topic":"c/1","created":true}
{"type":"sent","topic":"c/1","partition":0,"producer":1,"sequence":0,"count":2,"link":1}
{"type":"ack","topic":"c/1","partition":0,"producer":1,"sequence":0,"offset":0}
{"type":"ack","topic":"c/1","partition":0,"producer":1,"sequence":1,"offset":1}
{"type":"topic_deletion","name":"c","topic":"c/1"}
{"type":"topic_made","name":"c","topic":"c/2","created":true}
{"type":"topic_made","name":"c","topic":"c/2","created":false}
{"type":"topic_gone","topic":"c/1"}
{"type":"sent","topic":"c/2","partition":0,"producer":2,"sequence":0,"count":2,"link":2,"plain":true}
{"type":"sent","topic":"c/2","partition":0,"producer":2,"sequence":2,"count":1,"link":2,"plain":true}
{"type":"sent","topic":"c/2","partition":0,"producer":2,"sequence":0,"count":2,"link":3,"plain":true}
{"type":"sent","topic":"c/2","partition":0,"producer":2,"sequence":3,"count":1,"link":3,"plain":true}
{"type":"sent","topic":"c/2","partition":0,"producer":2,"sequence":4,"count":1,"link":2,"plain":true}
{"type":"sent","topic":"c/1","partition":0,"producer":2,"sequence":5,"count":1,"link":4,"plain":true,"by_name":true}
{"type":"ack","topic":"c/2","partition":0,"producer":2,"sequence":0,"offset":3}
{"type":"ack","topic":"c/2","partition":0,"producer":2,"sequence":1,"offset":4}
{"type":"seen","reader":3,"topic":"c/2","partition":0,"offset":0,"producer":2,"sequence":0}
{"type":"seen","reader":3,"topic":"c/2","partition":0,"offset":1,"producer":2,"sequence":1}
{"type":"log","topic":"c/2","partition":0,"offset":0,"producer":2,"sequence":0}
{"type":"log","topic":"c/2","partition":0,"offset":1,"producer":2,"sequence":1}
{"type":"log","topic":"c/2","partition":0,"offset":2,"producer":2,"sequence":2}
{"type":"log","topic":"c/2","partition":0,"offset":3,"producer":2,"sequence":0}
{"type":"log","topic":"c/2","partition":0,"offset":4,"producer":2,"sequence":1}
{"type":"log","topic":"c/2","partition":0,"offset":5,"producer":2,"sequence":5}
"#;

#[test]
fn a_topic_may_go_and_another_come_and_a_batch_be_there_as_often_as_it_was_sent() {
    assert_eq!(check(&events(GOOD)), Vec::new());
}

#[test]
fn each_anomaly_of_topics_is_found() {
    use Anomaly::*;
    let gone = r#"{"type":"topic_made","name":"d","topic":"d/1","created":false}"#;
    let cases: [(&[Anomaly], String); 12] = [
        // What was acknowledged in a topic that was not deleted.
        (&[LostWrite], ack("c/2", 2, 3, 6)),
        // The first records are forgotten, and offsets begin again: no final log is needed to see it.
        (&[InconsistentOffset], ack("c/1", 1, 7, 0)),
        (&[MovedOffset], ack("c/2", 2, 2, 6)),
        (&[Duplicate], log("c/2", 2, 2, 6)),
        (&[Reordered], format!("{}{}", log("c/2", 2, 4, 6), moved_back())),
        // A record of the topic that had the name before.
        (&[PhantomRecord], log("c/2", 1, 0, 6)),
        (&[PhantomRecord], log("c/2", 2, 9, 6)),
        (&[TornBatch], format!("{}{}", torn(), log("c/2", 2, 10, 6))),
        (&[TornBatch], format!("{}{}", torn(), log("c/2", 2, 11, 6))),
        (&[Gap], log("c/2", 2, 3, 7)),
        (&[LostTopic], format!("{gone}\n{}", r#"{"type":"topic_gone","topic":"d/1"}"#)),
        (&[LostTopic], r#"{"type":"topic_made","name":"c","topic":"c/3","created":true}"#.to_owned()),
    ];
    for (expected, line) in cases {
        assert_eq!(found(&format!("{GOOD}{line}")), expected, "{line}");
    }
}

/// A deletion by name may strike whichever topic has it.
#[test]
fn a_topic_that_was_deleted_by_name_may_be_gone() {
    let lines = r#"
{"type":"topic_made","name":"d","topic":"d/1","created":true}
{"type":"ack","topic":"d/1","partition":0,"producer":1,"sequence":20,"offset":0}
{"type":"topic_deletion","name":"d"}
{"type":"topic_made","name":"d","topic":"d/2","created":true}
{"type":"topic_gone","topic":"d/1"}
{"type":"topic_gone","topic":"d/2"}
"#;
    assert_eq!(check(&events(lines)), Vec::new());
}

fn ack(topic: &str, producer: i64, sequence: i64, offset: i64) -> String {
    format!(
        r#"{{"type":"ack","topic":"{topic}","partition":0,"producer":{producer},"sequence":{sequence},"offset":{offset}}}"#
    )
}

fn log(topic: &str, producer: i64, sequence: i64, offset: i64) -> String {
    let line = ack(topic, producer, sequence, offset).replace("ack", "log");
    format!("{line}\n")
}

/// What was sent by the same connection before what stands at offset 6.
fn moved_back() -> String {
    let sent = r#"{"type":"sent","topic":"c/2","partition":0,"producer":2,"sequence":30,"count":1,"link":5,"plain":true}
{"type":"sent","topic":"c/2","partition":0,"producer":2,"sequence":31,"count":1,"link":5,"plain":true}
"#;
    format!("{sent}{}{}", log("c/2", 2, 31, 7), log("c/2", 2, 30, 8))
}

/// A batch of two records.
fn torn() -> &'static str {
    r#"{"type":"sent","topic":"c/2","partition":0,"producer":2,"sequence":10,"count":2,"link":5,"plain":true}
"#
}

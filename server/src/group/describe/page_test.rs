use super::super::assigned;
use super::*;
use crate::client::{Coordinator, Group};

fn member(id: &str, assignment: Option<Partitions>) -> Member {
    Member { id: id.into(), client: "c".into(), host: "h".into(), assignment, ..Default::default() }
}

fn described(kind: Kind, members: Vec<Member>) -> Described {
    let epoch = (kind != Kind::Classic).then_some(3);
    let group = Group {
        id: "g".into(),
        kind,
        protocol: "consumer".into(),
        state: "Stable".into(),
        assignor: "range".into(),
        epoch,
        assignment_epoch: epoch,
        members,
    };
    let members = assigned(&group);
    let partition = |partition, committed, end| {
        let member = members.get(&("t".to_owned(), partition)).copied();
        Partition { topic: "t".into(), partition, committed, end, member }
    };
    let partitions = vec![
        partition(0, Some(4), Some(10)),
        partition(1, Some(12), Some(10)),
        partition(2, None, Some(10)),
        partition(3, Some(1), None),
    ];
    Described { coordinator: Coordinator { node: 1, address: "a:1".into() }, group, partitions }
}

fn two() -> Vec<Member> {
    let has = |partitions: &[i32]| Some(Partitions::from([("t".to_owned(), partitions.to_vec())]));
    vec![member("m1", has(&[0, 1, 2])), member("m2", None)]
}

fn line(row: &[String]) -> String {
    row.join(" ")
}

#[test]
fn numbers_next_to_each_other_are_ranges() {
    assert_eq!(ranges(&[]), "");
    assert_eq!(ranges(&[4]), "4");
    assert_eq!(ranges(&[0, 1, 2, 5, 7, 8]), "0-2,5,7-8");
    assert_eq!(ranges(&[i32::MAX]), i32::MAX.to_string());
    let assigned = Partitions::from([("a".to_owned(), vec![0, 1]), ("b".to_owned(), vec![3])]);
    assert_eq!(assignment(Some(&assigned)), "a:0-1 b:3");
    assert_eq!(assignment(Some(&Partitions::new())), "-");
    assert_eq!(assignment(None), "(unknown)");
}

#[test]
fn lag_is_never_negative_and_may_be_unknown() {
    let group = described(Kind::Classic, two());
    assert_eq!(
        group.partitions.iter().map(Partition::lag).collect::<Vec<_>>(),
        [Some(6), Some(0), None, None]
    );
    assert_eq!(lag(&group.partitions), "6, and unknown in 2 of 4 partitions");
    assert_eq!(lag(&group.partitions[..2]), "6");
    assert_eq!(lag(&group.partitions[2..]), "-");
}

#[test]
fn a_page_has_what_there_is() {
    let page = tables(&described(Kind::Classic, two()));
    let [summary, partitions, members] = &page[..] else { panic!("{page:?}") };
    assert_eq!(summary.iter().filter(|row| row[0] == "epoch" || row[0] == "protocol").count(), 0);
    assert_eq!(line(&partitions[0]), "TOPIC PARTITION COMMITTED END LAG MEMBER CLIENT HOST");
    assert_eq!(line(&partitions[1]), "t 0 4 10 6 m1 c h");
    assert_eq!(line(&partitions[4]), "t 3 1 - - - - -");
    assert_eq!(
        members.iter().map(|row| line(row)).collect::<Vec<_>>(),
        ["MEMBER CLIENT HOST ASSIGNMENT", "m1 c h t:0-2", "m2 c h (unknown)"]
    );
    let mut moving = two();
    moving[0] = Member {
        epoch: Some(2),
        target: Some(Partitions::new()),
        instance: Some("i".into()),
        rack: Some("r".into()),
        ..moving[0].clone()
    };
    let page = tables(&described(Kind::Consumer, moving));
    assert_eq!(line(&page[2][0]), "MEMBER INSTANCE CLIENT HOST RACK EPOCH ASSIGNMENT TARGET");
    assert_eq!(line(&page[2][1]), "m1 i c h r 2 t:0-2 -");
    assert!(page[0].iter().any(|row| line(row) == "epoch 3, assignment 3"));
    let mut empty = described(Kind::Share, Vec::new());
    assert_eq!(line(&tables(&empty)[1][0]), "TOPIC PARTITION START END LAG");
    empty.partitions.clear();
    assert_eq!(tables(&empty).len(), 1);
}

#[test]
fn programs_get_null_for_what_is_unknown() {
    let told = json(&described(Kind::Classic, two()));
    assert_eq!((told["lag"].as_i64(), told["epoch"].is_null()), (Some(6), true));
    assert_eq!(
        (told["partitions"][0]["lag"].as_i64(), told["partitions"][0]["member"].as_str()),
        (Some(6), Some("m1"))
    );
    assert!(
        told["partitions"][2]["committed_offset"].is_null() && told["partitions"][3]["end_offset"].is_null()
    );
    assert_eq!(told["members"][0]["assignment"], serde_json::json!({"t": [0, 1, 2]}));
    assert!(told["members"][1]["assignment"].is_null());
    let share = json(&described(Kind::Share, Vec::new()));
    assert_eq!(share["partitions"][0]["start_offset"], 4);
}

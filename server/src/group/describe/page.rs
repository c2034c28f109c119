//! How a described group is printed.

use serde_json::{Value, json};

use super::super::number;
use super::{Described, Partition};
use crate::cli::dash;
use crate::client::{Kind, Member, Partitions};

/// For people: the group, its partitions, its members.
pub(super) fn tables(described: &Described) -> Vec<Vec<Vec<String>>> {
    let mut tables = vec![summary(described)];
    if !described.partitions.is_empty() {
        tables.push(partitions(described));
    }
    if !described.group.members.is_empty() {
        tables.push(members(described));
    }
    tables
}

fn summary(described: &Described) -> Vec<Vec<String>> {
    let Described { coordinator, group, partitions } = described;
    let mut rows = vec![
        ("group", group.id.clone()),
        ("type", group.kind.name().to_owned()),
        ("state", group.state.clone()),
        ("coordinator", coordinator.to_string()),
        ("assignor", dash(&group.assignor)),
    ];
    if group.protocol != group.kind.name() && !(group.kind == Kind::Classic && group.protocol == "consumer") {
        rows.insert(2, ("protocol", dash(&group.protocol)));
    }
    if let (Some(epoch), Some(assignment)) = (group.epoch, group.assignment_epoch) {
        rows.push(("epoch", format!("{epoch}, assignment {assignment}")));
    }
    rows.push(("members", group.members.len().to_string()));
    rows.push(("lag", lag(partitions)));
    rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect()
}

/// The sum, and of how many partitions it is not known.
fn lag(partitions: &[Partition]) -> String {
    let unknown = partitions.iter().filter(|partition| partition.lag().is_none()).count();
    match (total(partitions), unknown) {
        (None, _) => "-".to_owned(),
        (Some(total), 0) => total.to_string(),
        (Some(total), unknown) => {
            format!("{total}, and unknown in {unknown} of {} partitions", partitions.len())
        }
    }
}

fn total(partitions: &[Partition]) -> Option<i64> {
    partitions.iter().filter_map(Partition::lag).reduce(i64::saturating_add)
}

fn partitions(described: &Described) -> Vec<Vec<String>> {
    let share = described.group.kind == Kind::Share;
    let mut header = vec!["TOPIC", "PARTITION", if share { "START" } else { "COMMITTED" }, "END", "LAG"];
    if !share {
        header.extend(["MEMBER", "CLIENT", "HOST"]);
    }
    let row = |partition: &Partition| {
        let mut row = vec![
            partition.topic.clone(),
            partition.partition.to_string(),
            number(partition.committed),
            number(partition.end),
            number(partition.lag()),
        ];
        if !share {
            let member = partition.member.and_then(|place| described.group.members.get(place));
            let told = |field: fn(&Member) -> &str| dash(member.map_or("", field));
            row.extend([told(|m| &m.id), told(|m| &m.client), told(|m| &m.host)]);
        }
        row
    };
    let header = header.into_iter().map(str::to_owned).collect();
    std::iter::once(header).chain(described.partitions.iter().map(row)).collect()
}

/// A column of the members' table: its title, whether it is there, and what it says.
type Column = (&'static str, bool, fn(&Member) -> String);

fn members(described: &Described) -> Vec<Vec<String>> {
    let all = &described.group.members;
    // What no member has is not worth a column.
    let (instances, racks) = (all.iter().any(|m| m.instance.is_some()), all.iter().any(|m| m.rack.is_some()));
    let (epochs, moving) = (all.iter().any(|m| m.epoch.is_some()), all.iter().any(is_moving));
    let columns: [Column; 8] = [
        ("MEMBER", true, |m| m.id.clone()),
        ("INSTANCE", instances, |m| dash(m.instance.as_deref().unwrap_or_default())),
        ("CLIENT", true, |m| dash(&m.client)),
        ("HOST", true, |m| dash(&m.host)),
        ("RACK", racks, |m| dash(m.rack.as_deref().unwrap_or_default())),
        ("EPOCH", epochs, |m| number(m.epoch)),
        ("ASSIGNMENT", true, |m| assignment(m.assignment.as_ref())),
        ("TARGET", moving, |m| assignment(m.target.as_ref())),
    ];
    let columns: Vec<_> = columns.into_iter().filter(|(_, shown, _)| *shown).collect();
    let header = columns.iter().map(|(name, ..)| (*name).to_owned()).collect();
    let row = |member| columns.iter().map(|(.., cell)| cell(member)).collect();
    std::iter::once(header).chain(all.iter().map(row)).collect()
}

/// Whether it shall have others than it has.
fn is_moving(member: &Member) -> bool {
    member.target.is_some() && member.target != member.assignment
}

/// Such as `orders:0-3,7 payments:1`.
fn assignment(assigned: Option<&Partitions>) -> String {
    let Some(assigned) = assigned else { return "(unknown)".to_owned() };
    let topics = assigned.iter().map(|(topic, partitions)| format!("{topic}:{}", ranges(partitions)));
    dash(&topics.collect::<Vec<_>>().join(" "))
}

/// Numbers in order, with a dash for those between.
fn ranges(numbers: &[i32]) -> String {
    let runs = numbers.chunk_by(|a, b| a.checked_add(1) == Some(*b));
    let run = |run: &[i32]| match run {
        [first, .., last] => format!("{first}-{last}"),
        run => run.iter().map(i32::to_string).collect(),
    };
    runs.map(run).collect::<Vec<_>>().join(",")
}

/// For programs.
pub(super) fn json(described: &Described) -> Value {
    let Described { coordinator, group, partitions } = described;
    let offset = if group.kind == Kind::Share { "start_offset" } else { "committed_offset" };
    let rows = partitions.iter().map(|partition| {
        let member = partition.member.and_then(|place| group.members.get(place));
        json!({
            "topic": partition.topic,
            "partition": partition.partition,
            offset: partition.committed,
            "end_offset": partition.end,
            "lag": partition.lag(),
            "member": member.map(|member| &member.id),
            "client": member.map(|member| &member.client),
            "host": member.map(|member| &member.host),
        })
    });
    let members = group.members.iter().map(|member| {
        json!({
            "member": member.id,
            "instance": member.instance,
            "protocol": if member.classic { "classic" } else { group.kind.name() },
            "client": member.client,
            "host": member.host,
            "rack": member.rack,
            "epoch": member.epoch,
            "topics": member.topics,
            "regex": member.regex,
            "assignment": member.assignment,
            "target": member.target,
        })
    });
    json!({
        "group": group.id,
        "type": group.kind.name(),
        "protocol": group.protocol,
        "state": group.state,
        "coordinator": {"id": coordinator.node, "address": coordinator.address},
        "assignor": group.assignor,
        "epoch": group.epoch,
        "assignment_epoch": group.assignment_epoch,
        "lag": total(partitions),
        "partitions": rows.collect::<Vec<_>>(),
        "members": members.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
#[path = "page_test.rs"]
mod tests;

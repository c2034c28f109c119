//! What a reset does to each partition: within the range of the log, as Kafka's tool has it.

use std::collections::{BTreeMap, BTreeSet};

use protocol::messages::list_offsets::{EARLIEST_TIMESTAMP, LATEST_TIMESTAMP};

use super::To;
use crate::client::{Client, TopicPartition};

/// What is done to a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// What was committed.
    pub(super) old: Option<i64>,
    /// What shall be; `None` if nothing can be.
    pub(super) new: Option<i64>,
    /// Why it is not what was asked for.
    pub(super) note: Option<String>,
}

/// What is known of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    old: Option<i64>,
    /// The first offset of the log.
    first: i64,
    /// The end of the log.
    end: i64,
    /// The offset of the first record that is not older; negative if there is none.
    since: i64,
}

/// Asks for the ends of logs, and decides. Fails where a shift has nothing to begin with.
pub(super) async fn of(
    client: &Client,
    to: To,
    meant: &BTreeSet<TopicPartition>,
    committed: &BTreeMap<TopicPartition, i64>,
) -> anyhow::Result<BTreeMap<TopicPartition, Step>> {
    let every = |timestamp| meant.iter().map(|at| (at.clone(), timestamp)).collect();
    let first = client.offsets_of(&every(EARLIEST_TIMESTAMP)).await?;
    let end = client.offsets_of(&every(LATEST_TIMESTAMP)).await?;
    let since = match to {
        To::Since(time) => client.offsets_of(&every(time)).await?,
        _ => BTreeMap::new(),
    };
    let mut steps = BTreeMap::new();
    for at in meant {
        let old = committed.get(at).copied();
        let step = match (first.get(at), end.get(at)) {
            (Some(first), Some(end)) => {
                let since = since.get(at).copied().unwrap_or(-1);
                step(to, Known { old, first: *first, end: *end, since }).ok_or_else(|| {
                    anyhow::anyhow!("there is no offset of partition {} of topic {} to shift", at.1, at.0)
                })?
            }
            _ => {
                let note = "it has no leader, or does not exist: left as it is".to_owned();
                Step { old, new: None, note: Some(note) }
            }
        };
        steps.insert(at.clone(), step);
    }
    Ok(steps)
}

/// None where a shift has nothing to begin with.
fn step(to: To, known: Known) -> Option<Step> {
    let Known { old, first, end, since } = known;
    let (new, note) = match to {
        To::Earliest => (first, None),
        To::Latest => (end, None),
        To::Current => match old {
            Some(old) => (old, None),
            None => (end, Some("nothing was committed: the end of the log".to_owned())),
        },
        To::Offset(offset) => within(offset, first, end),
        To::Shift(by) => within(old?.saturating_add(by), first, end),
        To::Since(_) if since < 0 => (end, Some("no record is as young: the end of the log".to_owned())),
        To::Since(_) => (since, None),
    };
    Some(Step { old, new: Some(new), note })
}

/// The nearest offset that the log has, and a note if it is another.
fn within(offset: i64, first: i64, end: i64) -> (i64, Option<String>) {
    if offset > end {
        return (end, Some(format!("{offset} is behind the end of the log")));
    }
    if offset < first {
        return (first, Some(format!("{offset} is before the first offset of the log")));
    }
    (offset, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: Known = Known { old: Some(7), first: 5, end: 10, since: 8 };

    fn new(to: To, known: Known) -> Option<(i64, bool)> {
        step(to, known).map(|step| (step.new.unwrap_or(-1), step.note.is_some()))
    }

    #[test]
    fn within_the_log() {
        for (to, expected, noted) in [
            (To::Earliest, 5, false),
            (To::Latest, 10, false),
            (To::Current, 7, false),
            (To::Offset(9), 9, false),
            (To::Offset(10), 10, false),
            (To::Offset(11), 10, true),
            (To::Offset(4), 5, true),
            (To::Shift(2), 9, false),
            (To::Shift(-2), 5, false),
            (To::Shift(-3), 5, true),
            (To::Shift(4), 10, true),
            (To::Shift(i64::MAX), 10, true),
            (To::Shift(i64::MIN), 5, true),
            (To::Since(1), 8, false),
        ] {
            assert_eq!(new(to, KNOWN), Some((expected, noted)), "{to:?}");
        }
        assert_eq!(new(To::Since(1), Known { since: -1, ..KNOWN }), Some((10, true)));
        // Where a group is may be outside of the log, and stays so.
        assert_eq!(new(To::Current, Known { old: Some(3), ..KNOWN }), Some((3, false)));
    }

    #[test]
    fn nothing_was_committed() {
        let known = Known { old: None, ..KNOWN };
        assert_eq!(new(To::Current, known), Some((10, true)));
        assert_eq!(new(To::Shift(1), known), None);
        assert_eq!(new(To::Earliest, known), Some((5, false)));
    }
}

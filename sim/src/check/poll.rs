//! Polls that skip or go back: of two records that a reader saw one after the other without a seek, the second
//! is not the one that follows the first in the final log.
//!
//! Jepsen's "poll-skip" and "nonmonotonic-poll", and "int-poll-skip" and "int-nonmonotonic-poll" where one
//! poll returned both. What counts is the order of records, not of offsets: a log may have holes where
//! records were cleaned away.

use super::{Anomaly, Findings};
use crate::history::{Partition, Seen};

pub(super) fn check(partition: &Partition, findings: &mut Findings) {
    for (number, reader) in &partition.readers {
        for pair in reader.runs.iter().flat_map(|run| run.windows(2)) {
            if let Some(anomaly) = of(partition, &pair[0], &pair[1]) {
                let (one, other) = (pair[0].offset, pair[1].offset);
                findings.add(anomaly, format_args!("reader {number} saw {other} after {one}"));
            }
        }
    }
}

fn of(partition: &Partition, one: &Seen, other: &Seen) -> Option<Anomaly> {
    let internal = one.poll.is_some() && one.poll == other.poll;
    let (back, skip) = match internal {
        true => (Anomaly::InternalNonmonotonicPoll, Anomaly::InternalPollSkip),
        false => (Anomaly::NonmonotonicPoll, Anomaly::PollSkip),
    };
    if other.offset <= one.offset {
        return Some(back);
    }
    // What is not in the log is a lost write.
    let (first, second) = (partition.place(one.offset)?, partition.place(other.offset)?);
    (second != first + 1).then_some(skip)
}

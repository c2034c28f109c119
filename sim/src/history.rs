//! What producers were told, what readers saw, and what the log holds in the end: the checker.

use std::collections::BTreeMap;

/// A record, as its producer numbered it in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// The producer's id.
    pub producer: i64,
    /// Its sequence in the partition.
    pub sequence: i32,
}

/// The history of a run.
#[derive(Debug, Default)]
pub struct History {
    /// By partition and record: the offset that was acknowledged.
    acknowledged: BTreeMap<(i32, Record), i64>,
    /// By partition and offset: what a reader saw.
    seen: BTreeMap<(i32, i64), Record>,
    /// By partition: the log in the end.
    logs: BTreeMap<i32, Vec<(i64, Record)>>,
    /// Answers that told a producer nothing.
    pub unknown: u64,
    violations: Vec<String>,
}

impl History {
    /// A producer was told that its record is at `offset`.
    pub fn acknowledge(&mut self, partition: i32, record: Record, offset: i64) {
        match self.acknowledged.insert((partition, record), offset) {
            Some(before) if before != offset => {
                self.violate(format!("{partition}: {record:?} acknowledged at {before}, then at {offset}"));
            }
            _ => {}
        }
    }

    /// A reader saw a record.
    pub fn see(&mut self, partition: i32, offset: i64, record: Record) {
        match self.seen.insert((partition, offset), record) {
            Some(before) if before != record => {
                self.violate(format!("{partition}: offset {offset} was {before:?} and became {record:?}"));
            }
            _ => {}
        }
    }

    /// Something that must not be.
    pub fn violate(&mut self, what: String) {
        self.violations.push(what);
    }

    /// The log in the end.
    pub fn final_log(&mut self, partition: i32, log: Vec<(i64, Record)>) {
        self.logs.insert(partition, log);
    }

    /// How many records were acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.len() as u64
    }

    /// Everything that is wrong: lost acknowledged write, moved offset, duplicate, gap in the offsets,
    /// reordered records of one producer, a record seen that is not in the log.
    pub fn violations(&self) -> Vec<String> {
        let mut found = self.violations.clone();
        let at: BTreeMap<(i32, i64), Record> =
            self.logs.iter().flat_map(|(p, log)| log.iter().map(|(o, r)| ((*p, *o), *r))).collect();
        for ((partition, record), offset) in &self.acknowledged {
            if at.get(&(*partition, *offset)) != Some(record) {
                let there = at.get(&(*partition, *offset));
                found.push(format!(
                    "{partition}: lost: {record:?} acknowledged at {offset}, where {there:?} is"
                ));
            }
        }
        for ((partition, offset), record) in &self.seen {
            if at.get(&(*partition, *offset)) != Some(record) {
                found.push(format!("{partition}: {record:?} was read at {offset} and is not there"));
            }
        }
        for (partition, log) in &self.logs {
            let mut last: BTreeMap<i64, i32> = BTreeMap::new();
            for (i, (offset, record)) in log.iter().enumerate() {
                if *offset != i as i64 {
                    found.push(format!("{partition}: offset {offset} where {i} must be"));
                }
                let expected = last.get(&record.producer).map_or(0, |s| s + 1);
                if record.sequence != expected {
                    found.push(format!(
                        "{partition}: {record:?} at {offset} where sequence {expected} must be"
                    ));
                }
                last.insert(record.producer, record.sequence);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(producer: i64, sequence: i32) -> Record {
        Record { producer, sequence }
    }

    fn good() -> History {
        let mut history = History::default();
        history.acknowledge(0, record(1, 0), 0);
        history.acknowledge(0, record(1, 1), 2);
        history.see(0, 1, record(2, 0));
        history.final_log(0, vec![(0, record(1, 0)), (1, record(2, 0)), (2, record(1, 1))]);
        history
    }

    #[test]
    fn a_good_history_has_no_violation() {
        assert_eq!(good().violations(), Vec::<String>::new());
    }

    #[test]
    fn each_anomaly_is_found() {
        type Spoil = fn(&mut History);
        let cases: [(&str, Spoil); 6] = [
            ("lost", |h| h.acknowledge(0, record(1, 2), 3)),
            ("then at", |h| h.acknowledge(0, record(1, 1), 1)),
            ("is not there", |h| h.see(0, 5, record(1, 0))),
            ("became", |h| h.see(0, 1, record(1, 0))),
            ("must be", |h| {
                h.final_log(
                    0,
                    vec![(0, record(1, 0)), (1, record(2, 0)), (2, record(1, 1)), (3, record(1, 1))],
                )
            }),
            ("must be", |h| h.final_log(0, vec![(0, record(1, 0)), (2, record(1, 1))])),
        ];
        for (expected, spoil) in cases {
            let mut history = good();
            spoil(&mut history);
            let found = history.violations();
            assert!(found.iter().any(|v| v.contains(expected)), "{expected}: {found:?}");
        }
    }
}

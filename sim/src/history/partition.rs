//! A history, sorted by partition.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Event, Sent, Topic};

/// A record, as its producer numbered it in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// The producer.
    pub producer: i64,
    /// Its number for the record.
    pub sequence: i64,
}

/// An acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// What was acknowledged.
    pub record: Record,
    /// Where it is said to be.
    pub offset: i64,
}

/// A record that a reader saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Where it was.
    pub offset: i64,
    /// What it was.
    pub record: Record,
    /// The leader epoch of its batch.
    pub epoch: Option<i32>,
    /// The poll that returned it.
    pub poll: Option<u64>,
}

/// A record of the final log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Where it is.
    pub offset: i64,
    /// What it is.
    pub record: Record,
    /// The leader epoch of its batch.
    pub epoch: Option<i32>,
}

/// Who was said to lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leader {
    /// The leader epoch.
    pub epoch: i32,
    /// The node.
    pub leader: i32,
    /// To whom it was reported.
    pub observer: i64,
    /// Who said so.
    pub process: u64,
}

/// Where a leader epoch was said to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEnd {
    /// The epoch that was asked for.
    pub asked: i32,
    /// The epoch that was reported.
    pub epoch: i32,
    /// Where that ends.
    pub offset: i64,
}

/// Where a log was said to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// To whom it was reported.
    pub observer: i64,
    /// The first offset that may be read.
    pub offset: i64,
}

/// What one reader saw of a partition: runs of records that should follow each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reader {
    /// Each run begins where the reader began, or went on elsewhere.
    pub runs: Vec<Vec<Seen>>,
}

/// Everything about one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partition {
    /// Acknowledgements.
    pub acks: Vec<Ack>,
    /// By reader, what it saw.
    pub readers: BTreeMap<i64, Reader>,
    /// The final log, by offset.
    pub log: Vec<Stored>,
    /// Where it begins.
    pub log_start: i64,
    /// Where it was said to begin.
    pub starts: Vec<Start>,
    /// Where a client asked for it to begin.
    pub trims: Vec<i64>,
    /// Who was said to lead.
    pub leaders: Vec<Leader>,
    /// Where epochs were said to end.
    pub epoch_ends: Vec<EpochEnd>,
    /// What was sent by producers whose attempts stand in the history, in order. What was sent by name may have come
    /// to any topic that had it.
    pub sent: Vec<Sent>,
    /// The records that may be there as often as they were sent.
    pub plain: BTreeSet<Record>,
    /// Whether the topic is one of those that were created and deleted.
    pub made: bool,
    /// Whether the topic was deleted, so that there is no final log.
    pub gone: bool,
}

impl Partition {
    /// Every record that was seen.
    pub fn seen(&self) -> impl Iterator<Item = &Seen> {
        self.readers.values().flat_map(|reader| reader.runs.iter().flatten())
    }

    /// How many acknowledged records lie below where the log begins.
    pub fn dropped(&self) -> u64 {
        self.acks.iter().filter(|ack| ack.offset < self.log_start).count() as u64
    }

    /// Whether a record may be there as often as it was sent.
    pub fn is_plain(&self, record: Record) -> bool {
        self.plain.contains(&record)
    }

    /// The place of an offset among the records of the final log.
    pub fn place(&self, offset: i64) -> Option<usize> {
        self.log.binary_search_by_key(&offset, |stored| stored.offset).ok()
    }

    /// The record of the final log at an offset.
    pub fn at(&self, offset: i64) -> Option<&Stored> {
        self.place(offset).map(|place| &self.log[place])
    }
}

/// Sorts a history.
pub fn partitions(events: &[Event]) -> BTreeMap<(Topic, i32), Partition> {
    let mut partitions: BTreeMap<(Topic, i32), Partition> = BTreeMap::new();
    let mut of = |topic: &Topic, partition: i32, add: &dyn Fn(&mut Partition)| {
        add(partitions.entry((topic.clone(), partition)).or_default());
    };
    let (mut made, mut gone) = (BTreeMap::new(), BTreeSet::new());
    let mut attempts: BTreeMap<(Topic, i32), Vec<(usize, &Sent)>> = BTreeMap::new();
    let mut strays: Vec<(usize, &Sent)> = Vec::new();
    for (order, event) in events.iter().enumerate() {
        match event {
            Event::Ack { topic, partition, producer, sequence, offset } => {
                let record = Record { producer: *producer, sequence: *sequence };
                of(topic, *partition, &|p| p.acks.push(Ack { record, offset: *offset }));
            }
            Event::Seen { reader, topic, partition, offset, producer, sequence, epoch, poll } => {
                let record = Record { producer: *producer, sequence: *sequence };
                let seen = Seen { offset: *offset, record, epoch: *epoch, poll: *poll };
                of(topic, *partition, &|p| {
                    let runs = &mut p.readers.entry(*reader).or_default().runs;
                    match runs.last_mut() {
                        Some(run) => run.push(seen),
                        None => runs.push(vec![seen]),
                    }
                });
            }
            Event::Seek { reader, topic, partition } => {
                of(topic, *partition, &|p| p.readers.entry(*reader).or_default().runs.push(Vec::new()));
            }
            Event::Log { topic, partition, offset, producer, sequence, epoch } => {
                let record = Record { producer: *producer, sequence: *sequence };
                of(topic, *partition, &|p| p.log.push(Stored { offset: *offset, record, epoch: *epoch }));
            }
            Event::Leader { topic, partition, epoch, leader, observer, process } => {
                let (epoch, leader, observer, process) = (*epoch, *leader, *observer, *process);
                of(topic, *partition, &|p| p.leaders.push(Leader { epoch, leader, observer, process }));
            }
            Event::EpochEnd { topic, partition, asked, epoch, offset } => {
                let end = EpochEnd { asked: *asked, epoch: *epoch, offset: *offset };
                of(topic, *partition, &|p| p.epoch_ends.push(end));
            }
            Event::LogStart { topic, partition, offset, observer } => {
                of(topic, *partition, &|p| match *observer {
                    Some(observer) => p.starts.push(Start { observer, offset: *offset }),
                    None => p.log_start = *offset,
                });
            }
            Event::Trim { topic, partition, offset } => {
                of(topic, *partition, &|p| p.trims.push(*offset));
            }
            Event::Sent(sent) if sent.by_name => {
                of(&sent.topic, sent.partition, &|_| ());
                strays.push((order, sent));
            }
            Event::Sent(sent) => {
                of(&sent.topic, sent.partition, &|_| ());
                attempts.entry((sent.topic.clone(), sent.partition)).or_default().push((order, sent));
            }
            Event::TopicMade { name, topic, .. } => {
                made.insert(Arc::clone(topic), Arc::clone(name));
            }
            Event::TopicGone { topic } => {
                gone.insert(Arc::clone(topic));
            }
            Event::ProducerId { .. }
            | Event::TopicDeletion { .. }
            | Event::GroupMade { .. }
            | Event::GroupAsked(_)
            | Event::GroupAnswered { .. }
            | Event::GroupGone { .. }
            | Event::ShareMade { .. }
            | Event::ShareAsked(_)
            | Event::ShareAnswered(_)
            | Event::ShareStart { .. } => {}
        }
    }
    for (key, partition) in &mut partitions {
        partition.log.sort_by_key(|stored| stored.offset);
        let name = key.0.as_ref().and_then(|topic| made.get(topic));
        partition.made = name.is_some();
        partition.gone = key.0.as_ref().is_some_and(|topic| gone.contains(topic));
        let mut sent = attempts.remove(key).unwrap_or_default();
        let has_name = |of: &Sent| of.topic.as_ref().and_then(|topic| made.get(topic)) == name;
        sent.extend(strays.iter().filter(|(_, of)| of.partition == key.1 && has_name(of)).copied());
        sent.sort_by_key(|(order, _)| *order);
        for (_, batch) in &sent {
            let records = batch.records().filter(|_| batch.plain);
            partition.plain.extend(records);
        }
        partition.sent = sent.into_iter().map(|(_, sent)| sent.clone()).collect();
    }
    partitions
}

//! The partitions of a session: what its client wants of each, and what it was told.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use broker::log::{Partition, Waiter};
use protocol::messages::fetch::{FetchPartition, PartitionData};
use protocol::{Str, Uuid};

/// A topic, as the session's requests name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Topic {
    /// By its name.
    Name(Str),
    /// By its id.
    Id(Uuid),
}

/// What a client wants of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The first offset.
    pub(crate) offset: i64,
    /// The leader epoch that the client knows, or −1.
    pub(crate) current_leader_epoch: i32,
    /// The epoch of the last record that it has, or −1.
    pub(crate) last_fetched_epoch: i32,
    /// How many bytes at most.
    pub(crate) max_bytes: i32,
}

impl From<&FetchPartition> for Asked {
    fn from(partition: &FetchPartition) -> Self {
        Self {
            offset: partition.fetch_offset,
            current_leader_epoch: partition.current_leader_epoch,
            last_fetched_epoch: partition.last_fetched_epoch,
            max_bytes: partition.partition_max_bytes,
        }
    }
}

/// A partition of which there may be news.
#[derive(Debug)]
pub(crate) struct News {
    pub(crate) topic: Topic,
    pub(crate) index: i32,
    pub(crate) asked: Asked,
}

struct Entry {
    asked: Asked,
    /// The log start and the high watermark that the client was told last; a high watermark of −1 is to be told again.
    told: (i64, i64),
    /// Its place in the order in which partitions are read: those that had records last come last.
    turn: u64,
    /// The partition, if the client is at its end and there was nothing else to tell.
    at_end: Weak<Partition>,
    /// The last round in which there was news of it.
    round: u64,
}

impl Entry {
    /// Whether nothing has become of the partition since the client was told of it.
    fn is_idle(&self) -> bool {
        self.at_end.upgrade().is_some_and(|partition| partition.is_unchanged(self.told))
    }
}

/// The partitions of a session. One without news takes neither a search nor an allocation.
#[derive(Default)]
pub(crate) struct Partitions {
    entries: BTreeMap<(Topic, i32), Entry>,
    turns: u64,
    /// The request that is being answered.
    round: u64,
    /// What the partitions without news wake.
    waiter: Option<Arc<Waiter>>,
}

impl Partitions {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Puts a partition in, or says anew what is wanted of it.
    pub(crate) fn ask(&mut self, topic: Topic, index: i32, asked: Asked) {
        let turns = &mut self.turns;
        let entry = self.entries.entry((topic, index)).or_insert_with(|| {
            *turns += 1;
            Entry { asked, told: (-1, -1), turn: *turns, at_end: Weak::new(), round: 0 }
        });
        (entry.asked, entry.at_end) = (asked, Weak::new());
    }

    /// Takes a partition out.
    pub(crate) fn forget(&mut self, topic: Topic, index: i32) {
        self.entries.remove(&(topic, index));
    }

    /// Begins with another request.
    pub(crate) fn begin_round(&mut self) {
        self.round += 1;
    }

    /// The partitions of which there may be news, in their turn, but for those that were among them before in this
    /// round: all of them if the node `may_lead` none.
    pub(crate) fn news(&mut self, may_lead: bool) -> Vec<News> {
        let round = self.round;
        let is_news = |entry: &Entry| entry.round != round && (!may_lead || !entry.is_idle());
        let found = self.entries.iter_mut().filter(|(_, entry)| is_news(entry));
        let mut found: Vec<_> = found
            .map(|((topic, index), entry)| {
                entry.round = round;
                (entry.turn, News { topic: topic.clone(), index: *index, asked: entry.asked })
            })
            .collect();
        found.sort_unstable_by_key(|(turn, _)| *turn);
        found.into_iter().map(|(_, news)| news).collect()
    }

    /// Makes the partitions without news wake `waiter`; false if there is news of one by now.
    pub(crate) fn watch(&mut self, waiter: &Arc<Waiter>) -> bool {
        self.unwatch();
        self.waiter = Some(Arc::clone(waiter));
        let mut others = self.entries.values().filter(|entry| entry.round != self.round);
        others
            .all(|entry| entry.at_end.upgrade().is_some_and(|partition| partition.watch(waiter, entry.told)))
    }

    /// They wake it no more.
    pub(crate) fn unwatch(&mut self) {
        let Some(waiter) = self.waiter.take() else { return };
        let others = self.entries.values().filter(|entry| entry.round != self.round);
        others.filter_map(|entry| entry.at_end.upgrade()).for_each(|partition| partition.unwatch(&waiter));
    }

    /// Whether the client has yet to be told this of a partition, which it then has been. `at_end` is the partition if
    /// there is nothing to read of it.
    pub(crate) fn tell(&mut self, topic: Topic, data: &PartitionData, at_end: Weak<Partition>) -> bool {
        let Some(entry) = self.entries.get_mut(&(topic, data.partition_index)) else { return false };
        let failed = data.error_code != 0;
        let is_known = entry.told == (data.log_start_offset, data.high_watermark);
        let diverges = data.diverging_epoch.epoch >= 0 || data.diverging_epoch.end_offset >= 0;
        let has_records = !data.records.is_empty();
        // What has failed is told again once it does no more.
        entry.told = (data.log_start_offset, if failed { -1 } else { data.high_watermark });
        // Nothing is at an end that is not the one that was told.
        let is_at_end = !failed && !diverges && entry.asked.offset == data.high_watermark;
        entry.at_end = if is_at_end { at_end } else { Weak::new() };
        if has_records {
            self.turns += 1;
            entry.turn = self.turns;
        }
        has_records || !is_known || failed || diverges
    }
}

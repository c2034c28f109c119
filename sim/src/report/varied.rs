//! What clients of other kinds came to.

use std::fmt;

use crate::client::Tally;
use crate::history::{Event, GroupReply};

/// How often it came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Varied {
    /// Topics created.
    pub created: u64,
    /// Those of them whose names had been used before.
    pub recreated: u64,
    /// Topics created because a client looked for them.
    pub auto_created: u64,
    /// Topics deleted.
    pub deleted: u64,
    /// Partitions added.
    pub grown: u64,
    /// Settings of topics changed.
    pub altered: u64,
    /// Batches sent without acknowledgement, with one of the leader, and with one of all, by producers that are not
    /// idempotent, and by those that create topics.
    pub sends: [u64; 3],
    /// Idle producers that nodes forgot.
    pub forgotten: u64,
    /// Producers that took another id because they had been forgotten.
    pub renewed: u64,
    /// Committed offsets that were found to have expired.
    pub expired_offsets: u64,
    /// Connections closed with requests in flight.
    pub abandoned: u64,
    /// Answers that were not read for a while.
    pub unread: u64,
}

impl Varied {
    /// Takes over what clients counted, and counts what stands in the history.
    pub(crate) fn take(&mut self, tally: &Tally, history: &[Event]) {
        *self = Self {
            created: tally.made,
            recreated: tally.recreated,
            auto_created: tally.auto_created,
            deleted: tally.deleted,
            grown: tally.grown,
            altered: tally.altered,
            sends: tally.sends,
            forgotten: self.forgotten,
            renewed: tally.renewed,
            expired_offsets: expired(history),
            abandoned: tally.abandoned,
            unread: tally.unread,
        };
    }

    /// Adds another run.
    pub(crate) fn add(&mut self, other: &Self) {
        self.created += other.created;
        self.recreated += other.recreated;
        self.auto_created += other.auto_created;
        self.deleted += other.deleted;
        self.grown += other.grown;
        self.altered += other.altered;
        self.sends.iter_mut().zip(other.sends).for_each(|(sends, other)| *sends += other);
        self.forgotten += other.forgotten;
        self.renewed += other.renewed;
        self.expired_offsets += other.expired_offsets;
        self.abandoned += other.abandoned;
        self.unread += other.unread;
    }
}

/// How many offsets were there in one answer and not in the next of the same group.
fn expired(history: &[Event]) -> u64 {
    let (mut groups, mut known) = (std::collections::BTreeMap::new(), std::collections::BTreeSet::new());
    let mut expired = 0;
    for event in history {
        match event {
            Event::GroupAsked(asked) => drop(groups.insert(asked.ask, &asked.group)),
            Event::GroupAnswered { ask, reply: GroupReply::Offsets(offsets), .. } => {
                let Some(group) = groups.get(ask) else { continue };
                for (place, offset) in offsets {
                    let key = (*group, place);
                    match offset {
                        ..0 => expired += u64::from(known.remove(&key)),
                        _ => drop(known.insert(key)),
                    }
                }
            }
            _ => {}
        }
    }
    expired
}

impl fmt::Display for Varied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [none, one, all] = self.sends;
        writeln!(
            f,
            "topics: {} created, {} of them again, {} more by looking for them, {} deleted, {} partitions added, {} settings changed",
            self.created, self.recreated, self.auto_created, self.deleted, self.grown, self.altered,
        )?;
        write!(
            f,
            "other clients: {none} batches with acks=0, {one} with 1, {all} with all; {} producers forgotten, {} renewed; {} offsets expired; {} connections abandoned, {} answers left unread for a while",
            self.forgotten, self.renewed, self.expired_offsets, self.abandoned, self.unread,
        )
    }
}

//! The bounds of each exhaustive run. A run differs from another only in what is allowed to happen in it.

use crate::events::Event;
use crate::world::{Rec, Sid};

/// Bounds of a state space.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Config {
    pub(crate) name: &'static str,
    /// Sessions that each process may open; more than one is a process that goes on after a fence.
    pub(crate) opens: &'static [u8],
    /// Process 0 owns the shard already, with an empty session; else the metadata log is empty.
    pub(crate) warm: bool,
    /// Records of each idempotent producer, one to a batch.
    pub(crate) producers: &'static [u8],
    /// Slots in flight per session.
    pub(crate) window: u8,
    /// Slots per session, CLOSE and SEAL not counted.
    pub(crate) slots: u8,
    /// An owner writes what it inherited as checkpoint 0.
    pub(crate) inherited: bool,
    /// An owner writes checkpoints over its own slots.
    pub(crate) checkpoints: bool,
    /// An owner may shut down, or rotate if it may open another session.
    pub(crate) close: bool,
    /// Linearizable reads in all.
    pub(crate) reads: u8,
    /// Topics created in all: metadata entries that do not concern the shard.
    pub(crate) topics: u8,
    /// What must have happened somewhere, so that the run is not empty talk.
    pub(crate) expects: &'static [Event],
}

impl Config {
    /// The id of process `p`'s `i`-th session.
    pub(crate) fn sid(&self, p: u8, i: u8) -> Sid {
        self.opens[..p as usize].iter().sum::<u8>() + i
    }

    pub(crate) fn sessions(&self) -> usize {
        self.opens.iter().map(|&opens| opens as usize).sum()
    }

    pub(crate) fn records(&self) -> Rec {
        self.producers.iter().sum()
    }

    /// The producer of a record, and the record's sequence number with it.
    pub(crate) fn sequence(&self, rec: Rec) -> (usize, u8) {
        let mut sequence = rec;
        for (producer, &records) in self.producers.iter().enumerate() {
            if sequence < records {
                return (producer, sequence);
            }
            sequence -= records;
        }
        (self.producers.len(), sequence)
    }
}

const BASE: Config = Config {
    name: "",
    opens: &[1, 1],
    warm: true,
    producers: &[2],
    window: 2,
    slots: 2,
    inherited: false,
    checkpoints: false,
    close: false,
    reads: 0,
    topics: 0,
    expects: &[],
};

/// An owner with slots in flight, a taker, and the owner again in a new session.
pub(crate) const TAKEOVER: Config = Config {
    name: "takeover",
    opens: &[2, 1],
    producers: &[2, 1],
    window: 3,
    slots: 3,
    expects: &[
        Event::LandedBeforeSeal,
        Event::LandedPastSeal,
        Event::ConflictWasOwn,
        Event::ConflictWasNothing,
        Event::Fenced,
        Event::FencedReopened,
        Event::LateAck,
        Event::InheritedDuplicate,
        Event::EntryLost,
    ],
    ..BASE
};

/// Two takers race for a zombie's shard, and either may be taken over by the other.
pub(crate) const RACE: Config = Config {
    name: "race",
    opens: &[1, 1, 1],
    producers: &[1, 1],
    topics: 1,
    expects: &[
        Event::EntryLost,
        Event::EntryLostToTopic,
        Event::BareDead,
        Event::LateAck,
        Event::UnbornOwnerTaken,
        Event::ReplayedThroughChain,
    ],
    ..BASE
};

/// Checkpoints that land late or never, along a chain of three sessions.
pub(crate) const CHECKPOINTS: Config = Config {
    name: "checkpoints",
    opens: &[1, 1, 1],
    producers: &[3],
    slots: 2,
    inherited: true,
    checkpoints: true,
    expects: &[Event::ReplayedFromCheckpoint, Event::ReplayedThroughChain, Event::SealedFromCheckpoint],
    ..BASE
};

/// Clean shutdown and rotation, with a taker that does not know of them.
pub(crate) const CLOSE: Config = Config {
    name: "close",
    opens: &[2, 1],
    producers: &[1, 1],
    close: true,
    checkpoints: true,
    expects: &[
        Event::CloseWithoutEntryTaken,
        Event::EndedTaken,
        Event::CloseFenced,
        Event::Rotated,
        Event::ShutDown,
    ],
    ..BASE
};

/// Linearizable reads against a zombie.
pub(crate) const READS: Config = Config {
    name: "reads",
    producers: &[1, 1],
    slots: 3,
    reads: 2,
    expects: &[Event::ReadAnswered, Event::ReadFailed],
    ..BASE
};

/// A fenced node, with an entry of its own under way, races the taker for its shard.
pub(crate) const REOPEN: Config = Config {
    name: "reopen",
    opens: &[2, 2],
    producers: &[1, 1],
    slots: 2,
    topics: 1,
    expects: &[Event::EntryLostToTopic, Event::FencedReopened, Event::InheritedDuplicate],
    ..BASE
};

/// Two processes start on an empty metadata log.
pub(crate) const COLD: Config = Config {
    name: "cold",
    opens: &[1, 2],
    warm: false,
    producers: &[1, 1],
    inherited: true,
    expects: &[Event::EntryLost, Event::Fenced, Event::FencedReopened],
    ..BASE
};

/// All of it at once.
pub(crate) const EVERYTHING: Config = Config {
    name: "everything",
    opens: &[2, 1],
    producers: &[1, 1],
    inherited: true,
    checkpoints: true,
    close: true,
    reads: 1,
    ..BASE
};

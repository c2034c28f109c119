//! The bounds of each exhaustive run. A run differs from another only in what is allowed to happen in it.

use crate::events::Event;
use crate::world::{Rec, Requests, Shard, Sid};

/// Bounds of a state space.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Config {
    pub(crate) name: &'static str,
    pub(crate) shards: u8,
    /// Sessions that each process may open; more than one is a process that goes on after a fence.
    pub(crate) opens: &'static [u8],
    /// So many processes have a session from the start, and all shards are theirs.
    pub(crate) warm: u8,
    /// Shard i begins with process i; else the first has all.
    pub(crate) split: bool,
    /// Records of each idempotent producer, one to a batch; producer i writes to shard i mod shards.
    pub(crate) producers: &'static [u8],
    /// Slots in flight per session.
    pub(crate) window: u8,
    /// Slots per session, those for CLOSE and SEAL not counted.
    pub(crate) slots: u8,
    /// An owner writes what it inherited as checkpoint 0.
    pub(crate) inherited: bool,
    /// An owner writes checkpoints over its own slots.
    pub(crate) checkpoints: bool,
    /// A checkpoint writer waits until a write has ended or is given up. Else it gives up at once, which
    /// leaves out nothing that may land, only what the writer knows.
    pub(crate) waits: bool,
    /// An owner may shut down, or rotate if it may open another session.
    pub(crate) close: bool,
    /// A process with a session takes over others' shards.
    pub(crate) survivors: bool,
    /// A taker gives shard 1 to another survivor, if there is one.
    pub(crate) spread: bool,
    /// Replay takes two steps, and a session runs meanwhile; else it is done at once.
    pub(crate) slow: bool,
    /// Sessions read metadata as they go, which they need not if nothing can come to them.
    pub(crate) follows: bool,
    /// Ended sessions are deleted.
    pub(crate) deletes: bool,
    /// What clients, operators and tiering ask for in all.
    pub(crate) requests: Requests,
    /// What must have happened somewhere, so that the run is not empty talk.
    pub(crate) expects: &'static [Event],
}

impl Config {
    /// The id of process `p`'s `i`-th session.
    pub(crate) fn sid(&self, p: u8, i: u8) -> Sid {
        self.opens[..p as usize].iter().sum::<u8>() + i
    }

    /// The process of a session.
    pub(crate) fn process(&self, sid: Sid) -> u8 {
        (0..self.opens.len() as u8).rfind(|&p| self.sid(p, 0) <= sid).unwrap_or(0)
    }

    pub(crate) fn sessions(&self) -> usize {
        self.opens.iter().map(|&opens| opens as usize).sum()
    }

    pub(crate) fn records(&self) -> Rec {
        self.producers.iter().sum()
    }

    pub(crate) fn shard(&self, rec: Rec) -> Shard {
        self.sequence(rec).0 as u8 % self.shards
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

const NONE: Requests =
    Requests { reads: 0, rejections: 0, topics: 0, producer_ids: 0, releases: 0, compactions: 0, damages: 0 };

const BASE: Config = Config {
    name: "",
    shards: 1,
    opens: &[1, 1],
    warm: 1,
    split: false,
    producers: &[2],
    window: 2,
    slots: 2,
    inherited: false,
    checkpoints: false,
    waits: false,
    close: false,
    survivors: false,
    spread: false,
    slow: false,
    follows: false,
    deletes: false,
    requests: NONE,
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
    requests: Requests { topics: 1, ..NONE },
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
    producers: &[2],
    slots: 2,
    inherited: true,
    checkpoints: true,
    expects: &[Event::ReplayedFromCheckpoint, Event::ReplayedThroughChain, Event::SealedFromCheckpoint],
    ..BASE
};

/// An owner reads in metadata that its session has ended while a slot is in flight that landed before the
/// SEAL.
pub(crate) const AFTER_END: Config = Config {
    name: "after the end",
    opens: &[1, 1, 1],
    producers: &[1, 1],
    window: 1,
    slots: 1,
    checkpoints: true,
    waits: true,
    follows: true,
    expects: &[Event::ConfirmedAfterEnd, Event::CaptureDropped, Event::LandedPastEnd, Event::GivenUpLanded],
    ..BASE
};

/// A taker or a new owner finds the newest checkpoint damaged.
pub(crate) const FALLBACK: Config = Config {
    name: "fallback",
    opens: &[1, 1, 1],
    producers: &[2],
    window: 1,
    slots: 2,
    inherited: true,
    checkpoints: true,
    slow: true,
    requests: Requests { damages: 1, ..NONE },
    expects: &[Event::FellBack, Event::ReplayedFromCheckpoint, Event::ReplayedThroughChain],
    ..BASE
};

/// A shard goes to another session and comes back by a takeover, while its first one writes checkpoints.
pub(crate) const RETURN: Config = Config {
    name: "a shard that returns",
    shards: 2,
    opens: &[1, 1],
    warm: 2,
    producers: &[1, 1],
    window: 1,
    slots: 2,
    survivors: true,
    checkpoints: true,
    requests: Requests { releases: 1, ..NONE },
    expects: &[Event::MovedBack, Event::ReleasedInCheckpoint, Event::SealedFromCheckpoint],
    ..BASE
};

/// Clean shutdown and rotation, with a taker that does not know of them.
pub(crate) const CLOSE: Config = Config {
    name: "close",
    opens: &[2, 1],
    producers: &[1, 1],
    close: true,
    checkpoints: true,
    waits: true,
    expects: &[
        Event::CloseWithoutEntryTaken,
        Event::EndedTaken,
        Event::CloseFenced,
        Event::Rotated,
        Event::ShutDown,
        Event::RotatedWhileWriting,
        Event::LandedPastEnd,
        Event::GivenUpLanded,
    ],
    ..BASE
};

/// Linearizable reads against a zombie.
pub(crate) const READS: Config = Config {
    name: "reads",
    producers: &[1, 1],
    slots: 3,
    requests: Requests { reads: 2, ..NONE },
    expects: &[Event::ReadAnswered, Event::ReadFailed],
    ..BASE
};

/// A fenced node, with an entry of its own under way, races the taker for its shard.
pub(crate) const REOPEN: Config = Config {
    name: "reopen",
    opens: &[2, 2],
    producers: &[1, 1],
    slots: 2,
    requests: Requests { topics: 1, ..NONE },
    expects: &[Event::EntryLostToTopic, Event::FencedReopened, Event::InheritedDuplicate],
    ..BASE
};

/// Two processes start on an empty metadata log.
pub(crate) const COLD: Config = Config {
    name: "cold",
    opens: &[1, 2],
    warm: 0,
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
    waits: true,
    close: true,
    requests: Requests { reads: 1, ..NONE },
    ..BASE
};

/// A record is refused by a process that holds the state, a zombie perhaps.
pub(crate) const REJECTIONS: Config = Config {
    name: "rejections",
    producers: &[2, 1],
    slots: 3,
    requests: Requests { rejections: 2, ..NONE },
    expects: &[Event::Rejected, Event::RejectionFailed],
    ..BASE
};

/// Producer ids, from blocks that an OPEN or a further entry gives.
pub(crate) const PRODUCER_IDS: Config = Config {
    name: "producer ids",
    opens: &[2, 2],
    producers: &[1],
    slots: 1,
    requests: Requests { producer_ids: 3, topics: 1, ..NONE },
    expects: &[Event::FurtherBlock, Event::IdAfterOthersEntry, Event::FencedReopened],
    ..BASE
};

/// Two shards and two nodes: a shard is released, moved and moved back, while either node may be taken over.
pub(crate) const MOVES: Config = Config {
    name: "moves",
    shards: 2,
    opens: &[1, 1],
    warm: 2,
    producers: &[1, 1],
    survivors: true,
    slots: 2,
    requests: Requests { releases: 2, ..NONE },
    expects: &[
        Event::StartedFromRelease,
        Event::MovedBack,
        Event::ReleasedWithSlotInFlight,
        Event::ReleasedMoveLost,
        Event::ReleasedTaken,
        Event::GrantedWhileRunning,
        Event::LateAck,
    ],
    ..BASE
};

/// Two takers, with sessions of their own, spread a dead session's shards over both.
pub(crate) const SPREAD: Config = Config {
    name: "spread",
    shards: 2,
    opens: &[1, 1, 1],
    warm: 3,
    producers: &[1, 1],
    survivors: true,
    spread: true,
    slots: 1,
    window: 1,
    expects: &[Event::Spread, Event::EntryLost, Event::LateAck, Event::GrantedWhileRunning],
    ..BASE
};

/// A process rotates with two shards, one of them released and not yet moved, or one just granted.
pub(crate) const ROTATION: Config = Config {
    name: "rotation",
    shards: 2,
    opens: &[2, 1],
    warm: 2,
    producers: &[1, 1],
    window: 1,
    survivors: true,
    close: true,
    slots: 2,
    requests: Requests { releases: 1, ..NONE },
    expects: &[
        Event::Rotated,
        Event::ShutDown,
        Event::ReleasedRotated,
        Event::CloseFenced,
        Event::CloseWithoutEntryTaken,
        Event::StartedFromRelease,
    ],
    ..BASE
};

/// Checkpoints of sessions that release shards and get shards while they run.
pub(crate) const GRANTS: Config = Config {
    name: "grants",
    shards: 2,
    opens: &[1, 1],
    warm: 2,
    split: true,
    producers: &[1, 1],
    survivors: true,
    window: 1,
    checkpoints: true,
    slow: true,
    slots: 2,
    requests: Requests { releases: 1, ..NONE },
    expects: &[
        Event::CapturedWhileReplaying,
        Event::ReleasedInCheckpoint,
        Event::ReleasedTaken,
        Event::GrantedWhileRunning,
        Event::ReplayedFromCheckpoint,
        Event::SealedFromCheckpoint,
    ],
    ..BASE
};

/// Sessions are deleted while others still replay, and late PUTs bring objects back.
pub(crate) const DELETION: Config = Config {
    name: "deletion",
    shards: 1,
    opens: &[1, 1, 1],
    producers: &[1],
    inherited: true,
    checkpoints: true,
    slow: true,
    deletes: true,
    slots: 2,
    requests: Requests { compactions: 1, ..NONE },
    expects: &[
        Event::Compacted,
        Event::Deleted,
        Event::Resurrected,
        Event::SealResurrected,
        Event::ReplayMissedObject,
    ],
    ..BASE
};

/// The newest checkpoint is damaged, and what the older ones start from may be deleted.
pub(crate) const FALLBACK_AFTER_DELETION: Config = Config {
    name: "fallback after deletion",
    requests: Requests { compactions: 1, damages: 1, ..NONE },
    expects: &[Event::FellBack, Event::Deleted, Event::ReplayMissedObject],
    ..DELETION
};

/// Records in segments, and takeovers that start from before and after they got there.
pub(crate) const COMPACTION: Config = Config {
    name: "compaction",
    opens: &[1, 1, 1],
    producers: &[2],
    checkpoints: true,
    window: 1,
    slots: 3,
    requests: Requests { compactions: 1, ..NONE },
    expects: &[Event::Compacted, Event::ReplayedFromCheckpoint, Event::ReplayedThroughChain],
    ..BASE
};

/// Checkpoints of a session that released a shard, has no process to give it to, and goes on with another.
pub(crate) const FROZEN: Config = Config {
    name: "frozen",
    shards: 2,
    producers: &[1, 1],
    window: 1,
    checkpoints: true,
    waits: true,
    slots: 3,
    requests: Requests { releases: 1, ..NONE },
    expects: &[Event::ReleasedInCheckpoint, Event::ReleasedTaken],
    ..BASE
};

/// A process rotates while it replays a shard that it was just granted.
pub(crate) const ROTATION_WHILE_REPLAYING: Config = Config {
    name: "rotation while replaying",
    shards: 2,
    opens: &[2, 1],
    warm: 2,
    split: true,
    producers: &[1, 1],
    window: 1,
    close: true,
    slow: true,
    slots: 1,
    requests: Requests { releases: 1, ..NONE },
    expects: &[Event::Rotated, Event::RotatedWhileReplaying, Event::StartedFromRelease],
    ..BASE
};

/// Sessions are deleted after planned moves and takeovers.
pub(crate) const DELETION_AFTER_MOVES: Config = Config {
    name: "deletion after moves",
    opens: &[1, 1],
    warm: 2,
    producers: &[1],
    window: 1,
    survivors: true,
    checkpoints: true,
    deletes: true,
    slots: 2,
    requests: Requests { releases: 1, compactions: 1, ..NONE },
    expects: &[Event::StartedFromRelease, Event::Deleted, Event::Resurrected],
    ..BASE
};

/// Sessions are deleted after rotation, and a taker that knows of neither seals one of them.
pub(crate) const DELETION_AFTER_ROTATION: Config = Config {
    name: "deletion after rotation",
    opens: &[2, 1],
    producers: &[1],
    window: 1,
    close: true,
    inherited: true,
    deletes: true,
    slots: 2,
    requests: Requests { compactions: 1, ..NONE },
    expects: &[Event::Rotated, Event::Deleted, Event::Resurrected, Event::SealedDeleted],
    ..BASE
};

/// Two shards and deletion: a session that held both is needed until both are covered.
pub(crate) const DELETION_OF_TWO: Config = Config {
    name: "deletion with two shards",
    shards: 2,
    opens: &[1, 1, 1],
    warm: 2,
    split: true,
    producers: &[1, 1],
    window: 1,
    survivors: true,
    spread: true,
    inherited: true,
    checkpoints: true,
    slow: true,
    deletes: true,
    slots: 2,
    requests: Requests { releases: 1, compactions: 1, ..NONE },
    expects: &[Event::Spread, Event::Deleted, Event::StartedFromRelease],
    ..BASE
};

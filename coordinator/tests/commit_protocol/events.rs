//! What must happen somewhere in a run: reachability, kept beside the states so that it does not multiply them.

use std::sync::atomic::{AtomicU32, Ordering};

use stateright::Property;

use crate::model::Protocol;

/// Steps that a run must contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    LandedBeforeSeal,
    LandedPastSeal,
    ConflictWasOwn,
    ConflictWasNothing,
    Fenced,
    FencedReopened,
    LateAck,
    InheritedDuplicate,
    EntryLost,
    EntryLostToTopic,
    BareDead,
    UnbornOwnerTaken,
    ReplayedFromCheckpoint,
    ReplayedThroughChain,
    SealedFromCheckpoint,
    CloseWithoutEntryTaken,
    EndedTaken,
    CloseFenced,
    Rotated,
    ShutDown,
    ReadAnswered,
    ReadFailed,
}

/// The events seen so far, by any checker thread.
#[derive(Debug, Default)]
pub(crate) struct Seen(AtomicU32);

impl Seen {
    pub(crate) fn mark(&self, event: Event) {
        self.0.fetch_or(1 << event as u32, Ordering::Relaxed);
    }

    fn has(&self, event: Event) -> bool {
        self.0.load(Ordering::Relaxed) & (1 << event as u32) != 0
    }
}

/// The `sometimes` property of an event.
pub(crate) fn sometimes(event: Event) -> Property<Protocol> {
    macro_rules! table {
        ($($name:ident: $words:literal,)*) => {
            match event {
                $(Event::$name => Property::sometimes($words, |model, _| model.seen.has(Event::$name)),)*
            }
        };
    }
    table! {
        LandedBeforeSeal: "a slot in flight lands before the seal that was sent for its key",
        LandedPastSeal: "a slot lands past the SEAL, and is void",
        ConflictWasOwn: "a conflict turns out to be the own slot",
        ConflictWasNothing: "a conflict is reported where nothing landed",
        Fenced: "a node finds the SEAL",
        FencedReopened: "a fenced node serves again in a new session",
        LateAck: "a slot below the cut is acknowledged after the cut was recorded",
        InheritedDuplicate: "a retry at the next owner is answered with the inherited offset",
        EntryLost: "a proposer loses the race for its entry",
        EntryLostToTopic: "a taker loses its entry to one that leaves the owner as it was",
        BareDead: "a fenced node completes its DEAD entry and nothing else",
        UnbornOwnerTaken: "a shard is taken from a session that never served",
        ReplayedFromCheckpoint: "slots are replayed on top of a checkpoint",
        ReplayedThroughChain: "a session without a checkpoint is replayed on top of its predecessor",
        SealedFromCheckpoint: "sealing starts past a checkpoint",
        CloseWithoutEntryTaken: "a taker finds CLOSE, and no CLOSED entry",
        EndedTaken: "a shard is taken from a session whose end is recorded",
        CloseFenced: "a CLOSE loses its slot to a SEAL",
        Rotated: "a process rotates",
        ShutDown: "a process shuts down with a CLOSED entry",
        ReadAnswered: "a linearizable read is answered",
        ReadFailed: "a linearizable read fails because its node was fenced",
    }
}

//! What must happen somewhere in a run: reachability, kept beside the states so that it does not multiply them.

use std::sync::atomic::{AtomicU64, Ordering};

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
    Rejected,
    RejectionFailed,
    Spread,
    GrantedWhileRunning,
    CapturedWhileReplaying,
    StartedFromRelease,
    MovedBack,
    ReleasedWithSlotInFlight,
    ReleasedMoveLost,
    ReleasedTaken,
    ReleasedRotated,
    RotatedWhileReplaying,
    SealedDeleted,
    ReleasedInCheckpoint,
    Compacted,
    Deleted,
    Resurrected,
    SealResurrected,
    ReplayMissedObject,
    FurtherBlock,
    IdAfterOthersEntry,
    CaptureDropped,
    ConfirmedAfterEnd,
    LandedPastEnd,
    GivenUpLanded,
    RotatedWhileWriting,
    FellBack,
}

/// The events seen so far, by any checker thread.
#[derive(Debug, Default)]
pub(crate) struct Seen(AtomicU64);

impl Seen {
    pub(crate) fn mark(&self, event: Event) {
        self.0.fetch_or(1u64 << event as u32, Ordering::Relaxed);
    }

    fn has(&self, event: Event) -> bool {
        self.0.load(Ordering::Relaxed) & (1u64 << event as u32) != 0
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
        Rejected: "a record is refused because of the state held",
        RejectionFailed: "a refusal fails because its node was fenced",
        Spread: "one entry moves a dead session's shards to two survivors",
        GrantedWhileRunning: "a session with slots gets a shard",
        CapturedWhileReplaying: "a checkpoint is captured while a granted shard is not yet replayed",
        StartedFromRelease: "a new owner starts from a RELEASE",
        MovedBack: "a session gets a shard again that it released",
        ReleasedWithSlotInFlight: "a shard is released while a slot before is in flight",
        ReleasedMoveLost: "the MOVE of a released shard loses the race for its entry",
        ReleasedTaken: "a released shard, not yet moved, is taken from a dead session",
        ReleasedRotated: "a released shard, not yet moved, goes into the next session",
        RotatedWhileReplaying: "a process rotates with a shard that it has not replayed",
        SealedDeleted: "a taker that knows nothing of it seals a deleted session",
        ReleasedInCheckpoint: "a checkpoint holds a released shard, not yet moved",
        Compacted: "records are put into a segment",
        Deleted: "a session is deleted",
        Resurrected: "a late PUT brings back an object of a deleted session",
        SealResurrected: "a late SEAL lands where a deleted session had data",
        ReplayMissedObject: "a replay misses an object that was deleted, and starts over",
        FurtherBlock: "a session asks for a further block of producer ids",
        CaptureDropped: "a slot is confirmed and its capture is not used, as the session has ended",
        ConfirmedAfterEnd: "a slot is confirmed after its process read the session's end",
        LandedPastEnd: "a checkpoint lands after its session's end was recorded",
        GivenUpLanded: "a checkpoint lands that was given up",
        RotatedWhileWriting: "a process rotates while a checkpoint is being written",
        FellBack: "a replay starts from an older checkpoint, as the newest is damaged",
        IdAfterOthersEntry: "an id is handed out after another process's entry",
    }
}

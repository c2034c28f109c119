//! Seeded faults: each breaks one rule of the protocol, and the checker must find each.

use crate::config::{self, Config};

/// One broken rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// I3: slot n is acknowledged when it is confirmed itself, whatever is before it.
    AckOutOfOrder,
    /// I10: a duplicate of a batch in flight is answered at once, with the offset assigned.
    DuplicateAnsweredEarly,
    /// 409 or 412 for a slot counts as success, without a GET.
    ConflictIsSuccess,
    /// 409 or 412 for a slot counts as a SEAL there, without a GET.
    ConflictIsFence,
    /// I2: a retry sends the same nonce with one more record in the slot.
    RetryGrowsSlot,
    /// I2: a retry draws a fresh nonce, and a slot taken by "another" nonce is written again one further.
    RetryDrawsNonce,
    /// A node steps past the SEAL in its own session.
    StepsPastSeal,
    /// Metadata entries are put without the condition.
    OverwritesMetadata,
    /// I11: the loser of entry k sends the same entry at k+1.
    ResendsLostEntry,
    /// I11: as before, and MOVEs apply without looking at what they presume.
    ResendsLostEntryBlindly,
    /// I11: an entry without an answer is sent again at k+1.
    ResendsUnresolvedEntry,
    /// An entry k that exists counts as the own one.
    EntryConflictIsSuccess,
    /// An entry of the same process counts as the entry that was sent.
    ResolvesByProcess,
    /// I11: an entry decided from entries 0..k-1 is sent to whatever key is free by then.
    SendsToTheEnd,
    /// The taker serves when its entry was sent, not when it is known to stand.
    ServesBeforeGrant,
    /// I5: the taker takes the first absent slot for the cut and puts no SEAL.
    SkipsSeal,
    /// The SEAL goes one past the last slot listed, over any hole.
    SealsAtMaximumPlusOne,
    /// Sealing starts one slot past the first that the checkpoint does not cover.
    SealsPastCheckpoint,
    /// Replay starts there.
    ReplaysPastCheckpoint,
    /// I1: replay takes every slot that exists, past the recorded cut too.
    ObjectsOverCut,
    /// CLOSE is put while slots are in flight.
    ClosesWithSlotInFlight,
    /// Records are still accepted after CLOSE was put.
    AcceptsAfterClose,
    /// A checkpoint covers a slot in flight.
    CheckpointsUnconfirmed,
    /// A checkpoint covers a confirmed slot behind one that is not.
    CheckpointsOverGap,
    /// A capture is written though its session ended before its slot was confirmed, and with it the
    /// partitions: the checkpoint has shards without records.
    ChecksNoEnd,
    /// The same, and the shards are not in the checkpoint either.
    LeavesOutAfterEnd,
    /// A further attempt of a checkpoint has what was confirmed since, under the same name.
    RetryGrowsCheckpoint,
    /// Changes that were in a checkpoint which was given up are in no later one.
    LosesGivenUp,
    /// A process that rotates writes the state of its former session under the next one's key.
    WritesUnderNextSession,
    /// A checkpoint that was begun for the former session counts as the next one's when it is written.
    CreditsNextSession,
    /// A shard that comes back to a session is taken as unchanged since it went.
    KeepsImageOfMoved,
    /// A session has one checkpoint, and the last PUT that lands is it.
    OverwritesCheckpoint,
    /// Recovery takes an older checkpoint for a damaged one, and replays from the damaged one's slot.
    FallbackSkipsSlots,
    /// A damaged checkpoint counts as one without the shard.
    DamagedIsEmpty,
    /// Recovery takes the last checkpoint and does not replay what follows.
    InheritsWithoutReplay,
    /// Recovery takes a session without a checkpoint for one that started empty.
    ForgetsPredecessors,
    /// A linearizable read is answered from memory.
    ReadsWithoutBarrier,
    /// A linearizable read waits for a slot whose PUT was issued before it.
    BarrierIssuedBefore,
    /// A record is refused from memory.
    RejectsWithoutBarrier,
    /// A refusal waits for a slot whose PUT was issued before the request.
    RejectBarrierIssuedBefore,
    /// Producer ids are counted by each process.
    ProducerIdsFromCounter,
    /// A block of producer ids is not used up.
    BlockUsedTwice,
    /// I5: the MOVE is proposed as soon as the RELEASE is sent.
    MovesBeforeReleaseIsAcknowledged,
    /// I3, I5: the MOVE is proposed when the RELEASE is confirmed itself, whatever is before it.
    MovesOverGap,
    /// I4: a session still appends to a shard that it released.
    AppendsAfterRelease,
    /// I11: the MOVE of a released shard applies though its session is dead.
    MovesReleasedOfDead,
    /// The state in a RELEASE has no leader epochs.
    MoveLosesLeaders,
    /// Compaction drops the leader epochs of what it moves to a segment.
    CompactionLosesLeaders,
    /// I4: a checkpoint leaves out a shard that is released and not yet moved.
    CheckpointDropsReleased,
    /// A checkpoint names the metadata read, though a shard granted before is not yet replayed.
    AsOfPastReplay,
    /// A session serves a shard that it was granted and has not replayed.
    ServesBeforeReplay,
    /// I6: deletion takes the SEAL too.
    DeletesSeal,
    /// I6: a session is deleted though no entry records its end.
    DeletesUnsealed,
    /// I6: a session is deleted once its shards have other owners, whatever they wrote.
    DeletesUncovered,
    /// I6: a session is deleted though the later checkpoint names a tenure in it.
    DeletesNamedTenure,
    /// I6: a slot of an open session whose records were all trimmed is deleted, and its key is used again.
    ReusesTrimmedSlot,
    /// A slot that is gone counts as one without records.
    MissingSlotIsEmpty,
    /// Replay looks only for the checkpoint that the session's end names.
    RecordedCheckpointOnly,
}

impl Mutant {
    /// The proposer does not look whether its own entry was void.
    pub(crate) fn trusts_its_entry(self) -> bool {
        use Mutant::{EntryConflictIsSuccess, ResendsLostEntry, ResendsUnresolvedEntry, ResolvesByProcess};
        matches!(self, EntryConflictIsSuccess | ResendsLostEntry | ResendsUnresolvedEntry | ResolvesByProcess)
    }

    /// Clients lose nothing within the bounds. A void entry is all the harm done, because what proposers
    /// presume is a second fence behind I11; or a shard stays without an owner, because no process finds its
    /// log; or a false checkpoint is written, and no process starts from it.
    pub(crate) fn is_held(self) -> bool {
        matches!(
            self,
            Mutant::SendsToTheEnd
                | Mutant::RecordedCheckpointOnly
                | Mutant::LeavesOutAfterEnd
                | Mutant::CreditsNextSession
                | Mutant::KeepsImageOfMoved
                | Mutant::OverwritesCheckpoint
        )
    }

    /// The configuration that shows it; the protocol itself holds there.
    pub(crate) fn config(self) -> Config {
        match self {
            Mutant::OverwritesMetadata
            | Mutant::ResendsLostEntry
            | Mutant::ResendsLostEntryBlindly
            | Mutant::ResendsUnresolvedEntry
            | Mutant::EntryConflictIsSuccess
            | Mutant::SendsToTheEnd => config::RACE,
            Mutant::ResolvesByProcess => config::REOPEN,
            Mutant::ClosesWithSlotInFlight
            | Mutant::AcceptsAfterClose
            | Mutant::WritesUnderNextSession
            | Mutant::CreditsNextSession => config::CLOSE,
            Mutant::ChecksNoEnd | Mutant::LeavesOutAfterEnd => config::AFTER_END,
            Mutant::LosesGivenUp
            | Mutant::RetryGrowsCheckpoint
            | Mutant::OverwritesCheckpoint
            | Mutant::CheckpointDropsReleased => config::FROZEN,
            Mutant::FallbackSkipsSlots | Mutant::DamagedIsEmpty => config::FALLBACK,
            Mutant::KeepsImageOfMoved => config::RETURN,
            Mutant::CheckpointsUnconfirmed
            | Mutant::CheckpointsOverGap
            | Mutant::SealsPastCheckpoint
            | Mutant::ReplaysPastCheckpoint
            | Mutant::InheritsWithoutReplay
            | Mutant::ForgetsPredecessors => config::CHECKPOINTS,
            Mutant::ReadsWithoutBarrier | Mutant::BarrierIssuedBefore => config::READS,
            Mutant::RejectsWithoutBarrier | Mutant::RejectBarrierIssuedBefore => config::REJECTIONS,
            Mutant::ProducerIdsFromCounter | Mutant::BlockUsedTwice => config::PRODUCER_IDS,
            Mutant::MovesBeforeReleaseIsAcknowledged
            | Mutant::MovesOverGap
            | Mutant::AppendsAfterRelease
            | Mutant::MovesReleasedOfDead
            | Mutant::MoveLosesLeaders => config::MOVES,
            Mutant::AsOfPastReplay | Mutant::ServesBeforeReplay => config::GRANTS,
            Mutant::CompactionLosesLeaders | Mutant::ReusesTrimmedSlot => config::COMPACTION,
            Mutant::DeletesSeal
            | Mutant::DeletesUnsealed
            | Mutant::DeletesUncovered
            | Mutant::DeletesNamedTenure
            | Mutant::MissingSlotIsEmpty
            | Mutant::RecordedCheckpointOnly => config::DELETION,
            _ => config::TAKEOVER,
        }
    }
}

//! Faults of the protocol, put in on purpose: a search for faults must find these.
//!
//! They exist only with the feature `mutants`; without it [`is`] is `false`, and so is every branch on it. At most
//! one is active, in one thread, so that a simulation can run another one in each.

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutant {
    /// A session is taken for ended without a seal in its first free slot.
    SkipSeal,
    /// The seal goes behind the last slot that is there, past those that are not.
    SealAtMaximum,
    /// A slot is acknowledged when it is confirmed, though one before it is not (I3).
    AcknowledgeOutOfOrder,
    /// A duplicate of a batch in flight is answered at once (I10).
    AnswerDuplicateEarly,
    /// An error that follows from a batch in flight, or from state that may be old, is answered at once (I10).
    RejectWithoutBarrier,
    /// "Already exists" is success, whichever process wrote the object.
    ConflictAsSuccess,
    /// A write is repeated under another nonce (I2).
    ChangeNonce,
    /// A metadata entry that lost its place is put into the next one as it is (I11).
    ResendLostEntry,
    /// A session is read as far as there are slots, whatever its recorded cut (I1).
    TrustObjects,
    /// A shard is moved before its RELEASE is acknowledged (I5).
    MoveBeforeRelease,
    /// Batches are appended to a shard that has been released (I4).
    AppendAfterRelease,
    /// CLOSE is put while slots are in flight.
    CloseInFlight,
    /// Every session hands out the same producer ids.
    LocalProducerIds,
    /// A shard that is moved loses where its leader epochs begin.
    LoseLeaderEpochs,
    /// A checkpoint is written while the slots that it covers are in flight.
    CheckpointUnconfirmed,
    /// A shard is served before its records have been replayed.
    ServeBeforeReplay,
    /// A log's beginning is not replayed.
    ForgetTrims,
    /// A log's beginning is shown before its slot is acknowledged (I10).
    ShowTrimsEarly,
    /// A group's reply leaves before the slot of what it tells is acknowledged (I10).
    AnswerGroupsEarly,
    /// A shard that is released loses its groups.
    ForgetGroups,
    /// A shard that is released loses its groups' members.
    ForgetMembers,
    /// A share partition's reply leaves before the slot of what it tells is acknowledged (I10).
    AnswerSharesEarly,
    /// A shard that is released loses its share partitions.
    ForgetShares,
    /// A checkpoint leaves out the share partitions.
    CheckpointWithoutShares,
    /// A node that follows an older state of the cluster forgets topics of a newer one.
    ForgetNewTopics,
    /// A checkpoint is written of a session that has ended and forgotten its partitions.
    CheckpointAfterEnd,
    /// Whatever waits becomes one slot, however large, and each attempt to put it has the same time.
    OneSlot,
    /// A store that answers reads counts as well, whatever becomes of the writes to it.
    IgnoreWriteAge,
    /// What a batch says of itself is not compared with the position that led to it.
    TrustHeads,
    /// A shard that can't be rebuilt keeps all others from being served.
    OneDamageStopsAll,
    /// The wall clock is believed where it says that something is old, however far it went.
    BelieveClock,
    /// A session counts as reached from its beginning, whether any other node reaches it or not.
    GrantUnreached,
    /// What a shard carries is taken for a quarter of what it is, where load is evened out.
    UnderrateShards,
    /// A share group's deletion misses the last partition of each topic.
    DeletePartOfShares,
}

impl Mutant {
    /// Every fault.
    pub const ALL: [Self; 34] = [
        Self::SkipSeal,
        Self::SealAtMaximum,
        Self::AcknowledgeOutOfOrder,
        Self::AnswerDuplicateEarly,
        Self::RejectWithoutBarrier,
        Self::ConflictAsSuccess,
        Self::ChangeNonce,
        Self::ResendLostEntry,
        Self::TrustObjects,
        Self::MoveBeforeRelease,
        Self::AppendAfterRelease,
        Self::CloseInFlight,
        Self::LocalProducerIds,
        Self::LoseLeaderEpochs,
        Self::CheckpointUnconfirmed,
        Self::ServeBeforeReplay,
        Self::ForgetTrims,
        Self::ShowTrimsEarly,
        Self::AnswerGroupsEarly,
        Self::ForgetGroups,
        Self::ForgetMembers,
        Self::AnswerSharesEarly,
        Self::ForgetShares,
        Self::CheckpointWithoutShares,
        Self::ForgetNewTopics,
        Self::CheckpointAfterEnd,
        Self::OneSlot,
        Self::IgnoreWriteAge,
        Self::TrustHeads,
        Self::OneDamageStopsAll,
        Self::BelieveClock,
        Self::GrantUnreached,
        Self::UnderrateShards,
        Self::DeletePartOfShares,
    ];
}

#[cfg(feature = "mutants")]
thread_local! {
    static ACTIVE: std::cell::Cell<Option<Mutant>> = const { std::cell::Cell::new(None) };
}

/// Makes a fault the one that this thread has.
#[cfg(feature = "mutants")]
pub fn activate(mutant: Option<Mutant>) {
    ACTIVE.set(mutant);
}

/// Whether this thread has the fault.
#[cfg(feature = "mutants")]
#[inline]
pub fn is(mutant: Mutant) -> bool {
    ACTIVE.get() == Some(mutant)
}

/// Whether this thread has the fault: it has none.
#[cfg(not(feature = "mutants"))]
#[inline]
pub const fn is(_: Mutant) -> bool {
    false
}

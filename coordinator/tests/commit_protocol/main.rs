//! The commit protocol (architecture, section 3), checked exhaustively within small bounds.
//!
//! [`model`] says which steps there are. [`commit`], [`checkpoint`], [`writer`], [`handover`], [`takeover`],
//! [`recovery`], [`deletion`] and [`producer_ids`] say what processes do with their memory, [`node`];
//! [`world`] what the store holds, [`log`] what a shard does, [`meta`] how metadata folds; [`properties`]
//! what must hold; [`config`] the bounds; [`mutants`] which broken rules the checker must find. Left out:
//! snapshots, groups and transactions, the index objects of checkpoints, and how tiering chooses what to
//! compact. `cargo test -p coordinator --test commit_protocol -- --nocapture` shows the counts, the
//! counterexamples and the mutation score; with `--ignored` the larger bounds are searched.

mod checkpoint;
mod commit;
mod config;
mod deletion;
mod events;
mod handover;
mod log;
mod meta;
mod model;
mod mutants;
mod node;
mod producer_ids;
mod properties;
mod recovery;
mod takeover;
mod world;
mod writer;

use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model};

use config::Config;
use model::{Action, Protocol};
use mutants::Mutant;

fn holds(cfg: Config) {
    #[expect(clippy::disallowed_methods, reason = "how long the search took is only printed")]
    let started = Instant::now();
    let checker =
        Protocol::new(cfg, None).checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    println!(
        "{}: {} unique states, {} generated, depth {}, {:.1?}",
        cfg.name,
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        started.elapsed(),
    );
    checker.assert_properties();
}

/// One test for each configuration, all exhaustive.
mod correct_protocol_holds {
    macro_rules! configurations {
        ($($(#[$attr:meta])* $test:ident: $config:ident,)*) => {
            $(#[test] $(#[$attr])* fn $test() { super::holds(super::config::$config); })*
        };
    }
    configurations! {
        takeover: TAKEOVER,
        race: RACE,
        reopen: REOPEN,
        checkpoints: CHECKPOINTS,
        after_end: AFTER_END,
        fallback: FALLBACK,
        shard_that_returns: RETURN,
        close: CLOSE,
        reads: READS,
        cold: COLD,
        rejections: REJECTIONS,
        producer_ids: PRODUCER_IDS,
        moves: MOVES,
        spread: SPREAD,
        rotation: ROTATION,
        grants: GRANTS,
        frozen: FROZEN,
        compaction: COMPACTION,
        deletion: DELETION,
        rotation_while_replaying: ROTATION_WHILE_REPLAYING,
        deletion_after_moves: DELETION_AFTER_MOVES,
        #[ignore = "more than 1 million states, not yet run to its end"]
        deletion_after_rotation: DELETION_AFTER_ROTATION,
        #[ignore = "more than 1 million states, not yet run to its end"]
        deletion_of_two: DELETION_OF_TWO,
        #[ignore = "more than 1 million states, minutes"]
        fallback_after_deletion: FALLBACK_AFTER_DELETION,
        #[ignore = "more than 7.5 million states: minutes, gigabytes"]
        everything: EVERYTHING,
    }
}

/// How a mutant was found out.
#[derive(Debug)]
struct Counterexample {
    /// A promise to clients if one is broken, else another property.
    property: &'static str,
    trace: Vec<Action>,
    states: usize,
}

/// Runs until a promise to clients is broken, or through so many states.
fn counterexample(mutant: Mutant) -> Option<Counterexample> {
    let checker = Protocol::new(mutant.config(), Some(mutant))
        .checker()
        .finish_when(HasDiscoveries::AnyOf(properties::PROMISES.into()))
        .target_state_count(6_000_000)
        .spawn_bfs()
        .join();
    let found = checker.discoveries();
    let property =
        properties::always().iter().map(|always| always.name).find(|name| found.contains_key(name))?;
    let trace = found[property].clone().into_actions().into_iter().collect();
    Some(Counterexample { property, trace, states: checker.unique_state_count() })
}

/// One test for each mutant, and the score.
mod mutant_is_caught {
    use std::sync::OnceLock;

    use super::properties::PROMISES;
    use super::{Counterexample, Mutant};

    macro_rules! mutants {
        ($($test:ident: $mutant:ident,)*) => {
            const ALL: &[Mutant] = &[$(Mutant::$mutant),*];
            $(#[test] fn $test() { caught(Mutant::$mutant); })*
        };
    }
    mutants! {
        ack_out_of_order: AckOutOfOrder,
        duplicate_answered_early: DuplicateAnsweredEarly,
        conflict_is_success: ConflictIsSuccess,
        conflict_is_fence: ConflictIsFence,
        retry_grows_slot: RetryGrowsSlot,
        retry_draws_nonce: RetryDrawsNonce,
        steps_past_seal: StepsPastSeal,
        overwrites_metadata: OverwritesMetadata,
        resends_lost_entry: ResendsLostEntry,
        resends_lost_entry_blindly: ResendsLostEntryBlindly,
        resends_unresolved_entry: ResendsUnresolvedEntry,
        entry_conflict_is_success: EntryConflictIsSuccess,
        resolves_by_process: ResolvesByProcess,
        sends_to_the_end: SendsToTheEnd,
        serves_before_grant: ServesBeforeGrant,
        skips_seal: SkipsSeal,
        seals_at_maximum_plus_one: SealsAtMaximumPlusOne,
        seals_past_checkpoint: SealsPastCheckpoint,
        replays_past_checkpoint: ReplaysPastCheckpoint,
        objects_over_cut: ObjectsOverCut,
        closes_with_slot_in_flight: ClosesWithSlotInFlight,
        accepts_after_close: AcceptsAfterClose,
        checkpoints_unconfirmed: CheckpointsUnconfirmed,
        checkpoints_over_gap: CheckpointsOverGap,
        checks_no_end: ChecksNoEnd,
        leaves_out_after_end: LeavesOutAfterEnd,
        retry_grows_checkpoint: RetryGrowsCheckpoint,
        loses_given_up: LosesGivenUp,
        writes_under_next_session: WritesUnderNextSession,
        credits_next_session: CreditsNextSession,
        keeps_image_of_moved: KeepsImageOfMoved,
        overwrites_checkpoint: OverwritesCheckpoint,
        fallback_skips_slots: FallbackSkipsSlots,
        damaged_is_empty: DamagedIsEmpty,
        inherits_without_replay: InheritsWithoutReplay,
        forgets_predecessors: ForgetsPredecessors,
        reads_without_barrier: ReadsWithoutBarrier,
        barrier_issued_before: BarrierIssuedBefore,
        rejects_without_barrier: RejectsWithoutBarrier,
        reject_barrier_issued_before: RejectBarrierIssuedBefore,
        producer_ids_from_counter: ProducerIdsFromCounter,
        block_used_twice: BlockUsedTwice,
        moves_before_release_is_acknowledged: MovesBeforeReleaseIsAcknowledged,
        moves_over_gap: MovesOverGap,
        appends_after_release: AppendsAfterRelease,
        moves_released_of_dead: MovesReleasedOfDead,
        move_loses_leaders: MoveLosesLeaders,
        compaction_loses_leaders: CompactionLosesLeaders,
        checkpoint_drops_released: CheckpointDropsReleased,
        as_of_past_replay: AsOfPastReplay,
        serves_before_replay: ServesBeforeReplay,
        deletes_seal: DeletesSeal,
        deletes_unsealed: DeletesUnsealed,
        deletes_uncovered: DeletesUncovered,
        deletes_named_tenure: DeletesNamedTenure,
        reuses_trimmed_slot: ReusesTrimmedSlot,
        missing_slot_is_empty: MissingSlotIsEmpty,
        recorded_checkpoint_only: RecordedCheckpointOnly,
    }

    /// What was found for each mutant, by whichever test came first.
    static FOUND: [OnceLock<Option<Counterexample>>; ALL.len()] = [const { OnceLock::new() }; ALL.len()];

    fn counterexample(mutant: Mutant) -> Option<&'static Counterexample> {
        let at = ALL.iter().position(|&other| other == mutant)?;
        FOUND[at].get_or_init(|| super::counterexample(mutant)).as_ref()
    }

    fn caught(mutant: Mutant) {
        let Some(Counterexample { property, trace, states }) = counterexample(mutant) else {
            panic!("{mutant:?} was not caught");
        };
        println!("{mutant:?}, among {states} states: not so that {property}:\n{trace:#?}");
        assert_eq!(PROMISES.contains(property), !mutant.is_held(), "{mutant:?} broke: {property}");
    }

    #[test]
    fn score() {
        let found: Vec<_> = ALL.iter().filter_map(|&mutant| counterexample(mutant)).collect();
        let promises = found.iter().filter(|found| PROMISES.contains(&found.property)).count();
        let (caught, all) = (found.len(), ALL.len());
        println!("mutants: {caught} of {all} caught, {promises} of them break a promise to clients");
        assert_eq!(caught, all);
    }
}

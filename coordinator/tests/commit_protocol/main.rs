//! The commit protocol of one shard (architecture, section 3), checked exhaustively within small bounds.
//!
//! [`model`] says which steps there are; [`commit`], [`takeover`] and [`recovery`] what processes do with their
//! memory, [`node`]; [`world`] what the store holds; [`meta`] how metadata folds; [`properties`] what must hold;
//! [`mutants`] which broken rules the checker must find. Left out: deletion, planned moves between nodes, several
//! shards, snapshots, rejections. `-- --nocapture` shows the counts, the counterexamples and the mutation score.

mod commit;
mod config;
mod events;
mod meta;
mod model;
mod mutants;
mod node;
mod properties;
mod recovery;
mod takeover;
mod world;

use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model};

use config::Config;
use model::{Action, Protocol};
use mutants::Mutant;

fn holds(cfg: Config) {
    #[expect(clippy::disallowed_methods, reason = "how long the search took is only printed")]
    let started = Instant::now();
    let checker = Protocol::new(cfg, None).checker().spawn_bfs().join();
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
        close: CLOSE,
        reads: READS,
        cold: COLD,
        #[ignore = "7.5 million states: one to three minutes, 1.2 GiB"]
        everything: EVERYTHING,
    }
}

/// How a mutant was found out.
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
        .target_state_count(1_000_000)
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
        inherits_without_replay: InheritsWithoutReplay,
        forgets_predecessors: ForgetsPredecessors,
        reads_without_barrier: ReadsWithoutBarrier,
        barrier_issued_before: BarrierIssuedBefore,
    }

    fn caught(mutant: Mutant) {
        let Some(Counterexample { property, trace, states }) = super::counterexample(mutant) else {
            panic!("{mutant:?} was not caught");
        };
        println!("{mutant:?}, among {states} states: not so that {property}:\n{trace:#?}");
        assert_eq!(PROMISES.contains(&property), !mutant.is_held(), "{mutant:?} broke: {property}");
    }

    #[test]
    fn score() {
        let found: Vec<_> = ALL.iter().filter_map(|&mutant| super::counterexample(mutant)).collect();
        let promises = found.iter().filter(|found| PROMISES.contains(&found.property)).count();
        let (caught, all) = (found.len(), ALL.len());
        println!("mutation score: {caught} of {all} caught, {promises} of them break a promise to clients");
        assert_eq!(caught, all);
    }
}

//! What runs came to.

use std::collections::BTreeMap;
use std::fmt;

use crate::chaos::Suffered;
use crate::fault::{FaultKind, Late};
use crate::misaddressed::Caused;
use crate::moves::Moves;

mod varied;

pub use varied::Varied;

/// What a run saw, or several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Runs.
    pub runs: u64,
    /// Simulated milliseconds.
    pub simulated_ms: u64,
    /// Records acknowledged.
    pub acknowledged: u64,
    /// Records that readers saw.
    pub seen: u64,
    /// Deletions of records that a client asked for.
    pub deletions: u64,
    /// Acknowledged records below where their logs begin in the end.
    pub dropped: u64,
    /// Requests to groups that were done: commits, syncs, heartbeats, departures.
    pub group_requests: u64,
    /// Groups' offsets read.
    pub offset_fetches: u64,
    /// Members that joined a generation of a classic group.
    pub joins: u64,
    /// Heartbeats of members of consumer groups.
    pub beats: u64,
    /// Requests that groups refused.
    pub group_refusals: u64,
    /// Records given to members of share groups.
    pub given: u64,
    /// Ranges of records of which members said something, durably.
    pub said: u64,
    /// Those of which something was said that was refused, or is unknown.
    pub unsaid: u64,
    /// Attempts whose outcome a producer did not learn.
    pub unknown: u64,
    /// Attempts that were repeated.
    pub retries: u64,
    /// Conditional writes whose outcome had to be read back.
    pub ambiguous: u64,
    /// Writes that landed after their failure was reported to their writer.
    pub late: u64,
    /// Those of them that brought back a deleted key.
    pub resurrected: u64,
    /// What happened to nodes.
    pub suffered: Suffered,
    /// How often tasks waited a moment though they could have continued.
    pub hesitated: u64,
    /// How shards changed hands.
    pub moves: Moves,
    /// What processes came to whose addresses were wrong.
    pub misaddressed: Caused,
    /// What clients of other kinds did.
    pub varied: Varied,
    /// What stores did, by fault.
    pub faults: BTreeMap<FaultKind, u64>,
    /// The hash of the trace; of several runs, of all of them together.
    pub hash: u64,
    /// How many lines the trace has.
    pub lines: u64,
    /// What must not be. Empty is good.
    pub violations: Vec<String>,
}

impl Report {
    /// Adds what late writes did.
    pub(crate) fn add_late(&mut self, late: Late) {
        self.late += late.landed;
        self.resurrected += late.resurrected;
    }

    /// Adds another run, but for its violations.
    pub fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.simulated_ms += other.simulated_ms;
        self.acknowledged += other.acknowledged;
        self.seen += other.seen;
        self.deletions += other.deletions;
        self.dropped += other.dropped;
        self.group_requests += other.group_requests;
        self.offset_fetches += other.offset_fetches;
        self.joins += other.joins;
        self.beats += other.beats;
        self.group_refusals += other.group_refusals;
        self.given += other.given;
        self.said += other.said;
        self.unsaid += other.unsaid;
        self.unknown += other.unknown;
        self.retries += other.retries;
        self.ambiguous += other.ambiguous;
        self.late += other.late;
        self.resurrected += other.resurrected;
        self.suffered.add(&other.suffered);
        self.hesitated += other.hesitated;
        self.moves.entries += other.moves.entries;
        self.moves.opened += other.moves.opened;
        self.moves.dead += other.moves.dead;
        self.moves.closed += other.moves.closed;
        self.moves.rotations += other.moves.rotations;
        self.moves.planned += other.moves.planned;
        self.moves.takeovers += other.moves.takeovers;
        self.moves.suspicions += other.moves.suspicions;
        self.misaddressed.add_run(&other.misaddressed);
        self.varied.add(&other.varied);
        for (kind, count) in &other.faults {
            *self.faults.entry(*kind).or_default() += count;
        }
        // Whatever the order in which runs are added.
        self.hash ^= other.hash;
        self.lines += other.lines;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { suffered, moves, misaddressed, .. } = self;
        writeln!(
            f,
            "{:.0} simulated seconds, {} records acknowledged, {} seen, {} retries, {} attempts of unknown outcome",
            self.simulated_ms as f64 / 1000.0,
            self.acknowledged,
            self.seen,
            self.retries,
            self.unknown,
        )?;
        writeln!(
            f,
            "{} deletions of records, {} acknowledged records dropped in the end",
            self.deletions, self.dropped,
        )?;
        writeln!(
            f,
            "groups: {} requests done, {} offset fetches, {} joins, {} heartbeats of consumer groups, {} refusals",
            self.group_requests, self.offset_fetches, self.joins, self.beats, self.group_refusals,
        )?;
        writeln!(
            f,
            "share groups: {} records given, {} acknowledgements done, {} refused or of unknown outcome",
            self.given, self.said, self.unsaid,
        )?;
        writeln!(
            f,
            "{} ambiguous writes, {} landed late, {} of them on deleted keys",
            self.ambiguous, self.late, self.resurrected,
        )?;
        writeln!(
            f,
            "{} kills, {} pauses, {} partitions, {} clocks set, {} shutdowns, {} drains, {} zombies",
            suffered.kills,
            suffered.pauses,
            suffered.partitions,
            suffered.clocks,
            suffered.shutdowns,
            suffered.drains,
            suffered.zombies,
        )?;
        writeln!(
            f,
            "{} stores slow, {} denied, {} out for all; {} objects damaged; {} sessions deposed; {} trials of {} producers, {} shards moved by load; {} hesitations",
            suffered.slow,
            suffered.denials,
            suffered.outages,
            suffered.damages,
            suffered.deposed,
            suffered.trials,
            suffered.tried,
            suffered.evened,
            self.hesitated,
        )?;
        writeln!(
            f,
            "{} metadata entries: {} sessions opened, {} dead, {} closed; {} takeovers, {} planned moves, {} rotations, {} suspicions",
            moves.entries,
            moves.opened,
            moves.dead,
            moves.closed,
            moves.takeovers,
            moves.planned,
            moves.rotations,
            moves.suspicions,
        )?;
        writeln!(
            f,
            "{} processes at wrong addresses: {} entries about them, {} sessions opened, {} shards given to them",
            misaddressed.processes, misaddressed.entries, misaddressed.opened, misaddressed.given,
        )?;
        writeln!(f, "{}", self.varied)?;
        writeln!(f, "store faults: {:?}", self.faults)?;
        write!(f, "trace: {:016x} ({} lines)", self.hash, self.lines)
    }
}

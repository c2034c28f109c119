use super::*;

/// The search in short; `tidelog-sim --seeds 1000` is the long one.
#[test]
fn nothing_acknowledged_is_lost_doubled_moved_or_out_of_order() {
    let mut total = Report::default();
    for seed in 0..16 {
        let (report, _) = run(&Scenario::of(seed), Options::default());
        assert_eq!(report.violations, Vec::<String>::new(), "repeat it: tidelog-sim --seed {seed}");
        total.add(&report);
    }
    let happened = [
        total.acknowledged,
        total.seen,
        total.group_requests,
        total.offset_fetches,
        total.joins,
        total.beats,
        total.given,
        total.said,
        total.ambiguous,
        total.late,
        total.suffered.kills,
        total.suffered.pauses,
        total.suffered.partitions,
        total.suffered.slow,
        total.suffered.denials,
        total.suffered.outages,
        total.suffered.damages,
        total.suffered.deposed,
        total.hesitated,
        total.moves.takeovers,
        total.moves.planned,
        total.moves.rotations,
        total.varied.created,
        total.varied.recreated,
        total.varied.auto_created,
        total.varied.deleted,
        total.varied.grown,
        total.varied.altered,
        total.varied.sends[0],
        total.varied.sends[1],
        total.varied.sends[2],
        total.varied.abandoned,
        total.varied.unread,
    ];
    assert!(happened.iter().all(|count| *count > 0), "something never happened: {total}");
}

/// Trace, history and report: a seed always gives the same run.
#[test]
fn a_seed_repeats_its_run() {
    let options = Options { history: true, ..Options::default() };
    let runs = [100, 101, 102].map(|seed| run(&Scenario::of(seed), options));
    for (seed, first) in (100..).zip(&runs) {
        assert!(first.0.lines > 1000);
        assert!(run(&Scenario::of(seed), options) == *first, "seed {seed} does not repeat its run");
    }
    assert_ne!(runs[0].0.hash, runs[1].0.hash);
}

//! What goes wrong in a run, and when it is mended.

use std::time::Duration;

use coordinator::cluster::{Op, SessionState};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use tokio::time::{Instant, sleep_until};

use crate::cluster::{Cluster, Running};
use crate::fault::{Blow, FaultPlan, Moment, Strike, Target, pause};
use crate::network::Host;
use crate::scenario::{Misfortune, Scenario};

/// What happened to nodes, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Suffered {
    /// Processes killed.
    pub kills: u64,
    /// Processes stopped for a while.
    pub pauses: u64,
    /// Links or machines cut off, from each other, from clients or from the store.
    pub partitions: u64,
    /// Clocks set.
    pub clocks: u64,
    /// Nodes stopped as they should be.
    pub shutdowns: u64,
    /// Nodes told to give their shards away.
    pub drains: u64,
    /// Processes that went on while another took their address.
    pub zombies: u64,
}

/// What ends a misfortune.
enum Mend {
    Start(usize),
    Restore(Vec<(Host, Host)>),
    Reach(usize),
    Undrain(usize),
    SetRight(usize),
}

/// Lets things go wrong for a while, then mends everything.
pub struct Chaos<'a> {
    scenario: &'a Scenario,
    cluster: &'a mut Cluster,
    rng: StdRng,
    /// In no order.
    due: Vec<(Instant, Mend)>,
    clients: usize,
    suffered: Suffered,
}

impl<'a> Chaos<'a> {
    /// Chaos in a cluster that so many clients use.
    pub fn new(scenario: &'a Scenario, cluster: &'a mut Cluster, rng: StdRng, clients: usize) -> Self {
        Self { scenario, cluster, rng, due: Vec::new(), clients, suffered: Suffered::default() }
    }

    /// Runs from the first node's start to the moment at which nothing is wrong any more.
    pub async fn run(mut self) -> Suffered {
        let until = Instant::now() + self.scenario.chaos;
        for node in 0..self.scenario.first {
            let at = Instant::now() + self.ms(0..300);
            self.due.push((at, Mend::Start(node)));
        }
        for node in self.scenario.first..self.cluster.len() {
            let at = Instant::now() + self.ms(0..40_000);
            self.due.push((at, Mend::Start(node)));
        }
        let mut next = Instant::now() + self.ms(2000..5000);
        loop {
            let soonest = self.due.iter().map(|(at, _)| *at).min().unwrap_or(next);
            // Not too late for who died meanwhile.
            let look = Instant::now() + Duration::from_secs(1);
            let at = soonest.min(next).min(look);
            sleep_until(at).await;
            if at >= until {
                break;
            }
            self.mend();
            self.replace();
            if Instant::now() >= next {
                self.misfortune();
                let gap = self.scenario.gap.as_millis() as u64;
                next = Instant::now() + self.ms(gap / 4..gap * 2);
            }
        }
        self.heal();
        self.suffered
    }

    fn ms(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.rng.random_range(range))
    }

    /// A duration between these, short ones more often than long ones.
    fn around(&mut self, least_ms: u64, most_ms: u64) -> Duration {
        let (least, most) = ((least_ms as f64).ln(), (most_ms as f64).ln());
        Duration::from_millis(self.rng.random_range(least..most).exp() as u64)
    }

    fn weather(&mut self) -> FaultPlan {
        match self.rng.random_bool(self.scenario.foul_share) {
            true => self.scenario.foul.clone(),
            false => self.scenario.fair.clone(),
        }
    }

    fn mend(&mut self) {
        let now = Instant::now();
        let due: Vec<_> = self.due.extract_if(.., |(at, _)| *at <= now).collect();
        for (_, mend) in due {
            match mend {
                Mend::Start(node) if self.cluster.current(node).is_none() => {
                    let weather = self.weather();
                    self.cluster.start(node, weather);
                }
                Mend::Start(_) => {}
                Mend::Restore(links) => {
                    links.iter().for_each(|(from, to)| self.cluster.network.restore(*from, *to));
                }
                Mend::Reach(node) => {
                    if let Some(running) = self.cluster.current(node) {
                        running.faults.set_reachable(true);
                    }
                }
                Mend::Undrain(node) => self.drain(node, false),
                Mend::SetRight(node) => self.cluster.set_right(node),
            }
        }
    }

    /// Starts another process, some time after one has died.
    fn replace(&mut self) {
        self.cluster.reap();
        for node in 0..self.cluster.len() {
            let due = self.due.iter().any(|(_, mend)| matches!(mend, Mend::Start(n) if *n == node));
            if self.cluster.current(node).is_none() && !due {
                let at = Instant::now() + self.around(50, 20_000);
                self.due.push((at, Mend::Start(node)));
            }
        }
    }

    fn misfortune(&mut self) {
        let node = self.rng.random_range(0..self.cluster.len());
        let weather = self.weather();
        if let Some(running) = self.cluster.current(node) {
            running.faults.set_plan(weather);
        }
        let allowed = Misfortune::ALL.iter().filter(|(kind, _)| self.scenario.misfortunes.contains(kind));
        let allowed: Vec<_> = allowed.copied().collect();
        let Ok((kind, _)) = allowed.choose_weighted(&mut self.rng, |(_, weight)| *weight) else { return };
        self.cluster.trace.line(format_args!("misfortune {kind:?} {node}"));
        self.inflict(*kind, node);
    }

    fn inflict(&mut self, kind: Misfortune, node: usize) {
        let strike = self.strike(kind);
        let (hour, long) = (3_600_000, self.around(1000, 120_000));
        let clock = self.rng.random_range(-hour..=hour);
        let zombie = self.weather();
        let lasts = self.around(300, 30_000);
        let at = Instant::now() + lasts;
        let Some(running) = self.cluster.current(node) else { return };
        match kind {
            Misfortune::Kill => {
                self.suffered.kills += 1;
                running.process.kill();
            }
            Misfortune::KillAtOperation => {
                self.suffered.kills += 1;
                running.faults.strike(strike);
            }
            Misfortune::Pause => {
                self.suffered.pauses += 1;
                pause(&running.process, long);
            }
            Misfortune::PauseAtOperation => {
                self.suffered.pauses += 1;
                running.faults.strike(strike);
            }
            Misfortune::Partition => self.partition(node, at),
            Misfortune::ClientPartition => self.part_clients(node, at),
            Misfortune::StoreLoss => {
                self.suffered.partitions += 1;
                running.faults.set_reachable(false);
                self.due.push((at, Mend::Reach(node)));
            }
            Misfortune::Clock => {
                self.suffered.clocks += 1;
                self.cluster.step_clock(node, clock);
                if clock % 2 == 0 {
                    self.cluster.lead_astray(node);
                    self.due.push((at, Mend::SetRight(node)));
                }
            }
            Misfortune::Shutdown => {
                self.suffered.shutdowns += 1;
                running.stop.cancel();
            }
            Misfortune::Drain => {
                self.suffered.drains += 1;
                self.drain(node, true);
                self.due.push((at, Mend::Undrain(node)));
            }
            Misfortune::RestartAll => {
                let all: Vec<_> = self.cluster.running().map(|running| running.process.clone()).collect();
                self.suffered.kills += all.len() as u64;
                all.iter().for_each(crate::process::Process::kill);
                for node in 0..self.cluster.len() {
                    let at = Instant::now() + self.ms(0..1500);
                    self.due.push((at, Mend::Start(node)));
                }
            }
            Misfortune::Reset => self.cluster.network.reset(Host::Node(node)),
            Misfortune::Zombie => {
                self.suffered.zombies += 1;
                self.cluster.start(node, zombie);
            }
        }
    }

    fn strike(&mut self, kind: Misfortune) -> Strike {
        let time = self.around(1000, 120_000);
        let blow = match kind {
            Misfortune::PauseAtOperation => Blow::Pause(time),
            _ => Blow::Kill,
        };
        let moment = if self.rng.random_bool(0.5) { Moment::Before } else { Moment::After };
        let targets = [Target::Any, Target::Writes, Target::Metadata, Target::Wal, Target::Wal];
        let target = *targets.choose(&mut self.rng).unwrap_or(&Target::Any);
        Strike { blow, moment, target, after: self.rng.random_range(0..6) }
    }

    /// Cuts a node off from some of the others, in one direction or both.
    fn partition(&mut self, node: usize, at: Instant) {
        let mut others: Vec<usize> = (0..self.cluster.len()).filter(|other| *other != node).collect();
        if others.is_empty() {
            return;
        }
        others.shuffle(&mut self.rng);
        others.truncate(self.rng.random_range(1..=others.len()));
        let ways = *[(true, true), (true, true), (true, false), (false, true)]
            .choose(&mut self.rng)
            .unwrap_or(&(true, true));
        self.silence(node, others.into_iter().map(Host::Node).collect(), ways, at);
    }

    fn part_clients(&mut self, node: usize, at: Instant) {
        let all: Vec<_> = (0..self.clients).filter(|_| self.rng.random_bool(0.6)).map(Host::Client).collect();
        let ways = (self.rng.random_bool(0.7), self.rng.random_bool(0.7));
        self.silence(node, all, ways, at);
    }

    fn silence(&mut self, node: usize, others: Vec<Host>, ways: (bool, bool), at: Instant) {
        self.suffered.partitions += 1;
        let node = Host::Node(node);
        let mut links = Vec::new();
        for other in others {
            links.extend(ways.0.then_some((node, other)));
            links.extend(ways.1.then_some((other, node)));
        }
        links.iter().for_each(|(from, to)| self.cluster.network.silence(*from, *to));
        self.due.push((at, Mend::Restore(links)));
    }

    fn drain(&self, node: usize, draining: bool) {
        if let Some(running) = self.cluster.current(node) {
            drain(running, draining);
        }
    }

    /// Mends everything that is wrong, and starts every node that is not there.
    fn heal(&mut self) {
        self.cluster.trace.line(format_args!("heal"));
        self.due.clear();
        self.cluster.bury();
        self.cluster.reap();
        self.cluster.network.restore_all();
        for node in 0..self.cluster.len() {
            let fair = self.scenario.fair.clone();
            self.cluster.set_right(node);
            match self.cluster.current(node) {
                Some(running) => {
                    running.process.resume();
                    running.faults.forgive();
                    running.faults.set_plan(fair);
                    running.faults.set_reachable(true);
                    drain(running, false);
                }
                None => self.cluster.start(node, fair),
            }
        }
    }
}

/// Asks that a node's sessions shall have no shards, or may have some again.
fn drain(running: &Running, draining: bool) {
    let Some(broker) = running.broker() else { return };
    drop(running.process.spawn(async move {
        let process = broker.process();
        let proposed = broker.propose(|cluster| {
            let open = cluster.sessions().filter(|s| s.process == process && s.state == SessionState::Open);
            let ops: Vec<_> = open.map(|s| Op::Drain { session: s.id, draining }).collect();
            if ops.is_empty() { Err(()) } else { Ok(ops) }
        });
        drop(proposed.await);
    }));
}

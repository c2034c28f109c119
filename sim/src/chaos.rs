//! What goes wrong in a run, and when it is mended.

use std::time::Duration;

use coordinator::SessionId;
use coordinator::cluster::{Op, SessionState};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use tiering::session::seal;
use tokio::time::{Instant, sleep, sleep_until};

use crate::cluster::{Cluster, Running};
use crate::fault::{Blow, Damage, Denial, Fault, FaultPlan, Moment, Status, Strike, Target, pause};
use crate::network::Host;
use crate::scenario::{Misfortune, Scenario};
use crate::trial::{Trial, even_out};

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
    /// Nodes asked to give their shards away.
    pub drains: u64,
    /// Processes that went on while another took their address.
    pub zombies: u64,
    /// Times that a node, or all of them, could write and read few bytes a second.
    pub slow: u64,
    /// Times that a node's store refused its writes, or some of them, and not its reads.
    pub denials: u64,
    /// Sessions that were ended though nothing was wrong with them.
    pub deposed: u64,
    /// Times that the store did nothing for any node.
    pub outages: u64,
    /// Objects that were damaged, and restored later.
    pub damages: u64,
    /// Times that the cluster had to serve in spite of one lasting fault; see [`crate::trial`].
    pub trials: u64,
    /// Producers that had to get on meanwhile.
    pub tried: u64,
    /// Shards that changed hands where producers wrote to a few partitions only.
    pub evened: u64,
}

impl Suffered {
    /// Adds what others suffered.
    pub fn add(&mut self, other: &Self) {
        self.kills += other.kills;
        self.pauses += other.pauses;
        self.partitions += other.partitions;
        self.clocks += other.clocks;
        self.shutdowns += other.shutdowns;
        self.drains += other.drains;
        self.zombies += other.zombies;
        self.slow += other.slow;
        self.denials += other.denials;
        self.deposed += other.deposed;
        self.outages += other.outages;
        self.damages += other.damages;
        self.trials += other.trials;
        self.tried += other.tried;
        self.evened += other.evened;
    }
}

/// What ends a misfortune.
enum Mend {
    Start(usize),
    Restore(Vec<(Host, Host)>),
    Reach(usize),
    Undrain(usize),
    SetRight(usize),
    Allow(usize),
    Speed(Option<usize>),
    Service,
    Rebuild(Damage),
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
            self.mend().await;
            self.replace();
            if Instant::now() >= next {
                self.misfortune().await;
                let gap = self.scenario.gap.as_millis() as u64;
                next = Instant::now() + self.ms(gap / 4..gap * 2);
            }
        }
        if let Some(time) = self.scenario.blackout {
            self.blackout(time).await;
        }
        self.heal().await;
        self.suffered
    }

    /// The store does nothing for any node, for long. What ends meanwhile is started again.
    async fn blackout(&mut self, time: Duration) {
        let until = Instant::now() + time;
        self.suffered.outages += 1;
        self.cluster.trace.line(format_args!("blackout {time:?}"));
        let faults = [Fault::Stall, Fault::DropBefore];
        self.cluster.ledger.set_outage(faults.choose(&mut self.rng).copied());
        self.due.retain(|(_, mend)| !matches!(mend, Mend::Service));
        while Instant::now() < until {
            sleep_until(until.min(Instant::now() + Duration::from_secs(5))).await;
            self.mend().await;
            self.replace();
        }
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

    async fn mend(&mut self) {
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
                Mend::Allow(node) => {
                    if let Some(running) = self.cluster.current(node) {
                        running.faults.deny(None);
                    }
                }
                Mend::Speed(node) => self.cluster.limit(node, None),
                Mend::Service => self.cluster.ledger.set_outage(None),
                Mend::Rebuild(damage) => damage.undo(&self.cluster.objects, &self.cluster.ledger).await,
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

    async fn misfortune(&mut self) {
        let node = self.rng.random_range(0..self.cluster.len());
        let weather = self.weather();
        if let Some(running) = self.cluster.current(node) {
            running.faults.set_plan(weather);
        }
        let allowed = Misfortune::ALL.iter().filter(|(kind, _)| self.scenario.misfortunes.contains(kind));
        let allowed: Vec<_> = allowed.copied().collect();
        let Ok((kind, _)) = allowed.choose_weighted(&mut self.rng, |(_, weight)| *weight) else { return };
        self.cluster.trace.line(format_args!("misfortune {kind:?} {node}"));
        if self.scenario.trial == Some(Trial::Skewed) {
            even_out(self.cluster);
        }
        match kind {
            Misfortune::Outage => self.outage(),
            Misfortune::Damage => self.damage().await,
            Misfortune::Slow if self.rng.random_bool(0.3) => self.slow(None),
            kind => self.inflict(*kind, node),
        }
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
            Misfortune::Deny => self.deny(node),
            Misfortune::Slow => self.slow(Some(node)),
            Misfortune::Depose => self.depose(node),
            Misfortune::Outage | Misfortune::Damage => {}
        }
    }

    /// Another node takes over what a node has, which goes on and knows nothing.
    fn depose(&mut self, node: usize) {
        let log = self.cluster.current(node).and_then(Running::broker).and_then(|broker| broker.log());
        let Some(session) = log.map(|log| log.session()) else { return };
        let others: Vec<_> = (0..self.cluster.len()).filter(|other| *other != node).collect();
        let Some(other) = others.choose(&mut self.rng).copied() else { return };
        let (later, held) = (self.ms(0..200), self.around(20, 1500));
        let dazed = self.around(500, 5000);
        let hold = Strike { blow: Blow::Hold(held), moment: Moment::After, target: Target::Wal, after: 0 };
        if let (Some(running), Some(other)) = (self.cluster.current(node), self.cluster.current(other)) {
            self.suffered.deposed += 1;
            // The answer to what it writes now comes when all is over.
            running.faults.strike(hold);
            running.process.daze(dazed);
            take_over(other, session, later);
        }
    }

    /// Some of a node's writes are refused, or get no answer.
    fn deny(&mut self, node: usize) {
        let denial = denial(&mut self.rng);
        let at = Instant::now() + self.around(1000, 120_000);
        if let Some(running) = self.cluster.current(node) {
            self.suffered.denials += 1;
            running.faults.deny(Some(denial));
            self.due.push((at, Mend::Allow(node)));
        }
    }

    /// A node, or everybody, can write and read few bytes a second.
    fn slow(&mut self, node: Option<usize>) {
        let rate = self.rng.random_range(2000_f64.ln()..200_000_f64.ln()).exp() as u64;
        let at = Instant::now() + self.around(1000, 60_000);
        self.suffered.slow += 1;
        self.cluster.limit(node, Some(rate));
        self.due.push((at, Mend::Speed(node)));
    }

    /// The store does nothing for any node.
    fn outage(&mut self) {
        let faults = [Fault::Stall, Fault::DropBefore, Fault::Refuse(Status::Unavailable)];
        let fault = faults.choose(&mut self.rng).copied();
        let at = Instant::now() + self.around(500, 60_000);
        self.suffered.outages += 1;
        self.cluster.ledger.set_outage(fault);
        self.due.push((at, Mend::Service));
    }

    /// Some stored object is not what was written, or can't be read, until it is restored.
    async fn damage(&mut self) {
        let at = Instant::now() + self.around(300, 30_000);
        let objects = &self.cluster.objects;
        if let Some(damage) = Damage::anywhere(objects, &self.cluster.ledger, &mut self.rng).await {
            self.suffered.damages += 1;
            self.cluster.trace.line(format_args!("{damage}"));
            self.due.push((at, Mend::Rebuild(damage)));
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
    async fn heal(&mut self) {
        self.cluster.trace.line(format_args!("heal"));
        for (_, mend) in std::mem::take(&mut self.due) {
            if let Mend::Rebuild(damage) = mend {
                damage.undo(&self.cluster.objects, &self.cluster.ledger).await;
            }
        }
        self.cluster.ledger.set_outage(None);
        self.cluster.limit(None, None);
        self.cluster.bury();
        self.cluster.reap();
        self.cluster.network.restore_all();
        for node in 0..self.cluster.len() {
            self.cluster.limit(Some(node), None);
            let fair = self.scenario.fair.clone();
            self.cluster.set_right(node);
            match self.cluster.current(node) {
                Some(running) => {
                    running.process.resume();
                    running.process.steady();
                    running.faults.forgive();
                    running.faults.deny(None);
                    running.faults.set_plan(fair);
                    running.faults.set_reachable(true);
                    drain(running, false);
                }
                None => self.cluster.start(node, fair),
            }
        }
    }
}

/// Lets a node end a session and record that, as it does when it takes the session's node for dead.
fn take_over(running: &Running, session: SessionId, after: Duration) {
    let Some(broker) = running.broker() else { return };
    drop(running.process.spawn(async move {
        sleep(after).await;
        let Ok(sealed) = seal(broker.store(), session, broker.process()).await else { return };
        let proposed = broker.propose(|cluster| {
            if cluster.session(session).is_none_or(|s| s.state != SessionState::Open) {
                return Err(());
            }
            let mut ops = vec![sealed.op(session)];
            let mut after = cluster.clone();
            if after.apply(cluster.next(), &ops).is_ok() {
                ops.extend(after.plan_takeover());
            }
            Ok(ops)
        });
        drop(proposed.await);
    }));
}

/// Writes that a store does not do for a node: all, or some; refused, or without an answer.
pub(crate) fn denial(rng: &mut StdRng) -> Denial {
    let targets = [Target::Writes, Target::Wal, Target::Metadata];
    let forbidden = Fault::Refuse(Status::Forbidden);
    let faults = [forbidden, forbidden, Fault::Refuse(Status::Unavailable), Fault::Stall];
    Denial {
        target: *targets.choose(rng).unwrap_or(&Target::Writes),
        fault: *faults.choose(rng).unwrap_or(&forbidden),
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

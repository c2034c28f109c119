//! A member of a share group (KIP-932): it sends heartbeats, reads what it is assigned at the partitions' leaders,
//! and says of each record that it is processed, may go to another member, can't be processed, or takes longer.

mod deleter;
mod exchange;
mod hand;
mod membership;
mod offsets;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use protocol::Uuid;
use rand::Rng;
use tokio::time::{Instant, sleep};

use super::seat::Seat;
use crate::client::{Connection, Leaders, PartitionIndex, Stage};
use crate::history::Event;
pub(super) use deleter::run as delete;
use hand::Hand;

/// A share session with a node.
struct Session {
    connection: Connection,
    /// Different from that of every other connection.
    number: u64,
    /// Of its next request.
    epoch: i32,
    partitions: BTreeSet<PartitionIndex>,
}

struct Member {
    seat: Seat,
    id: Arc<str>,
    epoch: i32,
    /// Whether the group knows what it reads.
    introduced: bool,
    assigned: BTreeSet<(Uuid, i32)>,
    leaders: Leaders,
    /// By node.
    sessions: BTreeMap<usize, Session>,
    hand: Hand,
    connections: u64,
    turn: usize,
    /// Whether its last request got records.
    got: bool,
}

/// Is a member until every record is settled, after the run.
pub(super) async fn run(mut seat: Seat) {
    seat.client.pause(0..3000).await;
    let mut member = Member::new(seat);
    let beat = member.seat.group.plan.session / 10;
    let (mut beats, mut looks) = (Instant::now(), Instant::now() + member.seat.client.ms(0..20_000));
    loop {
        if Instant::now() >= beats {
            let patience = match member.heartbeat().await {
                true => 2 * beat.as_millis() as u64,
                false => 750,
            };
            beats = Instant::now() + member.seat.client.ms(0..patience);
        }
        let draining = member.ends().is_some();
        if Instant::now() >= looks {
            if member.look().await {
                member.part().await;
                return;
            }
            let patience = if draining { 500 } else { 20_000 };
            looks = Instant::now() + member.seat.client.ms(0..patience);
        }
        if member.seat.group.plan.restless && member.seat.client.is_running() {
            member.wander().await;
        }
        member.turn().await;
        let most = match draining {
            true if member.got => 3,
            true => 150,
            false => 750,
        };
        member.seat.client.pause(0..most).await;
    }
}

fn fresh(seat: &mut Seat) -> Arc<str> {
    Arc::from(Uuid::from(seat.client.rng.random::<u128>()).to_string())
}

impl Member {
    fn new(mut seat: Seat) -> Self {
        let id = fresh(&mut seat);
        Self {
            seat,
            id,
            epoch: 0,
            introduced: false,
            assigned: BTreeSet::new(),
            leaders: Leaders::default(),
            sessions: BTreeMap::new(),
            hand: Hand::default(),
            connections: 0,
            turn: 0,
            got: false,
        }
    }

    /// Where the logs end, once they do.
    fn ends(&self) -> Option<Arc<BTreeMap<PartitionIndex, i64>>> {
        match &*self.seat.client.stage.borrow() {
            Stage::Draining(ends) => Some(Arc::clone(ends)),
            _ => None,
        }
    }

    /// The partitions that it is to read and whose leaders it knows, by node.
    fn led(&self) -> BTreeMap<usize, BTreeSet<PartitionIndex>> {
        let mut led: BTreeMap<usize, BTreeSet<PartitionIndex>> = BTreeMap::new();
        for (topic, index) in &self.assigned {
            let Some(topic) = self.leaders.topic(*topic) else { continue };
            if let Some(leader) = self.leaders.of((topic, *index)) {
                led.entry(leader.node).or_default().insert((topic, *index));
            }
        }
        led
    }

    /// Asks the leaders one after the other.
    async fn turn(&mut self) {
        let led = self.led();
        let known: usize = led.values().map(BTreeSet::len).sum();
        if known < self.assigned.len() || self.seat.client.rng.random_bool(0.01) {
            self.refresh().await;
        }
        self.turn += 1;
        let nodes: BTreeSet<usize> = led.keys().chain(self.sessions.keys()).copied().collect();
        let Some(node) = nodes.iter().nth(self.turn % nodes.len().max(1)).copied() else {
            return self.seat.breathe().await;
        };
        let partitions = led.get(&node).cloned().unwrap_or_default();
        self.exchange(node, partitions).await;
    }

    async fn refresh(&mut self) {
        // What fails now is tried again at a later turn.
        let _ = self.leaders.refresh(&mut self.seat.client).await;
    }

    /// Now and then it leaves, dies, or says nothing for a while.
    async fn wander(&mut self) {
        let is_fickle = self.seat.group.plan.deletions.is_some();
        match self.seat.client.rng.random_range(0..500) {
            0..20 if is_fickle => {
                self.go().await;
                self.seat.client.pause(0..12_000).await;
            }
            0 => {
                self.part().await;
                self.begin_anew();
            }
            1 => {
                let (group, member) = (Arc::clone(&self.seat.group.plan.name), Arc::clone(&self.id));
                let at_ms = self.seat.client.now_ms();
                self.seat.client.note(Event::GroupGone { group, member, at_ms });
                self.seat.hang_up();
                self.begin_anew();
                self.seat.client.pause(0..20_000).await;
            }
            2 => {
                let long = self.seat.client.ms(500..15_000);
                sleep(long).await;
            }
            _ => {}
        }
    }

    /// Leaves. Some members read on for a moment though they have left, in the sessions that they have.
    async fn go(&mut self) {
        if self.seat.client.rng.random_bool(0.5) {
            let (assigned, led) = (self.assigned.clone(), self.led());
            self.leave().await;
            if self.seat.client.rng.random_bool(0.5) {
                self.seat.client.pause(0..2000).await;
            }
            if let Some((node, partitions)) = led.into_iter().next() {
                self.assigned = assigned;
                self.exchange(node, partitions).await;
            }
            self.sessions.clear();
        } else {
            self.part().await;
        }
        self.begin_anew();
    }

    fn begin_anew(&mut self) {
        self.id = fresh(&mut self.seat);
        (self.epoch, self.introduced) = (0, false);
        self.assigned.clear();
        self.sessions.clear();
        self.hand = Hand::default();
    }

    /// Leaves, and closes its sessions, or hangs up.
    async fn part(&mut self) {
        if self.seat.client.rng.random_bool(0.7) {
            let nodes: Vec<usize> = self.sessions.keys().copied().collect();
            for node in nodes {
                self.close(node).await;
            }
        }
        self.sessions.clear();
        self.leave().await;
    }

    /// How long an answer is waited for.
    fn patience(&mut self) -> Duration {
        match self.ends() {
            Some(_) => Duration::from_secs(10),
            None => self.seat.patience(),
        }
    }
}

//! One request to a partition's leader, and its answer: ShareFetch or ShareAcknowledge.

mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use coordinator::{PartitionId, TopicId};
use protocol::{ErrorCode, Records, Str};
use rand::Rng;

use super::hand::Verdict;
use super::{Member, Session};
use crate::client::{Connection, PartitionIndex, read_records};
use crate::history::{Event, Given, Owner, Place, Saying, ShareAnswered, ShareAsked};

/// The epoch of a request that closes a session.
const FINAL: i32 = -1;

/// What a request is about.
struct Ask {
    /// Whether it wants records; all it does otherwise is say something.
    fetches: bool,
    /// Whether what it says is that records take longer.
    renews: bool,
    /// The epoch of its session.
    epoch: i32,
    /// What the session is to read, and what not any more.
    partitions: BTreeSet<PartitionIndex>,
    forgotten: BTreeSet<PartitionIndex>,
    said: Vec<Verdict>,
}

/// What an answer says of a partition.
struct Told {
    partition: PartitionIndex,
    code: i16,
    /// Of what was said of its records, if anything was.
    acknowledged: i16,
    records: Records,
    /// First and last offset, and the number of the delivery.
    acquired: Vec<(i64, i64, i16)>,
}

impl Member {
    /// Asks a node for records, and says something of others.
    pub(super) async fn exchange(&mut self, node: usize, partitions: BTreeSet<PartitionIndex>) {
        let Ok(session) = self.session(node).await else { return self.refresh().await };
        let end = self.ends().is_some();
        let roll = self.seat.client.rng.random_range(0..100);
        let (epoch, mut ask) = (session.epoch, Ask::new(session.epoch, partitions));
        if epoch > 0 && !end && roll < 2 {
            self.sessions.insert(node, session);
            return self.close(node).await;
        }
        if epoch > 0 && !end && roll < 8 && self.hand.has(node) {
            ask.said = self.hand.renewed(node);
            (ask.renews, ask.fetches) = (true, roll < 4);
        } else if epoch > 0 {
            ask.said = self.hand.judge(node, end, &mut self.seat.client.rng);
            ask.fetches = ask.said.is_empty() || self.seat.client.rng.random_bool(0.6);
        } else if ask.partitions.is_empty() {
            self.sessions.insert(node, session);
            return;
        }
        if ask.fetches {
            let said = ask.said.iter().map(|verdict| verdict.0);
            ask.forgotten = session.partitions.difference(&ask.partitions).copied().collect();
            ask.forgotten.retain(|partition| said.clone().all(|of| of != *partition));
            ask.partitions.extend(said);
        }
        self.ask(node, session, ask).await;
    }

    /// Closes the session with a node, if there is one.
    pub(super) async fn close(&mut self, node: usize) {
        let Some(session) = self.sessions.remove(&node).filter(|session| session.epoch > 0) else { return };
        let mut ask = Ask::new(FINAL, BTreeSet::new());
        let end = self.ends().is_some();
        ask.said = self.hand.judge(node, end, &mut self.seat.client.rng);
        ask.fetches = self.seat.client.rng.random_bool(0.5);
        self.ask(node, session, ask).await;
    }

    async fn session(&mut self, node: usize) -> io::Result<Session> {
        if let Some(session) = self.sessions.remove(&node) {
            return Ok(session);
        }
        let client = &self.seat.client;
        let connection = Connection::open(&client.network, client.host(), node).await?;
        self.connections += 1;
        let number = ((client.number as u64) << 32) + self.connections;
        Ok(Session { connection, number, epoch: 0, partitions: BTreeSet::new() })
    }

    fn place(&self, (topic, index): PartitionIndex) -> Place {
        (Arc::clone(&self.seat.client.topics[topic].name), index)
    }

    async fn ask(&mut self, node: usize, mut session: Session, ask: Ask) {
        let (number, end) = (session.number, self.ends().is_some());
        let wanted = ask.fetches && !ask.renews && ask.epoch != FINAL;
        let wanted = if wanted { ask.partitions.clone() } else { BTreeSet::new() };
        let about: BTreeSet<_> = wanted.iter().copied().chain(ask.said.iter().map(|said| said.0)).collect();
        let before = self.owners(node, &session, &about);
        let asked = self.note_asked(number, &wanted, &ask);
        let answer = self.send(&mut session.connection, &ask, end).await;
        let (group, id) = (Arc::clone(&self.seat.group.plan.name), Arc::clone(&self.id));
        let (code, told) = match answer {
            Ok(answer) => answer,
            Err(error) => {
                self.seat.client.trace.line(format_args!("{group} {id}: {error}"));
                self.hand.lost(node, &mut self.seat.client.rng);
                return self.refresh().await;
            }
        };
        let after = self.owners(node, &session, &about);
        let owners = before.into_iter().filter(|(at, owner)| after.get(at) == Some(owner));
        let mut answered = ShareAnswered {
            ask: asked,
            at_ms: self.seat.client.now_ms(),
            code,
            acknowledged: Vec::new(),
            given: Vec::new(),
            refused: Vec::new(),
            owners: owners.map(|(at, owner)| (self.place(at), owner)).collect(),
        };
        let mut elsewhere = false;
        self.got = told.iter().any(|told| !told.acquired.is_empty());
        self.seat.client.tally.lock().polls += u64::from(self.got);
        for told in told {
            elsewhere |= self.told(node, &ask, told, &mut answered);
        }
        let given: Vec<_> =
            answered.given.iter().map(|g| (g.place.1, g.first, g.last, g.deliveries)).collect();
        let codes: Vec<_> = answered.acknowledged.iter().map(|(place, code)| (place.1, *code)).collect();
        self.seat.client.trace.line(format_args!("{group} {id} {code} {codes:?} {given:?}"));
        self.seat.client.note(Event::ShareAnswered(answered));
        match ErrorCode::from_code(code) {
            Some(ErrorCode::None) if ask.epoch == FINAL => session.restart(),
            Some(ErrorCode::None) => {
                session.epoch += 1;
                if ask.fetches {
                    session.partitions = ask.partitions;
                }
            }
            Some(code) if code.is_retriable() => session.restart(),
            code => self.seat.client.wrong(format!("{group}: a member was refused: {code:?}")),
        }
        if session.epoch == 0 {
            self.hand.lost(node, &mut self.seat.client.rng);
        }
        self.sessions.insert(node, session);
        if elsewhere {
            self.refresh().await;
        }
    }

    /// Takes in what a node says of a partition. Returns whether another node leads it.
    fn told(&mut self, node: usize, ask: &Ask, told: Told, answered: &mut ShareAnswered) -> bool {
        let place = self.place(told.partition);
        if ask.said.iter().any(|said| said.0 == told.partition) {
            let code = ErrorCode::from_code(told.acknowledged);
            let late = [Some(ErrorCode::InvalidRecordState), Some(ErrorCode::InvalidRequest)].contains(&code);
            if told.acknowledged != 0 && !late && !code.is_some_and(ErrorCode::is_retriable) {
                self.seat.client.wrong(format!("{place:?}: an acknowledgement was refused: {code:?}"));
            }
            answered.acknowledged.push((place.clone(), told.acknowledged));
        }
        if let Some(code) = ErrorCode::from_code(told.code).filter(|code| *code != ErrorCode::None) {
            if !code.is_retriable() {
                self.seat.client.wrong(format!("{place:?}: a share fetch was refused: {code:?}"));
            }
            answered.refused.push(place);
            return true;
        }
        let Some((first, _, _)) = told.acquired.first().copied() else { return false };
        let read = match read_records(told.records.into_bytes(), first) {
            Ok(read) => read,
            Err(error) => {
                self.seat.client.wrong(format!("{place:?}: unreadable records from {first}: {error}"));
                return false;
            }
        };
        let read: BTreeSet<i64> = read.into_iter().map(|stored| stored.offset).collect();
        for (first, last, deliveries) in told.acquired {
            if let Some(missing) = (first..=last).find(|offset| !read.contains(offset)) {
                self.seat.client.wrong(format!("{place:?}: {missing} was given, and is not there"));
            }
            self.hand.take(node, told.partition, (first, last));
            answered.given.push(Given { place: place.clone(), first, last, deliveries });
        }
        false
    }

    fn note_asked(&self, connection: u64, wanted: &BTreeSet<PartitionIndex>, ask: &Ask) -> u64 {
        let client = &self.seat.client;
        let said = ask.said.iter();
        let said = said.map(|(at, first, last, said)| Saying {
            place: self.place(*at),
            first: *first,
            last: *last,
            said: *said,
        });
        let mut history = client.history.lock();
        let asked = ShareAsked {
            ask: history.len() as u64,
            group: Arc::clone(&self.seat.group.plan.name),
            member: Arc::clone(&self.id),
            at_ms: client.now_ms(),
            connection,
            wanted: wanted.iter().map(|partition| self.place(*partition)).collect(),
            said: said.collect(),
            closes: ask.epoch == FINAL,
        };
        let (group, id, said) = (&asked.group, &asked.member, &ask.said);
        client.trace.line(format_args!("{group} {id} {} {:?} {said:?}", ask.epoch, ask.partitions));
        let number = asked.ask;
        history.push(Event::ShareAsked(asked));
        number
    }

    /// Who owns partitions, as the process at the other end knows it.
    fn owners(
        &self,
        node: usize,
        session: &Session,
        partitions: &BTreeSet<PartitionIndex>,
    ) -> BTreeMap<PartitionIndex, Owner> {
        let broker = self.seat.client.network.broker(node, session.connection.peer());
        let known = broker.and_then(|broker| Some((broker.log()?, broker.cluster()?.shards())));
        let Some((log, shards)) = known else { return BTreeMap::new() };
        let held = log.held();
        let owner = |partition: &PartitionIndex| {
            let topic = TopicId(*self.leaders.id(partition.0)?.as_bytes());
            let id = PartitionId { topic, index: partition.1 };
            log.partition(id).filter(|led| led.is_leading())?;
            Some((*partition, Owner(held.get(&shards.of_partition(id))?.0)))
        };
        partitions.iter().filter_map(owner).collect()
    }

    async fn send(
        &mut self,
        connection: &mut Connection,
        ask: &Ask,
        end: bool,
    ) -> io::Result<(i16, Vec<Told>)> {
        let patience = self.patience();
        let wait = if end { 0..5 } else { 0..300 };
        let wait = self.seat.client.ms(wait);
        if ask.fetches {
            self.fetch(connection, ask, wait, patience).await
        } else {
            self.acknowledge(connection, ask, patience).await
        }
    }

    fn names(&self) -> (Option<Str>, Option<Str>) {
        (Some(Str::from(&*self.seat.group.plan.name)), Some(Str::from(&*self.id)))
    }
}

impl Ask {
    fn new(epoch: i32, partitions: BTreeSet<PartitionIndex>) -> Self {
        let forgotten = BTreeSet::new();
        Self { fetches: true, renews: false, epoch, partitions, forgotten, said: Vec::new() }
    }
}

impl Session {
    /// Its next request opens it.
    fn restart(&mut self) {
        self.epoch = 0;
        self.partitions.clear();
    }
}

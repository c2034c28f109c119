//! Random members of a share group, with locks that expire, crashes, and a log with holes: what KIP-932 promises
//! of each record holds after each step. The crash keeps what was told, and any part of the writes after that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::part::{Holding, Part, Run};
use super::*;
use crate::group::{GroupId, MemberId};
use crate::{PartitionId, TopicId};

#[derive(Clone, Debug)]
enum Step {
    /// Batches are written: how many offsets the log leaves out before each, and how many records it has.
    Write(Vec<(u8, u8)>),
    Fetch {
        member: u8,
        max_records: u8,
        batch_size: u8,
        mode: AcquireMode,
        batches: u8,
        /// The log was read before these other steps.
        meanwhile: Option<Box<Step>>,
    },
    /// Of what a member has in hand, or of any records.
    Acknowledge {
        member: u8,
        skip: u8,
        acks: Vec<Ack>,
        one_for_all: bool,
        foreign: Option<(u8, u8)>,
    },
    Release {
        member: u8,
    },
    Pass {
        millis: u16,
    },
    MoveLogStart {
        by: u8,
    },
    Commit,
    Crash {
        keep: u8,
    },
}

fn acks() -> impl Strategy<Value = Ack> {
    prop_oneof![
        4 => Just(Ack::Accept),
        4 => Just(Ack::Release),
        1 => Just(Ack::Reject),
        1 => Just(Ack::Gap),
        1 => Just(Ack::Renew),
    ]
}

fn simple() -> impl Strategy<Value = Step> {
    let acknowledge = (
        0..3u8,
        0..4u8,
        proptest::collection::vec(acks(), 1..9),
        any::<bool>(),
        proptest::option::weighted(0.1, (0..40u8, 0..5u8)),
    );
    prop_oneof![
        8 => acknowledge.prop_map(|(member, skip, acks, one_for_all, foreign)| {
            Step::Acknowledge { member, skip, acks, one_for_all, foreign }
        }),
        1 => (0..3u8).prop_map(|member| Step::Release { member }),
        3 => (0..1500u16).prop_map(|millis| Step::Pass { millis }),
        1 => (0..9u8).prop_map(|by| Step::MoveLogStart { by }),
        2 => Just(Step::Commit),
        1 => (0..9u8).prop_map(|keep| Step::Crash { keep }),
        2 => proptest::collection::vec((prop_oneof![4 => Just(0u8), 1 => 0..4u8], 1..7u8), 1..4).prop_map(Step::Write),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let meanwhile = proptest::option::weighted(0.2, simple().prop_map(Box::new));
    let mode = prop_oneof![Just(AcquireMode::BatchOptimized), Just(AcquireMode::RecordLimit)];
    let fetch = (0..3u8, 0..9u8, 1..6u8, mode, 1..4u8, meanwhile);
    let fetch = fetch.prop_map(|(member, max_records, batch_size, mode, batches, meanwhile)| Step::Fetch {
        member,
        max_records,
        batch_size,
        mode,
        batches,
        meanwhile,
    });
    proptest::collection::vec(prop_oneof![1 => fetch, 2 => simple()], 1..60)
}

const LIMIT: u16 = 4;
const LOCKS: i64 = 12;
const LOCK: Duration = Duration::from_secs(1);
const LONGEST_BATCH: i64 = 6;

fn settings() -> Settings {
    Settings {
        record_lock_duration: LOCK,
        delivery_count_limit: LIMIT,
        max_record_locks: LOCKS as u32,
        ..Settings::default()
    }
}

fn id() -> SharePartitionId {
    SharePartitionId {
        group: GroupId::from("g"),
        partition: PartitionId { topic: TopicId([7; 16]), index: 3 },
    }
}

fn member(number: u8) -> MemberId {
    MemberId::from(format!("member-{number}"))
}

/// What ought to be the case, kept per record.
#[derive(Clone, Debug, Default)]
struct Record {
    /// Deliveries that count.
    deliveries: u16,
    holder: Option<(MemberId, Duration)>,
    settled: bool,
}

struct World {
    shard: Shard,
    now: Duration,
    batches: Vec<(i64, i64)>,
    log_start: i64,
    records: BTreeMap<i64, Record>,
    /// Every write so far; the first `durable` of them survive any crash.
    writes: Vec<Arc<[Change]>>,
    durable: usize,
    /// Records that are settled, and from which number of writes on somebody may know.
    promised: Vec<(usize, i64)>,
    start: i64,
    token: Token,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            shard: Shard::default(),
            now: Duration::ZERO,
            batches: Vec::new(),
            log_start: 0,
            records: BTreeMap::new(),
            writes: Vec::new(),
            durable: 0,
            promised: Vec::new(),
            start: 0,
            token: 0,
        };
        world.request(Request::Begin(0));
        world.durable = world.writes.len();
        world
    }

    fn log_end(&self) -> i64 {
        self.batches.last().map_or(0, |(_, last)| last + 1)
    }

    fn state(&self) -> &State {
        self.shard.part(&id()).expect("it has begun")
    }

    /// A part like the one in the shard, to look at.
    fn request(&mut self, request: Request) -> Reply {
        let mut effects = Vec::new();
        self.token += 1;
        let at = (self.now, self.log_start);
        self.shard.request(at, &settings(), (&id(), self.token), request, &mut effects);
        let mut reply = None;
        for effect in effects {
            match effect {
                Effect::Write { changes, .. } => {
                    assert_eq!(reply, None, "a write comes before the reply that it belongs to");
                    self.writes.push(changes);
                }
                Effect::Wake(of) => assert_eq!(of, id()),
                Effect::Reply { token, reply: with, .. } => {
                    assert_eq!(token, self.token);
                    reply = Some(with);
                }
            }
        }
        let gone: Vec<_> = self.records.range(..self.log_start).map(|(&offset, _)| offset).collect();
        gone.iter().for_each(|offset| drop(self.records.remove(offset)));
        reply.expect("every request is answered in its step")
    }

    fn settle(&mut self, offset: i64) {
        if let Some(record) = self.records.get_mut(&offset) {
            record.settled = true;
            record.holder = None;
            self.promised.push((self.writes.len(), offset));
        }
    }

    fn give_back(&mut self, offset: i64) {
        let Some(record) = self.records.get_mut(&offset) else { return };
        record.holder = None;
        if record.deliveries >= LIMIT {
            self.settle(offset);
        }
    }

    fn held_by(&self, who: &MemberId) -> Vec<i64> {
        let held = |record: &Record| record.holder.as_ref().is_some_and(|(holder, _)| holder == who);
        self.records.iter().filter(|(_, record)| held(record)).map(|(&offset, _)| offset).collect()
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Write(batches) => {
                for &(gap, records) in batches {
                    let base = self.log_end() + i64::from(gap);
                    self.batches.push((base, base + i64::from(records) - 1));
                }
            }
            Step::Fetch { member: who, max_records, batch_size, mode, batches, meanwhile } => {
                let NextFetch::At(offset) = self.shard.next_fetch(&settings(), &id(), self.log_start) else {
                    return;
                };
                let read =
                    self.batches.iter().filter(|(_, last)| *last >= offset).take(usize::from(*batches));
                let read: Vec<_> = read.copied().collect();
                if let Some(step) = meanwhile {
                    self.step(step);
                }
                self.fetch(&member(*who), *max_records, *batch_size, *mode, offset, read);
            }
            Step::Acknowledge { member: who, skip, acks, one_for_all, foreign } => {
                let who = member(*who);
                let held = self.held_by(&who);
                let first = match foreign {
                    Some((first, _)) => i64::from(*first),
                    None => match held.iter().skip(usize::from(*skip)).chain(held.first()).next() {
                        Some(&first) => first,
                        None => return,
                    },
                };
                let run = held
                    .iter()
                    .skip_while(|o| **o < first)
                    .zip(first..)
                    .take_while(|(o, n)| **o == *n)
                    .count();
                let count = match foreign {
                    Some((_, count)) => usize::from(*count) + 1,
                    None => run.min(acks.len() + 3),
                };
                let acks = if *one_for_all {
                    vec![acks[0]]
                } else {
                    (0..count).map(|index| acks[index % acks.len()]).collect()
                };
                self.acknowledge(&who, first, first + count as i64 - 1, acks);
            }
            Step::Release { member: who } => {
                let who = member(*who);
                let held = self.held_by(&who);
                assert_eq!(self.request(Request::Release(MemberId::clone(&who))), Reply::Done(Ok(())));
                held.into_iter().for_each(|offset| self.give_back(offset));
            }
            Step::Pass { millis } => {
                self.now += Duration::from_millis(u64::from(*millis));
                self.tick();
            }
            Step::MoveLogStart { by } => {
                self.log_start = (self.log_start + i64::from(*by)).min(self.log_end());
            }
            Step::Commit => self.durable = self.writes.len(),
            Step::Crash { keep } => self.crash(usize::from(*keep)),
        }
        self.check();
    }

    fn fetch(
        &mut self,
        who: &MemberId,
        max_records: u8,
        batch_size: u8,
        mode: AcquireMode,
        fetch_offset: i64,
        batches: Vec<(i64, i64)>,
    ) {
        let wanted = Acquire {
            member: MemberId::clone(who),
            mode,
            max_records: u32::from(max_records),
            batch_size: u32::from(batch_size),
            fetch_offset,
            batches: batches.clone(),
        };
        let Reply::Acquired(given) = self.request(Request::Acquire(wanted)) else {
            panic!("an acquisition's reply")
        };
        let mut after = i64::MIN;
        let mut total = 0;
        for Acquired { first, last, deliveries } in given {
            assert!(first > after && first <= last, "ascending");
            after = last;
            total += last - first + 1;
            for offset in first..=last {
                assert!(offset >= self.start.max(self.log_start), "before the start");
                assert!(offset <= batches.last().expect("something was read").1, "only what was read");
                let record = self.records.entry(offset).or_default();
                assert_eq!(record.holder, None, "{offset} is in hand");
                assert!(!record.settled, "{offset} is settled");
                record.deliveries += 1;
                assert_eq!(record.deliveries, deliveries, "{offset}");
                assert!(deliveries <= LIMIT, "{offset} was delivered too often");
                record.holder = Some((MemberId::clone(who), self.now + LOCK));
            }
        }
        let most =
            i64::from(max_records) + if mode == AcquireMode::RecordLimit { 0 } else { LONGEST_BATCH - 1 };
        assert!(total <= most, "{total} records for {max_records}");
    }

    fn acknowledge(&mut self, who: &MemberId, first: i64, last: i64, acks: Vec<Ack>) {
        let of = |offset: i64| acks[if acks.len() == 1 { 0 } else { (offset - first) as usize }];
        let batches = vec![AckBatch { first, last, acks: acks.clone() }];
        let said = Acknowledge { member: MemberId::clone(who), batches };
        let part = self.shard.look(&id());
        let mut begin = part.begin.max(self.log_start);
        while begin < part.end
            && let Run { last, holding: Holding::Is(Delivery::Acknowledged | Delivery::Archived), .. } =
                part.run_at(begin, part.end - 1)
        {
            begin = last + 1;
        }
        let held: BTreeSet<_> = self.held_by(who).into_iter().collect();
        let may = (first.max(begin)..=last).all(|offset| held.contains(&offset));
        match self.request(Request::Acknowledge(said)) {
            Reply::Done(Ok(())) => {
                assert!(may, "{who} may not speak of {first} to {last}");
                for offset in (first..=last).filter(|offset| held.contains(offset)) {
                    match of(offset) {
                        Ack::Accept | Ack::Reject | Ack::Gap => self.settle(offset),
                        Ack::Release => self.give_back(offset),
                        Ack::Renew => {
                            if let Some(Record { holder: Some((_, until)), .. }) =
                                self.records.get_mut(&offset)
                            {
                                *until = self.now + LOCK;
                            }
                        }
                    }
                }
            }
            Reply::Done(Err(_)) => {
                assert!(!may || last < first, "{who} may speak of {first} to {last}");
            }
            reply => panic!("{reply:?}"),
        }
    }

    fn tick(&mut self) {
        let mut effects = Vec::new();
        self.shard.tick(self.now, &|_| settings(), &mut effects);
        for effect in effects {
            match effect {
                Effect::Write { changes, .. } => self.writes.push(changes),
                Effect::Wake(_) => {}
                Effect::Reply { .. } => panic!("nobody asked"),
            }
        }
        assert!(self.shard.next_tick().is_none_or(|due| due > self.now), "all that is due is done");
        let expired = |record: &Record| record.holder.as_ref().is_some_and(|(_, until)| *until <= self.now);
        let expired: Vec<_> =
            self.records.iter().filter(|(_, r)| expired(r)).map(|(&offset, _)| offset).collect();
        expired.into_iter().for_each(|offset| self.give_back(offset));
    }

    fn replay(writes: &[Arc<[Change]>]) -> State {
        let mut state = None;
        writes.iter().for_each(|changes| State::replay(&mut state, changes));
        state.expect("it has begun")
    }

    fn crash(&mut self, keep: usize) {
        self.writes.truncate((self.durable + keep).min(self.writes.len()));
        self.durable = self.writes.len();
        let state = Self::replay(&self.writes);
        self.promised.retain(|(writes, _)| *writes <= self.durable);
        self.start = state.start;
        self.records.clear();
        for (&first, batch) in &state.batches {
            for offset in first..=batch.last {
                let settled = batch.delivery.is_final();
                self.records.insert(offset, Record { deliveries: batch.deliveries, holder: None, settled });
            }
        }
        for (_, offset) in &self.promised {
            let settled =
                *offset < state.start || self.records.get(offset).is_some_and(|record| record.settled);
            assert!(settled, "it was told that {offset} is settled");
        }
        self.shard = Shard::new(BTreeMap::from([(id(), Arc::new(state))]));
    }

    fn check(&mut self) {
        assert_eq!(Self::replay(&self.writes), *self.state(), "replay rebuilds the state");
        let mut again = State::default();
        self.state().changes().for_each(|change| again.apply(&change));
        assert_eq!(again, *self.state(), "a checkpoint's changes make the state");

        let state = self.state().clone();
        assert!(state.start >= self.start, "the start goes back");
        self.start = state.start;
        check_canonical(&state);

        let part = self.shard.look(&id());
        check_tiles(part);
        assert!(part.locks.len() as i64 <= part.in_flight());
        assert!(state.batches.len() as i64 <= part.end - state.start);
        for offset in state.start.max(self.log_start)..part.begin {
            let settled = self.records.get(&offset).is_some_and(|record| record.settled);
            assert!(settled || !self.in_log(offset), "{offset} is passed over");
        }
        let holes = 4 * self.batches.len() as i64;
        assert!(part.in_flight() <= LOCKS + LONGEST_BATCH + holes, "{} in flight", part.in_flight());
        for run in part.runs(part.begin, part.end - 1) {
            for offset in run.first..=run.last {
                let record = self.records.get(&offset).cloned().unwrap_or_default();
                match &run.holding {
                    Holding::Held(holder) => {
                        assert_eq!(record.holder.map(|(who, _)| who).as_ref(), Some(holder))
                    }
                    Holding::Is(Delivery::Available) => {
                        assert!(record.holder.is_none() && !record.settled, "{offset} {record:?}");
                        assert_eq!(record.deliveries, run.deliveries);
                    }
                    Holding::Is(_) => assert!(record.settled || !self.in_log(offset), "{offset} {record:?}"),
                }
            }
        }
    }

    fn in_log(&self, offset: i64) -> bool {
        self.batches.iter().any(|(base, last)| (*base..=*last).contains(&offset))
    }

    /// One member that accepts all it gets comes to the end of the log.
    fn drain(&mut self) {
        for _ in 0..10_000 {
            self.now += LOCK;
            self.tick();
            let NextFetch::At(offset) = self.shard.next_fetch(&settings(), &id(), self.log_start) else {
                panic!("nothing is in hand, so something is available");
            };
            let read: Vec<_> = self.batches.iter().filter(|(_, last)| *last >= offset).copied().collect();
            if read.is_empty() {
                assert_eq!(offset, self.log_end());
                return;
            }
            let who = member(9);
            self.fetch(&who, 5, 5, AcquireMode::BatchOptimized, offset, read);
            for offset in self.held_by(&who) {
                self.acknowledge(&who, offset, offset, vec![Ack::Accept]);
            }
            self.check();
        }
        panic!("the end of the log is never reached");
    }
}

fn check_canonical(state: &State) {
    let mut end = state.start;
    let mut before: Option<(i64, Batch)> = None;
    for (&first, batch) in &state.batches {
        assert!(first >= end && batch.last >= first, "{state:?}");
        assert!(batch.delivery.is_final() || batch.deliveries > 0, "{state:?}");
        assert!(!(first == state.start && batch.delivery.is_final()), "{state:?}");
        if let Some((last, like)) = before {
            let alike = (like.delivery, like.deliveries) == (batch.delivery, batch.deliveries);
            assert!(!(last + 1 == first && alike), "{state:?}");
        }
        before = Some((batch.last, *batch));
        end = batch.last + 1;
    }
}

fn check_tiles(part: &Part) {
    let mut next = part.begin;
    for run in part.runs(part.begin, part.end - 1) {
        assert_eq!(run.first, next);
        assert!(run.last >= run.first);
        next = run.last + 1;
    }
    assert_eq!(next, part.end);
    let ranges = |ranges: Vec<(i64, i64)>| ranges.windows(2).all(|w| w[0].1 < w[1].0);
    assert!(ranges(part.locks.iter().map(|(first, lock)| (*first, lock.last)).collect()));
    assert!(ranges(part.holes.iter().map(|(first, last)| (*first, *last)).collect()));
}

proptest! {
    #![proptest_config(crate::group::properties::config())]

    #[test]
    fn records_are_delivered_as_promised(steps in steps()) {
        let mut world = World::new();
        steps.iter().for_each(|step| world.step(step));
        world.drain();
    }
}

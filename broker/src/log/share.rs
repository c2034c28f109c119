//! The share partitions of the partitions that the session holds.
//!
//! Those of a shard have a lock of their own, which is taken before that of the open slot: a step and the place of
//! what it writes are one, and with its records a share partition goes there as it is after them, for the next
//! checkpoint. What is reported of a share partition waits until all that it wrote is committed (I10); a rejection,
//! until a slot is that was begun after it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use coordinator::group::GroupId;
use coordinator::share::{
    Effect, NextFetch, Reply, Request, Settings, Shard, SharePartitionId, State as SharePartition,
};
use coordinator::{ShardId, TopicId};
use parking_lot::Mutex;
use tiering::format::share::Shares as Durable;
use tiering::mutant::{self, Mutant};

use super::due::{Noted, Timed};
use super::host::{OfShares, Writes};
use super::served::Served;
use super::{Log, NotLeader, Permit, Ticket, Waiter};

/// What is served of the share partitions of one shard, behind its lock.
#[derive(Default)]
pub(super) struct State {
    parts: Shard,
    writes: Writes<SharePartitionId>,
    noted: Noted,
}

impl State {
    pub(super) fn new(shares: Durable) -> Self {
        Self { parts: Shard::new(shares), ..Self::default() }
    }

    fn durable(&self) -> Durable {
        self.parts.parts().map(|(id, state)| (id.clone(), Arc::clone(state))).collect()
    }
}

/// What is frozen, and what a RELEASE holds of it.
struct Frozen {
    durable: Durable,
    shares: Arc<Mutex<State>>,
}

/// The share partitions of a log.
#[derive(Default)]
pub(super) struct Shares {
    serving: Served<Mutex<State>>,
    /// Those of shards that are about to be released, or are: nothing more is decided. If a shard is not moved after
    /// all, what was acquired still is.
    frozen: Mutex<BTreeMap<ShardId, Frozen>>,
    /// The requests that wait for records.
    waiters: Mutex<BTreeMap<SharePartitionId, Vec<Arc<Waiter>>>>,
    /// By group, while its coordinator is asked what may come into being.
    asks: Mutex<BTreeMap<GroupId, Asks>>,
}

/// What is asked of a group's coordinator.
#[derive(Default)]
struct Asks {
    /// How many [`ShareAsk`]s there are.
    outstanding: usize,
    /// How often share partitions of the group were deleted meanwhile, or may have been while a shard was elsewhere.
    deletions: u64,
}

impl Shares {
    /// Serves a shard from now on. The open slot is locked.
    pub(super) fn serve(&self, shard: ShardId, shares: Arc<Mutex<State>>) {
        self.asks.lock().values_mut().for_each(|asks| asks.deletions += 1);
        self.serving.insert(shard, shares);
    }

    /// Forgets shards. Requests that wait for records of theirs look again.
    pub(super) fn drop_shards(&self, gone: impl Fn(ShardId) -> bool) -> Vec<Arc<Mutex<State>>> {
        self.frozen.lock().retain(|shard, _| !gone(*shard));
        let gone = self.serving.take(gone);
        self.wake_all();
        gone
    }

    /// What is served of a shard.
    pub(super) fn of(&self, shard: ShardId) -> Option<Arc<Mutex<State>>> {
        self.serving.get(shard)
    }

    /// Whether this is still served.
    pub(super) fn is_serving(&self, shard: ShardId, shares: &Arc<Mutex<State>>) -> bool {
        self.serving.is(shard, shares)
    }

    /// Decides nothing more in a shard, which is locked, and the open slot after it. What is acquired here is available
    /// again with the shard's next owner. Requests that wait for its records look again when they are woken.
    pub(super) fn freeze(&self, shard: ShardId, shares: &Arc<Mutex<State>>, state: &State) {
        let frozen = Frozen { durable: state.durable(), shares: Arc::clone(shares) };
        self.frozen.lock().insert(shard, frozen);
        self.serving.remove(shard);
    }

    /// Serves again what was frozen and is still held. The open slot is locked.
    pub(super) fn thaw(&self) -> Vec<ShardId> {
        let frozen = std::mem::take(&mut *self.frozen.lock());
        let thawed = frozen.keys().copied().collect();
        frozen.into_iter().for_each(|(shard, frozen)| self.serving.insert(shard, frozen.shares));
        thawed
    }

    /// What a RELEASE holds of a shard; none if it is not frozen.
    pub(super) fn frozen(&self, shard: ShardId) -> Option<Durable> {
        self.frozen.lock().get(&shard).map(|frozen| frozen.durable.clone())
    }

    /// Acts on the share partitions of a shard, while they are locked.
    fn with<T>(
        &self,
        shard: ShardId,
        act: impl FnOnce(&Arc<Mutex<State>>, &mut State) -> Result<T, NotLeader>,
    ) -> Result<T, NotLeader> {
        let serving = self.serving.get(shard).ok_or(NotLeader)?;
        let mut state = serving.lock();
        // It may have been frozen meanwhile.
        if !self.serving.is(shard, &serving) {
            return Err(NotLeader);
        }
        act(&serving, &mut state)
    }

    /// Begins to ask a group's coordinator; answers the deletions until now.
    fn ask(&self, group: &GroupId) -> u64 {
        let mut asks = self.asks.lock();
        let asks = asks.entry(GroupId::clone(group)).or_default();
        asks.outstanding += 1;
        asks.deletions
    }

    /// Ends what [`Shares::ask`] began.
    fn asked(&self, group: &GroupId) {
        let mut asks = self.asks.lock();
        if let Some(found) = asks.get_mut(group) {
            found.outstanding -= 1;
            if found.outstanding == 0 {
                asks.remove(group);
            }
        }
    }

    /// Counts a deletion in a group, also of what has not begun: it may have been allowed to.
    fn deleted(&self, group: &GroupId) {
        if let Some(asks) = self.asks.lock().get_mut(group) {
            asks.deletions += 1;
        }
    }

    /// Whether anything of a group was deleted since there were so many `deletions`.
    fn is_void(&self, group: &GroupId, deletions: u64) -> bool {
        self.asks.lock().get(group).is_none_or(|asks| asks.deletions != deletions)
    }

    /// Has everything that waits for records looked at again.
    pub(super) fn wake_all(&self) {
        self.waiters.lock().values().flatten().for_each(|waiter| waiter.wake());
    }
}

/// What was decided, and the slot after whose commit it may be reported; none if it may be at once.
#[derive(Debug)]
pub struct Decided {
    reply: Reply,
    after: Option<Ticket>,
}

impl Decided {
    /// Waits until it may be reported: its slot is committed.
    pub async fn acknowledged(self) -> Result<Reply, NotLeader> {
        if let Some(after) = self.after {
            after.committed().await?;
        }
        Ok(self.reply)
    }
}

/// A question to a group's coordinator, which share partitions may come into being here; and what came of it, until
/// this is dropped.
pub struct ShareAsk {
    log: Arc<Log>,
    group: GroupId,
    /// How often share partitions of the group had been deleted when it was asked.
    deletions: u64,
}

impl ShareAsk {
    /// To be made before the coordinator is asked.
    pub fn new(log: Arc<Log>, group: &GroupId) -> Self {
        let deletions = log.shares.ask(group);
        Self { log, group: GroupId::clone(group), deletions }
    }

    /// As [`Log::share`], for what the coordinator allowed to come into being. Fails if any share partition of the
    /// group was deleted since it was asked: it may have been allowed before that.
    pub fn share(&self, id: &SharePartitionId, request: Request) -> Result<Decided, NotLeader> {
        self.log.share_since(id, request, None, Some(self))
    }
}

impl Drop for ShareAsk {
    fn drop(&mut self) {
        self.log.shares.asked(&self.group);
    }
}

impl Log {
    /// What holds for the share partitions of a group.
    pub fn share_settings(&self, group: &str) -> Settings {
        self.groups.around().share_settings(group)
    }

    /// Asks a share partition. Fails if its partition is not this session's. `permit` is held until what is written
    /// is committed.
    pub fn share(
        &self,
        id: &SharePartitionId,
        request: Request,
        permit: Option<Permit>,
    ) -> Result<Decided, NotLeader> {
        self.share_since(id, request, permit, None)
    }

    fn share_since(
        &self,
        id: &SharePartitionId,
        request: Request,
        permit: Option<Permit>,
        ask: Option<&ShareAsk>,
    ) -> Result<Decided, NotLeader> {
        let log_start = self.lead(id.partition)?.log_start();
        let shard = self.shards.of_partition(id.partition);
        self.shares.with(shard, |serving, state| {
            // A deletion of this share partition is counted while its shard is locked.
            if ask.is_some_and(|ask| ask.group != id.group || self.shares.is_void(&id.group, ask.deletions)) {
                return Err(NotLeader);
            }
            // Its topic may have been deleted while the request was under way. What has begun is forgotten then.
            if matches!(request, Request::Begin(_)) && !self.groups.knows(id.partition.topic) {
                return Err(NotLeader);
            }
            if request == Request::Delete {
                self.shares.deleted(&id.group);
            }
            let (settings, now, mut effects) = (self.share_settings(&id.group), self.due.now(), Vec::new());
            state.parts.request((now, log_start), &settings, (id, 0), request, &mut effects);
            self.due.note(&mut state.noted, Timed::Shares(shard), state.parts.next_tick());
            self.perform_shares((shard, serving, state), effects, permit)?.ok_or(NotLeader)
        })
    }

    /// Where a share partition is to be read next.
    pub fn share_next(&self, id: &SharePartitionId) -> Result<NextFetch, NotLeader> {
        let log_start = self.lead(id.partition)?.log_start();
        let settings = self.share_settings(&id.group);
        self.shares.with(self.shards.of_partition(id.partition), |_, state| {
            Ok(state.parts.next_fetch(&settings, id, log_start))
        })
    }

    /// A share partition as it is decided now, which may be reported once the ticket is done; none if there
    /// is none.
    pub fn share_state(
        &self,
        id: &SharePartitionId,
    ) -> Result<(Option<Arc<SharePartition>>, Ticket), NotLeader> {
        self.shares.with(self.shards.of_partition(id.partition), |_, state| {
            Ok((state.parts.part(id).cloned(), self.barrier()?))
        })
    }

    /// Wakes `waiter` when there may be records of a share partition to acquire, until it is removed.
    pub fn watch_share(&self, id: &SharePartitionId, waiter: &Arc<Waiter>) {
        self.shares.waiters.lock().entry(id.clone()).or_default().push(Arc::clone(waiter));
    }

    /// Removes a waiter.
    pub fn unwatch_share(&self, id: &SharePartitionId, waiter: &Arc<Waiter>) {
        let mut watched = self.shares.waiters.lock();
        if let Some(waiters) = watched.get_mut(id) {
            waiters.retain(|w| !Arc::ptr_eq(w, waiter));
            if waiters.is_empty() {
                watched.remove(id);
            }
        }
    }

    /// Releases records whose acquisition lock has expired.
    pub(super) fn tick_shares(&self, shard: ShardId) {
        // Of a session that has ended nothing is wanted any more.
        let _ = self.shares.with(shard, |serving, state| {
            state.noted.clear();
            let (around, now, mut effects) = (self.groups.around(), self.due.now(), Vec::new());
            if state.parts.next_tick().is_some_and(|at| at <= now) {
                state.parts.tick(now, &|group| around.share_settings(group), &mut effects);
            }
            self.due.note(&mut state.noted, Timed::Shares(shard), state.parts.next_tick());
            self.perform_shares((shard, serving, state), effects, None)
        });
    }

    /// Forgets the share partitions of topics that were deleted.
    pub(super) fn forget_shares(&self, topics: &BTreeSet<TopicId>) {
        let is_gone = |id: &SharePartitionId| topics.contains(&id.partition.topic);
        let frozen =
            self.shares.frozen.lock().iter().map(|(shard, f)| (*shard, Arc::clone(&f.shares))).collect();
        let serving = self.shares.serving.shards().into_iter();
        let serving = serving.filter_map(|shard| Some((shard, self.shares.serving.get(shard)?)));
        // What is frozen may be served again, or goes to another owner, which knows of no such topic.
        let all: BTreeMap<ShardId, Arc<Mutex<State>>> =
            [frozen, serving.collect::<Vec<_>>()].concat().into_iter().collect();
        for (shard, state) in all {
            let mut state = state.lock();
            let gone = state.parts.parts().map(|(id, _)| id).filter(|id| is_gone(id));
            let gone: Vec<_> = gone.cloned().collect();
            state.parts.forget(is_gone);
            let mut open = self.open.lock();
            if !gone.is_empty() && open.shards.contains_key(&shard) {
                open.hosted.forget_shares(shard, gone);
            }
        }
    }

    /// Puts what was decided into the open slot; answers the reply, if there is one.
    fn perform_shares(
        &self,
        (shard, serving, state): (ShardId, &Arc<Mutex<State>>, &mut State),
        effects: Vec<Effect>,
        permit: Option<Permit>,
    ) -> Result<Option<Decided>, NotLeader> {
        let State { parts, writes, .. } = state;
        let is_serving = || self.shares.serving.is(shard, serving);
        let mut writing = self.writing::<OfShares>(shard, is_serving, permit, writes)?;
        let mut decided = None;
        for effect in effects {
            match effect {
                Effect::Write { id, changes } => {
                    let after = parts.part(&id).cloned();
                    writing.put(id, changes, after);
                }
                Effect::Wake(id) => {
                    let waiters = self.shares.waiters.lock();
                    waiters.get(&id).into_iter().flatten().for_each(|waiter| waiter.wake());
                }
                Effect::Reply { id, reply, .. } => {
                    let after = match mutant::is(Mutant::AnswerSharesEarly) {
                        true => None,
                        false => writing.after(&id, reply.needs_barrier()),
                    };
                    decided = Some(Decided { reply, after });
                }
            }
        }
        writing.end();
        Ok(decided)
    }
}

#[cfg(test)]
#[path = "share_test.rs"]
mod tests;

//! The share partitions of the partitions that the session holds.
//!
//! They lie behind the lock of the groups, which is taken before that of the open slot: a step and the place of
//! what it writes are one. What is reported of a share partition waits until all that it wrote is committed
//! (I10); a rejection, until a slot is that was begun after it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use coordinator::ShardId;
use coordinator::group::GroupId;
use coordinator::share::{
    Effect, NextFetch, Reply, Request, Settings, Shard, SharePartitionId, State as SharePartition,
};
use tiering::format::share::Shares;
use tiering::format::slot::Record;
use tiering::mutant::{self, Mutant};

use super::{Log, NotLeader, Permit, Ticket, Waiter, groups};

/// The share partitions of one shard.
struct Held {
    shard: Shard,
    /// Nothing more is decided: the shard is about to be released, or is. If it does not go after all, what was in
    /// hand still is.
    frozen: bool,
}

impl Held {
    fn durable(&self) -> Shares {
        self.shard.parts().map(|(id, state)| (id.clone(), Arc::clone(state))).collect()
    }
}

/// What a session has of share partitions.
#[derive(Default)]
pub(super) struct State {
    shards: BTreeMap<ShardId, Held>,
    /// The share partitions that have changed since the last capture, or have gone.
    changed: BTreeSet<(ShardId, SharePartitionId)>,
    /// By share partition: the last slot that it wrote to, while that is not committed.
    writes: BTreeMap<SharePartitionId, Ticket>,
    /// Who waits for records.
    waiters: BTreeMap<SharePartitionId, Vec<Arc<Waiter>>>,
    /// By group, while its coordinator is asked what may come into being.
    asks: BTreeMap<GroupId, Asks>,
}

/// What is asked of a group's coordinator.
#[derive(Default)]
struct Asks {
    /// How many [`ShareAsk`]s there are.
    outstanding: usize,
    /// How often share partitions of the group were deleted meanwhile, or may have been while a shard was elsewhere.
    deletions: u64,
}

impl State {
    /// The share partitions that have changed since this was last asked, as a checkpoint holds them: none for one
    /// that has gone.
    pub(super) fn take_changed(&mut self) -> Vec<(ShardId, SharePartitionId, Option<Arc<SharePartition>>)> {
        let changed = std::mem::take(&mut self.changed).into_iter();
        let of = |shard, id: &SharePartitionId| self.shards.get(&shard)?.shard.part(id).cloned();
        changed.map(|(shard, id)| (shard, id.clone(), of(shard, &id))).collect()
    }

    /// What a RELEASE or the first checkpoint holds of a shard.
    pub(super) fn durable_of(&self, shard: ShardId) -> Shares {
        self.shards.get(&shard).map(Held::durable).unwrap_or_default()
    }

    /// Serves a shard from now on.
    pub(super) fn insert(&mut self, shard: ShardId, shares: Shares) {
        self.asks.values_mut().for_each(|asks| asks.deletions += 1);
        self.shards.insert(shard, Held { shard: Shard::new(shares), frozen: false });
    }

    /// Forgets shards. Requests that wait for records of theirs look again.
    pub(super) fn drop_shards(&mut self, gone: impl Fn(ShardId) -> bool) {
        self.shards.retain(|shard, _| !gone(*shard));
        self.wake_all();
    }

    /// Decides nothing more in a shard. What is in hand is in no member's hands with its next owner.
    pub(super) fn freeze(&mut self, shard: ShardId) {
        if let Some(held) = self.shards.get_mut(&shard) {
            held.frozen = true;
            self.wake_all();
        }
    }

    /// Serves again what was frozen and has not gone.
    pub(super) fn thaw(&mut self) {
        self.shards.values_mut().for_each(|held| held.frozen = false);
    }

    /// Forgets the share partitions that `gone` names.
    pub(super) fn forget(&mut self, gone: impl Fn(&SharePartitionId) -> bool) {
        for (id, held) in &mut self.shards {
            let forgotten = held.shard.parts().map(|(part, _)| part).filter(|part| gone(part));
            self.changed.extend(forgotten.map(|part| (*id, part.clone())));
            held.shard.forget(&gone);
        }
    }

    /// When something is due.
    pub(super) fn first_due(&self) -> Option<Duration> {
        let serving = self.shards.values().filter(|held| !held.frozen);
        serving.filter_map(|held| held.shard.next_tick()).min()
    }

    fn serving(&mut self, shard: ShardId) -> Result<&mut Shard, NotLeader> {
        match self.shards.get_mut(&shard) {
            Some(Held { shard, frozen: false }) => Ok(shard),
            _ => Err(NotLeader),
        }
    }

    /// Begins to ask a group's coordinator; answers the deletions so far.
    fn ask(&mut self, group: &GroupId) -> u64 {
        let asks = self.asks.entry(GroupId::clone(group)).or_default();
        asks.outstanding += 1;
        asks.deletions
    }

    /// Ends what [`State::ask`] began.
    fn asked(&mut self, group: &GroupId) {
        if let Some(asks) = self.asks.get_mut(group) {
            asks.outstanding -= 1;
            if asks.outstanding == 0 {
                self.asks.remove(group);
            }
        }
    }

    /// Counts a deletion in a group, also of what has not begun: it may have been allowed to.
    fn deleted(&mut self, group: &GroupId) {
        if let Some(asks) = self.asks.get_mut(group) {
            asks.deletions += 1;
        }
    }

    /// Whether anything of a group was deleted since there were so many `deletions`.
    fn is_void(&self, group: &GroupId, deletions: u64) -> bool {
        self.asks.get(group).is_none_or(|asks| asks.deletions != deletions)
    }

    fn wake_all(&self) {
        self.waiters.values().flatten().for_each(|waiter| waiter.wake());
    }
}

/// What was decided, and the slot after whose commit it may be reported; none if it may be at once.
#[derive(Debug)]
pub struct Decided {
    reply: Reply,
    after: Option<Ticket>,
}

impl Decided {
    /// Waits until it may be reported.
    pub async fn told(self) -> Result<Reply, NotLeader> {
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
        let deletions = log.groups.lock().shares.ask(group);
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
        self.log.groups.lock().shares.asked(&self.group);
    }
}

impl Log {
    /// What holds for the share partitions of a group.
    pub fn share_settings(&self, group: &str) -> Settings {
        self.groups.lock().around.share_settings(group)
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
        let mut groups = self.groups.lock();
        if ask.is_some_and(|ask| ask.group != id.group || groups.shares.is_void(&id.group, ask.deletions)) {
            return Err(NotLeader);
        }
        if request == Request::Delete {
            groups.shares.deleted(&id.group);
        }
        let settings = groups.around.share_settings(&id.group);
        let now = self.groups.now();
        let serving = groups.shares.serving(shard)?;
        let due = serving.next_tick();
        let mut effects = Vec::new();
        serving.request((now, log_start), &settings, (id, 0), request, &mut effects);
        if serving.next_tick().is_some_and(|at| due.is_none_or(|due| at < due)) {
            self.groups.due_earlier();
        }
        self.perform_shares(&mut groups, shard, effects, permit)?.ok_or(NotLeader)
    }

    /// Where a share partition is to be read next.
    pub fn share_next(&self, id: &SharePartitionId) -> Result<NextFetch, NotLeader> {
        let log_start = self.lead(id.partition)?.log_start();
        let mut groups = self.groups.lock();
        let settings = groups.around.share_settings(&id.group);
        let serving = groups.shares.serving(self.shards.of_partition(id.partition))?;
        Ok(serving.next_fetch(&settings, id, log_start))
    }

    /// A share partition as it is decided now, which may be reported once the ticket is done; none if there
    /// is none.
    pub fn share_state(
        &self,
        id: &SharePartitionId,
    ) -> Result<(Option<Arc<SharePartition>>, Ticket), NotLeader> {
        let mut groups = self.groups.lock();
        let serving = groups.shares.serving(self.shards.of_partition(id.partition))?;
        Ok((serving.part(id).cloned(), self.barrier()?))
    }

    /// Wakes `waiter` when there may be records of a share partition that a member may have, until it is taken
    /// back.
    pub fn watch_share(&self, id: &SharePartitionId, waiter: &Arc<Waiter>) {
        let mut groups = self.groups.lock();
        groups.shares.waiters.entry(id.clone()).or_default().push(Arc::clone(waiter));
    }

    /// Takes a waiter back.
    pub fn unwatch_share(&self, id: &SharePartitionId, waiter: &Arc<Waiter>) {
        let mut groups = self.groups.lock();
        if let Some(waiters) = groups.shares.waiters.get_mut(id) {
            waiters.retain(|w| !Arc::ptr_eq(w, waiter));
            if waiters.is_empty() {
                groups.shares.waiters.remove(id);
            }
        }
    }

    /// Takes back what was in hand for too long.
    pub(super) fn tick_shares(&self, groups: &mut groups::State) {
        let now = self.groups.now();
        let around = groups.around.clone();
        let settings = |group: &str| around.share_settings(group);
        let mut ticked = Vec::new();
        for (id, held) in &mut groups.shares.shards {
            if let Held { shard, frozen: false } = held
                && shard.next_tick().is_some_and(|at| at <= now)
            {
                let mut effects = Vec::new();
                shard.tick(now, &settings, &mut effects);
                ticked.push((*id, effects));
            }
        }
        for (shard, effects) in ticked {
            // Of a session that has ended nothing is wanted any more.
            let _ = self.perform_shares(groups, shard, effects, None);
        }
    }

    /// Puts what was decided into the open slot; answers the reply, if there is one.
    fn perform_shares(
        &self,
        groups: &mut groups::State,
        shard: ShardId,
        effects: Vec<Effect>,
        permit: Option<Permit>,
    ) -> Result<Option<Decided>, NotLeader> {
        let state = &mut groups.shares;
        let mut open = self.open.lock();
        let held = open.shards.get(&shard).filter(|held| !held.frozen).copied();
        // A session that has ended takes along what was decided. Its share partitions are about to be dropped.
        let held = held.filter(|_| !open.ended).ok_or(NotLeader)?;
        // What one step writes stays in one slot.
        open.make_room(0);
        let was_wanted = open.is_wanted();
        if effects.iter().any(|effect| matches!(effect, Effect::Write { .. })) {
            open.permits.extend(permit);
        }
        let mut decided = None;
        for effect in effects {
            match effect {
                Effect::Write { id, changes } => {
                    open.written += changes.len() as u64;
                    open.builder.push(Record::Share { epoch: held.epoch, id: id.clone(), changes });
                    state.changed.insert((shard, id.clone()));
                    state.writes.insert(id, open.stub.ticket());
                }
                Effect::Wake(id) => {
                    state.waiters.get(&id).into_iter().flatten().for_each(|waiter| waiter.wake());
                }
                Effect::Reply { id, reply, .. } => {
                    let after = match reply.needs_barrier() {
                        _ if mutant::is(Mutant::AnswerSharesEarly) => None,
                        true => Some(open.barrier()),
                        false => state.writes.get(&id).filter(|write| write.is_pending()).cloned(),
                    };
                    decided = Some(Decided { reply, after });
                }
            }
        }
        let wanted = open.is_wanted() && !was_wanted;
        drop(open);
        if wanted {
            self.changed.notify_one();
        }
        state.writes.retain(|_, write| write.is_pending());
        Ok(decided)
    }
}

#[cfg(test)]
#[path = "share_test.rs"]
mod tests;

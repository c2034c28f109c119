//! The groups of the shards that the session holds.
//!
//! A step of a group and the place of what it writes in the open slot are one: `groups` is locked first, then
//! `open`. A reply leaves once the group's writes are committed (I10); a rejection that follows from state, once
//! a slot is that was begun after it.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use coordinator::ShardId;
use coordinator::cluster::Cluster;
use coordinator::config::group::GroupSettings;
use coordinator::group::{Effect, Group, GroupId, Now, Reply, Request, Settings, Shard, Token, World};
use coordinator::share::Settings as ShareSettings;
use parking_lot::{Mutex, MutexGuard};
use tiering::format::group::Groups as Durable;
use tiering::format::slot::Record;
use tiering::mutant::{self, Mutant};
use tokio::sync::{Notify, oneshot};
use tokio::task::yield_now;
use tokio::time::Instant;

use super::{Log, LogParts, NotLeader, Permit, Ticket, share};
use crate::consumer_protocol::CONSUMER_PROTOCOL;
use crate::log::flush::at;

/// How many timers are seen to at a time: requests to other groups do not wait for more.
const MOST_DUE: usize = 1000;

/// The groups of one shard.
enum Held {
    Serving(Shard),
    /// Nothing more is decided: the shard is about to be released, or is.
    Frozen(Durable),
}

impl Held {
    fn durable(&self) -> Durable {
        match self {
            Self::Serving(shard) => {
                shard.groups().map(|(id, group)| (GroupId::clone(id), Arc::clone(group))).collect()
            }
            Self::Frozen(groups) => groups.clone(),
        }
    }
}

/// A reply, and what it waits for.
struct Decided {
    reply: Reply,
    after: Option<Ticket>,
}

/// The groups of a log.
pub(super) struct Groups {
    state: Mutex<State>,
    /// Tells the driver that something is due earlier than it knew.
    earlier: Notify,
    /// The zero of [`Now::since_start`].
    start: Instant,
}

/// What groups see besides themselves.
#[derive(Clone)]
pub(super) struct Surroundings {
    cluster: Arc<Cluster>,
    settings: Arc<GroupSettings>,
}

impl Surroundings {
    pub(super) fn of(parts: &LogParts, cluster: &Arc<Cluster>) -> Self {
        let settings = Arc::new(cluster.group_settings(parts.node, &parts.settings));
        Self { cluster: Arc::clone(cluster), settings }
    }

    /// What holds for the share partitions of a group.
    pub(super) fn share_settings(&self, group: &str) -> ShareSettings {
        ShareSettings::of(&self.cluster.group_config(&self.settings, group).share)
    }

    fn world<T>(&self, act: impl FnOnce(&World<'_>) -> T) -> T {
        let Self { cluster, settings } = self;
        let of = |group: &str| Settings::of(settings, &cluster.group_config(settings, group));
        act(&World { cluster, settings: &of, consumer_protocol: CONSUMER_PROTOCOL })
    }
}

/// What a session has of groups, behind its lock.
pub(super) struct State {
    pub(super) around: Surroundings,
    shards: BTreeMap<ShardId, Held>,
    /// The groups that have changed since the last capture, or have gone.
    changed: BTreeSet<(ShardId, GroupId)>,
    /// By group: the last slot that it wrote to, while that is not committed.
    writes: BTreeMap<GroupId, Ticket>,
    waiting: BTreeMap<Token, oneshot::Sender<Decided>>,
    next: Token,
    /// The share partitions are behind the same lock.
    pub(super) shares: share::State,
}

impl Groups {
    pub(super) fn new(around: Surroundings) -> Self {
        let (shards, changed, writes, waiting, shares) = Default::default();
        let state = Mutex::new(State { around, shards, changed, writes, waiting, next: 0, shares });
        Self { state, earlier: Notify::new(), start: Instant::now() }
    }

    /// Before the open slot is locked, never after.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// [`Now::since_start`].
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Something is due earlier than was known.
    pub(super) fn due_earlier(&self) {
        self.earlier.notify_one();
    }
}

impl State {
    /// The groups that have changed since this was last asked, as a checkpoint holds them: none for one that has
    /// gone.
    pub(super) fn take_changed(&mut self) -> Vec<(ShardId, GroupId, Option<Arc<Group>>)> {
        let changed = std::mem::take(&mut self.changed).into_iter();
        let of = |shard, id: &GroupId| match self.shards.get(&shard)? {
            Held::Serving(serving) => serving.group(id).cloned(),
            Held::Frozen(groups) => groups.get(id).cloned(),
        };
        changed.map(|(shard, id)| (shard, GroupId::clone(&id), of(shard, &id))).collect()
    }

    /// What a RELEASE or the first checkpoint holds of a shard.
    pub(super) fn durable_of(&self, shard: ShardId) -> Durable {
        self.shards.get(&shard).map(Held::durable).unwrap_or_default()
    }

    /// Forgets a shard, or all of them. Requests that wait learn that the groups are elsewhere.
    pub(super) fn drop_shards(&mut self, gone: impl Fn(ShardId) -> bool) {
        self.shares.drop_shards(&gone);
        let mut effects = Vec::new();
        let of_them: Vec<_> = self.shards.keys().copied().filter(|shard| gone(*shard)).collect();
        for shard in of_them {
            if let Some(Held::Serving(shard)) = self.shards.remove(&shard) {
                shard.end(&mut effects);
            }
        }
        self.abandon(effects);
    }

    /// Decides nothing more in a shard.
    pub(super) fn freeze(&mut self, shard: ShardId) {
        self.shares.freeze(shard);
        let Some(held) = self.shards.get_mut(&shard) else { return };
        let frozen = Held::Frozen(held.durable());
        if let Held::Serving(shard) = std::mem::replace(held, frozen) {
            let mut effects = Vec::new();
            shard.end(&mut effects);
            self.abandon(effects);
        }
    }

    /// No request that waits for these is answered but by the loss of the shard.
    fn abandon(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            if let Effect::Reply { token, .. } = effect {
                self.waiting.remove(&token);
            }
        }
    }

    fn first_due(&self) -> Option<Duration> {
        let serving = self.shards.values().filter_map(|held| match held {
            Held::Serving(shard) => shard.next_tick(),
            Held::Frozen(_) => None,
        });
        serving.chain(self.shares.first_due()).min()
    }
}

impl Log {
    fn group_time(&self) -> Now {
        let (clock, since_start) = (&self.parts.clock, self.groups.now());
        match clock.settled_ms() {
            Some(wall) => Now { since_start, wall, is_settled: true },
            None => Now { since_start, wall: clock.now_ms(), is_settled: false },
        }
    }

    /// Serves the groups of a shard from now on.
    pub(super) fn insert_groups(&self, state: &mut State, shard: ShardId, groups: Durable) {
        let now = self.group_time();
        let serving = state.around.world(|world| Shard::new(groups, now, world));
        state.shards.insert(shard, Held::Serving(serving));
        self.groups.earlier.notify_one();
    }

    /// Serves again what was frozen and has not gone.
    pub(super) fn thaw_groups(&self, state: &mut State) {
        let frozen = |(shard, held): (&ShardId, &Held)| matches!(held, Held::Frozen(_)).then_some(*shard);
        let frozen: Vec<_> = state.shards.iter().filter_map(frozen).collect();
        state.shares.thaw();
        self.groups.due_earlier();
        for shard in frozen {
            let groups = state.durable_of(shard);
            self.insert_groups(state, shard, groups);
        }
    }

    /// Whether a group is served here.
    pub fn coordinates(&self, group: &str) -> bool {
        let shard = self.shards.of_group(group);
        matches!(self.groups.lock().shards.get(&shard), Some(Held::Serving(_)))
    }

    /// Asks a group. Fails if its shard is not this session's, or no longer is when the reply would be sent.
    /// `permit` is held until what the group writes at once is committed, and no longer than that if it writes
    /// nothing.
    pub async fn group(
        &self,
        id: &GroupId,
        request: Request,
        permit: Option<Permit>,
    ) -> Result<Reply, NotLeader> {
        let shard = self.shards.of_group(id);
        let answered = {
            let mut state = self.groups.lock();
            let (around, now) = (state.around.clone(), self.group_time());
            let token = state.next;
            let Some(Held::Serving(serving)) = state.shards.get_mut(&shard) else { return Err(NotLeader) };
            let due = serving.next_tick();
            let mut effects = Vec::new();
            around.world(|world| {
                serving.request(now, world, (id, token), request, &mut effects);
            });
            if serving.next_tick().is_some_and(|at| due.is_none_or(|due| at < due)) {
                self.groups.earlier.notify_one();
            }
            let (sender, answered) = oneshot::channel();
            state.next += 1;
            state.waiting.insert(token, sender);
            self.perform(&mut state, shard, effects, permit);
            answered
        };
        let Decided { reply, after } = answered.await.map_err(|_| NotLeader)?;
        if let Some(after) = after {
            after.committed().await?;
        }
        Ok(reply)
    }

    /// A group as it is decided now, which is reported once a slot confirms it; none if there is no such
    /// group.
    pub async fn group_state(&self, id: &GroupId) -> Result<Option<Arc<Group>>, NotLeader> {
        let (group, confirmed) = {
            let state = self.groups.lock();
            let Some(Held::Serving(serving)) = state.shards.get(&self.shards.of_group(id)) else {
                return Err(NotLeader);
            };
            (serving.group(id).cloned(), self.barrier()?)
        };
        confirmed.committed().await?;
        Ok(group)
    }

    /// A group as it is decided now, which is not to be reported.
    pub fn peek_group(&self, id: &str) -> Option<Arc<Group>> {
        match self.groups.lock().shards.get(&self.shards.of_group(id)) {
            Some(Held::Serving(serving)) => serving.group(id).cloned(),
            _ => None,
        }
    }

    /// Every group that is served here, as it is decided now.
    pub fn all_groups(&self) -> Vec<(GroupId, Arc<Group>)> {
        let state = self.groups.lock();
        let serving = state.shards.values().filter_map(|held| match held {
            Held::Serving(shard) => Some(shard.groups()),
            Held::Frozen(_) => None,
        });
        serving.flatten().map(|(id, group)| (GroupId::clone(id), Arc::clone(group))).collect()
    }

    /// Does what is due, for ever.
    pub(super) async fn drive_groups(&self) -> Infallible {
        loop {
            let due = self.groups.lock().first_due();
            tokio::select! {
                biased;
                () = self.groups.earlier.notified() => {}
                () = at(due.map(|due| self.groups.start + due)) => {
                    self.tick_groups();
                    // There may be more, for which requests do not wait.
                    yield_now().await;
                }
            }
        }
    }

    fn tick_groups(&self) {
        let mut state = self.groups.lock();
        let left = Cell::new(MOST_DUE);
        self.step_all(&mut state, |shard, now, world, effects| {
            if left.get() > 0 && shard.next_tick().is_some_and(|at| at <= now.since_start) {
                left.set(left.get() - shard.tick(now, world, left.get(), effects));
            }
        });
        self.tick_shares(&mut state);
    }

    /// Tells the groups what the cluster is like now. Offsets of topics that were deleted are forgotten.
    pub(super) fn show_groups(&self, cluster: &Arc<Cluster>) {
        let mut state = self.groups.lock();
        if cluster.next() < state.around.cluster.next() {
            return;
        }
        let before = std::mem::replace(&mut state.around, Surroundings::of(&self.parts, cluster)).cluster;
        let deleted = before.topics().filter(|topic| cluster.topic(topic.id).is_none());
        let deleted: Vec<_> = deleted.map(|topic| topic.id).collect();
        if !deleted.is_empty() {
            state.shares.forget(|id| deleted.contains(&id.partition.topic));
            self.step_all(&mut state, |shard, now, world, effects| {
                shard.forget_topics(now, world, &deleted, effects);
            });
        }
    }

    /// Steps every shard.
    fn step_all(&self, state: &mut State, step: impl Fn(&mut Shard, Now, &World<'_>, &mut Vec<Effect>)) {
        let (around, now) = (state.around.clone(), self.group_time());
        let mut stepped = Vec::new();
        for (id, held) in &mut state.shards {
            if let Held::Serving(shard) = held {
                let mut effects = Vec::new();
                around.world(|world| step(shard, now, world, &mut effects));
                stepped.push((*id, effects));
            }
        }
        for (shard, effects) in stepped.into_iter().filter(|(_, effects)| !effects.is_empty()) {
            self.perform(state, shard, effects, None);
        }
    }

    /// Puts what was decided into the open slot, and answers whom it concerns. The slot holds `permit` if there is
    /// anything of it.
    fn perform(&self, state: &mut State, shard: ShardId, effects: Vec<Effect>, permit: Option<Permit>) {
        let mut open = self.open.lock();
        let held = open.shards.get(&shard).filter(|held| !held.frozen).copied();
        let Some(held) = held.filter(|_| !open.ended) else {
            // The session has ended, and what was decided with it. Its groups are about to be dropped.
            drop(open);
            return state.abandon(effects);
        };
        // What one step writes stays in one slot.
        open.make_room(0);
        let was_wanted = open.is_wanted();
        if effects.iter().any(|effect| matches!(effect, Effect::Write { .. })) {
            open.permits.extend(permit);
        }
        for effect in effects {
            match effect {
                Effect::Write { group, changes } => {
                    open.written += changes.len() as u64;
                    let record =
                        Record::Group { shard, epoch: held.epoch, group: GroupId::clone(&group), changes };
                    open.builder.push(record);
                    state.changed.insert((shard, GroupId::clone(&group)));
                    state.writes.insert(group, open.stub.ticket());
                }
                Effect::Reply { group, token, reply } => {
                    let pending = || state.writes.get(&group).filter(|write| write.is_pending()).cloned();
                    let after = match reply.needs_barrier() {
                        _ if mutant::is(Mutant::AnswerGroupsEarly) => None,
                        true if mutant::is(Mutant::RejectWithoutBarrier) => None,
                        true => Some(open.barrier()),
                        false => pending(),
                    };
                    if let Some(waiting) = state.waiting.remove(&token) {
                        // The caller may have hung up.
                        drop(waiting.send(Decided { reply, after }));
                    }
                }
            }
        }
        let wanted = open.is_wanted() && !was_wanted;
        drop(open);
        if wanted {
            self.changed.notify_one();
        }
        state.writes.retain(|_, write| write.is_pending());
    }
}

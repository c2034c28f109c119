//! The groups of the shards that the session holds.
//!
//! The groups of a shard have a lock of their own, and no thread is held up by one that waits for it: however long a
//! step of a large group takes, the groups of other shards go on. A step and the place of what it writes in the open
//! slot are one: the groups are locked first, then `open`, and with its records the group goes there as it is after
//! them ([`host`](super::host)), for the next checkpoint. A reply leaves once the group's writes are
//! committed (I10); a rejection that follows from state, once a slot is that was begun after it.

use std::collections::BTreeMap;
use std::sync::Arc;

use coordinator::cluster::Cluster;
use coordinator::config::group::GroupSettings;
use coordinator::group::{Effect, Group, GroupId, Now, Reply, Request, Settings, Shard, Token, World};
use coordinator::share::Settings as ShareSettings;
use coordinator::{ShardId, TopicId};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use parking_lot::RwLock;
use tiering::format::group::Groups as Durable;
use tiering::mutant::{self, Mutant};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};
use tokio::task::yield_now;

use super::due::{Noted, Timed};
use super::host::{OfGroups, Writes};
use super::served::Served;
use super::{Log, LogParts, NotLeader, Permit, Ticket};
use crate::consumer_protocol::CONSUMER_PROTOCOL;

/// How many timers of a shard are seen to at a time: requests to its groups do not wait for more.
const MOST_DUE: usize = 1000;

/// A reply, and what it waits for.
struct Decided {
    reply: Reply,
    after: Option<Ticket>,
}

/// The groups of a log.
pub(super) struct Groups {
    around: RwLock<Surroundings>,
    serving: Served<Mutex<State>>,
    /// The groups of shards that are about to be released, or are: nothing more is decided. They come and go while
    /// the open slot is locked.
    frozen: parking_lot::Mutex<BTreeMap<ShardId, Durable>>,
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

/// What is served of the groups of one shard, behind its lock.
pub(super) struct State {
    shard: ShardId,
    groups: Shard,
    writes: Writes<GroupId>,
    /// The requests that are not answered. They fail when the groups are not served any more.
    waiting: BTreeMap<Token, oneshot::Sender<Decided>>,
    next: Token,
    noted: Noted,
}

/// The groups of a shard while they are locked.
pub(super) type Guard = OwnedMutexGuard<State>;

impl State {
    /// Waits for the reply to a request that is about to be made.
    fn wait(&mut self) -> (Token, oneshot::Receiver<Decided>) {
        let (token, (sender, answered)) = (self.next, oneshot::channel());
        self.next += 1;
        self.waiting.insert(token, sender);
        (token, answered)
    }

    /// No request that waits for these is answered but by the loss of the shard.
    fn abandon(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            if let Effect::Reply { token, .. } = effect {
                self.waiting.remove(&token);
            }
        }
    }

    fn durable(&self) -> Durable {
        self.groups.groups().map(|(id, group)| (GroupId::clone(id), Arc::clone(group))).collect()
    }
}

impl Groups {
    pub(super) fn new(around: Surroundings) -> Self {
        let (serving, frozen) = Default::default();
        Self { around: RwLock::new(around), serving, frozen }
    }

    pub(super) fn around(&self) -> Surroundings {
        self.around.read().clone()
    }

    /// Whether there is such a topic.
    pub(super) fn knows(&self, topic: TopicId) -> bool {
        self.around.read().cluster.topic(topic).is_some()
    }

    /// The groups of a shard, to be locked before the open slot. Fails if they are not served, or no longer are when
    /// they could be locked. A task that waits here must be polled until it has the lock: it may be given it meanwhile.
    pub(super) async fn lock(&self, shard: ShardId) -> Result<Guard, NotLeader> {
        let state = self.serving.get(shard).ok_or(NotLeader)?.lock_owned().await;
        if self.is_serving(&state) { Ok(state) } else { Err(NotLeader) }
    }

    /// Whether these groups are still served.
    pub(super) fn is_serving(&self, state: &Guard) -> bool {
        self.serving.is(state.shard, OwnedMutexGuard::mutex(state))
    }

    /// Forgets shards. Requests that wait learn that the groups are elsewhere, when what this answers is dropped. The
    /// open slot is locked.
    pub(super) fn drop_shards(&self, gone: impl Fn(ShardId) -> bool) -> Vec<Arc<Mutex<State>>> {
        self.frozen.lock().retain(|shard, _| !gone(*shard));
        self.serving.take(gone)
    }

    /// Decides nothing more in a shard. Its requests that wait learn that the groups are elsewhere. The open slot is
    /// locked.
    pub(super) fn freeze(&self, state: &Guard) {
        self.frozen.lock().insert(state.shard, state.durable());
        self.serving.remove(state.shard);
    }

    /// What a RELEASE holds of a shard; none if it is not frozen.
    pub(super) fn frozen(&self, shard: ShardId) -> Option<Durable> {
        self.frozen.lock().get(&shard).cloned()
    }
}

/// Ends the session if a step panics: what it left half done must not get into a slot or a checkpoint.
struct Whole<'a>(&'a Log);

impl Drop for Whole<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail();
        }
    }
}

impl Log {
    fn group_time(&self) -> Now {
        let (clock, since_start) = (&self.parts.clock, self.due.now());
        match clock.settled_ms() {
            Some(wall) => Now { since_start, wall, is_settled: true },
            None => Now { since_start, wall: clock.now_ms(), is_settled: false },
        }
    }

    /// The groups of a shard, ready to be served.
    pub(super) fn begin_groups(&self, shard: ShardId, groups: Durable) -> Arc<Mutex<State>> {
        let now = self.group_time();
        let groups = self.groups.around().world(|world| Shard::new(groups, now, world));
        let (writes, waiting, next, noted) = Default::default();
        Arc::new(Mutex::new(State { shard, groups, writes, waiting, next, noted }))
    }

    /// Serves the groups of a shard from now on. The open slot is locked.
    pub(super) fn serve_groups(&self, shard: ShardId, groups: Arc<Mutex<State>>) {
        self.groups.serving.insert(shard, groups);
        self.due.look(Timed::Groups(shard));
    }

    /// The groups of the shards that are frozen, ready to be served again.
    pub(super) fn begin_frozen(&self) -> Vec<(ShardId, Arc<Mutex<State>>)> {
        let frozen = self.groups.frozen.lock().clone().into_iter();
        frozen.map(|(shard, groups)| (shard, self.begin_groups(shard, groups))).collect()
    }

    /// Serves again what was frozen and is still held. The open slot is locked.
    pub(super) fn thaw(&self, groups: Vec<(ShardId, Arc<Mutex<State>>)>) {
        for (shard, groups) in groups {
            if self.groups.frozen.lock().remove(&shard).is_some() {
                self.serve_groups(shard, groups);
            }
        }
        for shard in self.shares.thaw() {
            self.due.look(Timed::Shares(shard));
        }
    }

    /// Whether a group is served here.
    pub fn coordinates(&self, group: &str) -> bool {
        self.groups.serving.contains(self.shards.of_group(group))
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
        let answered = {
            let mut state = self.groups.lock(self.shards.of_group(id)).await?;
            // A simulation's one thread waits for no lock unless it is held here.
            self.parts.entropy.pause().await;
            let (token, answered) = state.wait();
            self.step(&mut state, permit, |groups, now, world, effects| {
                groups.request(now, world, (id, token), request, effects);
            });
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
            let state = self.groups.lock(self.shards.of_group(id)).await?;
            (state.groups.group(id).cloned(), self.barrier()?)
        };
        confirmed.committed().await?;
        Ok(group)
    }

    /// A group as it is decided now, which is not to be reported.
    pub async fn peek_group(&self, id: &str) -> Option<Arc<Group>> {
        self.groups.lock(self.shards.of_group(id)).await.ok()?.groups.group(id).cloned()
    }

    /// Every group that is served here, as it is decided now; each shard's at another time.
    pub async fn all_groups(&self) -> Vec<(GroupId, Arc<Group>)> {
        let mut all = Vec::new();
        for shard in self.groups.serving.shards() {
            if let Ok(state) = self.groups.lock(shard).await {
                all.extend(state.durable());
            }
        }
        all
    }

    /// Runs the timers of groups and share partitions. Never ends.
    pub(super) async fn drive(&self) {
        // What is due elsewhere does not wait for a step that takes long.
        let mut locking = FuturesUnordered::new();
        loop {
            tokio::select! {
                biased;
                Some(locked) = locking.next(), if !locking.is_empty() => if let Ok(mut state) = locked {
                    self.tick_groups(&mut state);
                },
                due = self.due.next() => match due {
                    Timed::Groups(shard) => locking.push(self.groups.lock(shard)),
                    Timed::Shares(shard) => self.tick_shares(shard),
                },
            }
            // There may be more, for which nothing else waits.
            yield_now().await;
        }
    }

    fn tick_groups(&self, state: &mut Guard) {
        state.noted.clear();
        self.step(state, None, |groups, now, world, effects| {
            if groups.next_tick().is_some_and(|at| at <= now.since_start) {
                groups.tick(now, world, MOST_DUE, effects);
            }
        });
    }

    /// Gives the groups the newest state of the cluster. Offsets of topics that were deleted are removed.
    pub(super) async fn show_groups(&self, cluster: &Arc<Cluster>) {
        let now = Surroundings::of(&self.parts, cluster);
        let before = {
            let mut around = self.groups.around.write();
            if cluster.next() < around.cluster.next() {
                return;
            }
            std::mem::replace(&mut *around, now).cluster
        };
        let deleted = before.deleted_until(cluster);
        if deleted.is_empty() {
            return;
        }
        self.forget_shares(&deleted);
        // What is locked from now on sees what the cluster is like now.
        for shard in self.groups.serving.shards() {
            if let Ok(mut state) = self.groups.lock(shard).await {
                self.step(&mut state, None, |groups, now, world, effects| {
                    groups.forget_topics(now, world, &deleted, effects);
                });
            }
            // Others may have been waiting for it.
            yield_now().await;
        }
    }

    fn step(
        &self,
        state: &mut Guard,
        permit: Option<Permit>,
        step: impl FnOnce(&mut Shard, Now, &World<'_>, &mut Vec<Effect>),
    ) {
        let _whole = Whole(self);
        let (around, now, mut effects) = (self.groups.around(), self.group_time(), Vec::new());
        around.world(|world| step(&mut state.groups, now, world, &mut effects));
        let next = state.groups.next_tick();
        let what = Timed::Groups(state.shard);
        self.due.note(&mut state.noted, what, next);
        if !effects.is_empty() {
            self.perform(state, effects, permit);
        }
    }

    /// Puts what was decided into the open slot, and sends the replies. The slot holds `permit` if there is
    /// anything of it.
    fn perform(&self, state: &mut Guard, effects: Vec<Effect>, permit: Option<Permit>) {
        let serving = Arc::clone(OwnedMutexGuard::mutex(state));
        let state = &mut **state;
        let is_serving = || self.groups.serving.is(state.shard, &serving);
        let Ok(mut writing) = self.writing::<OfGroups>(state.shard, is_serving, permit, &mut state.writes)
        else {
            return state.abandon(effects);
        };
        for effect in effects {
            match effect {
                Effect::Write { group, changes } => {
                    let after = state.groups.group(&group).cloned();
                    writing.put(group, changes, after);
                }
                Effect::Reply { group, token, reply } => {
                    let after = match reply.needs_barrier() {
                        _ if mutant::is(Mutant::AnswerGroupsEarly) => None,
                        true if mutant::is(Mutant::RejectWithoutBarrier) => None,
                        needs_barrier => writing.after(&group, needs_barrier),
                    };
                    if let Some(waiting) = state.waiting.remove(&token) {
                        // The caller may have hung up.
                        drop(waiting.send(Decided { reply, after }));
                    }
                }
            }
        }
        writing.end();
    }
}

#[cfg(test)]
#[path = "groups_test.rs"]
mod tests;

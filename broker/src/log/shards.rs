//! Shards that come and go while a session lasts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use coordinator::cluster::{Cluster, SessionState};
use coordinator::{Epoch, PartitionId, SessionId, ShardId};
use tiering::format::checkpoint::{OwnedPartition, PartitionState};
use tiering::format::group::Groups;
use tiering::format::share::Shares;
use tiering::format::slot::Record;
use tiering::mutant::{self, Mutant};
use tiering::recover::Recovered;

use super::open::{Held, Open};
use super::{Holding, Log, NotLeader, Ticket, groups, share};

/// Shards that are released once the slot is committed.
#[derive(Debug)]
pub struct Release {
    /// The session whose slot it is.
    pub session: SessionId,
    /// The slot after the one that holds the RELEASEs.
    pub end: u64,
    /// The shards that it releases, and the epochs at which they were held.
    pub released: BTreeMap<ShardId, Epoch>,
    /// The slot's commit.
    pub committed: Ticket,
}

/// A shard that is about to be served, for which the open slot need not wait.
pub(super) struct Arriving {
    shard: ShardId,
    holding: Holding,
    groups: Groups,
    serving_groups: Arc<tokio::sync::Mutex<groups::State>>,
    shares: Shares,
    serving_shares: Arc<parking_lot::Mutex<share::State>>,
}

/// What was served of shards that have gone.
pub(super) struct Gone {
    _groups: Vec<Arc<tokio::sync::Mutex<groups::State>>>,
    _shares: Vec<Arc<parking_lot::Mutex<share::State>>>,
}

impl Log {
    /// Makes shards ready to be served. Share partitions of topics that have been deleted meanwhile are left out: what
    /// this node knows of the cluster is newer than what their last owner knew.
    pub(super) fn make_ready(&self, held: &[(ShardId, Holding)], recovered: &mut Recovered) -> Vec<Arriving> {
        let mut shares: BTreeMap<ShardId, Shares> = BTreeMap::new();
        for (id, state) in std::mem::take(&mut recovered.shares) {
            if self.groups.knows(id.partition.topic) {
                shares.entry(self.shards.of_partition(id.partition)).or_default().insert(id, state);
            }
        }
        let arriving = held.iter().map(|&(shard, holding)| {
            let groups = recovered.groups.remove(&shard).unwrap_or_default();
            let shares = shares.remove(&shard).unwrap_or_default();
            let serving_shares = Arc::new(parking_lot::Mutex::new(share::State::new(shares.clone())));
            let serving_groups = self.begin_groups(shard, groups.clone());
            Arriving { shard, holding, groups, serving_groups, shares, serving_shares }
        });
        arriving.collect()
    }

    pub(super) fn insert_shards(
        &self,
        open: &mut Open,
        arriving: Vec<Arriving>,
        partitions: BTreeMap<PartitionId, OwnedPartition>,
    ) {
        for Arriving { shard, holding, groups, serving_groups, shares, serving_shares } in arriving {
            let Holding { epoch, leader_epoch } = holding;
            open.shards.insert(shard, Held { epoch, leader_epoch, frozen: false });
            open.begun.insert(shard);
            open.hosted.begin(shard, groups, shares);
            self.serve_groups(shard, serving_groups);
            self.shares.serve(shard, serving_shares);
        }
        for (id, owned) in partitions {
            let shard = self.shards.of_partition(id);
            if let Some(held) = open.shards.get(&shard).copied() {
                self.insert(open, id, shard, held, owned);
            }
        }
    }

    /// Serves shards from now on whose state has been rebuilt as `session` got it. False if that is no longer
    /// the session: another follows it, which holds the shards at another epoch. A checkpoint comes soon, so
    /// that what they were rebuilt from is not needed for long.
    pub fn install(&self, session: SessionId, held: &[(ShardId, Holding)], mut recovered: Recovered) -> bool {
        let arriving = self.make_ready(held, &mut recovered);
        let _gone;
        let mut open = self.open.lock();
        if open.ended || open.session != session {
            return false;
        }
        let again: BTreeSet<_> = held.iter().map(|(shard, _)| *shard).collect();
        _gone = self.let_go(&mut open, |shard| again.contains(&shard));
        self.insert_shards(&mut open, arriving, recovered.partitions);
        self.checkpointing.want();
        open.awaited = true;
        drop(open);
        self.changed.notify_one();
        true
    }

    /// Forgets everything of shards that are not held any more, or are to be held anew. What it answers is better
    /// dropped once the open slot is not locked any more.
    pub(super) fn let_go(&self, open: &mut Open, gone: impl Fn(ShardId) -> bool) -> Gone {
        let dropped =
            Gone { _groups: self.groups.drop_shards(&gone), _shares: self.shares.drop_shards(&gone) };
        open.hosted.let_go(&gone);
        let places = open.places(|decided| gone(decided.shard));
        self.forget(open, places);
        dropped
    }

    /// Every shard that was granted to the session before `epoch` has been installed.
    pub fn installed_before(&self, epoch: Epoch) {
        self.open.lock().as_of = epoch;
    }

    /// The shards that are being served, or were until they were released, and the epochs at which they are held.
    pub fn held(&self) -> BTreeMap<ShardId, Epoch> {
        self.open.lock().shards.iter().map(|(shard, held)| (*shard, held.epoch)).collect()
    }

    /// The shards to which nothing more is appended.
    pub(crate) fn frozen(&self) -> BTreeSet<ShardId> {
        let open = self.open.lock();
        open.shards.iter().filter(|(_, held)| held.frozen).map(|(shard, _)| *shard).collect()
    }

    /// How many shards are held.
    pub fn shards(&self) -> usize {
        self.open.lock().shards.len()
    }

    /// By shard: the bytes of records that its partitions have taken and given since they came here.
    pub(crate) fn shard_bytes(&self) -> BTreeMap<ShardId, u64> {
        let open = self.open.lock();
        let mut bytes: BTreeMap<ShardId, u64> = open.shards.keys().map(|shard| (*shard, 0)).collect();
        for decided in open.states.iter().flatten() {
            *bytes.entry(decided.shard).or_default() += decided.partition.bytes_moved();
        }
        bytes
    }

    /// Keeps the session from being followed by another while shards are being released.
    pub(crate) async fn moving(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.moving.lock().await
    }

    /// Whether the session is open, or the one that is about to follow it.
    pub(crate) fn is_open_in(&self, cluster: &Cluster) -> bool {
        let (session, following) = {
            let open = self.open.lock();
            (open.session, open.following)
        };
        let is_open = |id| cluster.session(id).is_some_and(|s| s.state == SessionState::Open);
        is_open(session) || following.is_some_and(is_open)
    }

    /// Appends nothing more to these shards. Once the ticket is done, everything that was is committed; none if
    /// it is already.
    pub(crate) async fn freeze_shards(
        &self,
        shards: &BTreeSet<ShardId>,
    ) -> Result<Option<Ticket>, NotLeader> {
        for &shard in shards {
            // What is not served is frozen already, or has gone.
            if let Ok(groups) = self.groups.lock(shard).await {
                self.freeze_shard(shard, &groups);
            }
        }
        self.shares.wake_all();
        let mut open = self.open.lock();
        if open.ended {
            return Err(NotLeader);
        }
        for decided in open.states.iter().flatten().filter(|d| shards.contains(&d.shard)) {
            if !mutant::is(Mutant::AppendAfterRelease) {
                decided.partition.stop_leading();
            }
        }
        open.urgent = open.is_wanted();
        let latest = open.latest();
        drop(open);
        self.changed.notify_one();
        Ok(latest)
    }

    /// Freezes a shard with its groups, which are locked, and its share partitions, if these are what it has.
    fn freeze_shard(&self, shard: ShardId, groups: &groups::Guard) {
        let Some(shares) = self.shares.of(shard) else { return };
        let state = shares.lock();
        let mut open = self.open.lock();
        let Some(held) = open.shards.get_mut(&shard) else { return };
        if self.groups.is_serving(groups) && self.shares.is_serving(shard, &shares) {
            self.groups.freeze(groups);
            self.shares.freeze(shard, &shares, &state);
            held.frozen = true;
        }
    }

    /// Writes RELEASEs of shards that have been frozen, and whose last batches are committed.
    pub(crate) fn release_shards(&self, shards: &BTreeSet<ShardId>) -> Result<Release, NotLeader> {
        let mut open = self.open.lock();
        if open.ended {
            return Err(NotLeader);
        }
        let mut released: BTreeMap<ShardId, BTreeMap<_, _>> =
            shards.iter().map(|shard| (*shard, BTreeMap::new())).collect();
        for decided in open.states.iter().flatten() {
            let Some(partitions) = released.get_mut(&decided.shard) else { continue };
            if decided.state.log_end == 0 && decided.state.producers.is_empty() {
                continue;
            }
            let (positions, tenures) = decided.partition.since_checkpoint();
            let mut state = PartitionState { partition: decided.state.clone(), tenures };
            if mutant::is(Mutant::LoseLeaderEpochs) {
                state.partition.leader_epochs = Default::default();
            }
            partitions.insert(decided.partition.id(), OwnedPartition { state, positions });
        }
        let mut epochs = BTreeMap::new();
        for (shard, partitions) in released {
            let Some(Held { epoch, frozen: true, .. }) = open.shards.get(&shard).copied() else { continue };
            // What has been installed meanwhile is not frozen.
            let frozen = self.groups.frozen(shard).zip(self.shares.frozen(shard));
            let Some((mut groups, mut shares)) = frozen else { continue };
            epochs.insert(shard, epoch);
            if mutant::is(Mutant::ForgetShares) {
                shares.clear();
            }
            if mutant::is(Mutant::ForgetGroups) {
                groups.clear();
            }
            if mutant::is(Mutant::ForgetMembers) {
                groups.values_mut().for_each(|group| Arc::make_mut(group).members.clear());
            }
            open.builder.push(Record::Release { shard, epoch, partitions, groups, shares });
        }
        let (session, end, committed) = (open.session, open.n + 1, open.barrier());
        open.urgent = true;
        drop(open);
        self.changed.notify_one();
        Ok(Release { session, end, released: epochs, committed })
    }

    /// Forgets shards that another session holds now.
    pub(crate) fn drop_shards(&self, shards: &BTreeSet<ShardId>) {
        let _gone;
        let mut open = self.open.lock();
        open.shards.retain(|shard, _| !shards.contains(shard));
        _gone = self.let_go(&mut open, |shard| shards.contains(&shard));
    }
}

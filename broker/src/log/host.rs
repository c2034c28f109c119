//! How what decides without I/O is hosted: groups and share partitions.
//!
//! Each of their shards has a lock, which is taken before that of the open slot. A step and the place of what it writes
//! are one: with its records the state goes there as it is after them, for the next checkpoint.

use std::collections::BTreeMap;
use std::sync::Arc;

use coordinator::group::{self, Group, GroupId};
use coordinator::share::{self, SharePartitionId, State as SharePartition};
use coordinator::{Epoch, ShardId};
use parking_lot::MutexGuard;
use tiering::checkpoint::Image;
use tiering::format::group::Groups;
use tiering::format::share::Shares;
use tiering::format::slot::Record;

use super::open::Open;
use super::{Log, NotLeader, Permit, Ticket};

/// By shard and id: the states that were written to, as they are after their last record; none for one that has gone.
type States<Id, State> = BTreeMap<(ShardId, Id), Option<Arc<State>>>;

/// A kind of state that is hosted.
pub(super) trait Hosted {
    /// What one is called.
    type Id: Ord + Clone;
    /// What there is of one.
    type State;
    /// What a record says of one.
    type Change;

    /// The record of what changed in one.
    fn record(shard: ShardId, epoch: Epoch, id: Self::Id, changes: Arc<[Self::Change]>) -> Record;

    /// Those of this kind.
    fn among(changed: &mut Changed) -> &mut States<Self::Id, Self::State>;
}

/// Groups.
pub(super) struct OfGroups;

impl Hosted for OfGroups {
    type Id = GroupId;
    type State = Group;
    type Change = group::Change;

    fn record(shard: ShardId, epoch: Epoch, group: GroupId, changes: Arc<[group::Change]>) -> Record {
        Record::Group { shard, epoch, group, changes }
    }

    fn among(changed: &mut Changed) -> &mut States<GroupId, Group> {
        &mut changed.groups
    }
}

/// Share partitions.
pub(super) struct OfShares;

impl Hosted for OfShares {
    type Id = SharePartitionId;
    type State = SharePartition;
    type Change = share::Change;

    fn record(_: ShardId, epoch: Epoch, id: SharePartitionId, changes: Arc<[share::Change]>) -> Record {
        Record::Share { epoch, id, changes }
    }

    fn among(changed: &mut Changed) -> &mut States<SharePartitionId, SharePartition> {
        &mut changed.shares
    }
}

/// The states that were written to since the last capture; of shards that have been installed since, all.
#[derive(Default)]
pub(super) struct Changed {
    pub(super) groups: States<GroupId, Group>,
    pub(super) shares: States<SharePartitionId, SharePartition>,
}

impl Changed {
    /// A shard has been installed, with these states.
    pub(super) fn begin(&mut self, shard: ShardId, groups: Groups, shares: Shares) {
        self.groups.extend(groups.into_iter().map(|(id, group)| ((shard, id), Some(group))));
        self.shares.extend(shares.into_iter().map(|(id, share)| ((shard, id), Some(share))));
    }

    /// Forgets shards.
    pub(super) fn let_go(&mut self, gone: impl Fn(ShardId) -> bool) {
        self.groups.retain(|(shard, _), _| !gone(*shard));
        self.shares.retain(|(shard, _), _| !gone(*shard));
    }

    /// Share partitions have gone.
    pub(super) fn forget_shares(&mut self, shard: ShardId, gone: impl IntoIterator<Item = SharePartitionId>) {
        self.shares.extend(gone.into_iter().map(|id| ((shard, id), None)));
    }

    /// Leaves all share partitions out, as a fault does.
    pub(super) fn without_shares(mut self) -> Self {
        self.shares.clear();
        self
    }

    /// Takes them into the image that the next checkpoint writes.
    pub(super) fn put_into(self, image: &mut Image) {
        for ((shard, id), group) in self.groups {
            image.put_group(shard, id, group);
        }
        for ((shard, id), share) in self.shares {
            image.put_share(shard, id, share);
        }
    }
}

/// By id: the last slot that was written to, while that is not committed.
pub(super) struct Writes<Id>(BTreeMap<Id, Ticket>);

impl<Id> Default for Writes<Id> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

/// A step that writes what it decided, while its shard and the open slot are locked.
pub(super) struct Writing<'a, H: Hosted> {
    log: &'a Log,
    open: MutexGuard<'a, Open>,
    shard: ShardId,
    epoch: Epoch,
    was_wanted: bool,
    permit: Option<Permit>,
    writes: &'a mut Writes<H::Id>,
    /// What the records replaced, which is freed once the open slot is not locked any more.
    replaced: Vec<Option<Arc<H::State>>>,
}

impl Log {
    /// Begins to write what a step decided of a shard that is locked, if it still is served. All goes into one slot, which
    /// holds `permit` if there is anything of it. Fails if the shard, or the session, has gone: what was decided with it.
    pub(super) fn writing<'a, H: Hosted>(
        &'a self,
        shard: ShardId,
        is_serving: impl FnOnce() -> bool,
        permit: Option<Permit>,
        writes: &'a mut Writes<H::Id>,
    ) -> Result<Writing<'a, H>, NotLeader> {
        let mut open = self.open.lock();
        let held = open.shards.get(&shard).filter(|held| !held.frozen).copied();
        let held = held.filter(|_| !open.ended && is_serving()).ok_or(NotLeader)?;
        open.make_room(0);
        let was_wanted = open.is_wanted();
        let replaced = Vec::new();
        Ok(Writing { log: self, open, shard, epoch: held.epoch, was_wanted, permit, writes, replaced })
    }
}

impl<H: Hosted> Writing<'_, H> {
    /// Writes what changed in one, which is `after` it.
    pub(super) fn put(&mut self, id: H::Id, changes: Arc<[H::Change]>, after: Option<Arc<H::State>>) {
        let open = &mut *self.open;
        open.permits.extend(self.permit.take());
        open.written += changes.len() as u64;
        open.builder.push(H::record(self.shard, self.epoch, id.clone(), changes));
        let replaced = H::among(&mut open.hosted).insert((self.shard, id.clone()), after);
        self.replaced.extend(replaced);
        self.writes.0.insert(id, open.stub.ticket());
    }

    /// What a reply waits for (I10): the slot of all that has been written of its state, if that is not committed, or one
    /// that is begun after now.
    pub(super) fn after(&mut self, id: &H::Id, needs_barrier: bool) -> Option<Ticket> {
        match needs_barrier {
            true => Some(self.open.barrier()),
            false => self.writes.0.get(id).filter(|write| write.is_pending()).cloned(),
        }
    }

    /// Lets go of the open slot.
    pub(super) fn end(self) {
        let Self { log, open, was_wanted, writes, replaced, .. } = self;
        let wanted = open.is_wanted() && !was_wanted;
        drop(open);
        drop(replaced);
        if wanted {
            log.changed.notify_one();
        }
        writes.0.retain(|_, write| write.is_pending());
    }
}

//! The slot being filled, and the decisions that run ahead of the store.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use coordinator::cluster::Cluster;
use coordinator::{Epoch, PartitionId, SessionId, ShardId, TopicId, partition};
use tiering::format::slot::Builder;
use tiering::mutant::{self, Mutant};

use super::checkpoint::Capture;
use super::host::Changed;
use super::partition::{Partition, TailBatch};
use super::ticket::Stub;
use super::{Permit, Ticket};

/// A partition's state, slots in flight included.
pub(super) struct Decided {
    pub(super) partition: Arc<Partition>,
    pub(super) shard: ShardId,
    pub(super) state: partition::Partition,
    /// The next metadata entry when the partition came here. A state of the cluster from before may lack its topic
    /// without that having been deleted.
    pub(super) met: Epoch,
    /// Its place is among [`Open::changed`].
    pub(super) changed: bool,
}

impl Decided {
    pub(super) fn topic(&self) -> TopicId {
        self.partition.id().topic
    }
}

/// A shard that the session holds, and whose state it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// The epoch that its records carry.
    pub(super) epoch: Epoch,
    /// The epoch that clients see.
    pub(super) leader_epoch: i32,
    /// It is about to be released, or is: nothing is appended any more.
    pub(super) frozen: bool,
}

/// A batch of the open slot, for its partition's tail.
pub(super) struct Pending {
    pub(super) partition: Arc<Partition>,
    pub(super) epoch: Epoch,
    pub(super) batch: TailBatch,
}

/// A slot that takes nothing more, and whose bytes are fixed when its PUT begins: its number and its predecessor
/// change if another session follows before that.
#[derive(Default)]
pub(super) struct Cut {
    pub(super) builder: Builder,
    pub(super) pending: Vec<Pending>,
    pub(super) trims: Vec<(Arc<Partition>, partition::Trimmed)>,
    pub(super) permits: Vec<Permit>,
    pub(super) stub: Stub,
    /// The state after it, if it was asked for: of the newest slot only.
    pub(super) capture: Option<Capture>,
}

/// Everything that an append touches, behind one lock.
pub(super) struct Open {
    /// The session whose slots are written.
    pub(super) session: SessionId,
    /// The session that is to follow it, while the entry is under way that says so.
    pub(super) following: Option<SessionId>,
    pub(super) shards: BTreeMap<ShardId, Held>,
    /// Every shard that was granted before this entry is among `shards`.
    pub(super) as_of: Epoch,
    /// By [`Partition::index`]; a place that is free holds nothing.
    pub(super) states: Vec<Option<Decided>>,
    /// The free places.
    pub(super) free: Vec<usize>,
    /// The places of the states that changed since the last capture, and were not removed since.
    pub(super) changed: Vec<usize>,
    /// The shards that were installed since the last capture.
    pub(super) begun: BTreeSet<ShardId>,
    /// The partitions that were removed since the last capture.
    pub(super) gone: Vec<(ShardId, PartitionId)>,
    /// What was written to of groups and share partitions since the last capture.
    pub(super) hosted: Changed,
    /// The cluster when partitions of deleted topics were last looked for.
    pub(super) followed: Option<Arc<Cluster>>,
    /// The places of the partitions that have come since, or that are newer than it.
    pub(super) came: Vec<usize>,
    /// A slot is cut when its body and index have this many bytes.
    pub(super) slot_bytes: usize,
    /// Slots that are full and wait for room in the window, oldest first.
    pub(super) cut: VecDeque<Cut>,
    pub(super) builder: Builder,
    pub(super) pending: Vec<Pending>,
    /// The trims of the open slot.
    pub(super) trims: Vec<(Arc<Partition>, partition::Trimmed)>,
    pub(super) permits: Vec<Permit>,
    pub(super) stub: Stub,
    /// Something waits for this slot, even if it stays empty.
    pub(super) awaited: bool,
    /// The slot should go without waiting for more: shards are about to move.
    pub(super) urgent: bool,
    /// The number that this slot gets.
    pub(super) n: u64,
    /// The hash of the newest slot whose bytes are fixed.
    pub(super) previous: u128,
    /// The newest slot that was cut.
    pub(super) newest: Option<Ticket>,
    /// What the session began with, before anything was appended; until it is written as checkpoint 0.
    pub(super) inherited: Option<Capture>,
    /// Bytes of records in the session's slots, the open one included.
    pub(super) written: u64,
    /// Nothing may be appended any more.
    pub(super) ended: bool,
}

impl Open {
    pub(super) fn new(session: SessionId, as_of: Epoch, slot_bytes: usize) -> Self {
        Self {
            session,
            following: None,
            shards: BTreeMap::new(),
            as_of,
            states: Vec::new(),
            free: Vec::new(),
            changed: Vec::new(),
            begun: BTreeSet::new(),
            gone: Vec::new(),
            hosted: Changed::default(),
            followed: None,
            came: Vec::new(),
            slot_bytes,
            cut: VecDeque::new(),
            builder: Builder::default(),
            pending: Vec::new(),
            trims: Vec::new(),
            permits: Vec::new(),
            stub: Stub::new(),
            awaited: false,
            urgent: false,
            n: 0,
            previous: 0,
            newest: None,
            inherited: None,
            written: 0,
            ended: false,
        }
    }

    /// A partition's state, and the shard's holding; none if the partition was removed.
    pub(super) fn decided(&mut self, partition: &Arc<Partition>) -> Option<(&mut Decided, Held)> {
        let decided = self.states.get_mut(partition.index())?.as_mut()?;
        let held = self.shards.get(&decided.shard)?;
        Arc::ptr_eq(&decided.partition, partition).then_some((decided, *held))
    }

    /// The places of the states that `wanted` holds for.
    pub(super) fn places(&self, wanted: impl Fn(&Decided) -> bool) -> Vec<usize> {
        let all = self.states.iter().enumerate();
        all.filter(|(_, decided)| decided.as_ref().is_some_and(&wanted)).map(|(place, _)| place).collect()
    }

    /// A free place among the states.
    pub(super) fn place(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.states.push(None);
            self.states.len() - 1
        })
    }

    /// Notes that the state at a place is no longer what the last capture has.
    pub(super) fn touch(&mut self, place: usize) {
        if let Some(decided) = self.states[place].as_mut().filter(|decided| !decided.changed) {
            decided.changed = true;
            self.changed.push(place);
        }
    }

    /// Whether the open slot is full once it has taken `more` bytes. An empty one never is.
    fn is_full(&self, more: usize) -> bool {
        let weight = self.builder.weight();
        weight > 0 && weight + more > self.slot_bytes && !mutant::is(Mutant::OneSlot)
    }

    /// Makes room for a record of so many bytes in the open slot.
    pub(super) fn make_room(&mut self, bytes: usize) {
        if self.is_full(bytes) {
            self.cut();
        }
    }

    /// Cuts the open slot. What comes now goes into another one.
    pub(super) fn cut(&mut self) {
        let stub = std::mem::take(&mut self.stub);
        self.newest = Some(stub.ticket());
        self.n += 1;
        (self.awaited, self.urgent) = (false, false);
        self.cut.push_back(Cut {
            builder: std::mem::take(&mut self.builder),
            pending: std::mem::take(&mut self.pending),
            trims: std::mem::take(&mut self.trims),
            permits: std::mem::take(&mut self.permits),
            stub,
            capture: None,
        });
    }

    /// The permits that slot `n` holds: the open one, or one that waits.
    pub(super) fn permits_of(&mut self, n: u64) -> &mut Vec<Permit> {
        let at = n.checked_sub(self.next_put()).and_then(|at| usize::try_from(at).ok());
        match at.and_then(|at| self.cut.get_mut(at)) {
            Some(cut) => &mut cut.permits,
            None => &mut self.permits,
        }
    }

    /// Gives every record that waits the epoch of a new holding.
    pub(super) fn hold_at(&mut self, epoch: Epoch) {
        let open = (&mut self.builder, &mut self.pending);
        let waiting = self.cut.iter_mut().map(|cut| (&mut cut.builder, &mut cut.pending));
        for (builder, pending) in waiting.chain([open]) {
            builder.hold_at(epoch);
            pending.iter_mut().for_each(|pending| pending.epoch = epoch);
        }
    }

    /// Bytes of batches in the open slot and in those that wait.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.cut.iter().map(|cut| cut.builder.body_len()).sum::<usize>() + self.builder.body_len()
    }

    /// The number of the next slot whose bytes are to be fixed.
    pub(super) fn next_put(&self) -> u64 {
        self.n - self.cut.len() as u64
    }

    /// Whether there is a reason to put the slot.
    pub(super) fn is_wanted(&self) -> bool {
        self.awaited || !self.builder.is_empty()
    }

    /// A ticket for a slot at or after every batch decided until now. The open slot will be put only if it is
    /// wanted; else the newest one in flight is the last that holds anything.
    pub(super) fn latest(&self) -> Option<Ticket> {
        if self.is_wanted() { Some(self.stub.ticket()) } else { self.newest.clone() }
    }

    /// A ticket for the open slot, whose first PUT has not been issued yet.
    pub(super) fn barrier(&mut self) -> Ticket {
        self.awaited = true;
        self.stub.ticket()
    }

    /// Ends the log: what is in the open slot fails, and so does everything that comes.
    pub(super) fn end(&mut self) {
        self.ended = true;
        self.cut.clear();
        self.stub.fail();
        self.builder = Builder::default();
        self.pending.clear();
        self.trims.clear();
        self.permits.clear();
        self.awaited = false;
    }
}

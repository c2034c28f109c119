//! What a new owner reads before it serves: where to start, and the slots after that up to the recorded end.
//!
//! These are two steps, because a session may be deleted between them. A process that then misses an object
//! starts over.

use crate::events::Event;
use crate::log::{State, Tenure};
use crate::meta::{Grant, Grants, Ledger};
use crate::model::Protocol;
use crate::mutants::Mutant;
use crate::world::{Shard, Slot, World};

/// A state to start from, and the first holding and slot to replay on top of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Base {
    state: State,
    grant: u8,
    slot: u8,
}

/// An object that should be there was deleted: something newer must be there by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone;

impl Protocol {
    /// Applies a slot, as a node does.
    pub(crate) fn apply(&self, state: &mut State, slot: Slot, tenure: Tenure) {
        state.apply(slot, tenure);
        if let Slot::Compact { shard, end, .. } = slot
            && shard == tenure.shard
            && self.is(Mutant::CompactionLosesLeaders)
        {
            state.forget_leaders(end);
        }
    }

    /// Where replay starts for a session that is granted the shard after its first `grants` holdings: at the
    /// last RELEASE, or the last checkpoint that holds the shard. The first that is read may be `damaged`:
    /// then an older one serves, or what is before it if there is none.
    pub(crate) fn start(
        &self,
        w: &World,
        ledger: &Ledger,
        shard: Shard,
        grants: usize,
        mut damaged: bool,
    ) -> Result<Base, Gone> {
        let list = &ledger.grants[shard as usize];
        for at in (1..=grants).rev() {
            if let Some(state) = released(w, list.all().get(at))? {
                return Ok(Base { state, grant: at as u8, slot: 0 });
            }
            let before = at - 1;
            if before < list.first {
                return Err(Gone);
            }
            if let Some(base) = self.checkpointed(w, ledger, shard, before, &mut damaged)? {
                return Ok(base);
            }
            if self.is(Mutant::ForgetsPredecessors) {
                return Ok(Base { state: State::default(), grant: before as u8, slot: 0 });
            }
            if before > 0 {
                self.seen.mark(Event::ReplayedThroughChain);
            }
        }
        Ok(Base::default())
    }

    /// The last checkpoint of a holding's session that holds the shard, looked for among the objects: the one
    /// that the session's end names may have had a successor, on which its predecessors were deleted.
    fn checkpointed(
        &self,
        w: &World,
        ledger: &Ledger,
        shard: Shard,
        at: usize,
        damaged: &mut bool,
    ) -> Result<Option<Base>, Gone> {
        let grant = ledger.grants[shard as usize].all()[at];
        let session = &w.sessions[grant.sid as usize];
        let recorded = ledger.recorded(grant.sid);
        let names = (0..session.checkpoints.len() as u8).rev();
        let mut skipped = None;
        for n in
            names.filter(|&n| !self.is(Mutant::RecordedCheckpointOnly) || recorded.is_some_and(|r| r.0 == n))
        {
            let Some(checkpoint) = session.checkpoints[n as usize] else { continue };
            if std::mem::take(damaged) {
                skipped = Some(n);
                continue;
            }
            if let Some((epoch, state)) = checkpoint.shards[shard as usize]
                && epoch == grant.epoch
            {
                if skipped.is_some() {
                    self.seen.mark(Event::FellBack);
                }
                let from = skipped.filter(|_| self.is(Mutant::FallbackSkipsSlots)).unwrap_or(n);
                let slot = from + u8::from(self.is(Mutant::ReplaysPastCheckpoint));
                return Ok(Some(Base { state, grant: at as u8, slot }));
            }
        }
        match recorded {
            Some((n, as_of))
                if grant.epoch < as_of && (skipped != Some(n) || self.is(Mutant::DamagedIsEmpty)) =>
            {
                // The entry says that the checkpoint holds the shard. One that does not says that it is empty.
                let found = session.checkpoints[n as usize].is_some();
                found.then_some(Some(Base { state: State::default(), grant: at as u8, slot: n })).ok_or(Gone)
            }
            _ => Ok(None),
        }
    }

    /// The state at the end of the last of the first `grants` holdings.
    pub(crate) fn replay(
        &self,
        w: &World,
        list: &Grants,
        shard: Shard,
        grants: usize,
        base: &Base,
    ) -> Result<State, Gone> {
        let mut state = base.state;
        if self.is(Mutant::InheritsWithoutReplay) && base.state != State::default() {
            return Ok(state);
        }
        let mut start = base.slot;
        for grant in &list.all()[base.grant as usize..grants] {
            let session = &w.sessions[grant.sid as usize];
            let tenure = Tenure { shard, epoch: grant.epoch, leader: grant.leader, sid: grant.sid };
            let end = if self.is(Mutant::ObjectsOverCut) {
                session.slots.len() as u8
            } else {
                grant.end.unwrap_or(0)
            };
            if start > 0 && start < end {
                self.seen.mark(Event::ReplayedFromCheckpoint);
            }
            for n in start..end {
                match session.slots[n as usize] {
                    Some(slot) if !slot.ends() => self.apply(&mut state, slot, tenure),
                    _ if self.is(Mutant::ObjectsOverCut) || self.is(Mutant::MissingSlotIsEmpty) => {}
                    _ => return Err(Gone),
                }
            }
            start = 0;
        }
        Ok(state)
    }

    /// Both steps at once.
    pub(crate) fn recover(
        &self,
        w: &World,
        ledger: &Ledger,
        shard: Shard,
        grants: usize,
    ) -> Result<State, Gone> {
        let base = self.start(w, ledger, shard, grants, false)?;
        self.replay(w, &ledger.grants[shard as usize], shard, grants, &base)
    }
}

fn released(w: &World, grant: Option<&Grant>) -> Result<Option<State>, Gone> {
    let Some((sid, n)) = grant.and_then(|grant| grant.release) else { return Ok(None) };
    match w.sessions[sid as usize].slots[n as usize] {
        Some(Slot::Release { state, .. }) => Ok(Some(state)),
        _ => Err(Gone),
    }
}

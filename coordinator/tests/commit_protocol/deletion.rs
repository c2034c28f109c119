//! Deleting a whole session (I6): all but its SEAL, once nobody needs it.
//!
//! Anyone may, at any time: what it looks for never goes away again, so looking and deleting are one step.

use crate::events::Event;
use crate::meta::Ledger;
use crate::model::Protocol;
use crate::mutants::Mutant;
use crate::node::Serving;
use crate::world::{Put, SHARDS, SLOTS, Sid, Slot, World};

impl Protocol {
    /// Its end is recorded, and for every shard that it ever held a later checkpoint holds the state and names
    /// no tenure in it. The whole metadata log is there to tell which shards it held (I9).
    pub(crate) fn may_delete(&self, w: &World, sid: Sid) -> bool {
        let ledger = Ledger::fold(&w.meta, None);
        let session = &w.sessions[sid as usize];
        let unsealed = self.is(Mutant::DeletesUnsealed);
        let exists = session.slots.iter().flatten().any(|slot| *slot != Slot::Seal)
            || session.checkpoints.iter().any(Option::is_some);
        exists
            && (ledger.cut(sid).is_some() || unsealed)
            && (0..SHARDS).all(|shard| self.is_covered(w, &ledger, shard, sid))
    }

    fn is_covered(&self, w: &World, ledger: &Ledger, shard: usize, sid: Sid) -> bool {
        let grants = ledger.grants[shard].all();
        let Some(last) = grants.iter().rposition(|grant| grant.sid == sid) else { return true };
        let after = if self.is(Mutant::DeletesUnsealed) { last } else { last + 1 };
        if self.is(Mutant::DeletesUncovered) {
            return after < grants.len();
        }
        grants[after..].iter().any(|grant| {
            let checkpoints = w.sessions[grant.sid as usize].checkpoints.iter().flatten();
            checkpoints.filter_map(|checkpoint| checkpoint.shards[shard]).any(|(epoch, state)| {
                epoch == grant.epoch && (!state.names(sid) || self.is(Mutant::DeletesNamedTenure))
            })
        })
    }

    /// A PUT that is still under way for one of its keys may bring an object back (I7).
    pub(crate) fn delete(&self, w: &mut World, sid: Sid) {
        self.seen.mark(Event::Deleted);
        let session = &mut w.sessions[sid as usize];
        let seal = |slot: Slot| slot == Slot::Seal && !self.is(Mutant::DeletesSeal);
        if session.deleted.is_none() {
            session.deleted = Some(session.slots);
            session.slots = session.slots.map(|slot| slot.filter(|&slot| seal(slot)));
        } else {
            // What came back goes again. A SEAL that lost its key to data in its time is no SEAL.
            let before = session.deleted.unwrap_or([None; SLOTS]);
            for (slot, before) in session.slots.iter_mut().zip(before) {
                *slot = slot.filter(|&slot| seal(slot) && before == Some(slot));
            }
        }
        session.checkpoints = [None; SLOTS];
    }

    /// An object comes back after its session was deleted.
    pub(crate) fn notice_resurrection(&self, w: &World, put: &Put) {
        let (Put::Slot { sid, .. } | Put::Checkpoint { sid, .. }) = put else { return };
        if w.sessions[*sid as usize].deleted.is_some() {
            self.seen.mark(Event::Resurrected);
        }
        if let Put::Slot { n, slot: Slot::Seal, .. } = put
            && w.sessions[*sid as usize].history()[*n as usize].is_some_and(|slot| !slot.ends())
        {
            self.seen.mark(Event::SealResurrected);
        }
    }

    /// Only a mutant: a slot of the open session whose records are all in segments, deleted to be used again.
    pub(crate) fn trimmed(&self, w: &mut World, s: &mut Serving) -> Option<u8> {
        let shard = match s.slots[0] {
            Some(Slot::Data { shard, recs, .. }) if recs.len() > 0 => shard,
            _ => return None,
        };
        let acknowledged = self.after(s, shard, s.acknowledged());
        if s.acknowledged() == 0 || acknowledged.names(s.sid) {
            return None;
        }
        w.sessions[s.sid as usize].slots[0] = None;
        s.confirmed &= !1;
        Some(0)
    }
}

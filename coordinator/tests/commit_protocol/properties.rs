//! What must hold in every state. The judge reads objects itself, and shares only the fold of metadata with the
//! nodes: it always looks at what an operation presumes, where a mutant's nodes may not, and forgets nothing.

use stateright::Property;

use crate::log::{State, Tenure};
use crate::meta::{Grant, Ledger};
use crate::model::Protocol;
use crate::world::{Checkpoint, Rec, SHARDS, Shard, Sid, Slot, World};

/// A reply named a record whose slot, or a slot before it, was not in the store as that session's data.
const REVEALED: u8 = 1;
/// A session acknowledged a slot at or past the end of its holding, or without a grant.
const ACKED_PAST_END: u8 = 2;
/// A record was acknowledged at two offsets.
const TWO_OFFSETS: u8 = 4;
/// A linearizable read missed a record acknowledged before it was sent.
const STALE_READ: u8 = 8;
/// A record was refused for want of one that was acknowledged before.
const WRONG_REJECTION: u8 = 16;
/// A producer id was handed out twice.
const ID_TWICE: u8 = 32;
/// A checkpoint landed that is not the state after its session's first slots.
const FALSE_CHECKPOINT: u8 = 64;

impl World {
    /// It is acknowledged to a producer that `rec` is at `offset`, because slot `n` of a session says so,
    /// under its holding (none: inherited).
    pub(crate) fn reply(&mut self, rec: Rec, shard: Shard, offset: u8, slot: Option<(Sid, u8, u8)>) {
        if let Some((sid, n, epoch)) = slot {
            if self.sessions[sid as usize].data_prefix() <= n {
                self.faults |= REVEALED;
            }
            let grants = Ledger::fold(&self.meta, None).grants[shard as usize];
            let grant = grants.position(sid, epoch).map(|at| grants.all()[at]);
            if grant.is_none_or(|grant| grant.end.is_some_and(|end| end <= n)) {
                self.faults |= ACKED_PAST_END;
            }
        }
        match &mut self.acked[rec as usize] {
            Some(before) if *before != offset => self.faults |= TWO_OFFSETS,
            acked => *acked = Some(offset),
        }
    }

    /// A reader is answered that the log ends at `end`, or a producer that it does and its record can't
    /// follow.
    pub(crate) fn answer(&mut self, end: u8, floor: u8, rejects: bool) {
        if end < floor {
            self.faults |= if rejects { WRONG_REJECTION } else { STALE_READ };
        }
    }

    /// A checkpoint landed.
    pub(crate) fn check(&mut self, sid: Sid, n: u8, checkpoint: &Checkpoint) {
        if !is_true(self, sid, n, checkpoint) {
            self.faults |= FALSE_CHECKPOINT;
        }
    }

    /// A producer gets its id.
    pub(crate) fn hand_out(&mut self, id: u8) {
        let bit = 1 << id;
        if self.producer_ids & bit != 0 {
            self.faults |= ID_TWICE;
        }
        self.producer_ids |= bit;
    }
}

/// A shard as its next owner must find it.
struct Truth {
    state: State,
    /// The state with which each holding starts.
    starts: Vec<State>,
    /// Slots that count are all there, and each starts at the offset that it names.
    whole: bool,
}

impl Truth {
    fn of(w: &World, ledger: &Ledger, shard: Shard) -> Self {
        Self::along(w, shard, ledger.grants[shard as usize].all())
    }

    fn along(w: &World, shard: Shard, grants: &[Grant]) -> Self {
        let mut truth =
            Truth { state: State::default(), starts: Vec::with_capacity(grants.len()), whole: true };
        for grant in grants {
            truth.starts.push(truth.state);
            let session = &w.sessions[grant.sid as usize];
            let end = grant.end.unwrap_or_else(|| session.data_prefix());
            let tenure = Tenure { shard, epoch: grant.epoch, leader: grant.leader, sid: grant.sid };
            for slot in &session.history()[..end as usize] {
                let Some(slot) = slot.filter(|slot| !slot.ends()) else {
                    truth.whole = false;
                    continue;
                };
                if let Slot::Data { base, shard: s, epoch, .. } = slot
                    && (s, epoch) == (shard, grant.epoch)
                {
                    truth.whole &= base == truth.state.log.len();
                }
                truth.state.apply(slot, tenure);
            }
        }
        truth
    }
}

fn judge(w: &World) -> Ledger {
    Ledger::fold(&w.meta, None)
}

fn truths(w: &World) -> [Truth; SHARDS] {
    let ledger = judge(w);
    [0, 1].map(|shard| Truth::of(w, &ledger, shard))
}

fn acknowledged_is_kept(model: &Protocol, w: &World) -> bool {
    let logs = truths(w).map(|truth| truth.state.log);
    let kept = |rec: Rec, offset: u8| logs[model.cfg.shard(rec) as usize].get(offset) == Some(rec);
    (0..).zip(w.acked).all(|(rec, acked)| acked.is_none_or(|offset| kept(rec, offset)))
}

fn each_once_in_order(model: &Protocol, w: &World) -> bool {
    let mut next = [0; 4];
    truths(w).iter().flat_map(|truth| truth.state.log.iter()).all(|rec| {
        let (producer, sequence) = model.cfg.sequence(rec);
        next[producer] += 1;
        next[producer] == sequence + 1
    })
}

fn offsets_are_unique(model: &Protocol, w: &World) -> bool {
    let mut taken = [0u8; SHARDS];
    let unique = (0..).zip(w.acked).all(|(rec, acked)| {
        let Some(offset) = acked else { return true };
        let taken = &mut taken[model.cfg.shard(rec) as usize];
        let free = *taken & (1 << offset) == 0;
        *taken |= 1 << offset;
        free
    });
    unique && w.faults & TWO_OFFSETS == 0
}

fn cuts_are_backed(_: &Protocol, w: &World) -> bool {
    let ledger = judge(w);
    (0..).zip(&w.sessions).all(|(sid, session)| {
        ledger.cut(sid).is_none_or(|cut| {
            session.data_prefix() == cut && session.history()[cut as usize].is_some_and(Slot::ends)
        })
    })
}

fn one_session_can_write(_: &Protocol, w: &World) -> bool {
    let ledger = judge(w);
    ledger.grants.iter().all(|grants| {
        let all = grants.all();
        all.iter().zip(all.iter().skip(1)).all(|(grant, next)| {
            let session = &w.sessions[grant.sid as usize];
            let prefix = session.data_prefix();
            match next.release {
                Some((_, n)) => {
                    prefix > n && matches!(session.history()[n as usize], Some(Slot::Release { .. }))
                }
                None => session.history()[prefix as usize].is_some_and(Slot::ends),
            }
        })
    })
}

/// The state that each owner should have begun with, and the one that it did, and whether it was granted any.
fn inherited(model: &Protocol, w: &World, holds: impl Fn(&State, &State) -> bool) -> bool {
    let (ledger, truths) = (judge(w), truths(w));
    w.procs.iter().filter_map(|proc| proc.serving).all(|s| {
        (0..SHARDS).all(|shard| {
            let holding = s.holdings[shard].filter(|_| model.serves(&s, shard as u8));
            let Some(holding) = holding else { return true };
            let at = ledger.grants[shard].position(s.sid, holding.epoch);
            at.is_none_or(|at| holds(&truths[shard].starts[at], &holding.base))
        })
    })
}

fn owners_were_granted(_: &Protocol, w: &World) -> bool {
    let ledger = judge(w);
    w.procs.iter().filter_map(|proc| proc.serving).all(|s| {
        (0..SHARDS).all(|shard| {
            let granted = |epoch| ledger.grants[shard].position(s.sid, epoch).is_some();
            s.holdings[shard].is_none_or(|holding| granted(holding.epoch))
        })
    })
}

/// A fresh reader, if it came now and all sessions ended as they are, finds each shard whole.
fn log_can_be_found(model: &Protocol, w: &World) -> bool {
    let (mut ledger, truths) = (model.ledger(w, w.meta.len()), truths(w));
    (0..SHARDS).all(|shard| {
        let Some(last) = ledger.grants[shard].last_mut() else { return true };
        if last.end.is_none() {
            last.end = Some(w.sessions[last.sid as usize].data_prefix());
        }
        let grants = ledger.grants[shard].all().len();
        model.recover(w, &ledger, shard as u8, grants).is_ok_and(|state| state == truths[shard].state)
    })
}

/// No place where a record lies, as the log says or an owner remembers, was deleted.
fn records_can_be_read(_: &Protocol, w: &World) -> bool {
    let kept = |state: &State| state.named().all(|sid| w.sessions[sid as usize].deleted.is_none());
    truths(w).iter().all(|truth| kept(&truth.state))
}

fn checkpoints_hold_what_they_say(_: &Protocol, w: &World) -> bool {
    let ledger = judge(w);
    (0..).zip(&w.sessions).all(|(sid, session)| {
        (0u8..).zip(&session.checkpoints).all(|(n, checkpoint)| {
            let Some(checkpoint) = checkpoint else { return true };
            (0..SHARDS).all(|shard| {
                let last = ledger.grants[shard].last();
                let due = last.is_some_and(|last| last.sid == sid && last.epoch < checkpoint.as_of);
                !due || checkpoint.shards[shard].is_some() && n <= session.data_prefix()
            })
        })
    })
}

/// A process that ends a session names a checkpoint of that session, and nothing takes it away but deletion.
fn named_checkpoints_are_there(_: &Protocol, w: &World) -> bool {
    let ledger = judge(w);
    (0..).zip(&w.sessions).all(|(sid, session)| {
        let named = ledger.recorded(sid).filter(|_| session.deleted.is_none());
        named.is_none_or(|(n, as_of)| session.checkpoints[n as usize].is_some_and(|c| c.as_of == as_of))
    })
}

/// The checkpoint has the state after the session's first `n` slots of each shard that was granted to it
/// before `as_of` and not moved away: no shard is missing, and none is there without its records.
fn is_true(w: &World, sid: Sid, n: u8, checkpoint: &Checkpoint) -> bool {
    let ledger = judge(w);
    let decided = |shard: usize, at: usize| {
        let mut grants = ledger.grants[shard].all()[..=at].to_vec();
        let last = &mut grants[at];
        last.end = Some(last.end.map_or(n, |end| end.min(n)));
        Truth::along(w, shard as Shard, &grants).state
    };
    let holds = |shard: usize| {
        let grants = &ledger.grants[shard];
        let said = checkpoint.shards[shard];
        let is_right = said.is_none_or(|(epoch, state)| {
            grants.position(sid, epoch).is_some_and(|at| decided(shard, at) == state)
        });
        let due = (0..).zip(grants.all()).filter(|(at, grant)| {
            let moved = grants.all().get(at + 1).is_some_and(|next| next.release.is_some());
            grant.sid == sid && grant.epoch < checkpoint.as_of && !moved
        });
        is_right && due.into_iter().all(|(_, grant)| said.is_some_and(|(epoch, _)| epoch == grant.epoch))
    };
    n <= w.sessions[sid as usize].data_prefix() && (0..SHARDS).all(holds)
}

/// What clients can see of the protocol: the rest says how these are kept.
pub(crate) const PROMISES: [&str; 9] = [
    "an acknowledged record is in the log at its offset",
    "a record is in the log at most once, in its producer's order",
    "an acknowledged offset names one record, a record one offset",
    "a linearizable read is never stale",
    "no record is refused for want of an acknowledged one",
    "a producer id is handed out once",
    "an owner serves every record before its own",
    "an owner knows which leader epoch wrote each record",
    "every record of the log can be read",
];

/// The safety properties.
pub(crate) fn always() -> Vec<Property<Protocol>> {
    let [kept, order, offsets, reads, rejections, ids, logs, leaders, places] = PROMISES;
    vec![
        Property::always(kept, acknowledged_is_kept),
        Property::always(order, each_once_in_order),
        Property::always(offsets, offsets_are_unique),
        Property::always(reads, |_, w: &World| w.faults & STALE_READ == 0),
        Property::always(rejections, |_, w: &World| w.faults & WRONG_REJECTION == 0),
        Property::always(ids, |_, w: &World| w.faults & ID_TWICE == 0),
        Property::always(logs, |model, w| inherited(model, w, |due, base| due.log == base.log)),
        Property::always(leaders, |model, w| {
            inherited(model, w, |due, base| due.log != base.log || due.leaders == base.leaders)
        }),
        Property::always(places, records_can_be_read),
        Property::always("slots that count are whole", |_, w: &World| truths(w).iter().all(|t| t.whole)),
        Property::always("a recorded cut is the first SEAL or CLOSE", cuts_are_backed),
        Property::always("only the owner's session can still grow", one_session_can_write),
        Property::always("an owner was granted its shards", owners_were_granted),
        Property::always("an owner knows where each record lies", |model, w| {
            inherited(model, w, |due, base| due == base)
        }),
        Property::always("whoever comes next finds the log", log_can_be_found),
        Property::always("a checkpoint holds every shard it says", checkpoints_hold_what_they_say),
        Property::always("the checkpoint that an end names is there", named_checkpoints_are_there),
        Property::always("a checkpoint is the state after its slots", |_, w: &World| {
            w.faults & FALSE_CHECKPOINT == 0
        }),
        Property::always("no operation in the metadata log is void", |_, w: &World| judge(w).voids == 0),
        Property::always("no session acknowledges past the end of its holding", |_, w: &World| {
            w.faults & ACKED_PAST_END == 0
        }),
        Property::always("no reply reveals what is not yet kept", |_, w: &World| w.faults & REVEALED == 0),
    ]
}

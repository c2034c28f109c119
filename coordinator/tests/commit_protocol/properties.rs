//! What must hold in every state. The judge reads objects itself, and shares only the fold of metadata with the
//! nodes: it always looks at what an operation presumes, where a mutant's nodes may not.

use stateright::Property;

use crate::meta::{Ledger, SESSIONS};
use crate::model::Protocol;
use crate::node::Phase;
use crate::world::{Log, Rec, Sid, Slot, World};

/// A reply named a record whose slot, or a slot before it, was not in the store as that session's data.
const REVEALED: u8 = 1;
/// A session acknowledged a slot at or past its recorded cut, or without a grant.
const ACKED_PAST_CUT: u8 = 2;
/// A record was acknowledged at two offsets.
const TWO_OFFSETS: u8 = 4;
/// A linearizable read missed a record acknowledged before it was sent.
const STALE_READ: u8 = 8;

impl World {
    /// A producer is told that `rec` is at `offset`, because slot `n` of a session says so (none: inherited).
    pub(crate) fn reply(&mut self, rec: Rec, offset: u8, slot: Option<(Sid, u8)>) {
        if let Some((sid, n)) = slot {
            if self.sessions[sid as usize].data_prefix() <= n {
                self.faults |= REVEALED;
            }
            let ledger = Ledger::fold(&self.meta, false);
            let granted = ledger.grants[sid as usize].is_some();
            if !granted || ledger.cut(sid).is_some_and(|cut| cut <= n) {
                self.faults |= ACKED_PAST_CUT;
            }
        }
        match &mut self.acked[rec as usize] {
            Some(before) if *before != offset => self.faults |= TWO_OFFSETS,
            acked => *acked = Some(offset),
        }
    }

    /// A reader is told that the log ends at `end`.
    pub(crate) fn answer(&mut self, end: u8, floor: u8) {
        if end < floor {
            self.faults |= STALE_READ;
        }
    }
}

/// The log as whoever comes next must find it.
struct Truth {
    log: Log,
    /// Where each tenure starts in it.
    starts: [Option<u8>; SESSIONS],
    /// Slots below a cut are all there, and each starts at the offset that it names.
    whole: bool,
}

impl Truth {
    fn of(w: &World, ledger: &Ledger) -> Self {
        let mut truth = Truth { log: Log::default(), starts: [None; SESSIONS], whole: true };
        for sid in ledger.tenures() {
            truth.starts[sid as usize] = Some(truth.log.len());
            let session = &w.sessions[sid as usize];
            let cut = ledger.cut(sid).unwrap_or_else(|| session.data_prefix());
            for slot in &session.slots[..cut as usize] {
                match slot {
                    Some(Slot::Data { base, recs, .. }) => {
                        truth.whole &= *base == truth.log.len();
                        truth.log.extend(*recs);
                    }
                    _ => truth.whole = false,
                }
            }
        }
        truth
    }
}

fn truth(w: &World) -> Truth {
    Truth::of(w, &Ledger::fold(&w.meta, false))
}

fn acknowledged_is_kept(_: &Protocol, w: &World) -> bool {
    let log = truth(w).log;
    (0..).zip(w.acked).all(|(rec, acked)| acked.is_none_or(|offset| log.get(offset) == Some(rec)))
}

fn each_once_in_order(model: &Protocol, w: &World) -> bool {
    let mut next = [0; 4];
    truth(w).log.iter().all(|rec| {
        let (producer, sequence) = model.cfg.sequence(rec);
        next[producer] += 1;
        next[producer] == sequence + 1
    })
}

fn offsets_are_unique(_: &Protocol, w: &World) -> bool {
    let mut taken = 0u8;
    let unique = w.acked.iter().flatten().all(|offset| {
        let free = taken & (1 << offset) == 0;
        taken |= 1 << offset;
        free
    });
    unique && w.faults & TWO_OFFSETS == 0
}

fn cuts_are_backed(_: &Protocol, w: &World) -> bool {
    let ledger = Ledger::fold(&w.meta, false);
    (0..).zip(&w.sessions).all(|(sid, session)| {
        ledger.cut(sid).is_none_or(|cut| {
            let last = session.slots[cut as usize];
            session.data_prefix() == cut && matches!(last, Some(Slot::Seal | Slot::Close))
        })
    })
}

fn one_session_can_write(_: &Protocol, w: &World) -> bool {
    let ledger = Ledger::fold(&w.meta, false);
    let ended = |sid: usize| {
        let session = &w.sessions[sid];
        session.slots[session.data_prefix() as usize].is_some()
    };
    (0..w.sessions.len()).all(|sid| {
        ledger.grants[sid].is_none()
            || ledger.owner.is_some_and(|(owner, _)| owner as usize == sid)
            || ended(sid)
    })
}

fn owners_hold_the_log(_: &Protocol, w: &World) -> bool {
    let truth = truth(w);
    w.procs.iter().all(|proc| match proc.phase {
        Phase::Serving(s) => {
            truth.starts[s.sid as usize].is_some_and(|start| truth.log.prefix(start) == s.base)
        }
        _ => true,
    })
}

fn entries_stand(_: &Protocol, w: &World) -> bool {
    Ledger::fold(&w.meta, false).voids == 0
}

/// What clients can see of the protocol: the rest says how these are kept.
pub(crate) const PROMISES: [&str; 4] = [
    "an acknowledged record is in the log at its offset",
    "a record is in the log at most once, in its producer's order",
    "an acknowledged offset names one record, a record one offset",
    "a linearizable read is never stale",
];

/// The safety properties.
pub(crate) fn always() -> Vec<Property<Protocol>> {
    let [kept, order, offsets, reads] = PROMISES;
    vec![
        Property::always(kept, acknowledged_is_kept),
        Property::always(order, each_once_in_order),
        Property::always(offsets, offsets_are_unique),
        Property::always(reads, |_, w: &World| w.faults & STALE_READ == 0),
        Property::always("slots below a cut are whole", |_, w: &World| truth(w).whole),
        Property::always("a recorded cut is the first SEAL or CLOSE", cuts_are_backed),
        Property::always("only the owner's session can still grow", one_session_can_write),
        Property::always("an owner was granted the shard and inherited the log", owners_hold_the_log),
        Property::always("no operation in the metadata log is void", entries_stand),
        Property::always("no session acknowledges past its cut", |_, w: &World| {
            w.faults & ACKED_PAST_CUT == 0
        }),
        Property::always("no reply reveals what is not yet kept", |_, w: &World| w.faults & REVEALED == 0),
    ]
}

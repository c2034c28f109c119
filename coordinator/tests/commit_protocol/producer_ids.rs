//! Producer ids: k * 2^20 + i, entry k being the one that opened the session or gave it a further block.
//!
//! A block has one id here, so that an id is its entry's number.

use crate::events::Event;
use crate::model::Protocol;
use crate::mutants::Mutant;
use crate::node::Serving;
use crate::world::{Entry, World};

impl Protocol {
    /// An idempotent producer asks a node for its id.
    pub(crate) fn hand_out(&self, w: &mut World, p: u8, mut s: Serving) {
        let Some(block) = s.block else { return };
        let proc = &mut w.procs[p as usize];
        let id = if self.is(Mutant::ProducerIdsFromCounter) { proc.counter } else { block };
        if self.is(Mutant::ProducerIdsFromCounter) {
            proc.counter += 1;
        }
        if block > 0 && s.known > block + 1 {
            self.seen.mark(Event::IdAfterOthersEntry);
        }
        s.block = self.is(Mutant::BlockUsedTwice).then_some(block);
        proc.serving = Some(s);
        w.left.producer_ids -= 1;
        w.hand_out(id);
    }

    /// The block is used up.
    pub(crate) fn ask_for_block(&self, w: &mut World, p: u8, s: &Serving) {
        let ledger = self.ledger(w, w.meta.len());
        if !ledger.is_open(s.sid) {
            return self.fenced(w, p, s);
        }
        self.seen.mark(Event::FurtherBlock);
        let entry = Entry { by: p, block: Some(s.sid), ..Entry::default() };
        self.send_entry(w, p, w.meta.len() as u8, entry);
    }
}

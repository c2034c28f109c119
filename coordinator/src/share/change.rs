//! What may happen to a share partition durably.

use std::collections::BTreeMap;

use super::state::{Batch, Delivery, State};

/// A share partition changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It comes into being, or begins anew; what was known of records is forgotten.
    Begin {
        /// [`State::epoch`].
        epoch: i32,
        /// [`State::start`].
        start: i64,
    },
    /// Records before this one are gone.
    Start(i64),
    /// Something is known of records; those before the start are not looked at. Where the first records are
    /// settled by it, the start moves past them.
    Records {
        /// The first offset.
        first: i64,
        /// The last.
        last: i64,
        /// What became of them.
        delivery: Delivery,
        /// How often they were delivered.
        deliveries: u16,
    },
    /// It is forgotten.
    Deleted,
}

impl State {
    /// Takes a change. [`Change::Deleted`] empties the state; its holder forgets it.
    pub fn apply(&mut self, change: &Change) {
        match *change {
            Change::Begin { epoch, start } => *self = Self { epoch, start, batches: BTreeMap::new() },
            Change::Start(start) => self.advance(start),
            Change::Records { first, last, delivery, deliveries } => {
                self.set(first, Batch { last, delivery, deliveries });
            }
            Change::Deleted => *self = Self::default(),
        }
    }

    /// Takes changes to a share partition that may come and go by them.
    pub fn replay(state: &mut Option<Self>, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Deleted => *state = None,
                change => state.get_or_insert_default().apply(change),
            }
        }
    }

    /// The changes that make this state out of nothing.
    pub fn changes(&self) -> impl Iterator<Item = Change> {
        let batches = self.batches.iter().map(|(&first, batch)| Change::Records {
            first,
            last: batch.last,
            delivery: batch.delivery,
            deliveries: batch.deliveries,
        });
        std::iter::once(Change::Begin { epoch: self.epoch, start: self.start }).chain(batches)
    }
}

//! What all views of one store share: keys that are locked, keys that were deleted, what became of late writes, the
//! store's own outages, and how fast it takes and gives bodies.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use object_store::path::Path;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

use super::{Fault, Link};

/// See the module.
#[derive(Debug, Default)]
pub struct Ledger {
    locked: Mutex<BTreeMap<Path, Instant>>,
    deleted: Mutex<BTreeSet<Path>>,
    late: Mutex<Late>,
    /// Keys that can't be read, and how often each was hidden.
    hidden: Mutex<BTreeMap<Path, usize>>,
    /// What every operation meets.
    outage: Mutex<Option<Fault>>,
    /// What all bodies that are written share.
    pub up: Link,
    /// What all bodies that are read share.
    pub down: Link,
}

/// Late writes that were applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Late {
    /// All of them.
    pub landed: u64,
    /// Those that brought back a key which had been deleted meanwhile.
    pub resurrected: u64,
}

impl Ledger {
    /// Locks a key, as MinIO does while the body of a conditional PUT is incomplete.
    pub(super) fn lock(&self, key: &Path, time: Duration) {
        let until = Instant::now() + time;
        let mut locked = self.locked.lock();
        locked.retain(|_, until| *until > Instant::now());
        locked.insert(key.clone(), until);
    }

    /// Returns when a key is not locked.
    pub(super) async fn unlocked(&self, key: &Path) {
        loop {
            let until = {
                let locked = self.locked.lock();
                locked.get(key).copied().filter(|until| *until > Instant::now())
            };
            match until {
                Some(until) => sleep_until(until).await,
                None => return,
            }
        }
    }

    pub(super) fn deleted(&self, key: &Path) {
        self.deleted.lock().insert(key.clone());
    }

    pub(super) fn landed(&self, key: &Path) {
        let resurrected = self.deleted.lock().contains(key);
        let mut late = self.late.lock();
        late.landed += 1;
        late.resurrected += u64::from(resurrected);
    }

    /// Lets no read of this key succeed, until it is shown again as often as it was hidden.
    pub(super) fn hide(&self, key: &Path) {
        *self.hidden.lock().entry(key.clone()).or_default() += 1;
    }

    pub(super) fn show(&self, key: &Path) {
        let mut hidden = self.hidden.lock();
        if let Some(times) = hidden.get_mut(key) {
            *times -= 1;
            if *times == 0 {
                hidden.remove(key);
            }
        }
    }

    pub(super) fn is_hidden(&self, key: &Path) -> bool {
        self.hidden.lock().contains_key(key)
    }

    /// Lets every operation of every view meet this fault from now on, or none.
    pub fn set_outage(&self, fault: Option<Fault>) {
        *self.outage.lock() = fault;
    }

    pub(super) fn outage(&self) -> Option<Fault> {
        *self.outage.lock()
    }

    /// What late writes did.
    pub fn late(&self) -> Late {
        *self.late.lock()
    }
}

//! The object store: opening it, writing an object once, reading it back, counting what that costs.
//!
//! Two handles lead to the same objects. The *data* handle retries as its client sees fit. The *conditional*
//! handle never does, because a retry hidden in the client turns an ambiguous outcome into a false
//! "already exists"; [`Store::create_nonce`] resolves such outcomes by reading the object back.
//! What the objects mean does not belong here.

mod attempt;
mod create;
mod error;
mod file;
mod hedge;
mod kind;
mod liveness;
mod memory;
mod metered;
mod metrics;
mod open;
mod probe;
mod progress;
mod read;
mod remote;
mod url;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use object_store::ObjectStore;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::Instant;

pub use self::create::{CreateOutcome, CreatePolicy, HEAD_BYTES, NONCE_BYTES};
pub use self::error::{CreateError, ErrorKind, OpenError, ReadError};
pub use self::file::FileStore;
pub use self::hedge::Hedge;
pub use self::kind::StoreKind;
pub use self::liveness::Unconfirmed;
pub use self::memory::MemoryStore;
pub use self::metrics::{RequestCounts, RequestKind, StoreMetrics};
pub use self::open::StoreOptions;
pub use self::probe::{Check, Outcome, ProbeError, ProbeReport, admit, probe};
pub use self::progress::Progress;
pub use self::read::Tail;
pub use self::url::StoreUrl;

/// A store, ready for use. Clones share everything.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    kind: StoreKind,
    name: String,
    data: Arc<dyn ObjectStore>,
    conditional: Arc<dyn ObjectStore>,
    metrics: Arc<StoreMetrics>,
    policy: CreatePolicy,
    /// When writes are sent a second time.
    hedging: hedge::Hedging,
    /// Conditional writes under way.
    writes: Arc<liveness::Writes>,
    /// Large bodies whose first attempt timed out are sent again one at a time.
    again: Semaphore,
    /// Whether uploads to it have ever reported how far they came.
    tells: AtomicBool,
    /// When a failing write was last reported.
    reported: Mutex<Option<Instant>>,
}

impl Store {
    /// A store over two handles that lead to the same objects; `conditional` must not retry by itself.
    pub fn new(kind: StoreKind, data: Arc<dyn ObjectStore>, conditional: Arc<dyn ObjectStore>) -> Self {
        Self::assemble(kind, format!("{kind}: {data}"), data, conditional, CreatePolicy::of(kind))
    }

    /// An empty store in memory.
    pub fn memory() -> Self {
        let objects: Arc<dyn ObjectStore> = Arc::new(MemoryStore::new());
        Self::new(StoreKind::Memory, Arc::clone(&objects), objects)
    }

    fn assemble(
        kind: StoreKind,
        name: String,
        data: Arc<dyn ObjectStore>,
        conditional: Arc<dyn ObjectStore>,
        policy: CreatePolicy,
    ) -> Self {
        let metrics = Arc::new(StoreMetrics::default());
        let metered = |inner| Arc::new(metered::Metered::new(inner, Arc::clone(&metrics))) as Arc<_>;
        let (data, conditional) = (metered(data), metered(conditional));
        Self {
            shared: Arc::new(Shared {
                kind,
                name,
                data,
                conditional,
                metrics,
                policy,
                hedging: hedge::Hedging::default(),
                writes: Arc::default(),
                again: Semaphore::new(1),
                tells: AtomicBool::new(false),
                reported: Mutex::new(None),
            }),
        }
    }

    /// What kind of store this is.
    pub fn kind(&self) -> StoreKind {
        self.shared.kind
    }

    /// The handle for immutable data under unique names: ordinary retries, metered.
    pub fn data(&self) -> &Arc<dyn ObjectStore> {
        &self.shared.data
    }

    /// The handle that never retries, metered.
    pub fn conditional(&self) -> &Arc<dyn ObjectStore> {
        &self.shared.conditional
    }

    /// Requests so far.
    pub fn metrics(&self) -> &Arc<StoreMetrics> {
        &self.shared.metrics
    }

    /// For how long the store has not confirmed a write, or got further with it; `None` if nothing is written.
    /// Writes that the log goes on without do not count.
    pub fn write_age(&self) -> Option<Duration> {
        self.shared.writes.age()
    }

    /// How long ago the store last confirmed a write; `None` if it never did.
    pub fn confirmed_age(&self) -> Option<Duration> {
        self.shared.writes.confirmed()
    }

    /// The write that has come no further for longest, and what the store says of it.
    pub fn oldest_write(&self) -> Option<Unconfirmed> {
        self.shared.writes.oldest()
    }

    /// How conditional writes to this store are attempted, unless the caller says otherwise.
    pub fn policy(&self) -> CreatePolicy {
        self.shared.policy
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({self})")
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shared.name)
    }
}

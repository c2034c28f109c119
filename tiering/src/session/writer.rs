//! Putting a session's own slots.

use object_store::PutPayload;
use object_store::path::Path;
use thiserror::Error;

use crate::format::envelope::nonce_of;
use crate::format::slot::{Frozen, Header};
use crate::format::{Kind, keys};
use crate::store::{CreateError, CreateOutcome, Store};

/// Why a slot is not, and never will be, this session's.
#[derive(Debug, Error)]
pub enum SlotError {
    /// Somebody sealed the session: nothing from this slot on was or will be acknowledged.
    #[error("{path}: the session was sealed")]
    Fenced {
        /// The slot.
        path: Path,
    },
    /// Something else lies at the slot's key, though no other process may write there.
    #[error("{path}: an object that this process did not write lies at its own session's key")]
    Foreign {
        /// The slot.
        path: Path,
    },
    /// The store refuses for good.
    #[error(transparent)]
    Create(#[from] CreateError),
}

/// Writes slots of sessions that this process opened. Several may be under way at once; what may be acknowledged (I3) is for the
/// caller to keep in order.
#[derive(Clone, Debug)]
pub struct SlotWriter {
    store: Store,
}

impl SlotWriter {
    /// A writer to this store.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Puts a slot and returns once it is confirmed, however long that takes. Every attempt sends the same
    /// bytes (I2).
    pub async fn put(&self, slot: &Frozen) -> Result<(), SlotError> {
        let path = keys::slot(slot.header.session, slot.header.n);
        let payload: PutPayload = slot.object.iter().cloned().collect();
        let policy = self.store.policy();
        match self.store.create_nonce(&path, payload, slot.header.nonce, nonce_of, policy).await? {
            CreateOutcome::Created => Ok(()),
            CreateOutcome::Lost(head) => match Header::decode(&head) {
                Ok(header) if header.kind == Kind::Seal => Err(SlotError::Fenced { path }),
                _ => Err(SlotError::Foreign { path }),
            },
        }
    }
}

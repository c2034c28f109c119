//! Ending a session for good: a small object in its first free slot.

use std::time::Duration;

use coordinator::cluster::{CheckpointRef, Op, SessionEnd};
use coordinator::{ProcessId, SessionId};

use super::presence::{Presence, presence};
use super::{Footers, SessionError, checkpoints};
use crate::format::checkpoint::Checkpoint;
use crate::format::envelope::nonce_of;
use crate::format::slot::{self, Footer, Header, Record};
use crate::format::{Kind, keys};
use crate::mutant::{self, Mutant};
use crate::store::{CreateOutcome, Store};

/// MinIO holds a key's lock for 30 s while a frozen client's body is incomplete, and the seal of that slot
/// waits as long: one attempt must outlive it.
const ATTEMPT: Duration = Duration::from_secs(35);

/// A session that has ended.
#[derive(Debug)]
pub struct Sealed {
    /// How: what goes into its DEAD or CLOSED entry.
    pub end: SessionEnd,
    /// Whether it closed itself.
    pub closed: bool,
    /// Its last checkpoint that can be read, if it has one.
    pub checkpoint: Option<Checkpoint>,
    /// The indexes of its slots from the checkpoint to the cut; nothing if some of it is damaged.
    pub footers: Option<Vec<Footer>>,
}

impl Sealed {
    /// The operation that records how `session` ended.
    pub fn op(&self, session: SessionId) -> Op {
        let end = self.end;
        if self.closed { Op::Closed { session, end } } else { Op::Dead { session, end } }
    }
}

/// Seals `session` upward from its last checkpoint: an absent slot is never skipped, because listing and
/// GET only prove presence. Idempotent, so that takers may race.
///
/// Whatever follows builds on what was found, so that all of it is durable when this returns: slots before the
/// checkpoint are, for it was written after they were confirmed; the checkpoint, the slots from there on and the seal
/// or CLOSE are settled. Once the session's end is recorded, any process that reads it relies on that.
///
/// Damage does not keep it from ending: that a slot is there is enough to step past it, and the name of a checkpoint
/// is enough to know that the slots before it were there. Who rebuilds the shards looks closer.
pub async fn seal(store: &Store, session: SessionId, by: ProcessId) -> Result<Sealed, SessionError> {
    let found = checkpoints(store, session).await?;
    let checkpoint = found.newest;
    let reference = checkpoint.as_ref().map(|c| CheckpointRef { n: c.n, as_of: c.as_of });
    let mut whole = found.damaged.is_empty();
    let mut walk = Footers::new(store.clone(), session, found.covered);
    let mut chain = Chain::new(session, checkpoint.as_ref().map_or(0, |c| c.previous));
    if !whole {
        chain.lose();
    }
    let mut footers = Vec::new();
    let (cut, closed) = loop {
        let n = walk.position();
        let footer = match walk.next().await {
            Ok(footer) => footer,
            Err(error) if !error.is_damage() || mutant::is(Mutant::OneDamageStopsAll) => return Err(error),
            Err(error) => match presence(store, session, n).await? {
                // It was there a moment ago.
                Presence::Absent => return Err(error),
                Presence::Seal => break (n, false),
                Presence::Close => break (n, true),
                Presence::Data(header) => {
                    tracing::warn!(%error, "a damaged slot is stepped over to end its session");
                    whole = false;
                    match header {
                        Some(header) => chain.previous = Some(header.hash()),
                        None => chain.lose(),
                    }
                    walk.step_over();
                    continue;
                }
            },
        };
        match footer {
            None => {
                #[cfg(feature = "mutants")]
                if mutant::is(Mutant::SealAtMaximum) && walk.skip_hole().await? {
                    continue;
                }
                if mutant::is(Mutant::SkipSeal) {
                    break (n, false);
                }
                if put_seal(store, session, n, by).await? {
                    break (n, false);
                }
            }
            Some(footer) if footer.header.kind == Kind::Seal => break (n, false),
            Some(footer) => {
                if !mutant::is(Mutant::SealAtMaximum) && chain.follow(&footer).is_err() {
                    // Nothing that is in the store can tell which of the two is wrong.
                    whole = false;
                }
                if footer.records == [Record::Close] {
                    break (n, true);
                }
                footers.push(footer);
            }
        }
    };
    store.settle(&keys::slot(session, found.covered)).await?;
    if found.covered > 0 || checkpoint.is_some() {
        store.settle(&keys::checkpoint(session, found.covered)).await?;
    }
    let footers = whole.then_some(footers);
    Ok(Sealed { end: SessionEnd { cut, checkpoint: reference }, closed, checkpoint, footers })
}

/// Puts the seal at slot `n`; `false` if the session's own slot turned out to be there.
async fn put_seal(store: &Store, session: SessionId, n: u64, by: ProcessId) -> Result<bool, SessionError> {
    let path = keys::slot(session, n);
    let object = slot::seal(session, n, by);
    let policy = store.policy().with_attempt_timeout(ATTEMPT).minor();
    match store.create_nonce(&path, object.into(), *by.as_bytes(), nonce_of, policy).await? {
        CreateOutcome::Created => Ok(true),
        // What it is if that can't be read, the walk finds out.
        CreateOutcome::Lost(head) => Ok(Header::decode(&head).is_ok_and(|header| header.kind == Kind::Seal)),
    }
}

/// Checks that each slot names the one before it.
pub(crate) struct Chain {
    session: SessionId,
    /// The hash of the slot before, where that is known.
    previous: Option<u128>,
}

impl Chain {
    /// The slots of `session` after the one with this hash.
    pub(crate) fn new(session: SessionId, previous: u128) -> Self {
        Self { session, previous: Some(previous) }
    }

    /// Nothing is known of the slot before.
    fn lose(&mut self) {
        self.previous = None;
    }

    /// The next slot.
    pub(crate) fn follow(&mut self, footer: &Footer) -> Result<(), SessionError> {
        let previous = self.previous.replace(footer.header.hash());
        if previous.is_some_and(|previous| footer.header.previous != previous) {
            return Err(SessionError::Chain { path: keys::slot(self.session, footer.header.n) });
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "seal_test.rs"]
mod tests;

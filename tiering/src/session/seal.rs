//! Ending somebody's session for good: a small object in its first free slot.

use std::time::Duration;

use coordinator::cluster::{CheckpointRef, Op, SessionEnd};
use coordinator::{ProcessId, SessionId};

use super::{Footers, SessionError};
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
    /// Its last checkpoint, if it has one.
    pub checkpoint: Option<Checkpoint>,
    /// The indexes of its slots from the checkpoint to the cut.
    pub footers: Vec<Footer>,
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
/// or CLOSE are settled. Once the session's end is recorded, whoever reads it relies on that.
pub async fn seal(store: &Store, session: SessionId, by: ProcessId) -> Result<Sealed, SessionError> {
    let checkpoint = last_checkpoint(store, session).await?;
    let (from, previous) = checkpoint.as_ref().map_or((0, 0), |c| (c.n, c.previous));
    let reference = checkpoint.as_ref().map(|c| CheckpointRef { n: c.n, as_of: c.as_of });
    let mut walk = Footers::new(store.clone(), session, from);
    let mut chain = Chain { session, previous };
    let mut footers = Vec::new();
    let (cut, closed) = loop {
        let n = walk.position();
        match walk.next().await? {
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
                if !mutant::is(Mutant::SealAtMaximum) {
                    chain.follow(&footer)?;
                }
                if footer.records == [Record::Close] {
                    break (n, true);
                }
                footers.push(footer);
            }
        }
    };
    store.settle(&keys::slot(session, from)).await?;
    if checkpoint.is_some() {
        store.settle(&keys::checkpoint(session, from)).await?;
    }
    Ok(Sealed { end: SessionEnd { cut, checkpoint: reference }, closed, checkpoint, footers })
}

/// Puts the seal at slot `n`; `false` if the session's own slot turned out to be there.
async fn put_seal(store: &Store, session: SessionId, n: u64, by: ProcessId) -> Result<bool, SessionError> {
    let path = keys::slot(session, n);
    let object = slot::seal(session, n, by);
    let policy = store.policy().with_attempt_timeout(ATTEMPT).minor();
    match store.create_nonce(&path, object.into(), *by.as_bytes(), nonce_of, policy).await? {
        CreateOutcome::Created => Ok(true),
        CreateOutcome::Lost(head) => match Header::decode(&head) {
            Ok(header) => Ok(header.kind == Kind::Seal),
            Err(source) => Err(SessionError::Format { path, source }),
        },
    }
}

/// The last checkpoint of a session that the store lists. It covers only slots that were confirmed.
pub async fn last_checkpoint(store: &Store, session: SessionId) -> Result<Option<Checkpoint>, SessionError> {
    let listed = store.list_all(&keys::checkpoints(session)).await?;
    match listed.iter().filter_map(|object| keys::number(&object.location)).max() {
        Some(n) => read_checkpoint(store, session, n).await.map(Some),
        None => Ok(None),
    }
}

/// A checkpoint that is known to exist.
async fn read_checkpoint(store: &Store, session: SessionId, n: u64) -> Result<Checkpoint, SessionError> {
    let path = keys::checkpoint(session, n);
    let object = store.get(&path).await?;
    let checkpoint = match Checkpoint::decode(&object) {
        Ok(checkpoint) => checkpoint,
        Err(source) => return Err(SessionError::Format { path, source }),
    };
    if checkpoint.session != session || checkpoint.n != n {
        let source =
            crate::format::FormatError::Invalid("the checkpoint says that it belongs under another key");
        return Err(SessionError::Format { path, source });
    }
    Ok(checkpoint)
}

/// Checks that each slot names the one before it.
pub(crate) struct Chain {
    pub(crate) session: SessionId,
    pub(crate) previous: u128,
}

impl Chain {
    pub(crate) fn follow(&mut self, footer: &Footer) -> Result<(), SessionError> {
        if footer.header.previous != self.previous {
            return Err(SessionError::Chain { path: keys::slot(self.session, footer.header.n) });
        }
        self.previous = footer.header.hash();
        Ok(())
    }
}

//! The newest checkpoint of a session that can be read.

use coordinator::SessionId;

use super::SessionError;
use super::insist::insist;
use crate::format::checkpoint::Checkpoint;
use crate::format::{FormatError, keys};
use crate::store::{ReadError, Store};

/// How often a listing is taken again when what it names is not there: older objects may have gone, for newer ones.
const AGAIN: usize = 2;

/// What a session's checkpoints say.
#[derive(Debug)]
pub struct Checkpoints {
    /// The newest one that can be read.
    pub newest: Option<Checkpoint>,
    /// The slots that the newest one listed covers, whether it can be read or not: each was confirmed before the
    /// checkpoint was written. 0 if there is none.
    pub covered: u64,
    /// Why newer ones can't be read, the newest first. The older one that serves in their place has more slots
    /// replayed after it.
    pub damaged: Vec<SessionError>,
}

/// Looks for the newest checkpoint of a session, and for older ones where it is damaged.
pub async fn checkpoints(store: &Store, session: SessionId) -> Result<Checkpoints, SessionError> {
    let mut tried = 0;
    loop {
        tried += 1;
        let listed = store.list_all(&keys::checkpoints(session)).await?;
        let named = listed.iter().map(|object| &object.location);
        let mut numbers: Vec<u64> = named
            .filter_map(|path| keys::number(path).filter(|n| keys::checkpoint(session, *n) == *path))
            .collect();
        numbers.sort_unstable();
        let mut found =
            Checkpoints { newest: None, covered: numbers.last().copied().unwrap_or(0), damaged: Vec::new() };
        let mut missing = false;
        for n in numbers.into_iter().rev() {
            match read(store, session, n).await {
                Ok(checkpoint) => {
                    found.newest = Some(checkpoint);
                    break;
                }
                Err(error) if error.is_damage() => {
                    missing |= matches!(error, SessionError::Read(ReadError::NotFound { .. }));
                    found.damaged.push(error);
                }
                Err(error) => return Err(error),
            }
        }
        if !missing || tried > AGAIN {
            return Ok(found);
        }
    }
}

/// A checkpoint that is listed.
async fn read(store: &Store, session: SessionId, n: u64) -> Result<Checkpoint, SessionError> {
    let path = keys::checkpoint(session, n);
    let object = insist(store, &path, || async { Ok(store.get(&path).await?) }).await?;
    let source = match Checkpoint::decode(&object) {
        Ok(checkpoint) if (checkpoint.session, checkpoint.n) == (session, n) => return Ok(checkpoint),
        Ok(_) => FormatError::Invalid("the checkpoint says that it belongs under another key"),
        Err(source) => source,
    };
    Err(SessionError::Format { path, source })
}

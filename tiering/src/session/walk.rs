//! Reading the indexes of a session's slots, in order.

use std::collections::VecDeque;

use coordinator::SessionId;
#[cfg(feature = "mutants")]
use futures::TryStreamExt;
use futures::{StreamExt, stream};
use object_store::path::Path;

use super::SessionError;
use super::insist::insist;
use crate::format::slot::{self, Footer, HEADER, Header};
use crate::format::{FormatError, Kind, keys};
use crate::store::{self, Store};

/// How much of a slot's end is fetched at first: an index of some 300 batches.
const TAIL: u64 = 32 * 1024;

/// How many slots are fetched at a time.
const READ_AHEAD: u64 = 32;

/// Walks a session's slots upward. Slots further on are fetched ahead, but an absent slot is asked for again
/// each time: it may have landed meanwhile.
#[derive(Debug)]
pub struct Footers {
    store: Store,
    session: SessionId,
    next: u64,
    ahead: VecDeque<Result<Footer, SessionError>>,
    width: u64,
}

impl Footers {
    /// Begins with slot `from`.
    pub fn new(store: Store, session: SessionId, from: u64) -> Self {
        Self { store, session, next: from, ahead: VecDeque::new(), width: 1 }
    }

    /// The slot that comes next.
    pub fn position(&self) -> u64 {
        self.next
    }

    /// The next slot's index, or `None` if the slot is absent as of now. A slot that can't be read is asked for
    /// again the next time.
    pub async fn next(&mut self) -> Result<Option<Footer>, SessionError> {
        if self.ahead.is_empty() {
            self.fetch().await;
        }
        let footer = self.ahead.pop_front().transpose()?;
        self.next += u64::from(footer.is_some());
        Ok(footer)
    }

    /// Goes on behind a slot that is there and can't be read. As the next one may be like it, nothing is fetched ahead
    /// until it was read.
    pub(super) fn step_over(&mut self) {
        self.ahead.clear();
        self.next += 1;
        self.width = 1;
    }

    /// Steps over an absent slot if a later one is listed.
    #[cfg(feature = "mutants")]
    pub(super) async fn skip_hole(&mut self) -> Result<bool, SessionError> {
        let listed: Vec<_> = self.store.list(&keys::session(self.session).into()).try_collect().await?;
        let slots = listed.iter().filter(|object| object.location.parts().count() == 4);
        let last = slots.filter_map(|object| keys::number(&object.location)).max();
        let skips = last.is_some_and(|last| last > self.next);
        self.next += u64::from(skips);
        Ok(skips)
    }

    async fn fetch(&mut self) {
        let slots = self.next..self.next + self.width;
        let mut footers = stream::iter(slots)
            .map(|n| read_footer(&self.store, self.session, n))
            .buffered(READ_AHEAD as usize);
        while let Some(footer) = footers.next().await {
            let Some(footer) = footer.transpose() else { break };
            let failed = footer.is_err();
            self.ahead.push_back(footer);
            if failed {
                break;
            }
        }
        self.width = READ_AHEAD;
    }
}

async fn read_footer(store: &Store, session: SessionId, n: u64) -> Result<Option<Footer>, SessionError> {
    let path = keys::slot(session, n);
    insist(store, &path, || read_footer_once(store, &path, (session, n))).await
}

async fn read_footer_once(
    store: &Store,
    path: &Path,
    (session, n): (SessionId, u64),
) -> Result<Option<Footer>, SessionError> {
    let mut len = TAIL;
    loop {
        let tail = match store.get_suffix(path, len).await {
            Ok(tail) => tail,
            Err(error) if error.is_not_found() => return Ok(None),
            // Stores refuse to read from an object of no bytes.
            Err(error) => match store.head(path).await {
                Ok(meta) if meta.size == 0 => {
                    let source = FormatError::Truncated { what: "slot", missing: HEADER };
                    return Err(SessionError::Format { path: path.clone(), source });
                }
                _ => return Err(error.into()),
            },
        };
        let source = match slot::decode_tail(session, n, &tail.bytes) {
            Ok(slot::Tail::Whole(footer)) => return Ok(Some(footer)),
            Ok(slot::Tail::Needs(needed)) if (needed as u64) <= tail.size && len < needed as u64 => {
                len = needed as u64;
                continue;
            }
            Ok(slot::Tail::Needs(needed)) => {
                FormatError::Truncated { what: "slot", missing: needed.saturating_sub(tail.bytes.len()) }
            }
            Err(source) => source,
        };
        return match by_first_header(store, path, (session, n), &tail).await? {
            Some(footer) => {
                tracing::warn!(%path, error = %source, "a slot's second header is damaged; the first one serves");
                Ok(Some(footer))
            }
            None => Err(SessionError::Format { path: path.clone(), source }),
        };
    }
}

/// The index as a slot's first header describes it, where the second one is damaged and the first is not.
async fn by_first_header(
    store: &Store,
    path: &Path,
    (session, n): (SessionId, u64),
    tail: &store::Tail,
) -> Result<Option<Footer>, SessionError> {
    let (size, got) = (tail.size, tail.bytes.len());
    if size < 2 * HEADER as u64 || Header::decode_at(session, n, &tail.bytes[got - HEADER..]).is_ok() {
        return Ok(None);
    }
    let head = store.get_range(path, 0..HEADER as u64).await?;
    let Ok(header) = Header::decode_at(session, n, &head) else { return Ok(None) };
    if header.kind != Kind::Slot || header.object_len() != size || header.index_len == 0 {
        return Ok(None);
    }
    let end = size - HEADER as u64;
    let index = store.get_range(path, end - u64::from(header.index_len)..end).await?;
    Ok(slot::decode_index(header, &index).ok())
}

//! Reading the indexes of a session's slots, in order.

use std::collections::VecDeque;

use coordinator::SessionId;
use futures::{StreamExt, TryStreamExt, stream};

use super::SessionError;
use crate::format::keys;
use crate::format::slot::{self, Footer, Tail};
use crate::store::Store;

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
    ahead: VecDeque<Footer>,
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

    /// The next slot's index, or `None` if the slot is absent as of now.
    pub async fn next(&mut self) -> Result<Option<Footer>, SessionError> {
        if self.ahead.is_empty() {
            self.fetch().await?;
        }
        let footer = self.ahead.pop_front();
        self.next += u64::from(footer.is_some());
        Ok(footer)
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

    async fn fetch(&mut self) -> Result<(), SessionError> {
        let slots = self.next..self.next + self.width;
        let mut footers = stream::iter(slots)
            .map(|n| read_footer(&self.store, self.session, n))
            .buffered(READ_AHEAD as usize);
        while let Some(Some(footer)) = footers.try_next().await? {
            self.ahead.push_back(footer);
        }
        self.width = READ_AHEAD;
        Ok(())
    }
}

async fn read_footer(store: &Store, session: SessionId, n: u64) -> Result<Option<Footer>, SessionError> {
    let path = keys::slot(session, n);
    let mut len = TAIL;
    loop {
        let tail = match store.get_suffix(&path, len).await {
            Ok(tail) => tail,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match slot::decode_tail(session, n, &tail.bytes) {
            Ok(Tail::Whole(footer)) => return Ok(Some(footer)),
            Ok(Tail::Needs(needed)) if (needed as u64) <= tail.size && len < needed as u64 => {
                len = needed as u64;
            }
            Ok(Tail::Needs(needed)) => {
                let missing = needed.saturating_sub(tail.bytes.len());
                let source = crate::format::FormatError::Truncated { what: "slot", missing };
                return Err(SessionError::Format { path, source });
            }
            Err(source) => return Err(SessionError::Format { path, source }),
        }
    }
}

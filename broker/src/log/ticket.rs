//! What a reply waits for: a slot's commit.

use thiserror::Error;
use tiering::watch;

/// The slot was not, and never will be, committed by this session. NOT_LEADER_OR_FOLLOWER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("this node no longer leads the partition")]
pub struct NotLeader;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Pending,
    Committed,
    Failed,
}

/// Waits for one slot.
#[derive(Clone, Debug)]
pub struct Ticket(watch::Receiver<State>);

impl Ticket {
    /// Returns once the slot, and with it every slot before it, is confirmed, or can't be any more.
    pub async fn committed(&self) -> Result<(), NotLeader> {
        let mut receiver = self.0.clone();
        match receiver.wait_for(|state| *state != State::Pending).await.as_deref() {
            Ok(State::Committed) => Ok(()),
            _ => Err(NotLeader),
        }
    }
}

impl Ticket {
    /// Whether it is not known yet what becomes of the slot.
    pub(super) fn is_pending(&self) -> bool {
        *self.0.borrow() == State::Pending
    }
}

/// The flusher's side of a ticket. Dropped without a word, it fails the ticket.
#[derive(Debug)]
pub(super) struct Stub(watch::Sender<State>);

impl Default for Stub {
    fn default() -> Self {
        Self::new()
    }
}

impl Stub {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(State::Pending))
    }

    pub(super) fn ticket(&self) -> Ticket {
        Ticket(self.0.subscribe())
    }

    pub(super) fn commit(&self) {
        self.0.send_replace(State::Committed);
    }

    pub(super) fn fail(&self) {
        self.0.send_replace(State::Failed);
    }
}

//! Producer ids: `k * 2^20 + i`, where metadata entry k granted the block to this session. Never from a
//! counter of the node's own.

use coordinator::Epoch;
use coordinator::cluster::PRODUCER_BLOCK;
use tiering::mutant::{self, Mutant};
use tokio::sync::Mutex;

/// The ids that a session may still give out.
pub(super) struct ProducerIds(Mutex<std::ops::Range<u64>>);

fn block(k: Epoch) -> std::ops::Range<u64> {
    let k = if mutant::is(Mutant::LocalProducerIds) { Epoch(0) } else { k };
    let first = k.0 * PRODUCER_BLOCK;
    first..first + PRODUCER_BLOCK
}

impl ProducerIds {
    /// The block of the entry that opened the session.
    pub(super) fn opened_at(k: Epoch) -> Self {
        Self(Mutex::new(block(k)))
    }

    /// The next id; `grant` puts an entry for another block when this one is used up.
    pub(super) async fn next<E>(&self, grant: impl AsyncFnOnce() -> Result<Epoch, E>) -> Result<i64, E> {
        let mut ids = self.0.lock().await;
        if ids.is_empty() {
            *ids = block(grant().await?);
        }
        let id = ids.start;
        ids.start += 1;
        Ok(id as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_block_used_up_is_followed_by_another() {
        let ids = ProducerIds::opened_at(Epoch(3));
        let none = async || Err::<Epoch, ()>(());
        assert_eq!(ids.next(none).await, Ok(3 << 20));
        ids.0.lock().await.start = (4 << 20) - 1;
        assert_eq!(ids.next(none).await, Ok((4 << 20) - 1));
        assert_eq!(ids.next(none).await, Err(()));
        assert_eq!(ids.next(async || Ok::<_, ()>(Epoch(9))).await, Ok(9 << 20));
        assert_eq!(ids.next(none).await, Ok((9 << 20) + 1));
    }
}

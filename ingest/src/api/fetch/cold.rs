//! Reading what is behind the tail.

use std::collections::BTreeSet;

use broker::log::{Found, take};
use broker::node::Led;
use bytes::Bytes;
use coordinator::SessionId;
use protocol::ErrorCode;
use tiering::format::index::Position;
use tiering::read::{FetchError, of_partition};
use tiering::store::ErrorKind;
use tokio::time::{Instant, timeout_at};

use super::plan::{Cold, Failure, Place, Plan, Wanted};
use super::rope;

/// How many slots are read ahead of a client that reads on.
const AHEAD: usize = 2;

impl Plan {
    /// The plan, with what it lacks fetched: as much as can be by `until`, but at least one batch by `deadline`.
    pub(super) async fn read(self, wanted: &Wanted, until: Instant, deadline: Instant) -> Self {
        let (Self::Cold(cold), Some(led)) = (&self, wanted.led()) else { return self };
        match timeout_at(deadline, Box::pin(read(cold, wanted.offset(), led, until))).await {
            Ok(Ok(plan)) => plan,
            Ok(Err(error)) => Self::Failed(failure(&error, wanted, led)),
            Err(_) => {
                let (partition, offset) = (led.partition.id(), wanted.offset());
                tracing::warn!(%partition, offset, "records could not be read in time; the client retries");
                Self::Failed(wanted.not_leader(led))
            }
        }
    }
}

async fn read(cold: &Cold, offset: i64, led: &Led, until: Instant) -> Result<Plan, FetchError> {
    let positions = match &cold.place {
        Place::Slots(positions) => positions.clone(),
        Place::Index(index) => within(led, *index, offset, cold.budget, cold.at_least_one).await?,
    };
    let Some(last) = positions.last() else { return Ok(Plan::Nothing) };
    let epochs = led.log.leader_epochs(&led.partition);
    let batches = led.log.reader().batches(&positions, &epochs, until).await?;
    if batches.iter().map(Bytes::len).sum::<usize>()
        == positions.iter().map(|p| p.length as usize).sum::<usize>()
    {
        read_ahead(led.clone(), last.last_offset() + 1, cold.budget);
    }
    Ok(Plan::Records { records: rope(batches), tail: false })
}

/// The positions that an index object has from `offset` on.
async fn within(
    led: &Led,
    index: (SessionId, u64),
    offset: i64,
    budget: usize,
    at_least_one: bool,
) -> Result<Vec<Position>, FetchError> {
    let positions = led.log.reader().positions(index).await?;
    let positions = of_partition(&positions, led.partition.id());
    let first = positions.partition_point(|position| position.last_offset() < offset);
    Ok(take(positions[first..].iter(), budget, at_least_one))
}

/// Brings the slots that come next into the cache, in the background.
fn read_ahead(led: Led, offset: i64, budget: usize) {
    let place = match led.partition.find(offset, budget, true) {
        Found::Slots(positions) => Place::Slots(positions),
        Found::Index(index) => Place::Index(index),
        _ => return,
    };
    tokio::spawn(async move {
        let positions = match place {
            Place::Slots(positions) => positions,
            Place::Index(index) => within(&led, index, offset, budget, true).await.unwrap_or_default(),
        };
        let slots: BTreeSet<_> = positions.iter().map(|p| (p.session, p.slot)).collect();
        for (session, slot) in slots.into_iter().take(AHEAD) {
            led.log.reader().prefetch(session, slot).await;
        }
    });
}

/// A missing object is never "empty" and never "out of range": the client asks again.
fn failure(error: &FetchError, wanted: &Wanted, led: &Led) -> Failure {
    let partition = led.partition.id();
    let missing = matches!(error, FetchError::Read(error) if error.is_not_found());
    if missing || error.kind() == ErrorKind::Retry {
        tracing::warn!(%error, %partition, offset = wanted.offset(), "records could not be read; the client retries");
        return wanted.not_leader(led);
    }
    if wanted.is_news(error) {
        tracing::error!(%error, %partition, offset = wanted.offset(), "records can't be read");
    }
    Failure::of(ErrorCode::KafkaStorageError)
}

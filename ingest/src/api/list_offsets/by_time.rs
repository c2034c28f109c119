//! Records by their timestamps, from the log start on.

use broker::log::Contents;
use broker::memory::Pool;
use broker::node::Led;
use bytes::Bytes;
use tiering::format::index::Position;
use tiering::read::{FetchError, of_partition};

use crate::api::records::{Stamped, first_since, newest_since};

/// Why a timestamp can't be looked up.
#[derive(Debug, thiserror::Error)]
pub(in crate::api) enum LookupError {
    /// The records can't be read.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// They are not what they were.
    #[error("a stored batch is damaged: {0}")]
    Damaged(#[from] protocol::records::BatchError),
}

/// The first record that is not older than `timestamp`.
pub(in crate::api) async fn first(
    unpacking: &Pool,
    led: &Led,
    timestamp: i64,
) -> Result<Option<Stamped>, LookupError> {
    let log_start = led.partition.log_start();
    let (indexes, positions) = led.partition.at_timestamp(timestamp);
    for index in indexes {
        let listed = led.log.reader().positions(index).await?;
        let listed = of_partition(&listed, led.partition.id());
        if let Some(found) = first_of(unpacking, led, listed, log_start, timestamp).await? {
            return Ok(Some(found));
        }
    }
    first_of(unpacking, led, &positions, log_start, timestamp).await
}

async fn first_of(
    unpacking: &Pool,
    led: &Led,
    positions: &[Position],
    log_start: i64,
    timestamp: i64,
) -> Result<Option<Stamped>, LookupError> {
    // In all but a batch that the log start divides there is a record to be found.
    for position in positions.iter().filter(|p| p.max_timestamp >= timestamp && p.last_offset() >= log_start)
    {
        if let Some(found) = first_since(unpacking, batch(led, position).await?, log_start, timestamp).await?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The largest timestamp; `None` if there is none.
pub(super) async fn newest(unpacking: &Pool, led: &Led) -> Result<Option<i64>, LookupError> {
    let Contents { log_start, tenures, positions } = led.partition.contents();
    let divided = tenures.first().filter(|tenure| tenure.first_offset < log_start);
    let whole = &tenures[usize::from(divided.is_some())..];
    let mut newest = whole.iter().map(|tenure| tenure.max_timestamp).max();
    let mut divided_batch = None;
    let mut look = |positions: &[Position]| {
        for position in positions.iter().filter(|position| position.last_offset() >= log_start) {
            match position.base_offset < log_start {
                true => divided_batch = Some(*position),
                false => newest = newest.max(Some(position.max_timestamp)),
            }
        }
    };
    if let Some(tenure) = divided {
        let listed = led.log.reader().positions(tenure.index).await?;
        look(of_partition(&listed, led.partition.id()));
    }
    look(&positions);
    if let Some(position) = divided_batch.filter(|position| Some(position.max_timestamp) > newest) {
        newest = newest.max(newest_since(unpacking, batch(led, &position).await?, log_start).await?);
    }
    Ok(newest.filter(|newest| *newest >= 0))
}

async fn batch(led: &Led, position: &Position) -> Result<Bytes, FetchError> {
    match led.partition.tail_batch(position.base_offset) {
        Some(batch) => Ok(batch),
        None => led.log.reader().batch(position, &led.log.leader_epochs(&led.partition)).await,
    }
}

//! Reading batches for a member to acquire records of.

use broker::log::{Found, take};
use broker::node::Led;
use bytes::Bytes;
use coordinator::SessionId;
use tiering::format::index::Position;
use tiering::read::{FetchError, of_partition};
use tokio::time::Instant;

/// A batch that was read.
#[derive(Clone, Debug)]
pub(super) struct ReadBatch {
    /// The first record's offset.
    pub(super) first: i64,
    /// The last one's.
    pub(super) last: i64,
    /// Its bytes, in order.
    pub(super) slices: Vec<Bytes>,
}

/// What there is to read from an offset on.
#[derive(Debug)]
pub(super) enum Look {
    /// Nothing yet.
    Nothing,
    /// These batches, in memory.
    Tail(Vec<ReadBatch>),
    /// Batches that must be fetched first.
    Cold(Place),
}

/// Where batches behind the tail are.
#[derive(Debug)]
pub(super) enum Place {
    /// In slots, at these positions.
    Slots(Vec<Position>),
    /// In slots that this index object names.
    Index((SessionId, u64)),
}

/// How much is to be read of a partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// From where.
    pub(super) offset: i64,
    /// How many bytes at most.
    pub(super) bytes: usize,
    /// Whether a larger first batch comes all the same.
    pub(super) at_least_one: bool,
    /// How many records at most, and the rest of the batch that the last of them is in.
    pub(super) records: u32,
}

impl Bounds {
    fn holds(&self, first: i64) -> bool {
        first < self.offset.saturating_add(i64::from(self.records))
    }
}

impl Look {
    /// Looks without reading the store.
    pub(super) fn at(led: &Led, bounds: Bounds) -> Self {
        match led.partition.find(bounds.offset, bounds.bytes, bounds.at_least_one) {
            Found::Tail(batches) => {
                let pairs = batches.slices.chunks_exact(2);
                let batches = pairs.filter_map(|pair| of_slices(&pair[0], &pair[1])).enumerate();
                let batches = batches.take_while(|(n, batch)| *n == 0 || bounds.holds(batch.first));
                Self::Tail(batches.map(|(_, batch)| batch).collect())
            }
            Found::Slots(positions) => Self::Cold(Place::Slots(bounded(positions, bounds))),
            Found::Index(_) if bounds.bytes == 0 && !bounds.at_least_one => Self::Nothing,
            Found::Index(index) => Self::Cold(Place::Index(index)),
            // What is not in the log any more is passed over by the next step of the share partition; what is not
            // yet may come.
            Found::AtEnd | Found::OutOfRange => Self::Nothing,
        }
    }

    /// The bytes that there are; as many as there may be where an index object lists them. `largest` is how large a
    /// batch may be.
    pub(super) fn len(&self, largest: usize, bounds: Bounds) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Tail(batches) => batches.iter().flat_map(|batch| &batch.slices).map(Bytes::len).sum(),
            Self::Cold(Place::Slots(positions)) => positions.iter().map(|p| p.length as usize).sum(),
            Self::Cold(Place::Index(_)) if bounds.at_least_one => bounds.bytes.max(largest),
            Self::Cold(Place::Index(_)) => bounds.bytes,
        }
    }

    /// The batches, fetched if need be: as many as can be by `until`, but at least one.
    pub(super) async fn read(
        self,
        led: &Led,
        bounds: Bounds,
        until: Instant,
    ) -> Result<Vec<ReadBatch>, FetchError> {
        let positions = match self {
            Self::Nothing => return Ok(Vec::new()),
            Self::Tail(batches) => return Ok(batches),
            Self::Cold(Place::Slots(positions)) => positions,
            Self::Cold(Place::Index(index)) => {
                let listed = led.log.reader().positions(index).await?;
                let listed = of_partition(&listed, led.partition.id());
                let from = listed.partition_point(|position| position.last_offset() < bounds.offset);
                bounded(take(listed[from..].iter(), bounds.bytes, bounds.at_least_one), bounds)
            }
        };
        let epochs = led.log.leader_epochs(&led.partition);
        Ok(apart(&positions, led.log.reader().batches(&positions, &epochs, until).await?))
    }
}

fn bounded(mut positions: Vec<Position>, bounds: Bounds) -> Vec<Position> {
    // The first batch counts wherever it begins: the log may have a hole before it.
    let more = positions.iter().skip(1).take_while(|position| bounds.holds(position.base_offset)).count();
    positions.truncate(more + 1);
    positions
}

/// A batch of the tail: what the broker wrote, and what the producer sent.
fn of_slices(prefix: &Bytes, rest: &Bytes) -> Option<ReadBatch> {
    // Base offset, and 16 bytes after the prefix's start: magic, CRC, attributes, the last record's offset.
    let first = i64::from_be_bytes(*prefix.first_chunk()?);
    let delta = i32::from_be_bytes(*rest.get(7..)?.first_chunk()?);
    Some(ReadBatch { first, last: first + i64::from(delta), slices: vec![prefix.clone(), rest.clone()] })
}

/// Takes batches apart that lie back to back.
fn apart(positions: &[Position], chunks: Vec<Bytes>) -> Vec<ReadBatch> {
    let mut chunks = chunks.into_iter();
    let mut chunk = Bytes::new();
    let mut batches = Vec::with_capacity(positions.len());
    for position in positions {
        let length = position.length as usize;
        while chunk.len() < length {
            match chunks.next() {
                Some(next) => chunk = next,
                None => return batches,
            }
        }
        let slices = vec![chunk.split_to(length)];
        batches.push(ReadBatch { first: position.base_offset, last: position.last_offset(), slices });
    }
    batches
}

//! What a partition has from its log start on: how much, how old, and where.

use coordinator::partition::{Piece, Retention, breached};
use tiering::format::checkpoint::Tenure;
use tiering::format::index::Position;

use super::{Partition, Readable};

/// Where the records are, from the log start on.
#[derive(Clone, Debug)]
pub struct Contents {
    /// The first offset that may be read.
    pub log_start: i64,
    /// The tenures. The log start may lie within the first one.
    pub tenures: Vec<Tenure>,
    /// Where the batches after those are. The log start may lie within the first one.
    pub positions: Vec<Position>,
}

impl Partition {
    /// Where its records are.
    pub fn contents(&self) -> Contents {
        let readable = self.readable.lock();
        Contents {
            log_start: readable.log_start,
            tenures: readable.tenures.clone(),
            positions: readable.recent.iter().copied().collect(),
        }
    }

    /// The bytes of its records in the store, but for those below the log start. What a tenure has counts as long
    /// as any of it is left.
    pub fn size(&self) -> u64 {
        let readable = self.readable.lock();
        let earlier: u64 = readable.tenures.iter().map(|tenure| tenure.bytes).sum();
        earlier + readable.recent.iter().map(|position| u64::from(position.length)).sum::<u64>()
    }

    /// Where it must begin so that no more is kept than wanted, at `now` (ms since 1970); `None` if nothing must go.
    pub(in crate::log) fn breached(&self, retention: Retention, now: i64) -> Option<i64> {
        let pieces = pieces(&self.readable.lock());
        breached(&pieces, retention, now)
    }
}

/// Each tenure, and each batch that is in none yet.
fn pieces(readable: &Readable) -> Vec<Piece> {
    let recent = readable.recent.iter().map(|position| Piece {
        end_offset: position.last_offset() + 1,
        bytes: position.length.into(),
        newest: (position.max_timestamp >= 0).then_some(position.max_timestamp),
    });
    let end = readable.recent.front().map_or(readable.high_watermark, |first| first.base_offset);
    let ends = readable.tenures.iter().skip(1).map(|next| next.first_offset).chain([end]);
    let earlier = readable.tenures.iter().zip(ends).map(|(tenure, end_offset)| Piece {
        end_offset,
        bytes: tenure.bytes,
        newest: Some(if tenure.max_timestamp >= 0 { tenure.max_timestamp } else { tenure.listed_at }),
    });
    earlier.chain(recent).collect()
}

//! Looking into batches, and compressing them otherwise, where a topic's settings ask for it. That takes time and
//! memory: it is done apart from the threads that serve connections, and in bounds.

use coordinator::topic::config::{StoredCompression, TimestampType, TopicConfig};
use protocol::ErrorCode;
use protocol::records::{Batch, BatchHeader, Compression, RecordGlance};

use super::check::{Invalid, check_size, finish};
use crate::broker::UNPACKED;

/// A timestamp that says that there is none.
const NO_TIMESTAMP: i64 = -1;

/// The most records of a batch of which is told what is wrong with each.
const TOLD: usize = 1000;

/// Whether a batch's header does not tell enough.
pub(super) fn is_due(header: &BatchHeader, config: &TopicConfig, now: i64) -> bool {
    let bounds = Bounds::of(config, now);
    let recompresses =
        header.compression().is_ok_and(|source| target(config.compression, source).0 != source);
    config.compact || recompresses || bounds.earliest.is_some() || header.max_timestamp > bounds.latest
}

/// The codec and level for a batch that came compressed with `source`.
fn target(wanted: StoredCompression, source: Compression) -> (Compression, Option<i32>) {
    match wanted {
        StoredCompression::Producer => (source, None),
        StoredCompression::Uncompressed => (Compression::None, None),
        // -1 is the codec's own default.
        StoredCompression::Gzip(level) => (Compression::Gzip, Some(level).filter(|level| *level >= 0)),
        StoredCompression::Snappy => (Compression::Snappy, None),
        StoredCompression::Lz4 => (Compression::Lz4, None),
        StoredCompression::Zstd(level) => (Compression::Zstd, Some(level)),
    }
}

/// Between which timestamps records must lie, in ms since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bounds {
    earliest: Option<i64>,
    latest: i64,
}

impl Bounds {
    /// Under LogAppendTime it does not matter what the producer wrote.
    fn of(config: &TopicConfig, now: i64) -> Self {
        if config.timestamp_type == TimestampType::LogAppendTime {
            return Self { earliest: None, latest: i64::MAX };
        }
        let before = config.timestamp_before_max_ms;
        Self {
            earliest: (before != i64::MAX).then(|| now.saturating_sub(before)),
            latest: now.saturating_add(config.timestamp_after_max_ms),
        }
    }

    fn hold(self, timestamp: i64) -> bool {
        let in_time = timestamp <= self.latest && self.earliest.is_none_or(|least| timestamp >= least);
        timestamp == NO_TIMESTAMP || in_time
    }

    fn refuse(self, timestamp: i64) -> String {
        match self.earliest {
            Some(earliest) => format!("timestamp {timestamp} is not within [{earliest}, {}]", self.latest),
            None => format!("timestamp {timestamp} is after {}", self.latest),
        }
    }
}

/// What is wrong with records of a batch.
#[derive(Default)]
struct Faults {
    count: usize,
    timestamps: bool,
    told: Vec<(i32, String)>,
}

impl Faults {
    fn look(&mut self, record: RecordGlance, config: &TopicConfig, bounds: Bounds) {
        let fault = if config.compact && !record.has_key {
            "a compacted topic takes no record without a key".to_owned()
        } else if !bounds.hold(record.timestamp) {
            self.timestamps = true;
            bounds.refuse(record.timestamp)
        } else {
            return;
        };
        self.count += 1;
        if self.told.len() < TOLD {
            self.told.push((record.index, fault));
        }
    }

    /// One record refuses its batch, and one timestamp decides on the error.
    fn verdict(self) -> Result<(), Invalid> {
        let Some((index, fault)) = self.told.first() else { return Ok(()) };
        let others = match self.count - 1 {
            0 => String::new(),
            others => format!(", and {others} more are refused"),
        };
        let code = if self.timestamps { ErrorCode::InvalidTimestamp } else { ErrorCode::InvalidRecord };
        let message = format!("record {index}: {fault}{others}");
        Err(Invalid { code, message, records: self.told })
    }
}

/// Checks a batch's records, and makes of the batch what is to be stored. Afterwards its header is true of them. It
/// may have become larger by `room` bytes at most.
pub(super) fn unpack(batch: Batch, config: &TopicConfig, now: i64, room: usize) -> Result<Batch, Invalid> {
    let records = batch.decompress(UNPACKED)?;
    let (bounds, mut faults) = (Bounds::of(config, now), Faults::default());
    let summary = batch.scan(&records, |record| faults.look(record, config, bounds))?;
    faults.verdict()?;
    let source = batch.header().compression()?;
    let mut stored = match target(config.compression, source) {
        (codec, _) if codec == source => batch.clone(),
        (Compression::None, _) => batch.with_payload(Compression::None, &records)?,
        (codec, level) => batch.with_payload(codec, &codec.compress_at(level, &records)?)?,
    };
    check_size(&stored, config)?;
    if stored.bytes().len().saturating_sub(batch.bytes().len()) > room {
        let message =
            format!("the batches of a request have more than {UNPACKED} bytes as they are to be stored");
        return Err(Invalid::new(ErrorCode::MessageTooLarge, message));
    }
    if stored.header().max_timestamp != summary.max_timestamp {
        stored = stored.with_max_timestamp(summary.max_timestamp);
    }
    finish(stored, config, now)
}

//! Looking into batches, and compressing them otherwise, where a topic's settings ask for it. That takes time and
//! memory: it is done apart from the threads that serve connections, and in bounds. The records are never held
//! decompressed.

use broker::node::UNPACKED;
use coordinator::topic::config::{StoredCompression, TimestampType, TopicConfig};
use protocol::ErrorCode;
use protocol::records::{Batch, BatchError, BatchHeader, Compression, RecordGlance, RecordSummary};

use super::check::{Invalid, check_size, finish};

/// The highest level of Zstandard for which there always is memory. Higher ones are lowered where they take more
/// than there is.
const CHEAP: i32 = 3;

/// A timestamp that says that there is none.
const NO_TIMESTAMP: i64 = -1;

/// The most records of a request of which it is reported what is wrong with each.
const REPORTED: usize = 1000;

/// The bytes after which no more batches of a request are looked into: it is one client's, and others wait.
const AT_ONCE: usize = 1 << 30;

/// Whether a batch's records must be looked at: its header does not say enough, or it is compressed otherwise.
pub(super) fn is_due(header: &BatchHeader, config: &TopicConfig, now: i64) -> bool {
    let bounds = Bounds::of(config, now);
    let recompresses =
        header.compression().is_ok_and(|source| target(config.compression, source).0 != source);
    config.compact || recompresses || bounds.looks_back(now) || header.max_timestamp > bounds.latest
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
    earliest: i64,
    latest: i64,
}

impl Bounds {
    /// Under LogAppendTime it does not matter what the producer wrote.
    fn of(config: &TopicConfig, now: i64) -> Self {
        if config.timestamp_type == TimestampType::LogAppendTime {
            return Self { earliest: i64::MIN, latest: i64::MAX };
        }
        Self {
            earliest: now.saturating_sub(config.timestamp_before_max_ms),
            latest: now.saturating_add(config.timestamp_after_max_ms),
        }
    }

    fn hold(self, timestamp: i64) -> bool {
        timestamp == NO_TIMESTAMP || (self.earliest..=self.latest).contains(&timestamp)
    }

    /// Whether records may be too old. By default they may not: a header does not have the earliest timestamp.
    fn looks_back(self, now: i64) -> bool {
        self.earliest > now.saturating_sub(i64::MAX)
    }

    fn refuse(self, RecordGlance { index, timestamp, .. }: RecordGlance) -> String {
        let Self { earliest, latest } = self;
        format!(
            "Timestamp {timestamp} of message with offset {index} is out of range. The timestamp should be within \
             [{earliest}, {latest}]"
        )
    }
}

/// What is left of what the batches of one request may cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    /// Records of which it is still reported what is wrong with each.
    records: usize,
    /// Bytes that are still unpacked.
    bytes: usize,
}

impl Allowance {
    pub(super) fn of_a_request() -> Self {
        Self { records: REPORTED, bytes: AT_ONCE }
    }

    /// Whether no more is unpacked.
    pub(super) fn is_spent(self) -> bool {
        self.bytes == 0
    }
}

/// What is wrong with records of a batch.
struct Faults {
    count: usize,
    timestamps: bool,
    /// Of how many records it is reported.
    most: usize,
    reported: Vec<(i32, String)>,
}

impl Faults {
    fn look(&mut self, record: RecordGlance, partition: &str, config: &TopicConfig, bounds: Bounds) {
        let fault = if config.compact && !record.has_key {
            format!("Compacted topic cannot accept message without key in topic partition {partition}")
        } else if !bounds.hold(record.timestamp) {
            self.timestamps = true;
            bounds.refuse(record)
        } else {
            return;
        };
        self.count += 1;
        if self.reported.len() < self.most {
            self.reported.push((record.index, fault));
        }
    }

    /// One record refuses its batch, and one timestamp decides on the error.
    fn verdict(self) -> Result<(), Invalid> {
        if self.count == 0 {
            return Ok(());
        }
        let reason = "One or more records have been rejected due to";
        let (code, message) = if self.timestamps {
            (ErrorCode::InvalidTimestamp, format!("{reason} invalid timestamp"))
        } else {
            let first = self.reported.iter().take(3);
            let first = first.map(|(index, why)| format!("RecordError(batchIndex={index}, message='{why}')"));
            let first = first.collect::<Vec<_>>().join(", ");
            let count = self.count;
            let message = format!(
                "{reason} {count} record errors in total, and only showing the first three errors at most: [{first}]"
            );
            (ErrorCode::InvalidRecord, message)
        };
        Err(Invalid { code, message: Some(message), records: self.reported })
    }
}

/// The memory that unpacking a batch takes at most beside what comes of it.
pub(super) fn memory(batch: &Batch, config: &TopicConfig) -> usize {
    let source = batch.header().compression().unwrap_or_default();
    let encoder = match target(config.compression, source) {
        (codec, _) if codec == source => 0,
        (codec, level) => codec.encoder_memory(level.map(|level| level.min(CHEAP)), UNPACKED),
    };
    batch.pass_memory() + encoder
}

/// What unpacking may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    /// Memory beside what comes of it, in bytes; at least [`memory`].
    pub(super) working: usize,
    /// What comes of it, in bytes.
    pub(super) room: usize,
}

/// Checks a batch's records, and makes of the batch what is to be stored. Afterwards its header is true of them.
/// `partition` is what Kafka calls it: `topic-0`.
pub(super) fn unpack(
    batch: Batch,
    partition: &str,
    config: &TopicConfig,
    now: i64,
    bound: Bound,
    left: &mut Allowance,
) -> Result<Batch, Invalid> {
    let bounds = Bounds::of(config, now);
    let mut faults = Faults { count: 0, timestamps: false, most: left.records, reported: Vec::new() };
    let summary = batch.check_records(UNPACKED, |record| faults.look(record, partition, config, bounds));
    let unpacked = summary.as_ref().map_or(UNPACKED, |summary| summary.uncompressed_bytes);
    left.bytes = left.bytes.saturating_sub(unpacked);
    left.records -= faults.reported.len();
    let summary = summary?;
    faults.verdict()?;
    let source = batch.header().compression()?;
    let mut stored = match target(config.compression, source) {
        (codec, _) if codec == source => batch.clone(),
        (codec, level) => transcoded(&batch, &summary, (codec, level), config, bound)?,
    };
    check_size(&stored, config)?;
    if stored.header().max_timestamp != summary.max_timestamp {
        stored = stored.with_max_timestamp(summary.max_timestamp);
    }
    finish(stored, config, now)
}

/// The batch in another codec; no larger than its topic allows, which is found out before it is made.
fn transcoded(
    batch: &Batch,
    summary: &RecordSummary,
    (codec, mut level): (Compression, Option<i32>),
    config: &TopicConfig,
    bound: Bound,
) -> Result<Batch, Invalid> {
    let free = bound.working.saturating_sub(batch.pass_memory());
    while let Some(lower) = level.filter(|level| *level > CHEAP)
        && codec.encoder_memory(level, summary.uncompressed_bytes) > free
    {
        level = Some(lower - 1);
    }
    let allowed = usize::try_from(config.max_message_bytes).unwrap_or(0);
    match batch.transcoded(summary, codec, level, allowed.min(bound.room)) {
        Err(BatchError::TooLarge { .. }) if allowed <= bound.room => {
            Err(Invalid { code: ErrorCode::MessageTooLarge, message: None, records: Vec::new() })
        }
        Err(BatchError::TooLarge { .. }) => {
            let room = bound.room;
            let message =
                format!("{room} bytes of memory are left for what a request's batches are to be stored as");
            Err(Invalid::new(ErrorCode::MessageTooLarge, message))
        }
        stored => Ok(stored?),
    }
}

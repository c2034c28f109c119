//! What is checked of a batch before anything is decided on it: all that follows from its own bytes and from
//! its topic's settings. In Kafka's order.

use coordinator::topic::config::{TimestampType, TopicConfig};
use protocol::records::{Batch, BatchError, Compression};
use protocol::{ErrorCode, Records};

use crate::api::records::DECOMPRESSED_LIMIT;

/// Why a batch is refused, whatever the log holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Invalid {
    /// The error.
    pub(super) code: ErrorCode,
    /// What is wrong.
    pub(super) message: String,
    /// The record at fault, from 0, where it is one.
    pub(super) record: Option<i32>,
}

impl Invalid {
    fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), record: None }
    }
}

impl From<BatchError> for Invalid {
    fn from(error: BatchError) -> Self {
        let record = match error {
            BatchError::LogAppendTime => Some(0),
            _ => error.batch_index(),
        };
        Self { code: error.code(), message: error.to_string(), record }
    }
}

/// A timestamp that says that there is none.
const NO_TIMESTAMP: i64 = -1;

/// Takes the one batch of a partition, as it is to be stored. `now` is in ms since 1970.
pub(super) fn check(
    records: Option<Records>,
    version: i16,
    config: &TopicConfig,
    now: i64,
) -> Result<Batch, Invalid> {
    let batch = Batch::single(records.unwrap_or_default().into_bytes())?;
    let header = batch.header();
    if version < 7 && header.compression() == Ok(Compression::Zstd) {
        let message = format!("Produce version {version} does not allow zstd");
        return Err(Invalid::new(ErrorCode::UnsupportedCompressionType, message));
    }
    header.check_base_offset()?;
    let size = batch.bytes().len();
    if exceeds(size, config.max_message_bytes) {
        let message =
            format!("a batch of {size} bytes, and max.message.bytes is {}", config.max_message_bytes);
        return Err(Invalid::new(ErrorCode::MessageTooLarge, message));
    }
    batch.verify_crc()?;
    header.check_produced()?;
    if config.compact {
        batch.validate_records(DECOMPRESSED_LIMIT, true)?;
    }
    let stamps = config.timestamp_type == TimestampType::LogAppendTime;
    if !stamps {
        check_timestamps(&batch, config, now)?;
    }
    if exceeds(size, config.segment_bytes) {
        let message = format!("a batch of {size} bytes, and segment.bytes is {}", config.segment_bytes);
        return Err(Invalid::new(ErrorCode::RecordListTooLarge, message));
    }
    if header.is_transactional() {
        let message = "transactions are not served, so that none is open";
        return Err(Invalid::new(ErrorCode::InvalidTxnState, message));
    }
    Ok(if stamps { batch.with_log_append_time(now) } else { batch })
}

fn exceeds(size: usize, limit: i32) -> bool {
    i64::try_from(size).is_ok_and(|size| size > i64::from(limit))
}

fn check_timestamps(batch: &Batch, config: &TopicConfig, now: i64) -> Result<(), Invalid> {
    let latest = now.saturating_add(config.timestamp_after_max_ms);
    let earliest = match config.timestamp_before_max_ms {
        i64::MAX => None,
        most => Some(now.saturating_sub(most)),
    };
    let too_late = batch.header().max_timestamp > latest;
    // What the header does not tell takes a look at the records.
    let too_early = match earliest {
        Some(earliest) => batch.validate_records(DECOMPRESSED_LIMIT, false)?.min_timestamp < earliest,
        None => false,
    };
    if !too_late && !too_early {
        return Ok(());
    }
    let outside = |timestamp: i64| {
        timestamp != NO_TIMESTAMP && (timestamp > latest || earliest.is_some_and(|least| timestamp < least))
    };
    let mut found = None;
    for record in batch.records(DECOMPRESSED_LIMIT)? {
        let record = record?;
        let timestamp = batch.header().timestamp_of(&record);
        if outside(timestamp) {
            found = Some((record.offset_delta, timestamp));
            break;
        }
    }
    let (record, timestamp) = match found {
        Some((record, timestamp)) => (Some(record), timestamp),
        None if too_late => (None, batch.header().max_timestamp),
        None => return Ok(()),
    };
    let message = match earliest {
        Some(earliest) => format!("timestamp {timestamp} is not within [{earliest}, {latest}]"),
        None => format!("timestamp {timestamp} is after {latest}"),
    };
    Err(Invalid { code: ErrorCode::InvalidTimestamp, message, record })
}

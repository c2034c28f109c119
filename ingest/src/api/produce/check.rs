//! What is checked of a batch before anything is decided on it: all that follows from its header and from its
//! topic's settings, in Kafka's order. Its records are checked by [`super::unpack`], where that matters.

use coordinator::topic::config::{TimestampType, TopicConfig};
use protocol::records::{Batch, BatchError, Compression};
use protocol::{ErrorCode, Records};

use super::unpack;

/// Why a batch is refused, whatever the log holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Invalid {
    /// The error.
    pub(super) code: ErrorCode,
    /// What is wrong, where Kafka says more than the error does.
    pub(super) message: Option<String>,
    /// The records at fault, where it is some: their places, from 0, and what is wrong with each.
    pub(super) records: Vec<(i32, String)>,
}

impl Invalid {
    fn of(code: ErrorCode) -> Self {
        Self { code, message: None, records: Vec::new() }
    }

    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), ..Self::of(code) }
    }
}

impl From<BatchError> for Invalid {
    fn from(error: BatchError) -> Self {
        let record = match error {
            BatchError::LogAppendTime => Some(0),
            _ => error.batch_index(),
        };
        let message = error.to_string();
        let records = record.map(|record| (record, message.clone())).into_iter().collect();
        Self { code: error.code(), message: Some(message), records }
    }
}

/// A batch whose header is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sound {
    /// It is as it is to be stored.
    Whole(Batch),
    /// Its records must be looked at, or compressed otherwise, by [`unpack::unpack`].
    Packed(Batch),
}

/// Takes the one batch of a partition. `now` is in ms since 1970.
pub(super) fn check(
    records: Option<Records>,
    version: i16,
    config: &TopicConfig,
    now: i64,
) -> Result<Sound, Invalid> {
    let batch = Batch::single(records.unwrap_or_default().into_bytes())?;
    let header = batch.header();
    if version < 7 && header.compression() == Ok(Compression::Zstd) {
        let message = format!("Produce version {version} does not allow zstd");
        return Err(Invalid::new(ErrorCode::UnsupportedCompressionType, message));
    }
    header.check_base_offset()?;
    check_size(&batch, config)?;
    batch.verify_crc()?;
    header.check_produced()?;
    if unpack::is_due(header, config, now) {
        return Ok(Sound::Packed(batch));
    }
    finish(batch, config, now).map(Sound::Whole)
}

/// A batch must not be larger than `max.message.bytes`, both as it came and as it is stored.
pub(super) fn check_size(batch: &Batch, config: &TopicConfig) -> Result<(), Invalid> {
    if exceeds(batch.bytes().len(), config.max_message_bytes) {
        return Err(Invalid::of(ErrorCode::MessageTooLarge));
    }
    Ok(())
}

/// The last checks, and the broker's own timestamp.
pub(super) fn finish(batch: Batch, config: &TopicConfig, now: i64) -> Result<Batch, Invalid> {
    if exceeds(batch.bytes().len(), config.segment_bytes) {
        return Err(Invalid::of(ErrorCode::RecordListTooLarge));
    }
    if batch.header().is_transactional() {
        let message = "transactions are not served, so that none is open";
        return Err(Invalid::new(ErrorCode::InvalidTxnState, message));
    }
    let stamps = config.timestamp_type == TimestampType::LogAppendTime;
    Ok(if stamps { batch.with_log_append_time(now) } else { batch })
}

fn exceeds(size: usize, limit: i32) -> bool {
    i64::try_from(size).is_ok_and(|size| size > i64::from(limit))
}

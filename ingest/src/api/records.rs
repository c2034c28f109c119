//! Looking for records within batches: without holding them decompressed, and apart from the threads that serve
//! connections where it takes long.

use std::num::NonZero;
use std::ops::ControlFlow;
use std::sync::OnceLock;

use broker::memory::Pool;
use broker::node::UNPACKED;
use bytes::Bytes;
use protocol::records::{Batch, BatchError, Compression};

/// Records up to this many bytes, not compressed, are looked through at once.
const BRIEF: usize = 64 << 10;

/// The most batches that are looked into at a time.
const MOST_AT_ONCE: usize = 32;

/// A record's offset and timestamp (ms since 1970).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamped {
    pub(super) offset: i64,
    pub(super) timestamp: i64,
}

/// Looks into a batch with `look`, once there is memory for it. Answers without its help, as if the batch could not
/// be read, if it takes more than there is: `None`.
pub(super) async fn looked_into<T: Send + 'static>(
    unpacking: &Pool,
    batch: Batch,
    look: impl FnOnce(Option<&Batch>) -> T + Send + 'static,
) -> T {
    let is_brief = batch.bytes().len() <= BRIEF && batch.header().compression() == Ok(Compression::None);
    if is_brief {
        return look(Some(&batch));
    }
    let memory = batch.pass_memory();
    if memory > unpacking.size() {
        return look(None);
    }
    let permit = unpacking.take(turn(unpacking, memory)).await;
    let looked = tokio::task::spawn_blocking(move || {
        let looked = look(Some(&batch));
        // The memory was taken until now, whether the caller still waits or not.
        drop(permit);
        looked
    });
    match looked.await {
        Ok(looked) => looked,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime ends, and the caller with it.
        Err(_) => std::future::pending().await,
    }
}

/// What a job takes that needs `memory`: so much that no more jobs are done at a time than there are processors.
pub(super) fn turn(unpacking: &Pool, memory: usize) -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    let processors = PROCESSORS.get_or_init(|| std::thread::available_parallelism().map_or(2, NonZero::get));
    memory.max(unpacking.size() / (*processors).clamp(2, MOST_AT_ONCE))
}

/// The first record from offset `from` on with a timestamp of at least `least`, in a batch whose header says
/// that there is one. If its records don't say so, too, the answer is the batch's first record: nothing is
/// skipped by a client that reads on from there. `None` if the one that the header speaks of may lie before
/// `from`.
pub(super) async fn first_since(
    unpacking: &Pool,
    batch: Bytes,
    from: i64,
    least: i64,
) -> Result<Option<Stamped>, BatchError> {
    let batch = Batch::single(batch)?;
    let header = *batch.header();
    let in_doubt = Stamped { offset: header.base_offset.max(from), timestamp: header.max_timestamp };
    let look = move |batch: Option<&Batch>| {
        let mut found = None;
        let passed = batch.map(|batch| {
            batch.pass(UNPACKED, |record| {
                let offset = header.base_offset.saturating_add(i64::from(record.offset_delta));
                if offset < from || record.timestamp < least {
                    return ControlFlow::Continue(());
                }
                found = Some(Stamped { offset, timestamp: record.timestamp });
                ControlFlow::Break(())
            })
        });
        match (found, passed) {
            (Some(found), _) => Some(found),
            (None, Some(Ok(()) | Err(BatchError::Record { .. } | BatchError::TrailingBytes(_)))) => {
                (header.base_offset >= from).then_some(in_doubt)
            }
            (None, _) => Some(in_doubt),
        }
    };
    Ok(looked_into(unpacking, batch, look).await)
}

/// The largest timestamp of a batch's records from offset `from` on; what its header says if they can't be read.
pub(super) async fn newest_since(
    unpacking: &Pool,
    batch: Bytes,
    from: i64,
) -> Result<Option<i64>, BatchError> {
    let batch = Batch::single(batch)?;
    let header = *batch.header();
    let look = move |batch: Option<&Batch>| {
        let mut newest = None;
        let passed = batch.map(|batch| {
            batch.pass(UNPACKED, |record| {
                if header.base_offset.saturating_add(i64::from(record.offset_delta)) >= from {
                    newest = newest.max(Some(record.timestamp));
                }
                ControlFlow::Continue(())
            })
        });
        match passed {
            Some(Ok(()) | Err(BatchError::Record { .. } | BatchError::TrailingBytes(_))) => newest,
            _ => Some(header.max_timestamp),
        }
    };
    Ok(looked_into(unpacking, batch, look).await)
}

#[cfg(test)]
#[path = "records_test.rs"]
mod tests;

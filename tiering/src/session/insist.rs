//! Objects that are there and can't be read.

use std::time::Duration;

use object_store::path::Path;
use tokio::time::sleep;

use super::SessionError;
use crate::store::{ReadError, Store};

/// How often an object is asked for.
const TIMES: u32 = 5;

/// The pause after the first failure. It doubles with each that follows.
const PAUSE: Duration = Duration::from_millis(100);

/// Reads an object, and where that fails again and again, though the store answers that the object is there, calls it
/// damaged: one bad sector must not keep a cluster from starting. Trouble of the store is no damage, nor is trouble of
/// the way to it or of this process.
pub(super) async fn insist<T, F: Future<Output = Result<T, SessionError>>>(
    store: &Store,
    path: &Path,
    read: impl Fn() -> F,
) -> Result<T, SessionError> {
    let mut failed = 0;
    loop {
        let source = match read().await {
            Err(SessionError::Read(source)) if is_refused(&source) => source,
            result => return result,
        };
        if store.head(path).await.is_err() {
            return Err(source.into());
        }
        failed += 1;
        if failed == TIMES {
            return Err(SessionError::Unreadable { source });
        }
        sleep(PAUSE * 2u32.pow(failed - 1)).await;
    }
}

fn is_refused(error: &ReadError) -> bool {
    match error {
        ReadError::Denied { .. } | ReadError::Truncated { .. } | ReadError::Invalid { .. } => true,
        ReadError::Failed { .. } => error.is_answer(),
        ReadError::NotFound { .. } => false,
    }
}

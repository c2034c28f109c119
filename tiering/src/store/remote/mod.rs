//! Stores behind a network.

mod azure;
mod credentials;
mod gcs;
mod s3;

use std::sync::Arc;
use std::time::Duration;

use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, ObjectStore, RetryConfig};

use super::{OpenError, StoreKind, StoreOptions};

/// The longest that a conditional write may take, whatever its caller's policy allows.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(120);

/// The data handle and the conditional handle of one bucket.
pub(super) type Handles = (Arc<dyn ObjectStore>, Arc<dyn ObjectStore>);

/// Opens a bucket, and hides everything that is not below `prefix`.
pub(super) async fn open(
    kind: StoreKind,
    bucket: &str,
    prefix: &Path,
    options: &StoreOptions,
) -> Result<Handles, OpenError> {
    let (data, conditional) = match kind {
        StoreKind::Gcs => gcs::open(bucket, options)?,
        StoreKind::Azure => azure::open(bucket, options)?,
        _ => s3::open(bucket, options).await?,
    };
    if prefix.is_root() {
        return Ok((data, conditional));
    }
    let below = |inner| Arc::new(PrefixStore::new(inner, prefix.clone())) as Arc<dyn ObjectStore>;
    Ok((below(data), below(conditional)))
}

/// How the two handles differ: the client's retries, and who decides when to stop waiting.
fn settings(options: &StoreOptions) -> [(ClientOptions, RetryConfig); 2] {
    let client = ClientOptions::new().with_connect_timeout(options.connect_timeout);
    [
        (client.clone().with_timeout(options.request_timeout), RetryConfig::default()),
        (client.with_timeout(LONGEST_ATTEMPT), RetryConfig { max_retries: 0, ..RetryConfig::default() }),
    ]
}

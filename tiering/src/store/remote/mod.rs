//! Stores behind a network.

mod azure;
mod checksum;
mod credentials;
mod gcs;
mod http;
mod s3;

use std::sync::Arc;

use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, RetryConfig};

use self::checksum::Checksums;
use self::http::Connector;
use super::{OpenError, StoreKind, StoreOptions};

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
fn settings(options: &StoreOptions, checksums: Checksums) -> [(Connector, RetryConfig); 2] {
    let (connect_timeout, checksums) = (options.connect_timeout, Arc::new(checksums));
    let connector = |timeout| Connector { connect_timeout, timeout, checksums: Arc::clone(&checksums) };
    [
        (connector(Some(options.request_timeout)), RetryConfig::default()),
        (connector(None), RetryConfig { max_retries: 0, ..RetryConfig::default() }),
    ]
}

//! From a URL to a store.

use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;

use super::{CreatePolicy, FileStore, Hedge, MemoryStore, OpenError, Store, StoreUrl, remote};

/// What a URL does not say. [`StoreOptions::default`] suits every store.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The server, for S3-compatible stores (default: `AWS_ENDPOINT_URL_S3`, then `AWS_ENDPOINT_URL`, then AWS).
    pub endpoint: Option<String>,
    /// The region (default: environment, then profile, then what S3 says of the bucket; `us-east-1` where an
    /// endpoint is set).
    pub region: Option<String>,
    /// Whether the bucket is named in the path, not the host (default: exactly where an endpoint is set).
    pub path_style: Option<bool>,
    /// How long one attempt of a conditional write may make no progress (default 10 s); see
    /// [`CreatePolicy::attempt_timeout`]. Longer spares slow links bytes that are sent twice; shorter notices a lost
    /// answer sooner.
    pub attempt_timeout: Duration,
    /// When a conditional write is sent a second time (default: [`StoreKind::default_hedge`](super::StoreKind)).
    pub hedge: Option<Hedge>,
    /// How long one request of the data handle may take, its body included (default 60 s).
    pub request_timeout: Duration,
    /// How long a connection may take to be made (default 5 s).
    pub connect_timeout: Duration,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            endpoint: None,
            region: None,
            path_style: None,
            attempt_timeout: Duration::from_secs(10),
            hedge: None,
            request_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(5),
        }
    }
}

impl Store {
    /// Opens the store behind a URL. A directory is created; a bucket is not, and nothing is asked of it.
    pub async fn open(url: &StoreUrl, options: &StoreOptions) -> Result<Self, OpenError> {
        let (data, conditional): (Arc<dyn ObjectStore>, Arc<dyn ObjectStore>) = match url {
            StoreUrl::Memory => {
                let store = Arc::new(MemoryStore::new());
                (Arc::clone(&store) as _, store)
            }
            StoreUrl::File { root } => {
                let store = Arc::new(FileStore::open(root.clone()).await?);
                (Arc::clone(&store) as _, store)
            }
            StoreUrl::Bucket { kind, bucket, prefix } => remote::open(*kind, bucket, prefix, options).await?,
        };
        let policy = CreatePolicy::of(url.kind());
        let hedge = options.hedge.unwrap_or(policy.hedge);
        let policy = CreatePolicy { attempt_timeout: options.attempt_timeout, hedge, ..policy };
        Ok(Self::assemble(url.kind(), url.to_string(), data, conditional, policy))
    }

    /// Parses a URL and opens the store behind it.
    pub async fn open_url(url: &str, options: &StoreOptions) -> Result<Self, OpenError> {
        Self::open(&url.parse()?, options).await
    }
}

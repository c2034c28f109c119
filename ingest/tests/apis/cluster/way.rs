//! One node's way to the objects: what it writes can be denied, and all of it can be cut.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use futures::stream::{BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use parking_lot::Mutex;
use tiering::store::MemoryStore;
use tokio::time::sleep;

/// The nodes that may not write, and where.
pub(super) type Denied = Arc<Mutex<BTreeMap<i32, &'static str>>>;

/// What was denied: by node, where.
pub(super) type Refused = Arc<Mutex<Vec<(i32, String)>>>;

/// The nodes that no answer reaches.
pub(super) type Cut = Arc<Mutex<BTreeSet<i32>>>;

#[derive(Debug)]
pub(super) struct Way {
    pub(super) inner: Arc<MemoryStore>,
    pub(super) node: i32,
    pub(super) denied: Denied,
    pub(super) refused: Refused,
    pub(super) cut: Cut,
}

impl Way {
    /// Returns once the way is not cut.
    fn pass(&self) -> impl Future<Output = ()> + use<> {
        let (cut, node) = (Arc::clone(&self.cut), self.node);
        async move {
            while cut.lock().contains(&node) {
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Way {
    async fn put_opts(&self, at: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.pass().await;
        if self.denied.lock().get(&self.node).is_some_and(|below| at.as_ref().starts_with(below)) {
            self.refused.lock().push((self.node, at.to_string()));
            return Err(Error::PermissionDenied { path: at.to_string(), source: "403 AccessDenied".into() });
        }
        self.inner.put_opts(at, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(at, opts).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        self.pass().await;
        self.inner.get_opts(at, options).await
    }

    fn delete_stream(&self, at: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(at)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (passed, listed) = (self.pass(), self.inner.list(prefix));
        passed.map(|()| listed).flatten_stream().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

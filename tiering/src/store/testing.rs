//! Objects in memory, and a way to them on which a test decides what becomes of each write and read.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::{MemoryStore, Store, StoreKind};

/// See the module. What a test does not decide goes through.
#[async_trait]
pub(crate) trait Way: fmt::Debug + Send + Sync + 'static {
    /// The objects.
    fn objects(&self) -> &MemoryStore;

    async fn put(&self, at: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.objects().put_opts(at, payload, options).await
    }

    async fn get(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        self.objects().get_opts(at, options).await
    }

    fn delete(&self, at: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.objects().delete_stream(at)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.objects().list(prefix)
    }
}

/// A store that is reached by a way.
pub(crate) fn by(way: &Arc<impl Way>, kind: StoreKind) -> Store {
    let objects: Arc<dyn ObjectStore> = Arc::new(By(Arc::clone(way)));
    Store::new(kind, Arc::clone(&objects), objects)
}

#[derive(Debug)]
struct By<W>(Arc<W>);

impl<W: Way> fmt::Display for By<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a test's")
    }
}

#[async_trait]
impl<W: Way> ObjectStore for By<W> {
    async fn put_opts(&self, at: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.0.put(at, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.0.objects().put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        self.0.get(at, options).await
    }

    fn delete_stream(&self, at: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.0.delete(at)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.objects().list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.0.objects().copy_opts(from, to, options).await
    }
}

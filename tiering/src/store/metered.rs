//! A store decorator that counts every request.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};

use super::metrics::{RequestKind, StoreMetrics};

/// Keys that one LIST request returns on S3.
const PAGE: u64 = 1000;

/// Counts the requests that go to `inner`.
#[derive(Debug)]
pub(super) struct Metered {
    inner: Arc<dyn ObjectStore>,
    metrics: Arc<StoreMetrics>,
}

impl Metered {
    pub(super) fn new(inner: Arc<dyn ObjectStore>, metrics: Arc<StoreMetrics>) -> Self {
        Self { inner, metrics }
    }

    fn seen<T>(&self, kind: RequestKind, result: Result<T>) -> Result<T> {
        result.inspect(|_| self.metrics.answered()).inspect_err(|error| self.metrics.failed(kind, error))
    }

    /// Counts a listing: one request at once, and one more for each further page of keys.
    fn pages(
        &self,
        listing: BoxStream<'static, Result<ObjectMeta>>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.metrics.began(RequestKind::List, 0);
        let metrics = Arc::clone(&self.metrics);
        let mut keys = 0;
        listing
            .inspect(move |item| match item {
                Ok(_) => {
                    if keys > 0 && keys % PAGE == 0 {
                        metrics.began(RequestKind::List, 0);
                    }
                    keys += 1;
                }
                Err(error) => metrics.failed(RequestKind::List, error),
            })
            .boxed()
    }
}

impl fmt::Display for Metered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for Metered {
    async fn put_opts(&self, at: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.metrics.began(RequestKind::Put, payload.content_length() as u64);
        self.seen(RequestKind::Put, self.inner.put_opts(at, payload, opts).await)
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.metrics.began(RequestKind::Put, 0);
        let upload = self.seen(RequestKind::Put, self.inner.put_multipart_opts(at, opts).await)?;
        Ok(Box::new(MeteredUpload { upload, metrics: Arc::clone(&self.metrics) }))
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        let kind = if options.head { RequestKind::Head } else { RequestKind::Get };
        self.metrics.began(kind, 0);
        let mut result = self.seen(kind, self.inner.get_opts(at, options).await)?;
        // `PrefixStore` leaves its prefix in the answer to a GET, and nowhere else.
        result.meta.location = at.clone();
        if kind == RequestKind::Get {
            self.metrics.received(kind, result.range.end - result.range.start);
        }
        Ok(result)
    }

    async fn get_ranges(&self, at: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.metrics.began(RequestKind::Get, 0);
        let parts = self.seen(RequestKind::Get, self.inner.get_ranges(at, ranges).await)?;
        self.metrics.received(RequestKind::Get, parts.iter().map(|part| part.len() as u64).sum());
        Ok(parts)
    }

    fn delete_stream(&self, at: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let metrics = Arc::clone(&self.metrics);
        self.inner
            .delete_stream(at)
            .inspect(move |deleted| {
                metrics.began(RequestKind::Delete, 0);
                if let Err(error) = deleted {
                    metrics.failed(RequestKind::Delete, error);
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.pages(self.inner.list(prefix))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.pages(self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.metrics.began(RequestKind::List, 0);
        let listed = self.seen(RequestKind::List, self.inner.list_with_delimiter(prefix).await)?;
        for _ in 0..(listed.objects.len() + listed.common_prefixes.len()).saturating_sub(1) as u64 / PAGE {
            self.metrics.began(RequestKind::List, 0);
        }
        Ok(listed)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.metrics.began(RequestKind::Copy, 0);
        self.seen(RequestKind::Copy, self.inner.copy_opts(from, to, options).await)
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.metrics.began(RequestKind::Copy, 0);
        self.metrics.began(RequestKind::Delete, 0);
        self.seen(RequestKind::Copy, self.inner.rename_opts(from, to, options).await)
    }
}

#[derive(Debug)]
struct MeteredUpload {
    upload: Box<dyn MultipartUpload>,
    metrics: Arc<StoreMetrics>,
}

#[async_trait]
impl MultipartUpload for MeteredUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.metrics.began(RequestKind::Put, data.content_length() as u64);
        let metrics = Arc::clone(&self.metrics);
        let part = self.upload.put_part(data);
        Box::pin(async move { part.await.inspect_err(|error| metrics.failed(RequestKind::Put, error)) })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.metrics.began(RequestKind::Put, 0);
        self.upload.complete().await.inspect_err(|error| self.metrics.failed(RequestKind::Put, error))
    }

    async fn abort(&mut self) -> Result<()> {
        self.metrics.began(RequestKind::Delete, 0);
        self.upload.abort().await.inspect_err(|error| self.metrics.failed(RequestKind::Delete, error))
    }
}

//! A store in memory that can be made to misbehave.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};
use tiering::store::MemoryStore;
use tokio::sync::watch;

/// What is wrong with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// Slots are not taken until this has passed.
    SlotsHeld,
    /// Slots and indexes are not found.
    SlotsMissing,
    /// Nothing is read any more, and nobody says so.
    SilentReads,
    /// Each slot takes 300 ms to be read.
    SlowReads,
    /// Metadata entries can't be read.
    MetadataUnreadable,
}

/// The store.
#[derive(Debug)]
pub(crate) struct Unreliable {
    inner: MemoryStore,
    fault: watch::Sender<Fault>,
}

impl Unreliable {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { inner: MemoryStore::new(), fault: watch::Sender::new(Fault::None) })
    }

    pub(crate) fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// Damages every slot that there is.
    pub(crate) async fn damage_slots(&self) {
        let listed: Vec<_> = self.inner.list(Some(&Path::from("wal"))).collect().await;
        for meta in listed.into_iter().map(|meta| meta.expect("the memory store lists")) {
            let object = self.inner.get(&meta.location).await.expect("a listed object is there");
            let mut object = object.bytes().await.expect("an object has bytes").to_vec();
            if let Some(last) = object.len().checked_sub(200) {
                object[last] ^= 0xff;
            }
            self.inner.put(&meta.location, object.into()).await.expect("the memory store takes anything");
        }
    }

    fn is(&self, fault: Fault) -> bool {
        *self.fault.borrow() == fault
    }
}

impl fmt::Display for Unreliable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Unreliable {
    async fn put_opts(&self, at: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        if at.as_ref().starts_with("wal/") {
            let mut fault = self.fault.subscribe();
            drop(fault.wait_for(|fault| *fault != Fault::SlotsHeld).await);
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
        let mut fault = self.fault.subscribe();
        drop(fault.wait_for(|fault| *fault != Fault::SilentReads).await);
        if at.as_ref().starts_with("wal/") && self.is(Fault::SlowReads) {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        if at.as_ref().starts_with("wal/") && self.is(Fault::SlotsMissing) {
            return Err(Error::NotFound { path: at.to_string(), source: "made up".into() });
        }
        if at.as_ref().starts_with("meta/") && self.is(Fault::MetadataUnreadable) {
            return Err(Error::Generic { store: "test", source: "made up".into() });
        }
        self.inner.get_opts(at, options).await
    }

    async fn get_ranges(&self, at: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(at, ranges).await
    }

    fn delete_stream(&self, at: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(at)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await
    }
}

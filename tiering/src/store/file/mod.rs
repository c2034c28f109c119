//! A store in a directory, durable against power loss: an object and its directory entry are synced before its
//! PUT is answered, which `object_store`'s own local store does not do.
//!
//! A key is a path below the root, letter for letter. An object appears whole or not at all: it is written
//! under a staging name, synced, and then linked (create) or renamed (overwrite) to its key. A sync that fails is
//! told as such, and never hidden by a repetition.
//! Every operation is one hop to the blocking pool. Listings come in key order.

mod direct;
mod directories;
mod disk;
mod doubts;
mod list;
mod read;
mod settle;
#[cfg(test)]
mod small_world;
mod staging;
mod upload;
mod write;

use std::fmt;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

pub(super) use self::disk::SyncFailed;
pub(super) use self::settle::{settled, settled_from};

use self::directories::Directories;
use self::disk::{Disk, System};
use self::doubts::Doubts;
use self::staging::{STAGING, Staging};
use super::error::OpenError;

/// Deletions that share one hop to the blocking pool.
const DELETES_AT_ONCE: usize = 256;

/// Objects as files below a root directory; clones share everything.
#[derive(Debug, Clone)]
pub struct FileStore {
    root: Arc<Root>,
}

#[derive(Debug)]
struct Root {
    path: PathBuf,
    disk: Arc<dyn Disk>,
    directories: Directories,
    doubts: Doubts,
    staging: Staging,
}

impl FileStore {
    /// Opens a directory, creating it where it is missing, and removes what crashed processes left half-written.
    pub async fn open(path: PathBuf) -> Result<Self, OpenError> {
        Self::open_on(path, Arc::new(System::default())).await
    }

    async fn open_on(path: PathBuf, disk: Arc<dyn Disk>) -> Result<Self, OpenError> {
        let named = path.clone();
        let blocks = disk.blocks();
        let open = move || {
            let path = std::path::absolute(&path).map_err(|source| OpenError::Directory {
                path: path.clone(),
                action: "is no path",
                source,
            })?;
            let fail = |action| {
                let path = path.clone();
                move |source| OpenError::Directory { path, action, source }
            };
            directories::create_root(&path).map_err(fail("cannot be created"))?;
            let staging = Staging::open(&path).map_err(fail("cannot be written to"))?;
            let (directories, doubts) = (Directories::new(path.clone()), Doubts::new(&path));
            Ok(Self { root: Arc::new(Root { path, disk, directories, doubts, staging }) })
        };
        if !blocks {
            return open();
        }
        tokio::task::spawn_blocking(open).await.unwrap_or_else(|error| {
            let source = std::io::Error::other(error);
            Err(OpenError::Directory { path: named, action: "opening it was interrupted", source })
        })
    }

    async fn work<T: Send + 'static, F>(&self, work: impl FnOnce(Arc<Root>) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        run(&*self.root.disk, work(Arc::clone(&self.root))).await
    }
}

/// Does work on the disk in one hop, to its end even if nobody waits for it any more.
async fn run<T: Send + 'static>(
    disk: &dyn Disk,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    if !disk.blocks() {
        return tokio::spawn(work).await?;
    }
    let pending = || Err(file_error(std::io::Error::other("work on the disk was left unfinished")));
    tokio::task::spawn_blocking(move || work.now_or_never().unwrap_or_else(pending)).await?
}

impl Root {
    /// Where an object is kept.
    fn locate(&self, key: &Path) -> Result<PathBuf> {
        match key.parts().next() {
            None => Err(refused("the empty key names no object")),
            Some(first) if first.as_ref() == STAGING => Err(refused("the key is reserved")),
            Some(_) => Ok(self.path.join(key.as_ref())),
        }
    }
}

impl fmt::Display for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "file://{}", self.root.path.display())
    }
}

#[async_trait]
impl ObjectStore for FileStore {
    async fn put_opts(&self, at: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        if matches!(opts.mode, PutMode::Update(_)) {
            return Err(not_implemented("update at a version"));
        }
        if !opts.attributes.is_empty() {
            return Err(not_implemented("attributes"));
        }
        let key = at.clone();
        self.work(|root| async move { root.put(&key, &payload, opts.mode == PutMode::Create).await }).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        if !opts.attributes.is_empty() {
            return Err(not_implemented("attributes"));
        }
        let key = at.clone();
        let upload = self.work(|root| upload::Upload::begin(root, key)).await?;
        Ok(Box::new(upload))
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        let key = at.clone();
        self.work(|root| async move { root.get(&key, &options).await }).await
    }

    async fn get_ranges(&self, at: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let (key, ranges) = (at.clone(), ranges.to_vec());
        self.work(|root| async move { root.get_ranges(&key, &ranges) }).await
    }

    fn delete_stream(&self, at: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        at.ready_chunks(DELETES_AT_ONCE)
            .then(move |keys| {
                let store = store.clone();
                async move {
                    match store.work(|root| async move { Ok(root.delete(keys)) }).await {
                        Ok(deleted) => deleted,
                        Err(error) => vec![Err(error)],
                    }
                }
            })
            .map(futures::stream::iter)
            .flatten()
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        list::stream(Arc::clone(&self.root), prefix, None)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        list::stream(Arc::clone(&self.root), prefix, Some(offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let prefix = prefix.cloned();
        self.work(|root| async move { list::one_level(&root, prefix.as_ref()) }).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let (from, to) = (from.clone(), to.clone());
        let create = options.mode == CopyMode::Create;
        self.work(|root| async move { root.copy(&from, &to, create).await }).await
    }
}

fn not_implemented(operation: &str) -> Error {
    Error::NotImplemented { operation: operation.into(), implementer: "the file store".into() }
}

fn refused(reason: &'static str) -> Error {
    Error::NotSupported { source: reason.into() }
}

/// What the system said about an object.
fn object_error(key: &Path, source: std::io::Error) -> Error {
    let path = key.to_string();
    match source.kind() {
        ErrorKind::NotFound => Error::NotFound { path, source: source.into() },
        ErrorKind::AlreadyExists => Error::AlreadyExists { path, source: source.into() },
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            Error::PermissionDenied { path, source: source.into() }
        }
        ErrorKind::InvalidFilename | ErrorKind::NotADirectory | ErrorKind::IsADirectory => {
            Error::NotSupported { source: source.into() }
        }
        _ => file_error(source),
    }
}

/// What the system said about something that is no object.
fn file_error(source: std::io::Error) -> Error {
    match source.downcast::<SyncFailed>() {
        Ok(failed) => Error::Generic { store: "file", source: failed.into() },
        Err(source) => Error::Generic { store: "file", source: source.into() },
    }
}

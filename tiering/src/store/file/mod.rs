//! A store in a directory, durable against power loss: an object and its directory entry are synced before its
//! PUT is answered, which `object_store`'s own local store does not do.
//!
//! A key is a path below the root, letter for letter. An object appears whole or not at all: it is written
//! under a staging name, synced, and then linked (create) or renamed (overwrite) to its key.
//! Every operation is one hop to the blocking pool. Listings come in key order.

mod directories;
mod list;
mod read;
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
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use self::directories::Directories;
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
    directories: Directories,
    staging: Staging,
}

impl FileStore {
    /// Opens a directory, creating it where it is missing, and removes what crashed processes left half-written.
    pub async fn open(path: PathBuf) -> Result<Self, OpenError> {
        let named = path.clone();
        let opened = tokio::task::spawn_blocking(move || {
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
            let directories = Directories::new(path.clone());
            Ok(Self { root: Arc::new(Root { path, directories, staging }) })
        });
        opened.await.unwrap_or_else(|error| {
            let source = std::io::Error::other(error);
            Err(OpenError::Directory { path: named, action: "opening it was interrupted", source })
        })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Root) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let root = Arc::clone(&self.root);
        tokio::task::spawn_blocking(move || work(&root)).await?
    }
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
        self.blocking(move |root| root.put(&key, &payload, opts.mode == PutMode::Create)).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        if !opts.attributes.is_empty() {
            return Err(not_implemented("attributes"));
        }
        let root = Arc::clone(&self.root);
        let key = at.clone();
        let upload = self.blocking(move |_| upload::Upload::begin(root, key)).await?;
        Ok(Box::new(upload))
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        let key = at.clone();
        self.blocking(move |root| root.get(&key, &options)).await
    }

    async fn get_ranges(&self, at: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let (key, ranges) = (at.clone(), ranges.to_vec());
        self.blocking(move |root| root.get_ranges(&key, &ranges)).await
    }

    fn delete_stream(&self, at: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        at.ready_chunks(DELETES_AT_ONCE)
            .then(move |keys| {
                let store = store.clone();
                async move {
                    match store.blocking(move |root| Ok(root.delete(keys))).await {
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
        self.blocking(move |root| list::one_level(root, prefix.as_ref())).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let (from, to) = (from.clone(), to.clone());
        self.blocking(move |root| root.copy(&from, &to, options.mode == CopyMode::Create)).await
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
    Error::Generic { store: "file", source: source.into() }
}

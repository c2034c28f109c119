//! The operations of a faulty store.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions,
    Result,
};

use tiering::store::Progress;

use super::upload::FaultUpload;
use super::{Fault, FaultStore, Operation, injected};

impl fmt::Display for FaultStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faulty {}", self.inner)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for FaultStore {
    async fn put_opts(&self, at: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let key = at.clone();
        let mut course = self.draw(Operation::Put, at);
        course.body = payload.content_length() as u64;
        // Each piece is reported to its sender.
        let progress = Progress::of(&opts).cloned();
        let told = move |bytes| {
            if let Some(progress) = &progress {
                progress.advance(bytes);
            }
        };
        let apply =
            |inner: Arc<dyn ObjectStore>| async move { inner.put_opts(&key, payload, opts).await }.boxed();
        self.follow_body(Operation::Put, course, at, apply, &told).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let key = at.clone();
        let begin =
            |inner: Arc<dyn ObjectStore>| async move { inner.put_multipart_opts(&key, opts).await }.boxed();
        let upload = self.meet(Operation::Put, at, begin).await?;
        let upload = Arc::new(tokio::sync::Mutex::new(upload));
        Ok(Box::new(FaultUpload { store: self.clone(), at: at.clone(), upload }))
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        let operation = if options.head { Operation::Head } else { Operation::Get };
        let course = self.draw(operation, at);
        let fault = course.fault;
        let key = at.clone();
        let read = |inner: Arc<dyn ObjectStore>| async move { inner.get_opts(&key, options).await }.boxed();
        let result = self.follow(operation, course, at, read).await?;
        if operation == Operation::Get {
            self.check(at)?;
        }
        let length = result.range.end - result.range.start;
        if operation == Operation::Get {
            self.receive(length).await;
        }
        let GetResult { payload: _, meta, range, attributes } = &result;
        let (meta, range, attributes) = (meta.clone(), range.clone(), attributes.clone());
        let body = match fault {
            Some(Fault::Truncate) => cut_short(result.into_stream(), length / 2),
            Some(Fault::Flip(which)) => flipped(result.into_stream(), length, which),
            _ => return Ok(result),
        };
        Ok(GetResult { payload: GetResultPayload::Stream(body), meta, range, attributes })
    }

    async fn get_ranges(&self, at: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let (key, ranges) = (at.clone(), ranges.to_vec());
        let course = self.draw(Operation::Get, at);
        let fault = course.fault;
        let read = |inner: Arc<dyn ObjectStore>| async move { inner.get_ranges(&key, &ranges).await }.boxed();
        let mut parts = self.follow(Operation::Get, course, at, read).await?;
        self.check(at)?;
        self.receive(parts.iter().map(|part| part.len() as u64).sum()).await;
        match fault {
            Some(Fault::Truncate) => return Err(injected("the body ended early")),
            Some(Fault::Flip(which)) => {
                if let Some(part) = parts.iter_mut().find(|part| !part.is_empty()) {
                    let bit = bit_of(part.len() as u64, which);
                    *part = flip(part, bit);
                }
            }
            _ => {}
        }
        Ok(parts)
    }

    fn delete_stream(&self, at: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        at.then(move |key| {
            let store = store.clone();
            async move {
                let key = key?;
                let gone = key.clone();
                let delete = |inner: Arc<dyn ObjectStore>| async move { inner.delete(&gone).await }.boxed();
                store.meet(Operation::Delete, &key, delete).await?;
                store.view.ledger.deleted(&key);
                Ok(key)
            }
        })
        .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listing(prefix.cloned(), None)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listing(prefix.cloned(), Some(offset.clone()))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let prefix = prefix.cloned();
        let at = prefix.clone().unwrap_or_default();
        let list = |inner: Arc<dyn ObjectStore>| {
            async move { inner.list_with_delimiter(prefix.as_ref()).await }.boxed()
        };
        self.meet(Operation::List, &at, list).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let (source, target) = (from.clone(), to.clone());
        let copy = |inner: Arc<dyn ObjectStore>| {
            async move { inner.copy_opts(&source, &target, options).await }.boxed()
        };
        self.meet(Operation::Copy, to, copy).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        let (source, target) = (from.clone(), to.clone());
        let rename = |inner: Arc<dyn ObjectStore>| {
            async move { inner.rename_opts(&source, &target, options).await }.boxed()
        };
        self.meet(Operation::Copy, to, rename).await
    }
}

impl FaultStore {
    /// Fails if an object can't be read.
    fn check(&self, at: &Path) -> Result<()> {
        match self.view.ledger.is_hidden(at) {
            true => Err(injected("input/output error")),
            false => Ok(()),
        }
    }

    /// A listing shows one moment: the one at which the request arrives. Cut short, it ends in an error.
    fn listing(&self, prefix: Option<Path>, after: Option<Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let store = self.clone();
        let listed = async move {
            let at = prefix.clone().unwrap_or_default();
            let course = store.draw(Operation::List, &at);
            let cut = course.fault == Some(Fault::Truncate);
            let list = |inner: Arc<dyn ObjectStore>| {
                let listing = async move {
                    let listing = match after {
                        None => inner.list(prefix.as_ref()),
                        Some(after) => inner.list_with_offset(prefix.as_ref(), &after),
                    };
                    listing.try_collect::<Vec<_>>().await
                };
                listing.boxed()
            };
            let mut metas: Vec<_> =
                store.follow(Operation::List, course, &at, list).await?.into_iter().map(Ok).collect();
            if cut {
                metas.truncate(metas.len() / 2);
                metas.push(Err(injected("the listing ended early")));
            }
            Ok::<_, Error>(futures::stream::iter(metas))
        };
        futures::stream::once(listed).try_flatten().boxed()
    }
}

/// The first `keep` bytes of a body, then an error.
fn cut_short(body: BoxStream<'static, Result<Bytes>>, keep: u64) -> BoxStream<'static, Result<Bytes>> {
    body.scan(keep, |keep, piece| {
        let next = match piece {
            Ok(_) if *keep == 0 => None,
            Ok(piece) => {
                let part = piece.slice(..piece.len().min(*keep as usize));
                *keep -= part.len() as u64;
                Some(Ok(part))
            }
            Err(error) => Some(Err(error)),
        };
        std::future::ready(next)
    })
    .chain(futures::stream::iter([Err(injected("the body ended early"))]))
    .boxed()
}

/// The bit of a body of `length` bytes that is `which` 2^32ths of the way through it.
pub(super) fn bit_of(length: u64, which: u32) -> u64 {
    ((u128::from(length) * 8 * u128::from(which)) >> 32) as u64
}

/// Bytes of which one bit is another one.
pub(super) fn flip(bytes: &[u8], bit: u64) -> Bytes {
    let mut bytes = bytes.to_vec();
    if let Some(byte) = bytes.get_mut((bit / 8) as usize) {
        *byte ^= 1 << (bit % 8);
    }
    bytes.into()
}

/// A body of `length` bytes of which one bit is another one.
fn flipped(
    body: BoxStream<'static, Result<Bytes>>,
    length: u64,
    which: u32,
) -> BoxStream<'static, Result<Bytes>> {
    let bit = bit_of(length, which);
    body.scan(0u64, move |before, piece| {
        let begins = *before;
        let piece = piece.map(|piece| {
            *before += piece.len() as u64 * 8;
            let hit = bit >= begins && bit < *before;
            if hit { flip(&piece, bit - begins) } else { piece }
        });
        std::future::ready(Some(piece))
    })
    .boxed()
}

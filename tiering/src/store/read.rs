//! Reading, listing and deleting objects; every error names the object.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{BoxStream, FuturesUnordered};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, GetResult, ObjectMeta, ObjectStoreExt, PutPayload};

use tokio::time::timeout;

use super::error::{CreateError, no_answer};
use super::{ErrorKind, ReadError, Store, StoreKind, file};

/// How long the last one of several questions may take.
const LONGEST: Duration = Duration::from_secs(60);

/// The end of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    /// The last bytes, all of them if the object is no longer.
    pub bytes: Bytes,
    /// The size of the whole object.
    pub size: u64,
}

impl Store {
    /// The whole object.
    pub async fn get(&self, path: &Path) -> Result<Bytes, ReadError> {
        self.read(path, GetOptions::new()).await.map(|tail| tail.bytes)
    }

    /// Part of an object; shorter than asked where the object ends. A range that begins at or past the end,
    /// or that is empty, fails.
    pub async fn get_range(&self, path: &Path, range: Range<u64>) -> Result<Bytes, ReadError> {
        self.read(path, GetOptions::new().with_range(Some(range))).await.map(|tail| tail.bytes)
    }

    /// The last `n` bytes of an object, and its size: one request, two on Azure and where `n` is 0.
    pub async fn get_suffix(&self, path: &Path, n: u64) -> Result<Tail, ReadError> {
        if n == 0 || self.kind() == StoreKind::Azure {
            let size = self.head(path).await?.size;
            let from = size.saturating_sub(n);
            let bytes = match from == size {
                true => Bytes::new(),
                false => self.get_range(path, from..size).await?,
            };
            return Ok(Tail { bytes, size });
        }
        self.read(path, GetOptions::new().with_range(Some(GetRange::Suffix(n)))).await
    }

    /// An object's size and entity tag.
    pub async fn head(&self, path: &Path) -> Result<ObjectMeta, ReadError> {
        self.shared.data.head(path).await.map_err(|error| ReadError::of(path, error))
    }

    /// The objects below a prefix, in key order except in S3 directory buckets.
    pub fn list(&self, prefix: &Path) -> BoxStream<'static, Result<ObjectMeta, ReadError>> {
        named(prefix, self.shared.data.list(Some(prefix)))
    }

    /// The objects below a prefix whose keys are greater than `offset`, which need not exist.
    pub fn list_after(
        &self,
        prefix: &Path,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta, ReadError>> {
        named(prefix, self.shared.data.list_with_offset(Some(prefix), offset))
    }

    /// Deletes an object; that there is none is no error.
    pub async fn delete(&self, path: &Path) -> Result<(), ReadError> {
        match self.shared.data.delete(path).await.map_err(|error| ReadError::of(path, error)) {
            Err(ReadError::NotFound { .. }) => Ok(()),
            answer => answer,
        }
    }

    /// Makes durable the object `first` and those after it in its folder, as far as they can be read now. A
    /// process that found objects there and goes on as if they were there for good calls this before: on a
    /// store in a directory the one who put them may not have come to sync them, or may have failed to.
    /// Elsewhere what can be read is durable, and nothing is asked.
    pub async fn settle(&self, first: &Path) -> Result<(), ReadError> {
        if self.kind() != StoreKind::File {
            return Ok(());
        }
        let options = file::settled_from(GetOptions::new().with_head(true));
        let settled = self.shared.conditional.get_opts(first, options).await;
        match settled.map(drop).map_err(|error| ReadError::of(first, error)) {
            Err(ReadError::NotFound { .. }) => Ok(()),
            settled => settled,
        }
    }

    /// Writes an object under a name that no other writer uses, with the client's own retries.
    pub async fn put(&self, path: &Path, payload: PutPayload) -> Result<(), CreateError> {
        self.shared.data.put(path, payload).await.map(drop).map_err(|error| CreateError::of(path, error))
    }

    /// Every object below a prefix.
    pub async fn list_all(&self, prefix: &Path) -> Result<Vec<ObjectMeta>, ReadError> {
        self.hedged(prefix, || self.list(prefix).try_collect()).await
    }

    async fn read(&self, path: &Path, options: GetOptions) -> Result<Tail, ReadError> {
        self.hedged(path, || self.read_once(path, options.clone())).await
    }

    /// Asks again beside a question that has no answer yet, at first after
    /// [`Hedge::patience`](super::Hedge::patience), then after twice as long: one lost answer must not cost a
    /// client's time-out. The first answer counts, and an error only if nothing else is under way. On a machine's
    /// own store nothing is repeated.
    async fn hedged<T, F: Future<Output = Result<T, ReadError>>>(
        &self,
        path: &Path,
        ask: impl Fn() -> F,
    ) -> Result<T, ReadError> {
        let Some(mut patience) = self.shared.policy.hedge.patience() else { return ask().await };
        let mut asked = FuturesUnordered::from_iter([ask()]);
        loop {
            let answer = match timeout(patience, asked.next()).await {
                Ok(Some(answer)) => answer,
                Ok(None) => return Err(ReadError::of(path, no_answer(patience))),
                Err(_) if patience >= LONGEST => return Err(ReadError::of(path, no_answer(patience))),
                Err(_) => {
                    self.shared.metrics.count_hedged_read();
                    patience = (patience * 2).min(LONGEST);
                    asked.push(ask());
                    continue;
                }
            };
            match answer {
                // That there is no such object is an answer like any other.
                Err(error)
                    if error.kind() == ErrorKind::Retry && !error.is_not_found() && !asked.is_empty() => {}
                decided => return decided,
            }
        }
    }

    async fn read_once(&self, path: &Path, options: GetOptions) -> Result<Tail, ReadError> {
        let result = self.shared.data.get_opts(path, options).await;
        let result = result.map_err(|error| ReadError::of(path, error))?;
        let (size, wanted) = (result.meta.size, result.range.end - result.range.start);
        let bytes = result.bytes().await.map_err(|error| ReadError::of(path, error))?;
        match bytes.len() as u64 {
            got if got == wanted => Ok(Tail { bytes, size }),
            got => Err(ReadError::Truncated { path: path.clone(), got, wanted }),
        }
    }
}

/// A body that is as long as it was promised to be.
pub(super) async fn body(path: &Path, result: Result<GetResult, Error>) -> Result<Bytes, Error> {
    let result = result?;
    let wanted = result.range.end - result.range.start;
    let bytes = result.bytes().await?;
    let got = bytes.len() as u64;
    if got != wanted {
        let source = Box::new(ReadError::Truncated { path: path.clone(), got, wanted });
        return Err(Error::Generic { store: "store", source });
    }
    Ok(bytes)
}

fn named(
    prefix: &Path,
    listing: BoxStream<'static, Result<ObjectMeta, Error>>,
) -> BoxStream<'static, Result<ObjectMeta, ReadError>> {
    let prefix = prefix.clone();
    listing.map_err(move |error| ReadError::of(&prefix, error)).boxed()
}

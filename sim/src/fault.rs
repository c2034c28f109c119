//! A store that fails the way networks and clouds do, repeatably.
//!
//! It decorates another store. What happens to an operation is drawn from a seed, or scripted by a test.
//! Time is tokio's, so under a paused clock forty seconds cost nothing and a seed always gives the same run.
//! Faults never break the promises of the store itself: what is refused has not landed, what was read was
//! written. A store that lies is not this one's business.

mod plan;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions,
    Result, UploadPart,
};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use tokio::time::sleep;

use self::plan::Course;
pub use self::plan::{Fault, FaultKind, FaultPlan, Latency, Operation, Rates, Status};

/// A faulty view of a store. Several views, one for each node, may share the store behind them.
#[derive(Debug, Clone)]
pub struct FaultStore {
    inner: Arc<dyn ObjectStore>,
    state: Arc<Mutex<State>>,
}

type Matches = Box<dyn Fn(&Path) -> bool + Send>;

struct State {
    rng: StdRng,
    plan: FaultPlan,
    script: Vec<(Operation, Matches, Fault)>,
    injected: BTreeMap<FaultKind, u64>,
    reachable: bool,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "State({:?}, {} scripted, {:?})", self.plan, self.script.len(), self.injected)
    }
}

impl FaultStore {
    /// A view of `inner` whose faults are drawn from `rng` as `plan` says.
    pub fn new(inner: Arc<dyn ObjectStore>, rng: StdRng, plan: FaultPlan) -> Self {
        let state = State { rng, plan, script: Vec::new(), injected: BTreeMap::new(), reachable: true };
        Self { inner, state: Arc::new(Mutex::new(state)) }
    }

    /// Changes what is drawn from now on.
    pub fn set_plan(&self, plan: FaultPlan) {
        self.state.lock().plan = plan;
    }

    /// Cuts this view off from the store (every operation stalls, none is applied), or joins it again.
    pub fn set_reachable(&self, reachable: bool) {
        self.state.lock().reachable = reachable;
    }

    /// Inflicts `fault` on the next `operation` whose key satisfies `matches`. What is scripted first is met
    /// first, and nothing is drawn for that operation.
    pub fn script(
        &self,
        operation: Operation,
        matches: impl Fn(&Path) -> bool + Send + 'static,
        fault: Fault,
    ) {
        self.state.lock().script.push((operation, Box::new(matches), fault));
    }

    /// Scripted faults that no operation has met yet.
    pub fn pending(&self) -> usize {
        self.state.lock().script.len()
    }

    /// How many faults were inflicted, by kind.
    pub fn injected(&self) -> BTreeMap<FaultKind, u64> {
        self.state.lock().injected.clone()
    }

    /// What happens to one operation. All that is random is drawn here, in the order of calls.
    fn draw(&self, operation: Operation, at: &Path) -> Course {
        let mut state = self.state.lock();
        let state = &mut *state;
        let scripted = state.script.iter().position(|(on, matches, _)| *on == operation && matches(at));
        let scripted = scripted.map(|index| state.script.remove(index).2);
        let mut course = state.plan.draw(operation, &mut state.rng);
        if let Some(fault) = scripted {
            course.fault = Some(fault);
        } else if !state.reachable {
            course.fault = Some(Fault::Stall);
        }
        if let Some(fault) = &course.fault {
            *state.injected.entry(fault.kind()).or_default() += 1;
        }
        course
    }

    /// Lets an operation take its course. `apply` is what the store itself would do.
    async fn meet<T: Send + 'static>(
        &self,
        operation: Operation,
        at: &Path,
        apply: impl FnOnce(Arc<dyn ObjectStore>) -> BoxFuture<'static, Result<T>>,
    ) -> Result<T> {
        let course = self.draw(operation, at);
        self.follow(course, at, apply).await
    }

    async fn follow<T: Send + 'static>(
        &self,
        course: Course,
        at: &Path,
        apply: impl FnOnce(Arc<dyn ObjectStore>) -> BoxFuture<'static, Result<T>>,
    ) -> Result<T> {
        let Course { fault, there, back, survives } = course;
        let apply = apply(Arc::clone(&self.inner));
        let apply = async move {
            sleep(there).await;
            apply.await
        };
        match fault {
            None | Some(Fault::Truncate) => {
                let answer = outliving(survives, apply).await;
                sleep(back).await;
                answer
            }
            Some(Fault::Slow(extra)) => {
                sleep(extra / 2).await;
                let answer = outliving(survives, apply).await;
                sleep(back + extra / 2).await;
                answer
            }
            Some(Fault::DropBefore) => {
                sleep(there).await;
                Err(injected("the connection was reset"))
            }
            Some(Fault::DropAfter) => {
                let _ = apply.await;
                sleep(back).await;
                Err(injected("the connection was closed without an answer"))
            }
            Some(Fault::Late { lands, fails }) => {
                tokio::spawn(async move {
                    sleep(lands).await;
                    let _ = apply.await;
                });
                sleep(fails).await;
                Err(injected("no answer in time"))
            }
            Some(Fault::Refuse(status)) => {
                sleep(there + back).await;
                Err(status.error(at))
            }
            Some(Fault::Stall) => std::future::pending().await,
            Some(Fault::StallAfter) => {
                let _ = apply.await;
                std::future::pending().await
            }
        }
    }
}

/// Whether an operation goes on when its caller stops waiting, as a request that has left the machine does.
async fn outliving<T: Send + 'static>(
    survives: bool,
    apply: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    match survives {
        true => tokio::spawn(apply).await?,
        false => apply.await,
    }
}

fn injected(what: &'static str) -> Error {
    Error::Generic { store: "fault", source: what.into() }
}

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
        let apply =
            |inner: Arc<dyn ObjectStore>| async move { inner.put_opts(&key, payload, opts).await }.boxed();
        self.meet(Operation::Put, at, apply).await
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
        let cut = course.fault == Some(Fault::Truncate);
        let key = at.clone();
        let read = |inner: Arc<dyn ObjectStore>| async move { inner.get_opts(&key, options).await }.boxed();
        let result = self.follow(course, at, read).await?;
        if !cut {
            return Ok(result);
        }
        let keep = (result.range.end - result.range.start) / 2;
        let GetResult { payload: _, meta, range, attributes } = &result;
        let (meta, range, attributes) = (meta.clone(), range.clone(), attributes.clone());
        let payload = GetResultPayload::Stream(cut_short(result.into_stream(), keep));
        Ok(GetResult { payload, meta, range, attributes })
    }

    async fn get_ranges(&self, at: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let (key, ranges) = (at.clone(), ranges.to_vec());
        let course = self.draw(Operation::Get, at);
        let cut = course.fault == Some(Fault::Truncate);
        let read = |inner: Arc<dyn ObjectStore>| async move { inner.get_ranges(&key, &ranges).await }.boxed();
        let parts = self.follow(course, at, read).await?;
        if cut { Err(injected("the body ended early")) } else { Ok(parts) }
    }

    fn delete_stream(&self, at: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        at.then(move |key| {
            let store = store.clone();
            async move {
                let key = key?;
                let gone = key.clone();
                let delete = |inner: Arc<dyn ObjectStore>| async move { inner.delete(&gone).await }.boxed();
                store.meet(Operation::Delete, &key, delete).await.map(|()| key)
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
            let mut metas: Vec<_> = store.follow(course, &at, list).await?.into_iter().map(Ok).collect();
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

/// An upload whose completion meets faults; its parts do not, because nothing shows before the end.
#[derive(Debug)]
struct FaultUpload {
    store: FaultStore,
    at: Path,
    upload: Arc<tokio::sync::Mutex<Box<dyn MultipartUpload>>>,
}

#[async_trait]
impl MultipartUpload for FaultUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        match self.upload.try_lock() {
            Ok(mut upload) => upload.put_part(data),
            Err(_) => async { Err(injected("the upload is being completed")) }.boxed(),
        }
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let upload = Arc::clone(&self.upload);
        let complete = |_| async move { upload.lock().await.complete().await }.boxed();
        self.store.meet(Operation::Put, &self.at, complete).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.upload.lock().await.abort().await
    }
}

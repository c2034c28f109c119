//! A store in memory that keeps payloads as the slices they arrive in.
//!
//! `object_store`'s own copies every payload of more than one slice into a single buffer; slots have many.
//! Time stands still here: an object's modification time counts writes, so that a run can be repeated.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::DateTime;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    Attributes, CopyMode, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result, UploadPart,
};
use parking_lot::{Mutex, RwLock};

/// Objects by key; clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    shared: Arc<RwLock<Objects>>,
}

#[derive(Debug, Default)]
struct Objects {
    writes: u64,
    by_key: BTreeMap<Path, Object>,
}

#[derive(Debug, Clone)]
struct Object {
    payload: PutPayload,
    attributes: Attributes,
    size: u64,
    write: u64,
}

impl Object {
    fn meta(&self, location: &Path) -> ObjectMeta {
        ObjectMeta {
            location: location.clone(),
            last_modified: DateTime::from_timestamp_millis(self.write as i64).unwrap_or_default(),
            size: self.size,
            e_tag: Some(self.write.to_string()),
            version: None,
        }
    }

    /// The slices that make up a range, none of them copied.
    fn slices(&self, range: &Range<u64>) -> Vec<Bytes> {
        let mut slices = Vec::new();
        let mut start = 0;
        for part in &self.payload {
            let end = start + part.len() as u64;
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                slices.push(part.slice((from - start) as usize..(to - start) as usize));
            }
            start = end;
        }
        slices
    }
}

impl Objects {
    fn put(&mut self, at: &Path, payload: PutPayload, attributes: Attributes, mode: PutMode) -> Result<u64> {
        let found = self.by_key.get(at);
        match mode {
            PutMode::Overwrite => {}
            PutMode::Create if found.is_none() => {}
            PutMode::Create => {
                return Err(Error::AlreadyExists { path: at.to_string(), source: "the key is taken".into() });
            }
            PutMode::Update(version) => {
                if found.map(|object| object.write.to_string()) != version.e_tag || version.e_tag.is_none() {
                    let source = "the object is not at that version".into();
                    return Err(Error::Precondition { path: at.to_string(), source });
                }
            }
        }
        self.writes += 1;
        let size = payload.content_length() as u64;
        self.by_key.insert(at.clone(), Object { payload, attributes, size, write: self.writes });
        Ok(self.writes)
    }

    fn get(&self, at: &Path) -> Result<&Object> {
        self.by_key
            .get(at)
            .ok_or_else(|| Error::NotFound { path: at.to_string(), source: "no such object".into() })
    }

    /// Objects below a prefix, in key order; `after` is excluded and need not exist.
    fn below<'a>(
        &'a self,
        prefix: &'a Path,
        after: Option<&Path>,
    ) -> impl Iterator<Item = (&'a Path, &'a Object)> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let from = match after {
            Some(after) if after >= prefix => Excluded(after.clone()),
            _ => Included(prefix.clone()),
        };
        self.by_key
            .range((from, Unbounded))
            .take_while(|(key, _)| key.as_ref().starts_with(prefix.as_ref()))
            .filter(|(key, _)| key.prefix_match(prefix).is_some_and(|mut rest| rest.next().is_some()))
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn listing(&self, prefix: Option<&Path>, after: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let objects = self.shared.read();
        let prefix = prefix.cloned().unwrap_or_default();
        let found: Vec<_> = objects.below(&prefix, after).map(|(key, object)| Ok(object.meta(key))).collect();
        futures::stream::iter(found).boxed()
    }
}

impl fmt::Display for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory")
    }
}

#[async_trait]
impl ObjectStore for MemoryStore {
    async fn put_opts(&self, at: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let write = self.shared.write().put(at, payload, opts.attributes, opts.mode)?;
        Ok(PutResult { e_tag: Some(write.to_string()), version: None })
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let (store, at, attributes) = (self.clone(), at.clone(), opts.attributes);
        Ok(Box::new(Upload { store, at, attributes, parts: Arc::default(), begun: 0 }))
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        let object = self.shared.read().get(at)?.clone();
        let meta = object.meta(at);
        options.check_preconditions(&meta)?;
        let range = match &options.range {
            Some(range) => range
                .as_range(object.size)
                .map_err(|error| Error::Generic { store: "memory", source: Box::new(error) })?,
            None => 0..object.size,
        };
        let slices = if options.head { Vec::new() } else { object.slices(&range) };
        let payload = GetResultPayload::Stream(futures::stream::iter(slices).map(Ok).boxed());
        Ok(GetResult { payload, meta, range, attributes: object.attributes })
    }

    fn delete_stream(&self, at: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let shared = Arc::clone(&self.shared);
        at.map(move |key| key.inspect(|key| drop(shared.write().by_key.remove(key)))).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listing(prefix, None)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listing(prefix, Some(offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let prefix = prefix.cloned().unwrap_or_default();
        let objects = self.shared.read();
        let (mut folders, mut found) = (BTreeSet::new(), Vec::new());
        for (key, object) in objects.below(&prefix, None) {
            let mut rest = key.prefix_match(&prefix).into_iter().flatten();
            match (rest.next(), rest.next()) {
                (Some(folder), Some(_)) => drop(folders.insert(prefix.clone().join(folder))),
                _ => found.push(object.meta(key)),
            }
        }
        Ok(ListResult { common_prefixes: folders.into_iter().collect(), objects: found })
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let mode = match options.mode {
            CopyMode::Overwrite => PutMode::Overwrite,
            CopyMode::Create => PutMode::Create,
        };
        let mut objects = self.shared.write();
        let Object { payload, attributes, .. } = objects.get(from)?.clone();
        objects.put(to, payload, attributes, mode).map(drop)
    }
}

/// Parts in the order in which they were begun; the object appears when the upload is completed.
#[derive(Debug)]
struct Upload {
    store: MemoryStore,
    at: Path,
    attributes: Attributes,
    parts: Arc<Mutex<BTreeMap<usize, PutPayload>>>,
    begun: usize,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (parts, index) = (Arc::clone(&self.parts), self.begun);
        self.begun += 1;
        Box::pin(async move {
            parts.lock().insert(index, data);
            Ok(())
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let parts = std::mem::take(&mut *self.parts.lock());
        let payload = parts.into_values().flatten().collect();
        let attributes = std::mem::take(&mut self.attributes);
        self.store.put_opts(&self.at, payload, attributes.into()).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.parts.lock().clear();
        Ok(())
    }
}

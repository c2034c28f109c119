//! An upload through a faulty store.

use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt;
use object_store::path::Path;
use object_store::{MultipartUpload, PutPayload, PutResult, Result, UploadPart};

use super::{FaultStore, Operation, injected};

/// An upload whose completion meets faults; its parts do not, because nothing shows before the end.
#[derive(Debug)]
pub(super) struct FaultUpload {
    pub(super) store: FaultStore,
    pub(super) at: Path,
    pub(super) upload: Arc<tokio::sync::Mutex<Box<dyn MultipartUpload>>>,
}

#[async_trait]
impl MultipartUpload for FaultUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        match self.upload.try_lock() {
            Ok(mut upload) => {
                let (store, bytes) = (self.store.clone(), data.content_length() as u64);
                let part = upload.put_part(data);
                async move {
                    store.send(bytes, &|_| ()).await;
                    part.await
                }
                .boxed()
            }
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

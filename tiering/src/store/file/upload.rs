//! Uploads in parts: one staged file, each part written at its place, published when complete.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use object_store::path::Path;
use object_store::{Error, MultipartUpload, PutPayload, PutResult, Result, UploadPart};

use super::staging::Staged;
use super::{Root, file_error, read, run};

/// An upload that is under way; dropping it removes what was written.
#[derive(Debug)]
pub(super) struct Upload {
    root: Arc<Root>,
    key: Path,
    target: PathBuf,
    file: Arc<File>,
    staged: Option<Staged>,
    length: u64,
}

impl Upload {
    pub(super) async fn begin(root: Arc<Root>, key: Path) -> Result<Self> {
        let target = root.locate(&key)?;
        let (file, staged) = root.staging.file(&*root.disk).await.map_err(file_error)?;
        Ok(Self { root, key, target, file: Arc::new(file), staged: Some(staged), length: 0 })
    }

    fn take(&mut self) -> Result<Staged> {
        self.staged.take().ok_or_else(|| file_error(io::Error::other("the upload has ended")))
    }
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (file, mut at) = (Arc::clone(&self.file), self.length);
        self.length += data.content_length() as u64;
        Box::pin(async move {
            let written = tokio::task::spawn_blocking(move || {
                for part in &data {
                    file.write_all_at(part, at)?;
                    at += part.len() as u64;
                }
                Ok(())
            });
            written.await.map_err(Error::from)?.map_err(file_error)
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let staged = self.take()?;
        let (root, key, target) = (Arc::clone(&self.root), self.key.clone(), self.target.clone());
        let file = Arc::clone(&self.file);
        let disk = Arc::clone(&root.disk);
        let published = async move {
            let found = root.finish(&file, &target).await?;
            root.publish(staged, &key, &target, false).await?;
            Ok(PutResult { e_tag: Some(read::e_tag(&found)), version: None })
        };
        run(&*disk, published).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.take().map(drop)
    }
}

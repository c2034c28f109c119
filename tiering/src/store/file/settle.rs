//! Making durable what is found.
//!
//! A name that can be read may be one whose sync is under way, was never begun, or failed. Whoever concludes from it
//! that an object is there for good has it settled first: with the question, as [`GetOptions`] carry it, so that
//! decorators between here and there need not know.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path as FilePath;

use object_store::path::Path;
use object_store::{Error, GetOptions, Result};

use super::disk::{Directory, Duty, SyncFailed};
use super::{Root, file_error, object_error, read};

/// Bytes that are copied at once.
const PIECE: u64 = 4 << 20;

/// What a GET settles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settle {
    /// The object that is read.
    Object,
    /// That object, and those after it in its folder.
    Following,
}

/// A GET that answers what is durable by then. Other stores take no notice.
pub(in crate::store) fn settled(options: GetOptions) -> GetOptions {
    with(options, Settle::Object)
}

/// A GET that makes durable its object, if there is one, and those after it in its folder. Other stores take no
/// notice.
pub(in crate::store) fn settled_from(options: GetOptions) -> GetOptions {
    with(options, Settle::Following)
}

fn with(mut options: GetOptions, settle: Settle) -> GetOptions {
    options.extensions.insert(settle);
    options
}

impl Root {
    /// Settles an object that has just been read. An attempt of this store to put it that nobody waited for any more
    /// counts if it has come to its end, and if it could not sync the object, that is told here.
    pub(super) async fn settle(&self, key: &Path) -> Result<()> {
        let target = self.locate(key)?;
        let is_durable = || {
            let found = fs::metadata(&target).map(|found| read::e_tag(&found));
            found.is_ok_and(|e_tag| self.doubts.is_durable(&target, &e_tag))
        };
        if self.disk.neglects(Duty::Settle) || is_durable() {
            return Ok(());
        }
        // An attempt may fail while this waits for the disk.
        self.tell(&target)?;
        let settled = async {
            // Whoever gave the file its name had synced it; this is for files that came here another way.
            let file = File::open(&target)?;
            self.disk.sync_file(&file).await.map_err(|error| SyncFailed::of(&target, error))?;
            self.sync_names(&target).await
        };
        settled.await.map_err(|error| self.failed(key, &target, error))?;
        self.tell(&target)
    }

    fn tell(&self, target: &FilePath) -> Result<()> {
        match self.doubts.has_failed(target) {
            true => {
                let source = io::Error::other("so an earlier attempt was told");
                Err(file_error(SyncFailed::of(target, source)))
            }
            false => Ok(()),
        }
    }

    /// Settles what is in an object's folder, from that object on. If that fails, all of it is in doubt.
    pub(super) async fn settle_from(&self, key: &Path) -> Result<()> {
        let first = self.locate(key)?;
        if self.disk.neglects(Duty::Settle) {
            return Ok(());
        }
        match self.sync_names(&first).await {
            Err(error) if read::is_absent(&error) => Ok(()),
            Err(error) => {
                if error.get_ref().is_some_and(|error| error.is::<SyncFailed>()) {
                    self.doubt_from(&first).map_err(file_error)?;
                }
                Err(file_error(error))
            }
            Ok(()) => Ok(()),
        }
    }

    async fn sync_names(&self, target: &FilePath) -> io::Result<()> {
        let directory = target.parent().unwrap_or(&self.path);
        // The names were seen before, so that a failure which this handle is not told of came from a sync whose
        // caller leaves a note.
        let open = self.disk.open_directory(directory).await?;
        if !self.directories.is_known(directory, &open.file.metadata()?) {
            self.directories.forget(directory);
            self.directories.ensure(&*self.disk, directory).await?;
        }
        self.sync(&open).await
    }

    fn doubt_from(&self, first: &FilePath) -> io::Result<()> {
        for entry in fs::read_dir(first.parent().unwrap_or(&self.path))? {
            let entry = entry?;
            if entry.file_type()?.is_file() && entry.path().as_path() >= first {
                self.doubts.note(&entry.path());
            }
        }
        Ok(())
    }

    /// Makes durable every name that is in a directory now, and came after it was opened or by a sync of its own.
    /// Names in doubt are written anew: a sync alone may succeed without them.
    pub(super) async fn sync(&self, directory: &Directory) -> io::Result<()> {
        let failed = |error| SyncFailed::of(&directory.path, error);
        if let Err(error) = self.disk.sync_directory(directory).await {
            match self.disk.neglects(Duty::GiveUp) {
                true => self.disk.sync_directory(directory).await.map_err(failed)?,
                false => return Err(failed(error)),
            }
        }
        let doubts = self.doubts.within(&directory.path)?;
        if doubts.is_empty() || self.disk.neglects(Duty::Renew) {
            return Ok(());
        }
        for target in &doubts {
            self.renew(target).await?;
        }
        self.disk.sync_directory(directory).await.map_err(failed)?;
        self.doubts.forget(&doubts);
        Ok(())
    }

    /// Writes an object anew, under its name and with its bytes, so that the next sync writes both.
    async fn renew(&self, target: &FilePath) -> io::Result<()> {
        let mut old = match File::open(target) {
            Err(error) if read::is_absent(&error) => return Ok(()),
            old => old?,
        };
        let (file, staged) = self.staging.file(&*self.disk).await?;
        loop {
            let mut piece = Vec::new();
            if old.by_ref().take(PIECE).read_to_end(&mut piece)? == 0 {
                break;
            }
            self.disk.write(&file, &piece.into()).await?;
        }
        self.disk.sync_file(&file).await.map_err(|error| SyncFailed::of(target, error))?;
        self.disk.rename(&staged.path, target).await
    }

    /// What a PUT or its reader is told. An object that could not be synced is in doubt from then on.
    pub(super) fn failed(&self, key: &Path, target: &FilePath, error: io::Error) -> Error {
        if error.get_ref().is_some_and(|error| error.is::<SyncFailed>()) {
            self.doubts.fail(target);
        }
        object_error(key, error)
    }
}

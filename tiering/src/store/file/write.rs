//! Writing: stage, sync, publish, sync the directory.
//!
//! A file whose sync failed never gets a name, so that what has one is whole on disk. A name whose directory could
//! not be synced is in doubt ([`Doubts`](super::doubts::Doubts)).

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata};
use std::io;
use std::mem::ManuallyDrop;
use std::path::Path as FilePath;

use object_store::path::Path;
use object_store::{PutPayload, PutResult, Result};

use super::disk::{Directory, Duty, SyncFailed, name_of};
use super::staging::Staged;
use super::{Root, file_error, object_error, read, refused};

/// How often a directory may vanish between being made and being used, as others delete its last object.
const ATTEMPTS: usize = 16;

impl Root {
    pub(super) async fn put(&self, key: &Path, payload: &PutPayload, create: bool) -> Result<PutResult> {
        let target = self.locate(key)?;
        let (file, staged) = self.staging.file(&*self.disk).await.map_err(file_error)?;
        self.disk.write(&file, payload).await.map_err(file_error)?;
        let found = self.finish(&file, &target).await?;
        let e_tag = read::e_tag(&found);
        self.publish(staged, key, &target, create).await?;
        self.doubts.confirm(&target, e_tag.clone());
        Ok(PutResult { e_tag: Some(e_tag), version: None })
    }

    pub(super) async fn copy(&self, from: &Path, to: &Path, create: bool) -> Result<()> {
        let (source, target) = (self.locate(from)?, self.locate(to)?);
        // Objects are replaced, never changed in place, so two keys may share a file.
        let staged = self.staging.link(&source).map_err(|error| object_error(from, error))?;
        self.publish(staged, to, &target, create).await
    }

    /// Syncs a staged file that is to become `target`.
    pub(super) async fn finish(&self, file: &File, target: &FilePath) -> Result<Metadata> {
        if !self.disk.neglects(Duty::SyncFile)
            && let Err(error) = self.disk.sync_file(file).await
        {
            match self.disk.neglects(Duty::GiveUp) {
                true => self.disk.sync_file(file).await.map_err(file_error)?,
                false => return Err(file_error(SyncFailed::of(target, error))),
            }
        }
        file.metadata().map_err(file_error)
    }

    /// Gives a synced file its key, durably. Where the key is taken, the answer says nothing of what has it: who goes
    /// by that settles it.
    pub(super) async fn publish(
        &self,
        staged: Staged,
        key: &Path,
        target: &FilePath,
        create: bool,
    ) -> Result<()> {
        let directory = target.parent().unwrap_or(&self.path);
        let mut attempts = 0;
        let (open, taken) = loop {
            attempts += 1;
            match self.give_name(&staged, directory, target, create).await {
                Ok(named) => break named,
                Err(error) if error.kind() == io::ErrorKind::NotFound && attempts < ATTEMPTS => {
                    self.directories.forget(directory);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(file_error(error)),
                Err(error) => return Err(object_error(key, error)),
            }
        };
        // Its name in staging is the mark of a key that may not be durable. It stays should this be cut short.
        let staged = ManuallyDrop::new(staged);
        let synced = self.sync(&open).await;
        if synced.as_ref().map_or_else(|error| self.doubt(target, error), |()| true) {
            drop(ManuallyDrop::into_inner(staged));
        }
        synced.map_err(|error| object_error(key, error))?;
        match taken {
            Some(_) if target.is_dir() => Err(refused("the key is a folder of other keys")),
            Some(error) => Err(object_error(key, error)),
            None => Ok(()),
        }
    }

    /// Gives a staged file its name, and returns the directory to be synced; with an error if the name is taken.
    async fn give_name(
        &self,
        staged: &Staged,
        directory: &FilePath,
        target: &FilePath,
        create: bool,
    ) -> io::Result<(Directory, Option<io::Error>)> {
        self.directories.ensure(&*self.disk, &self.staging, directory).await?;
        let mut open = self.disk.open_directory(directory).await?;
        if !self.directories.is_known(directory, &open.file.metadata()?) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let named = match create {
            true => self.disk.link(&staged.path, &open, name_of(target)).await,
            false => {
                let other = self.staging.link(&staged.path)?;
                self.disk.rename(&other.path, &open, name_of(target)).await
            }
        };
        let taken = match named {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Some(error),
            named => named.map(|()| None)?,
        };
        if self.disk.neglects(Duty::OpenFirst) {
            open = self.disk.open_directory(directory).await?;
        }
        Ok((open, taken))
    }

    /// Deletes objects, and directories that are empty then. An object that is absent is deleted.
    pub(super) fn delete(&self, keys: Vec<Result<Path>>) -> Vec<Result<Path>> {
        let mut touched = BTreeSet::new();
        let mut remove = |key: Path| {
            let target = self.locate(&key)?;
            match fs::remove_file(&target) {
                Err(error) if !read::is_absent(&error) => return Err(object_error(&key, error)),
                _ => touched.extend(target.parent().map(FilePath::to_path_buf)),
            }
            Ok(key)
        };
        let deleted = keys.into_iter().map(|key| key.and_then(&mut remove)).collect();
        for directory in touched {
            self.directories.prune(&directory);
        }
        deleted
    }
}

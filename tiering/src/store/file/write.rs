//! Writing: stage, sync, publish, sync the directory.

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata};
use std::io::{self, IoSlice, Write};
use std::path::Path as FilePath;

use object_store::path::Path;
use object_store::{PutPayload, PutResult, Result};

use super::staging::Staged;
use super::{Root, directories, file_error, object_error, read, refused};

/// How often a directory may vanish between being made and being used, as others delete its last object.
const ATTEMPTS: usize = 16;

impl Root {
    pub(super) fn put(&self, key: &Path, payload: &PutPayload, create: bool) -> Result<PutResult> {
        let target = self.locate(key)?;
        let (file, staged) = self.staging.file().map_err(file_error)?;
        write_all(&file, payload).map_err(file_error)?;
        let found = finish(&file)?;
        self.publish(staged, key, &target, create)?;
        Ok(PutResult { e_tag: Some(read::e_tag(&found)), version: None })
    }

    pub(super) fn copy(&self, from: &Path, to: &Path, create: bool) -> Result<()> {
        let (source, target) = (self.locate(from)?, self.locate(to)?);
        let staged = self.staging.name();
        // Objects are replaced, never changed in place, so two keys may share a file.
        fs::hard_link(&source, &staged.path).map_err(|error| object_error(from, error))?;
        self.publish(staged, to, &target, create)
    }

    /// Gives a synced file its key, durably. Where the key is taken, the winner's entry is durable too.
    pub(super) fn publish(&self, staged: Staged, key: &Path, target: &FilePath, create: bool) -> Result<()> {
        let failed = |error| object_error(key, error);
        let directory = target.parent().unwrap_or(&self.path);
        let mut attempts = 0;
        let taken = loop {
            attempts += 1;
            let published = self.directories.ensure(directory).and_then(|()| match create {
                true => fs::hard_link(&staged.path, target),
                false => fs::rename(&staged.path, target),
            });
            match published {
                Ok(()) => break None,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => break Some(error),
                Err(error) if error.kind() == io::ErrorKind::NotFound && attempts < ATTEMPTS => {
                    self.directories.forget(directory);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(file_error(error)),
                Err(error) => return Err(failed(error)),
            }
        };
        drop(staged);
        directories::sync(directory).map_err(file_error)?;
        match taken {
            Some(_) if target.is_dir() => Err(refused("the key is a folder of other keys")),
            Some(error) => Err(failed(error)),
            None => Ok(()),
        }
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

/// Syncs a staged file.
pub(super) fn finish(file: &File) -> Result<Metadata> {
    file.sync_data().and_then(|()| file.metadata()).map_err(file_error)
}

/// Writes the slices as they are, in as few calls as the system allows.
pub(super) fn write_all(mut file: &File, payload: &PutPayload) -> io::Result<()> {
    let mut slices: Vec<_> =
        payload.iter().filter(|part| !part.is_empty()).map(|part| IoSlice::new(part)).collect();
    let mut rest = &mut slices[..];
    while !rest.is_empty() {
        match file.write_vectored(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

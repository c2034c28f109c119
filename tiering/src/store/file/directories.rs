//! Directories that exist, and whose own entries are known to be on disk.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use parking_lot::RwLock;
use tokio::sync::Mutex;

use super::disk::{Disk, Duty, SyncFailed, name_of};
use super::staging::Staging;

/// Directories remembered before all are forgotten and looked at afresh.
const MOST: usize = 8192;

/// What tells a directory from one that took its place: an inode's number may be used again.
type Identity = (u64, u64, Option<SystemTime>);

fn identity(found: &Metadata) -> Identity {
    (found.dev(), found.ino(), found.created().ok())
}

/// What is known of the directories below a root.
#[derive(Debug)]
pub(super) struct Directories {
    root: PathBuf,
    durable: RwLock<HashMap<PathBuf, Identity>>,
    turn: Mutex<()>,
}

impl Directories {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, durable: RwLock::default(), turn: Mutex::default() }
    }

    /// Makes a directory and all above it where they are missing, and each one's entry durable.
    pub(super) async fn ensure(
        &self,
        disk: &dyn Disk,
        staging: &Staging,
        directory: &Path,
    ) -> io::Result<()> {
        if self.knows(directory) {
            return Ok(());
        }
        // One at a time: attempts of this process would replace each other's directories, as other processes' may.
        let _turn = match disk.blocks() {
            true => self.turn.blocking_lock(),
            false => self.turn.lock().await,
        };
        let mut missing: Vec<_> = directory.ancestors().take_while(|above| !self.knows(above)).collect();
        while let Some(next) = missing.pop() {
            let Some(parent) = next.parent() else { continue };
            let made = self.make(disk, staging, parent, next).await?;
            let mut durable = self.durable.write();
            if durable.len() >= MOST {
                durable.clear();
            }
            durable.insert(next.into(), made);
        }
        Ok(())
    }

    fn knows(&self, directory: &Path) -> bool {
        directory == self.root || self.durable.read().contains_key(directory)
    }

    /// Whether this is the directory that is known to be durable, and not one that somebody has made in its place.
    pub(super) fn is_known(&self, directory: &Path, found: &Metadata) -> bool {
        directory == self.root || self.durable.read().get(directory) == Some(&identity(found))
    }

    /// Makes one directory in a parent that is durable.
    ///
    /// A sync that succeeds does not show whether an earlier one failed, and the system dropped a name that another
    /// process had made. So a directory is durable to the process that made it and then synced its name, by a handle
    /// that it had opened before; and only a process to which a directory is durable puts anything in it. One that is
    /// not empty is therefore durable to any process. One that is empty is replaced, in one step, by one that is made
    /// here: that is another directory, and what a process holds open of the old one takes no names any more.
    async fn make(
        &self,
        disk: &dyn Disk,
        staging: &Staging,
        parent: &Path,
        directory: &Path,
    ) -> io::Result<Identity> {
        let above = disk.open_directory(parent).await?;
        if !self.is_known(parent, &above.file.metadata()?) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let failed = |error| SyncFailed::of(parent, error);
        let found = fs::metadata(directory).ok().map(|found| identity(&found));
        if let Some(found) = found {
            // Its name may come from a copy of the store. And a process that has just made it gets the time to put
            // something in it.
            disk.sync_directory(&above).await.map_err(failed)?;
            let is_in_use = disk.neglects(Duty::Replace) || is_in_use(directory)?;
            if is_in_use && identity(&fs::metadata(directory)?) == found {
                return Ok(found);
            }
        }
        let staged = staging.name();
        disk.create_directory(&staged.path).await?;
        let made = identity(&fs::metadata(&staged.path)?);
        match disk.rename(&staged.path, &above, name_of(directory)).await {
            Err(error) if is_occupied(&error) => return Err(io::ErrorKind::NotFound.into()),
            done => done?,
        }
        disk.sync_directory(&above).await.map_err(failed)?;
        Ok(made)
    }

    /// Forgets a directory and all above it, because one of them turned out to be gone.
    pub(super) fn forget(&self, directory: &Path) {
        let mut durable = self.durable.write();
        for gone in directory.ancestors().take_while(|above| *above != self.root) {
            durable.remove(gone);
        }
    }

    /// Removes a directory, and then those above it, as long as they are empty.
    pub(super) fn prune(&self, directory: &Path) {
        for empty in directory.ancestors().take_while(|above| *above != self.root) {
            if fs::remove_dir(empty).is_err() {
                break;
            }
            self.durable.write().remove(empty);
        }
    }
}

/// Whether a directory has something in it, or has its name from an operator, as a symbolic link has.
fn is_in_use(directory: &Path) -> io::Result<bool> {
    Ok(fs::symlink_metadata(directory)?.is_symlink() || fs::read_dir(directory)?.next().is_some())
}

/// Whether a directory could not be replaced because something has been put in it meanwhile.
fn is_occupied(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists)
}

/// Makes the root and all that is missing above it.
pub(super) fn create_root(root: &Path) -> io::Result<()> {
    if fs::metadata(root).is_ok_and(|found| found.is_dir()) {
        return Ok(());
    }
    if let Some(parent) = root.parent() {
        create_root(parent)?;
        match fs::create_dir(root) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            done => done?,
        }
        fs::File::open(parent)?.sync_all()?;
    }
    match fs::metadata(root)?.is_dir() {
        true => Ok(()),
        false => Err(io::ErrorKind::NotADirectory.into()),
    }
}

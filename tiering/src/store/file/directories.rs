//! Directories that exist, and whose own entries are known to be on disk.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use parking_lot::RwLock;

use super::disk::{Disk, SyncFailed};

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
}

impl Directories {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, durable: RwLock::default() }
    }

    /// Makes a directory and all above it, each one's entry synced. One that exists is synced all the same,
    /// once: whoever made it may not have come to that yet.
    pub(super) async fn ensure(&self, disk: &dyn Disk, directory: &Path) -> io::Result<()> {
        if self.knows(directory) {
            return Ok(());
        }
        let mut missing: Vec<_> = directory.ancestors().take_while(|above| !self.knows(above)).collect();
        while let Some(next) = missing.pop() {
            let Some(parent) = next.parent() else { continue };
            let made = self.make(disk, parent, next).await?;
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

    /// Makes one directory in a parent that is durable. Where the sync fails, whoever made it removes it, so that it
    /// is made anew and nobody takes for durable what the system may have dropped. That fails only where somebody
    /// has put something in it, after a sync of their own.
    async fn make(&self, disk: &dyn Disk, parent: &Path, directory: &Path) -> io::Result<Identity> {
        let above = disk.open_directory(parent).await?;
        if !self.is_known(parent, &above.file.metadata()?) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let is_new = match disk.create_directory(directory).await {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            done => done.map(|()| true)?,
        };
        let made = identity(&fs::metadata(directory)?);
        if let Err(error) = disk.sync_directory(&above).await {
            if is_new {
                self.durable.write().remove(directory);
                let _ = disk.remove_directory(directory).await;
            }
            return Err(SyncFailed::of(parent, error));
        }
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

//! Directories that exist, and whose own entries are known to be on disk.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use parking_lot::RwLock;

/// Directories remembered before all are forgotten and looked at afresh.
const MOST: usize = 8192;

/// What is known of the directories below a root.
#[derive(Debug)]
pub(super) struct Directories {
    root: PathBuf,
    durable: RwLock<HashSet<PathBuf>>,
}

impl Directories {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, durable: RwLock::default() }
    }

    /// Makes a directory and all above it, each one's entry synced. One that exists is synced all the same,
    /// once: whoever made it may not have come to that yet.
    pub(super) fn ensure(&self, directory: &Path) -> io::Result<()> {
        if directory == self.root || self.durable.read().contains(directory) {
            return Ok(());
        }
        let Some(parent) = directory.parent() else { return Ok(()) };
        self.ensure(parent)?;
        create(directory)?;
        sync(parent)?;
        let mut durable = self.durable.write();
        if durable.len() >= MOST {
            durable.clear();
        }
        durable.insert(directory.into());
        Ok(())
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
        create(root)?;
        sync(parent)?;
    }
    match fs::metadata(root)?.is_dir() {
        true => Ok(()),
        false => Err(io::ErrorKind::NotADirectory.into()),
    }
}

/// Syncs the entries of a directory.
pub(super) fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn create(directory: &Path) -> io::Result<()> {
    match fs::create_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done,
    }
}

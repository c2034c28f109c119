//! Where files are written before they become objects.
//!
//! Each open store owns one directory below `.tidelog-tmp`, for as long as it holds the lock on the file
//! `owner` in it. Directories whose lock is free belong to nobody and are removed when a store is opened.
//! The lock on `.tidelog-tmp/lock` makes looking and claiming one step. No age is consulted.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::disk::Disk;
use super::doubts::DOUBT;

/// The staging area's name below the root; no key may begin with it, and no listing shows it.
pub(super) const STAGING: &str = ".tidelog-tmp";

/// One open store's staging directory.
#[derive(Debug)]
pub(super) struct Staging {
    directory: PathBuf,
    next: AtomicU64,
    /// Locked until dropped.
    _owner: File,
}

/// A file that is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) path: PathBuf,
}

impl Staging {
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let area = root.join(STAGING);
        fs::create_dir_all(&area)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(area.join("lock"))?;
        // A filesystem without locks keeps what others left: nobody can tell whether they are alive.
        if lock.lock().is_ok() {
            sweep(&area)?;
        }
        let directory = claim(&area)?;
        let owner = File::create(directory.join("owner"))?;
        let _ = owner.try_lock();
        Ok(Self { directory, next: AtomicU64::new(0), _owner: owner })
    }

    /// A new file that no listing shows.
    pub(super) async fn file(&self, disk: &dyn Disk) -> io::Result<(File, Staged)> {
        let staged = self.name();
        let file = disk.create(&staged.path).await?;
        Ok((file, staged))
    }

    /// A name that no file has yet.
    pub(super) fn name(&self) -> Staged {
        Staged { path: self.directory.join(self.next.fetch_add(1, Relaxed).to_string()) }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn claim(area: &Path) -> io::Result<PathBuf> {
    let mut number = 0u64;
    loop {
        let directory = area.join(number.to_string());
        match fs::create_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            done => return done.map(|()| directory),
        }
    }
}

fn sweep(area: &Path) -> io::Result<()> {
    for entry in fs::read_dir(area)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && entry.file_name() != DOUBT && is_abandoned(&entry.path()) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn is_abandoned(directory: &Path) -> bool {
    match OpenOptions::new().write(true).open(directory.join("owner")) {
        Ok(owner) => !matches!(owner.try_lock(), Err(TryLockError::WouldBlock | TryLockError::Error(_))),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

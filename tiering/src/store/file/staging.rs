//! Where files are written before they become objects.
//!
//! Each open store owns one directory below `.tidelog-tmp`, for as long as it holds the lock on the file
//! `owner` in it. Directories whose lock is free belong to nobody and are removed when a store is opened.
//! The lock on `.tidelog-tmp/lock` makes looking and claiming one step, and so is removing one's own: another store may
//! have claimed the same name meanwhile. No age is consulted.
//!
//! A file that has got its key keeps its name here until the key is synced, as a mark. So an object with a mark may
//! not be durable. Marks of a process that died stay when the rest of its directory is removed, until their objects
//! have been written anew or deleted.

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::disk::Disk;
use super::doubts::DOUBT;
use super::read::is_absent;

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

/// A file or empty directory that is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) path: PathBuf,
}

impl Staging {
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let area = root.join(STAGING);
        fs::create_dir_all(&area)?;
        let lock = locked(&area)?;
        // A filesystem without locks keeps what others left: nobody can tell whether they are alive.
        if lock.is_some() {
            sweep(&area)?;
        }
        let directory = claim(&area)?;
        // Every process on the root looks for marks in here, whichever user it runs as.
        fs::set_permissions(&directory, fs::metadata(root)?.permissions())?;
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

    /// Another name for a file. No name in here is ever synced, so that the disk is not asked.
    pub(super) fn link(&self, from: &Path) -> io::Result<Staged> {
        let staged = self.name();
        fs::hard_link(from, &staged.path)?;
        Ok(staged)
    }

    /// The inodes of files with a mark, whichever process made them.
    pub(super) fn marks(&self) -> io::Result<BTreeSet<u64>> {
        let mut marks = BTreeSet::new();
        let area = self.directory.parent().unwrap_or(&self.directory);
        for owner in present(fs::read_dir(area))?.into_iter().flatten() {
            let owner = owner?;
            if owner.file_name() == DOUBT {
                continue;
            }
            let of_owner = |error: io::Error| {
                io::Error::new(error.kind(), format!("{} can't be read: {error}", owner.path().display()))
            };
            for file in present(fs::read_dir(owner.path())).map_err(of_owner)?.into_iter().flatten() {
                let found = present(file?.metadata())?.filter(is_marked);
                marks.extend(found.map(|found| found.ino()));
            }
        }
        Ok(marks)
    }

    /// A name that no file has yet.
    pub(super) fn name(&self) -> Staged {
        Staged { path: self.directory.join(self.next.fetch_add(1, Relaxed).to_string()) }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _lock = self.directory.parent().map(locked);
        let _ = clear(&self.directory);
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path).or_else(|_| fs::remove_dir(&self.path));
    }
}

/// The lock on the area, held until it is dropped; none on a filesystem without locks.
fn locked(area: &Path) -> io::Result<Option<File>> {
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(area.join("lock"))?;
    Ok(lock.lock().is_ok().then_some(lock))
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
        let directory = present(entry.file_type())?.is_some_and(|found| found.is_dir());
        if directory && entry.file_name() != DOUBT && is_abandoned(&entry.path()) {
            // Its owner may be removing it, too.
            present(clear(&entry.path()))?;
        }
    }
    Ok(())
}

/// What was looked for, if it is there.
fn present<T>(looked: io::Result<T>) -> io::Result<Option<T>> {
    match looked {
        Err(error) if is_absent(&error) => Ok(None),
        found => found.map(Some),
    }
}

/// Whether a file has another name, its key.
fn is_marked(found: &Metadata) -> bool {
    found.is_file() && found.nlink() > 1
}

/// Removes a directory, but for marks.
fn clear(directory: &Path) -> io::Result<()> {
    let mut is_empty = true;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Some(found) = present(entry.metadata())? else { continue };
        let removed = match found.is_dir() {
            true => fs::remove_dir_all(entry.path()),
            false if is_marked(&found) => {
                is_empty = false;
                continue;
            }
            false => fs::remove_file(entry.path()),
        };
        present(removed)?;
    }
    match is_empty {
        true => fs::remove_dir(directory),
        false => Ok(()),
    }
}

fn is_abandoned(directory: &Path) -> bool {
    match OpenOptions::new().write(true).open(directory.join("owner")) {
        Ok(owner) => !matches!(owner.try_lock(), Err(TryLockError::WouldBlock | TryLockError::Error(_))),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each looks through what others are removing.
    #[test]
    fn a_store_opens_while_its_neighbours_close() {
        let root = tempfile::tempdir().expect("a directory");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    (0..200).for_each(|_| drop(Staging::open(root.path()).expect("a staging area")))
                });
            }
        });
    }
}

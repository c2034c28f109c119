//! What a store in a directory asks of the disk, where the answer decides what survives a power loss.
//!
//! A sync that failed says nothing about what is on disk, and neither does the next one that succeeds: the system
//! may have dropped what it could not write. What it does promise, since Linux 4.13, is that whoever held the file or
//! directory open before the failure is told of it by the next sync. So a file is synced where it was written, and
//! a directory by a handle that was opened before the name was made.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use object_store::PutPayload;
use rustix::fs::{AtFlags, CWD};

use super::direct::Direct;

/// A file or directory could not be synced.
#[derive(Debug, thiserror::Error)]
#[error("the sync of {} failed: {source}", what.display())]
pub(in crate::store) struct SyncFailed {
    what: PathBuf,
    source: io::Error,
}

impl SyncFailed {
    /// As an error that keeps its kind when it becomes a store's.
    pub(super) fn of(what: &Path, source: io::Error) -> io::Error {
        io::Error::other(Self { what: what.into(), source })
    }
}

/// A directory that is open, to be synced.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// How many failures of it had been told when it was opened; the system keeps count itself.
    #[cfg(test)]
    pub(super) told: std::sync::atomic::AtomicU64,
}

/// What a fault's test leaves undone, to see that this is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duty {
    /// What is found counts only once it is synced.
    Settle,
    /// A name whose sync failed is written anew before anything counts that relies on it.
    Renew,
    /// A file is synced before it gets its name.
    SyncFile,
    /// A failed sync is not simply repeated.
    GiveUp,
    /// A directory is opened before a name is made in it.
    OpenFirst,
    /// A directory that is found empty is replaced by a new one.
    Replace,
    /// An object with a mark, whose maker has not synced its name, is written anew like one in doubt.
    Mark,
}

/// A path's last part.
pub(super) fn name_of(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}

/// The calls that matter. Each may take long.
#[async_trait]
pub(super) trait Disk: fmt::Debug + Send + Sync {
    /// Makes a new file.
    async fn create(&self, path: &Path) -> io::Result<File>;
    /// Writes at the end of a file.
    async fn write(&self, file: &File, payload: &PutPayload) -> io::Result<()>;
    /// Makes a file's bytes durable.
    async fn sync_file(&self, file: &File) -> io::Result<()>;
    /// Opens a directory: a sync of it tells every failure from now on.
    async fn open_directory(&self, path: &Path) -> io::Result<Directory>;
    /// Makes the names in a directory durable.
    async fn sync_directory(&self, directory: &Directory) -> io::Result<()>;
    /// Makes a directory.
    async fn create_directory(&self, path: &Path) -> io::Result<()>;
    /// Gives a file a second name in a directory, if it is free. A directory that was removed takes none.
    async fn link(&self, from: &Path, to: &Directory, name: &OsStr) -> io::Result<()>;
    /// Gives a file or directory another name in a directory, whatever file or empty directory had it before. A
    /// directory that was removed takes none.
    async fn rename(&self, from: &Path, to: &Directory, name: &OsStr) -> io::Result<()>;

    /// Whether calls block their thread and are never pending.
    fn blocks(&self) -> bool {
        true
    }

    /// Whether a duty is left undone.
    fn neglects(&self, _duty: Duty) -> bool {
        false
    }
}

/// The operating system's.
#[derive(Debug, Default)]
pub(super) struct System {
    direct: Direct,
}

#[async_trait]
impl Disk for System {
    async fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(path)
    }

    async fn write(&self, file: &File, payload: &PutPayload) -> io::Result<()> {
        self.direct.write(file, payload)
    }

    async fn sync_file(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    async fn open_directory(&self, path: &Path) -> io::Result<Directory> {
        Ok(Directory {
            path: path.into(),
            file: File::open(path)?,
            #[cfg(test)]
            told: Default::default(),
        })
    }

    async fn sync_directory(&self, directory: &Directory) -> io::Result<()> {
        directory.file.sync_all()
    }

    async fn create_directory(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    async fn link(&self, from: &Path, to: &Directory, name: &OsStr) -> io::Result<()> {
        link(from, to, name)
    }

    async fn rename(&self, from: &Path, to: &Directory, name: &OsStr) -> io::Result<()> {
        rename(from, to, name)
    }
}

pub(super) fn link(from: &Path, to: &Directory, name: &OsStr) -> io::Result<()> {
    Ok(rustix::fs::linkat(CWD, from, &to.file, name, AtFlags::empty())?)
}

pub(super) fn rename(from: &Path, to: &Directory, name: &OsStr) -> io::Result<()> {
    Ok(rustix::fs::renameat(CWD, from, &to.file, name)?)
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

//! Names whose sync failed, noted so that nothing relies on them before they are written anew.
//!
//! The system may have dropped them and tells nobody who asks later, so each has a note in `.tidelog-tmp/doubt`, for
//! every process on the directory. Notes need no sync: a power loss shows what is on disk. Where not even a note can
//! be written, the process keeps it in mind, and an object that it made keeps its mark in staging.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use xxhash_rust::xxh3::xxh3_128;

use super::staging::STAGING;

/// The notes' directory, in the staging area.
pub(super) const DOUBT: &str = "doubt";

/// Failures kept to be told. One that is forgotten is no harm: what it was about is written anew all the same.
const MOST: usize = 4096;

/// Names remembered as durable.
const RECENT: usize = 256;

/// What is in doubt below a root.
#[derive(Debug)]
pub(super) struct Doubts {
    root: PathBuf,
    area: PathBuf,
    /// This process's own.
    own: Mutex<BTreeSet<PathBuf>>,
    /// Names that this process tried to make and could not sync, even if they have been written anew since: whoever
    /// made one must be told, however late they ask.
    failed: Mutex<BTreeSet<PathBuf>>,
    /// Names that this process made lately, with their entity tags, and synced: no doubt about them.
    durable: Mutex<VecDeque<(PathBuf, String)>>,
}

impl Doubts {
    pub(super) fn new(root: &Path) -> Self {
        let area = root.join(STAGING).join(DOUBT);
        Self {
            root: root.into(),
            area,
            own: Mutex::default(),
            failed: Mutex::default(),
            durable: Mutex::default(),
        }
    }

    /// Notes a name. An error means that other processes do not see the note.
    pub(super) fn note(&self, target: &Path) -> io::Result<()> {
        self.own.lock().insert(target.into());
        let key = target.strip_prefix(&self.root).map_err(io::Error::other)?;
        let note = self.place(target);
        let written =
            fs::create_dir_all(&self.area).and_then(|()| fs::write(note, key.as_os_str().as_bytes()));
        if let Err(error) = &written {
            tracing::warn!(%error, object = %key.display(), "no note could be left of an object that may be lost");
        }
        written
    }

    /// Notes a name that this process tried to make.
    pub(super) fn fail(&self, target: &Path) -> io::Result<()> {
        let mut failed = self.failed.lock();
        if failed.len() >= MOST {
            failed.clear();
        }
        failed.insert(target.into());
        drop(failed);
        self.note(target)
    }

    /// Whether this process could not sync a name that it tried to make.
    pub(super) fn has_failed(&self, target: &Path) -> bool {
        self.failed.lock().contains(target)
    }

    /// Remembers a name that was made and synced. Nobody may be left who waited for that.
    pub(super) fn confirm(&self, target: &Path, e_tag: String) {
        let mut durable = self.durable.lock();
        if durable.len() >= RECENT {
            durable.pop_front();
        }
        durable.push_back((target.into(), e_tag));
    }

    /// Whether this process made a name lately and synced it.
    pub(super) fn is_durable(&self, target: &Path, e_tag: &str) -> bool {
        self.durable.lock().iter().any(|(path, tag)| path == target && tag == e_tag)
    }

    /// The names in a directory that are in doubt, whoever noted them.
    pub(super) fn within(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let mut found: BTreeSet<_> = self.own.lock().iter().cloned().collect();
        match fs::read_dir(&self.area) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            notes => {
                for note in notes? {
                    match fs::read(note?.path()) {
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                        key => {
                            let key = key?;
                            found.insert(self.root.join(std::ffi::OsStr::from_bytes(&key)));
                        }
                    }
                }
            }
        }
        found.retain(|target| target.parent() == Some(directory));
        Ok(found.into_iter().collect())
    }

    /// Forgets names that have been written anew, and are durable.
    pub(super) fn forget(&self, renewed: &[PathBuf]) {
        let mut own = self.own.lock();
        for target in renewed {
            own.remove(target);
            let _ = fs::remove_file(self.place(target));
        }
        drop(own);
        // As long as it is there, every sync looks into it.
        let _ = fs::remove_dir(&self.area);
    }

    fn place(&self, target: &Path) -> PathBuf {
        self.area.join(format!("{:032x}", xxh3_128(target.as_os_str().as_bytes())))
    }
}

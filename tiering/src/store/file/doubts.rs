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

use super::staging::{STAGING, Staging};

/// The notes' directory, in the staging area.
pub(super) const DOUBT: &str = "doubt";

/// Failures kept to be told. One that is forgotten is no harm: what it was about is written anew all the same.
const MOST: usize = 4096;

/// How often the notes' directory may vanish before a note is in it.
const ATTEMPTS: usize = 16;

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

    /// Notes a name. An error means that other processes do not see the note; it says nothing of the object.
    pub(super) fn note(&self, staging: &Staging, target: &Path) -> io::Result<()> {
        self.own.lock().insert(target.into());
        let key = target.strip_prefix(&self.root).map_err(io::Error::other)?;
        let mut attempts = 1;
        let written = loop {
            match self.write(staging, key) {
                // The directory goes with its last note.
                Err(error) if error.kind() == io::ErrorKind::NotFound && attempts < ATTEMPTS => attempts += 1,
                written => break written,
            }
        };
        if let Err(error) = &written {
            tracing::warn!(%error, object = %key.display(), "no note could be left of an object that may be lost");
        }
        written.map_err(io::Error::other)
    }

    /// Writes a note, in one step: one that is cut short would name nothing.
    fn write(&self, staging: &Staging, key: &Path) -> io::Result<()> {
        fs::create_dir_all(&self.area)?;
        let staged = staging.name();
        fs::write(&staged.path, key.as_os_str().as_bytes())?;
        fs::rename(&staged.path, self.place(key))
    }

    /// Notes a name that this process tried to make.
    pub(super) fn fail(&self, staging: &Staging, target: &Path) -> io::Result<()> {
        let mut failed = self.failed.lock();
        if failed.len() >= MOST {
            failed.clear();
        }
        failed.insert(target.into());
        drop(failed);
        self.note(staging, target)
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

    /// The names in a directory that are in doubt, whichever process noted them. Each has a note by then: writing it
    /// anew takes its mark away.
    pub(super) fn within(&self, staging: &Staging, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let mut found = BTreeSet::new();
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
        let own: BTreeSet<_> = self.own.lock().iter().cloned().collect();
        let is_within = |target: &PathBuf| target.parent() == Some(directory);
        for target in own.difference(&found).filter(|target| is_within(target)) {
            self.note(staging, target)?;
        }
        found.extend(own);
        found.retain(is_within);
        Ok(found.into_iter().collect())
    }

    /// Forgets names that have been written anew, and are durable.
    pub(super) fn forget(&self, renewed: &[PathBuf]) {
        let mut own = self.own.lock();
        for target in renewed {
            own.remove(target);
            if let Ok(key) = target.strip_prefix(&self.root) {
                let _ = fs::remove_file(self.place(key));
            }
        }
        drop(own);
        // As long as it is there, every sync looks into it.
        let _ = fs::remove_dir(&self.area);
    }

    /// Where the note of a key lies, whichever way a process came to the root.
    fn place(&self, key: &Path) -> PathBuf {
        self.area.join(format!("{:032x}", xxh3_128(key.as_os_str().as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_found_and_forgotten_by_whichever_way_to_the_root() {
        let directory = tempfile::tempdir().expect("a directory");
        let (root, link) = (directory.path().join("root"), directory.path().join("link"));
        fs::create_dir(&root).expect("made");
        std::os::unix::fs::symlink(&root, &link).expect("linked");
        let staging = Staging::open(&root).expect("a staging area");
        let (one, other) = (Doubts::new(&root), Doubts::new(&link));
        one.note(&staging, &root.join("a/b")).expect("noted");
        let found = other.within(&staging, &link.join("a")).expect("notes");
        assert_eq!(found, [link.join("a/b")]);
        other.forget(&found);
        assert!(Doubts::new(&root).within(&staging, &root.join("a")).expect("notes").is_empty());
    }

    /// A process that writes a name anew takes its mark away, and may be gone before the name is durable.
    #[test]
    fn what_a_process_only_keeps_in_mind_has_a_note_before_it_is_written_anew() {
        let root = tempfile::tempdir().expect("a directory");
        let staging = Staging::open(root.path()).expect("a staging area");
        let doubts = Doubts::new(root.path());
        let (directory, target) = (root.path().join("a"), root.path().join("a/b"));
        fs::write(&doubts.area, "in the way").expect("written");
        let refused = doubts.note(&staging, &target).expect_err("there is no room for it");
        assert_ne!(refused.kind(), io::ErrorKind::NotFound, "this would be said of the object");
        fs::remove_file(&doubts.area).expect("removed");
        assert_eq!(doubts.within(&staging, &directory).expect("notes"), std::slice::from_ref(&target));
        assert_eq!(Doubts::new(root.path()).within(&staging, &directory).expect("notes"), [target]);
    }
}

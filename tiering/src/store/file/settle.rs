//! Making durable what is found.
//!
//! A name that can be read may be one whose sync is under way, was never begun, or failed. Whoever concludes from it
//! that an object is there for good has it settled first: with the question, as [`GetOptions`] carry it, so that
//! decorators between here and there need not know.

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path as FilePath;

use object_store::path::Path;
use object_store::{GetOptions, Result};

use super::disk::{Directory, Duty, SyncFailed, name_of};
use super::{Root, file_error, object_error, read};

/// Bytes that are copied at once.
const PIECE: u64 = 4 << 20;

/// What a GET settles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settle {
    /// The object that is read.
    Object,
    /// That object, and those after it in its folder.
    Following,
}

/// A GET that answers what is durable by then. Other stores take no notice.
pub(in crate::store) fn settled(options: GetOptions) -> GetOptions {
    with(options, Settle::Object)
}

/// A GET that makes durable its object, if there is one, and those after it in its folder. Other stores take no
/// notice.
pub(in crate::store) fn settled_from(options: GetOptions) -> GetOptions {
    with(options, Settle::Following)
}

fn with(mut options: GetOptions, settle: Settle) -> GetOptions {
    options.extensions.insert(settle);
    options
}

impl Root {
    /// Settles an object that has just been read. An attempt of this store to put it that nobody waited for any more
    /// counts if it has come to its end, and if it could not sync the object, that is told here.
    pub(super) async fn settle(&self, key: &Path) -> Result<()> {
        let target = self.locate(key)?;
        let is_durable = || {
            let found = fs::metadata(&target).map(|found| read::e_tag(&found));
            found.is_ok_and(|e_tag| self.doubts.is_durable(&target, &e_tag))
        };
        if self.disk.neglects(Duty::Settle) || is_durable() {
            return Ok(());
        }
        // An attempt may fail while this waits for the disk.
        self.tell(&target)?;
        let settled = async {
            // A file is synced before it gets its name; this is for files that came here another way.
            let file = File::open(&target)?;
            self.disk.sync_file(&file).await.map_err(|error| SyncFailed::of(&target, error))?;
            let found = file.metadata()?;
            if self.marks()?.contains(&found.ino()) {
                self.doubts.note(&self.staging, &target)?;
            }
            match self.sync_seen(&target).await? {
                true => Ok(found),
                false => Err(io::ErrorKind::NotFound.into()),
            }
        };
        let found = settled.await.map_err(|error| {
            self.doubt(&target, &error);
            object_error(key, error)
        })?;
        self.tell(&target)?;
        // The next attempt on a slow disk need not wait for it again, unless the file was replaced.
        self.doubts.confirm(&target, read::e_tag(&found));
        Ok(())
    }

    fn tell(&self, target: &FilePath) -> Result<()> {
        match self.doubts.has_failed(target) {
            true => {
                let source = io::Error::other("so an earlier attempt was told");
                Err(file_error(SyncFailed::of(target, source)))
            }
            false => Ok(()),
        }
    }

    /// Settles what is in an object's folder, from that object on. If that fails, all of it is in doubt.
    pub(super) async fn settle_from(&self, key: &Path) -> Result<()> {
        let first = self.locate(key)?;
        if self.disk.neglects(Duty::Settle) {
            return Ok(());
        }
        let settled = async {
            let marks = self.marks()?;
            if !marks.is_empty() {
                self.note_from(&first, |found| marks.contains(&found.ino()))?;
            }
            self.sync_seen(&first).await
        };
        let settled = settled.await;
        if settled.as_ref().is_err_and(is_sync_failed) {
            // That the sync failed is what the caller has to learn, whether or not this works.
            let _ = self.note_from(&first, |_| true);
        }
        settled.map(drop).map_err(file_error)
    }

    /// The inodes of files that have a key whose sync is not known of.
    fn marks(&self) -> io::Result<BTreeSet<u64>> {
        match self.disk.neglects(Duty::Mark) {
            true => Ok(BTreeSet::new()),
            false => self.staging.marks(),
        }
    }

    /// Notes objects in a folder from one on; all that it can, whatever the first error is.
    fn note_from(&self, first: &FilePath, is_in_doubt: impl Fn(&Metadata) -> bool) -> io::Result<()> {
        let entries = match fs::read_dir(first.parent().unwrap_or(&self.path)) {
            Err(error) if read::is_absent(&error) => return Ok(()),
            entries => entries?,
        };
        let mut noted = Ok(());
        for entry in entries {
            let entry = entry?;
            let path = entry.path();
            if path.as_path() < first {
                continue;
            }
            match entry.metadata() {
                Err(error) if read::is_absent(&error) => {}
                found => {
                    let found = found?;
                    if found.is_file() && is_in_doubt(&found) {
                        noted = noted.and(self.doubts.note(&self.staging, &path));
                    }
                }
            }
        }
        noted
    }

    /// Makes the names durable that have been seen in an object's folder. `false` if the folder is not there.
    ///
    /// A sync reports the failures since the folder was opened here. Earlier ones were reported to processes that
    /// have noted their own names, while others' may have been lost with them. Those have marks for as long as the
    /// process that made them has not come to the end of its sync, and marks were looked for after the names were
    /// seen and before the notes are read. So each of these names is durable, or has a note by then.
    async fn sync_seen(&self, target: &FilePath) -> io::Result<bool> {
        let directory = target.parent().unwrap_or(&self.path);
        let mut open = match self.disk.open_directory(directory).await {
            Err(error) if read::is_absent(&error) => return Ok(false),
            open => open?,
        };
        if !self.directories.is_known(directory, &open.file.metadata()?) {
            self.directories.forget(directory);
            self.directories.ensure(&*self.disk, &self.staging, directory).await?;
            open = self.disk.open_directory(directory).await?;
            if !self.directories.is_known(directory, &open.file.metadata()?) {
                return Err(io::ErrorKind::NotFound.into());
            }
        }
        self.sync(&open).await.map(|()| true)
    }

    /// Makes durable every name that is in a directory now, and came after it was opened or by a sync of its own.
    /// Names in doubt are written anew: a sync alone may succeed without them.
    pub(super) async fn sync(&self, directory: &Directory) -> io::Result<()> {
        let failed = |error| SyncFailed::of(&directory.path, error);
        if let Err(error) = self.disk.sync_directory(directory).await {
            match self.disk.neglects(Duty::GiveUp) {
                true => self.disk.sync_directory(directory).await.map_err(failed)?,
                false => return Err(failed(error)),
            }
        }
        let doubts = self.doubts.within(&self.staging, &directory.path)?;
        if doubts.is_empty() || self.disk.neglects(Duty::Renew) {
            return Ok(());
        }
        for target in &doubts {
            self.renew(directory, target).await?;
        }
        self.disk.sync_directory(directory).await.map_err(failed)?;
        self.doubts.forget(&doubts);
        Ok(())
    }

    /// Writes an object anew, under its name and with its bytes, so that the next sync writes both.
    async fn renew(&self, directory: &Directory, target: &FilePath) -> io::Result<()> {
        let mut old = match File::open(target) {
            Err(error) if read::is_absent(&error) => return Ok(()),
            old => old?,
        };
        let (file, staged) = self.staging.file(&*self.disk).await?;
        loop {
            let mut piece = Vec::new();
            if old.by_ref().take(PIECE).read_to_end(&mut piece)? == 0 {
                break;
            }
            self.disk.write(&file, &piece.into()).await?;
        }
        self.disk.sync_file(&file).await.map_err(|error| SyncFailed::of(target, error))?;
        self.disk.rename(&staged.path, directory, name_of(target)).await
    }

    /// An object that could not be synced is in doubt from then on. Returns whether other processes know as much.
    pub(super) fn doubt(&self, target: &FilePath, error: &io::Error) -> bool {
        !is_sync_failed(error) || self.doubts.fail(&self.staging, target).is_ok()
    }
}

fn is_sync_failed(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|error| error.is::<SyncFailed>())
}

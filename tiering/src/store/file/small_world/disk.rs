//! A disk that fails, is slow or full, and forgets at a power loss what was not synced.
//!
//! Files are real ones below a directory; what is durable is kept here. A name is durable once its directory was
//! synced after it was made, and goes with a directory that is replaced or not there; a file's bytes are, once the
//! file was synced. What a failed sync was about is lost with some probability, and then no later sync saves it.
//! Failures are reported as Linux does: once to each handle that was open. Delays are of tokio's clock, so that a run
//! repeats exactly.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::PutPayload;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::super::disk::{Directory, Disk, Duty, link, rename, write_all};
use super::super::staging::STAGING;

/// How often what goes wrong, in thousandths of the calls.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Weather {
    pub(super) failing: u32,
    pub(super) slow: u32,
    /// Failing and slow syncs are directories'.
    pub(super) only_names: bool,
    pub(super) full: bool,
}

/// How often each call was made, and what befell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) writes: u64,
    pub(super) file_syncs: u64,
    pub(super) directory_syncs: u64,
    pub(super) failed_syncs: u64,
    pub(super) slow_syncs: u64,
    pub(super) full_writes: u64,
    pub(super) power_losses: u64,
    pub(super) lost_names: u64,
}

/// A machine with one disk.
#[derive(Debug)]
pub(super) struct Machine {
    root: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    draws: StdRng,
    weather: Weather,
    counts: Counts,
    /// By inode: the file that is there now.
    inodes: BTreeMap<u64, usize>,
    files: Vec<Content>,
    /// What would be there after a power loss.
    durable: BTreeMap<PathBuf, Entry>,
    /// Changes of names that no sync has covered, oldest first.
    pending: Vec<Change>,
    changes: u64,
    /// By inode: the directory that is there now.
    directories: BTreeMap<u64, u64>,
    made: u64,
    /// By directory: failures of a sync.
    failures: BTreeMap<u64, u64>,
}

#[derive(Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    is_synced: bool,
    is_lost: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Directory(u64),
    File(usize),
}

/// A name, and the directory that it was made in.
#[derive(Debug, Clone, Copy)]
struct Entry {
    name: Name,
    within: u64,
}

/// The root, and whatever is not made through here.
const ROOT: u64 = 0;

#[derive(Debug)]
struct Change {
    number: u64,
    path: PathBuf,
    to: Entry,
    is_lost: bool,
}

impl Machine {
    pub(super) fn new(root: PathBuf, seed: u64) -> Arc<Self> {
        let state = State {
            draws: StdRng::seed_from_u64(seed),
            weather: Weather::default(),
            counts: Counts::default(),
            inodes: BTreeMap::new(),
            files: Vec::new(),
            durable: BTreeMap::new(),
            pending: Vec::new(),
            changes: 0,
            directories: BTreeMap::new(),
            made: ROOT,
            failures: BTreeMap::new(),
        };
        Arc::new(Self { root, state: Mutex::new(state) })
    }

    /// A process that uses the disk until it is killed.
    pub(super) fn process(self: &Arc<Self>, neglects: Option<Duty>) -> Arc<Process> {
        Arc::new(Process { machine: Arc::clone(self), is_dead: AtomicBool::new(false), neglects })
    }

    pub(super) fn set(&self, weather: Weather) {
        self.state.lock().weather = weather;
    }

    pub(super) fn counts(&self) -> Counts {
        self.state.lock().counts
    }

    /// The power goes. Every process is dead already. Returns the objects that are there and are not whole.
    pub(super) fn power_loss(&self) -> Vec<PathBuf> {
        let stays = [0.0, 0.5, 0.5, 1.0][self.state.lock().draws.random_range(0..4)];
        self.power_loss_that_leaves(stays)
    }

    /// Each change of a name that no sync has covered stays with this probability.
    pub(super) fn power_loss_that_leaves(&self, stays: f64) -> Vec<PathBuf> {
        let mut state = self.state.lock();
        let state = &mut *state;
        state.counts.power_losses += 1;
        for change in std::mem::take(&mut state.pending) {
            if !change.is_lost && state.draws.random_bool(stays) {
                state.durable.insert(change.path, change.to);
            } else {
                state.counts.lost_names += 1;
            }
        }
        for entry in fs::read_dir(&self.root).expect("the root") {
            fs::remove_dir_all(entry.expect("an entry").path()).expect("removed");
        }
        let (mut inodes, mut directories, mut torn) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let durable = std::mem::take(&mut state.durable);
        for (path, entry) in durable {
            let Ok(parent) = fs::metadata(path.parent().expect("a parent")) else { continue };
            if directories.get(&parent.ino()).copied().unwrap_or(ROOT) != entry.within {
                continue;
            }
            match entry.name {
                Name::Directory(number) => {
                    fs::create_dir(&path).expect("made");
                    directories.insert(fs::metadata(&path).expect("there").ino(), number);
                }
                Name::File(id) => {
                    let content = &mut state.files[id];
                    if !content.is_synced {
                        content.bytes.truncate(content.bytes.len() / 2);
                        torn.push(path.clone());
                    }
                    content.is_synced = true;
                    fs::write(&path, &content.bytes).expect("written");
                    inodes.insert(fs::metadata(&path).expect("there").ino(), id);
                }
            }
            state.durable.insert(path, entry);
        }
        (state.inodes, state.directories) = (inodes, directories);
        torn
    }

    /// An object as it can be read now.
    pub(super) fn read(&self, key: &str) -> Option<Bytes> {
        fs::read(self.root.join(key)).ok().map(Bytes::from)
    }

    /// What is left in the staging area but for locks.
    pub(super) fn staged(&self) -> Vec<PathBuf> {
        let mut left = Vec::new();
        let Ok(area) = fs::read_dir(self.root.join(STAGING)) else { return left };
        for owner in area.flatten().filter(|owner| owner.path().is_dir()) {
            let names = fs::read_dir(owner.path()).expect("a directory").flatten();
            left.extend(names.map(|name| name.path()).filter(|path| !path.ends_with("owner")));
        }
        left
    }
}

impl State {
    fn draw(&mut self, thousandths: u32) -> bool {
        self.draws.random_range(0..1000) < thousandths
    }

    /// The names in a directory change.
    fn change(&mut self, directory: &Directory, name: &OsStr) -> io::Result<()> {
        self.changes += 1;
        let (within, path) = (self.number(&directory.file)?, directory.path.join(name));
        let found = fs::metadata(&path)?;
        let name = match found.is_dir() {
            true => Name::Directory(self.directories[&found.ino()]),
            false => Name::File(self.file(found.ino())),
        };
        self.pending.push(Change { number: self.changes, path, to: Entry { name, within }, is_lost: false });
        Ok(())
    }

    /// What tells a directory from all others that were ever there.
    fn number(&self, directory: &File) -> io::Result<u64> {
        Ok(self.directories.get(&directory.metadata()?.ino()).copied().unwrap_or(ROOT))
    }

    fn file(&self, ino: u64) -> usize {
        self.inodes[&ino]
    }
}

/// How one process sees the disk.
#[derive(Debug)]
pub(super) struct Process {
    machine: Arc<Machine>,
    is_dead: AtomicBool,
    neglects: Option<Duty>,
}

impl Process {
    /// Nothing that it does reaches the disk any more.
    pub(super) fn kill(&self) {
        self.is_dead.store(true, Relaxed);
    }

    /// A call takes some time, and is the last one if the process dies meanwhile.
    async fn takes(&self, slow: bool) {
        let micros = match slow {
            true => self.machine.state.lock().draws.random_range(100_000..800_000),
            false => self.machine.state.lock().draws.random_range(0..4000),
        };
        tokio::time::sleep(Duration::from_micros(micros)).await;
        if self.is_dead.load(Relaxed) {
            std::future::pending::<()>().await;
        }
    }

    /// Whether this sync is slow, and whether it fails.
    fn sync_weather(&self, of_file: bool) -> (bool, bool) {
        let mut state = self.machine.state.lock();
        let weather = state.weather;
        if of_file && weather.only_names {
            return (false, false);
        }
        let (slow, fails) = (state.draw(weather.slow), state.draw(weather.failing));
        state.counts.slow_syncs += u64::from(slow);
        state.counts.failed_syncs += u64::from(fails);
        (slow, fails)
    }

    /// Making a name may need a block, too.
    fn room(&self) -> io::Result<()> {
        let mut state = self.machine.state.lock();
        match state.weather.full && state.draw(300) {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }

    fn failure(&self) -> io::Error {
        match self.machine.state.lock().draw(200) {
            true => io::ErrorKind::StorageFull.into(),
            false => io::Error::other("I/O error"),
        }
    }
}

#[async_trait]
impl Disk for Process {
    async fn create(&self, path: &Path) -> io::Result<File> {
        self.takes(false).await;
        self.room()?;
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        let mut state = self.machine.state.lock();
        let id = state.files.len();
        state.files.push(Content::default());
        state.inodes.insert(file.metadata()?.ino(), id);
        Ok(file)
    }

    async fn write(&self, file: &File, payload: &PutPayload) -> io::Result<()> {
        self.takes(false).await;
        let mut state = self.machine.state.lock();
        state.counts.writes += 1;
        let id = state.file(file.metadata()?.ino());
        let mut bytes: Bytes = payload.clone().into();
        let fails = state.weather.full;
        if fails {
            state.counts.full_writes += 1;
            bytes.truncate(bytes.len() / 3);
        }
        state.files[id].bytes.extend_from_slice(&bytes);
        state.files[id].is_synced = false;
        write_all(file, &bytes.into())?;
        if fails { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    async fn sync_file(&self, file: &File) -> io::Result<()> {
        let (slow, fails) = self.sync_weather(true);
        self.takes(slow).await;
        let failure = self.failure();
        let mut state = self.machine.state.lock();
        state.counts.file_syncs += 1;
        let id = state.file(file.metadata()?.ino());
        let content = &mut state.files[id];
        if fails && !content.is_synced {
            content.is_lost = true;
            return Err(failure);
        }
        content.is_synced |= !content.is_lost;
        Ok(())
    }

    async fn open_directory(&self, path: &Path) -> io::Result<Directory> {
        self.takes(false).await;
        let file = File::open(path)?;
        let state = self.machine.state.lock();
        let told = state.failures.get(&state.number(&file)?).copied().unwrap_or(0);
        Ok(Directory { path: path.into(), file, told: AtomicU64::new(told) })
    }

    async fn sync_directory(&self, directory: &Directory) -> io::Result<()> {
        let began = self.machine.state.lock().changes;
        let (slow, fails) = self.sync_weather(false);
        self.takes(slow).await;
        let failure = self.failure();
        let mut state = self.machine.state.lock();
        let state = &mut *state;
        state.counts.directory_syncs += 1;
        let number = state.number(&directory.file)?;
        let failures = state.failures.entry(number).or_default();
        if fails {
            *failures += 1;
        }
        let told = directory.told.swap(*failures, Relaxed);
        let is_here = |change: &Change| change.to.within == number;
        if fails {
            for change in state.pending.iter_mut().filter(|change| is_here(change)) {
                change.is_lost |= state.draws.random_bool(0.7);
            }
        }
        if told < *failures {
            return Err(failure);
        }
        let (done, rest) = std::mem::take(&mut state.pending)
            .into_iter()
            .partition(|change| is_here(change) && change.number <= began && !change.is_lost);
        state.pending = rest;
        for change in done {
            state.durable.insert(change.path, change.to);
        }
        Ok(())
    }

    async fn create_directory(&self, path: &Path) -> io::Result<()> {
        self.takes(false).await;
        self.room()?;
        fs::create_dir(path)?;
        let mut state = self.machine.state.lock();
        state.made += 1;
        let made = state.made;
        state.directories.insert(fs::metadata(path)?.ino(), made);
        Ok(())
    }

    async fn link(&self, from: &Path, to: &Directory, name: &OsStr) -> io::Result<()> {
        self.takes(false).await;
        self.room()?;
        link(from, to, name)?;
        self.machine.state.lock().change(to, name)
    }

    async fn rename(&self, from: &Path, to: &Directory, name: &OsStr) -> io::Result<()> {
        self.takes(false).await;
        rename(from, to, name)?;
        self.machine.state.lock().change(to, name)
    }

    fn blocks(&self) -> bool {
        false
    }

    fn neglects(&self, duty: Duty) -> bool {
        self.neglects == Some(duty)
    }
}

//! A small world around a directory: a few processes put slots, checkpoints, seals and metadata entries, while syncs
//! fail or are slow, the disk is full, processes die and the power goes. Everything follows from a seed.
//!
//! What must hold is in [`claims`]; [`tests`] plays the runs, and shows that each duty, left undone, is noticed;
//! [`cases`] has single faults.

mod actor;
mod cases;
mod claims;
mod disk;
mod tests;

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use self::actor::Actor;
use self::claims::Claims;
use self::disk::{Counts, Machine, Process, Weather};
use super::disk::Duty;

/// How long the disk has to be well before everybody gets on.
const PATIENCE: Duration = Duration::from_secs(120);

/// What came of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Outcome {
    counts: Counts,
    acknowledged: usize,
    refused: usize,
    sealed: usize,
    entries: u64,
}

/// Plays the seed's run, and returns the first thing that must not be.
fn play(seed: u64, neglects: Option<Duty>) -> Result<Outcome, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    // In memory where that can be had: many small files come and go.
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a directory");
    runtime.block_on(World::new(directory, seed, neglects).run())
}

struct World {
    directory: TempDir,
    machine: Arc<Machine>,
    claims: Arc<Claims>,
    draws: StdRng,
    neglects: Option<Duty>,
    living: Vec<(Arc<Process>, JoinHandle<()>)>,
    started: u64,
    seed: u64,
}

impl World {
    fn new(directory: TempDir, seed: u64, neglects: Option<Duty>) -> Self {
        let machine = Machine::new(directory.path().join("store"), seed);
        std::fs::create_dir(directory.path().join("store")).expect("made");
        let claims = Arc::new(Claims::new(Arc::clone(&machine)));
        let draws = StdRng::seed_from_u64(!seed);
        Self { directory, machine, claims, draws, neglects, living: Vec::new(), started: 0, seed }
    }

    async fn run(mut self) -> Result<Outcome, String> {
        for _ in 0..self.draws.random_range(1..4) {
            for _ in 0..self.draws.random_range(1..4) {
                self.start();
            }
            for _ in 0..self.draws.random_range(2..8) {
                self.befall();
                sleep(Duration::from_millis(self.draws.random_range(1..400))).await;
                self.claims.verdict()?;
            }
            self.lose_power().await?;
        }
        self.machine.set(Weather::default());
        self.start();
        self.start();
        let claims = Arc::clone(&self.claims);
        let before = claims.acknowledged();
        let goes_on = async {
            while claims.acknowledged() < before + 4 {
                claims.verdict()?;
                sleep(Duration::from_millis(10)).await;
            }
            Ok::<_, String>(())
        };
        timeout(PATIENCE, goes_on).await.map_err(|_| "nothing gets on any more".to_string())??;
        claims.stop();
        for (process, task) in self.living.drain(..) {
            timeout(PATIENCE, task).await.map_err(|_| "a process hangs".to_string())?.expect("no panic");
            drop(process);
        }
        // Attempts that nobody waits for.
        sleep(Duration::from_secs(60)).await;
        match self.machine.staged() {
            left if left.iter().all(|path| path.parent().is_some_and(|area| area.ends_with("doubt"))) => {}
            left => return Err(format!("left in the staging area: {left:?}")),
        }
        self.lose_power().await?;
        Ok(self.claims.outcome(self.machine.counts()))
    }

    fn start(&mut self) {
        self.started += 1;
        let process = self.machine.process(self.neglects);
        let root = self.directory.path().join("store");
        let seed = self.seed.wrapping_mul(1000) + self.started;
        let actor = Actor::new(root, Arc::clone(&process), Arc::clone(&self.claims), seed);
        self.living.push((process, tokio::spawn(actor.live())));
    }

    /// The weather changes, or a process dies and perhaps another one starts.
    fn befall(&mut self) {
        match self.draws.random_range(0..6) {
            0 => self.machine.set(Weather::default()),
            1 => self.machine.set(Weather { full: true, ..Weather::default() }),
            2 if self.living.len() > 1 => {
                let unlucky = self.draws.random_range(0..self.living.len());
                let (process, task) = self.living.remove(unlucky);
                process.kill();
                task.abort();
                if self.draws.random_bool(0.7) {
                    self.start();
                }
            }
            _ => {
                let failing = [0, 20, 100, 300][self.draws.random_range(0..4)];
                let slow = [0, 20, 200][self.draws.random_range(0..3)];
                self.machine.set(Weather { failing, slow, ..Weather::default() });
            }
        }
    }

    async fn lose_power(&mut self) -> Result<(), String> {
        for (process, task) in self.living.drain(..) {
            process.kill();
            task.abort();
            let _ = task.await;
        }
        self.claims.verdict()?;
        match self.machine.power_loss() {
            torn if torn.is_empty() => self.claims.check(),
            torn => Err(format!("{} objects are not whole, among them {:?}", torn.len(), torn.first())),
        }
    }
}

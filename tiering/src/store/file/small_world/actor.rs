//! A process: it opens sessions one after the other, puts slots and checkpoints, and ends others' sessions.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use coordinator::cluster::{Op, SessionState};
use coordinator::{ProcessId, SessionId};
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::sleep;
use ulid::Ulid;

use super::super::FileStore;
use super::claims::Claims;
use super::disk::Process;
use crate::checkpoint::{Head, Image};
use crate::format::keys;
use crate::format::slot::{Builder, Frozen};
use crate::metadata::{MetadataError, MetadataLog};
use crate::seams::Entropy;
use crate::session::{Sealed, SessionError, SlotError, SlotWriter, seal};
use crate::store::{CreateError, CreatePolicy, ErrorKind, Store, StoreKind};

/// Slots on their way at once.
const WINDOW: usize = 3;

/// Slow syncs take up to four times as long.
const ATTEMPT: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) struct Actor {
    root: PathBuf,
    disk: Arc<Process>,
    claims: Arc<Claims>,
    process: ProcessId,
    entropy: Entropy,
    draws: StdRng,
}

impl Actor {
    pub(super) fn new(root: PathBuf, disk: Arc<Process>, claims: Arc<Claims>, seed: u64) -> Self {
        let process = ProcessId(u128::from(seed).to_be_bytes());
        let (entropy, draws) = (Entropy::from_seed(seed), StdRng::seed_from_u64(!seed));
        Self { root, disk, claims, process, entropy, draws }
    }

    pub(super) async fn live(mut self) {
        let disk = Arc::clone(&self.disk);
        let files = Arc::new(FileStore::open_on(self.root.clone(), disk).await.expect("a store"));
        let policy = CreatePolicy { attempt_timeout: ATTEMPT, ..CreatePolicy::of(StoreKind::File) };
        let store = Store::assemble(StoreKind::File, "a disk".into(), files.clone() as _, files, policy);
        while !self.claims.is_over() {
            let log = match MetadataLog::open(store.clone(), self.entropy.clone()).await {
                Ok(log) => log,
                Err(error) => {
                    self.metadata_failed(&error);
                    sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            self.claims.read_to(log.current().next().0);
            while !self.claims.is_over() {
                match self.open(&store, &log).await {
                    Some(session) => self.write(&store, &log, session).await,
                    None => sleep(Duration::from_millis(50)).await,
                }
            }
        }
    }

    /// Ends this process's own session, at times another one, and opens the next.
    async fn open(&mut self, store: &Store, log: &MetadataLog) -> Option<SessionId> {
        let cluster = log.refresh().await.map_err(|error| self.metadata_failed(&error)).ok()?;
        self.claims.read_to(cluster.next().0);
        let mut sealed: BTreeMap<SessionId, Sealed> = BTreeMap::new();
        for open in cluster.open_sessions() {
            if open.process == self.process || self.draws.random_bool(0.3) {
                match seal(store, open.id, self.process).await {
                    Ok(found) => {
                        let checkpoint = found.end.checkpoint.map(|c| c.n);
                        self.claims.sealed(open.id, found.end.cut, checkpoint);
                        sealed.insert(open.id, found);
                    }
                    Err(error) => {
                        self.session_failed(&error);
                        return None;
                    }
                }
            }
        }
        let session = SessionId::from(Ulid::from_bytes(self.entropy.nonce()));
        let process = self.process;
        let proposed = log.propose(|cluster| {
            let is_open = |id: &SessionId| {
                cluster.session(*id).is_some_and(|session| session.state == SessionState::Open)
            };
            let ended = sealed.iter().filter(|(id, _)| is_open(id));
            let mut ops: Vec<Op> = ended.map(|(id, sealed)| sealed.op(*id)).collect();
            ops.push(Op::Open { session, process, node: None, rack: None, addresses: Vec::new() });
            Ok::<_, ()>(ops)
        });
        match proposed.await {
            Ok(Ok(committed)) => {
                self.claims.read_to(committed.cluster.next().0);
                Some(session)
            }
            Ok(Err(())) => None,
            Err(error) => {
                self.metadata_failed(&error);
                None
            }
        }
    }

    async fn write(&mut self, store: &Store, log: &MetadataLog, session: SessionId) {
        let writer = SlotWriter::new(store.clone());
        let count = self.draws.random_range(1..12);
        let (mut n, mut previous, mut in_flight) = (0, 0, FuturesOrdered::new());
        loop {
            while in_flight.len() < WINDOW && n < count {
                let slot = Builder::default().freeze(session, n, previous, self.entropy.nonce());
                previous = slot.header.hash();
                n += 1;
                let writer = writer.clone();
                in_flight.push_back(async move {
                    let put = writer.put(&slot).await;
                    (slot, put)
                });
            }
            let Some((slot, put)) = in_flight.next().await else { return };
            match put {
                Ok(()) => self.claims.acknowledge(session, slot.header.n, bytes(&slot)),
                Err(SlotError::Fenced { .. }) => return,
                Err(SlotError::Create(CreateError::Unsynced { .. })) => {
                    return self.claims.refuse(session, slot.header.n);
                }
                Err(error) => return self.claims.violated(error.to_string()),
            }
            if self.draws.random_bool(0.1) {
                self.checkpoint(store, log, &slot).await;
            }
            let _ = log.refresh().await.map(|cluster| self.claims.read_to(cluster.next().0));
        }
    }

    async fn checkpoint(&self, store: &Store, log: &MetadataLog, slot: &Frozen) {
        let (session, n) = (slot.header.session, slot.header.n + 1);
        let (as_of, previous) = (log.current().next(), slot.header.hash());
        let head = Head { session, n, as_of, previous, now: 0 };
        let mut image = Image::default();
        let written = image.write(store, &self.entropy, head, |_| unreachable!("no partitions")).await;
        match (written, store.get(&keys::checkpoint(session, n)).await) {
            (Ok(_), Ok(object)) => self.claims.wrote(keys::checkpoint(session, n).to_string(), object),
            (Ok(_), Err(error)) => self.claims.violated(error.to_string()),
            (Err(_), _) => {}
        }
    }

    fn metadata_failed(&self, error: &MetadataError) {
        if !matches!(error.kind(), ErrorKind::Retry | ErrorKind::Unsynced) {
            self.claims.violated(error.to_string());
        }
    }

    fn session_failed(&self, error: &SessionError) {
        if !matches!(error.kind(), ErrorKind::Retry | ErrorKind::Unsynced) {
            self.claims.violated(error.to_string());
        }
    }
}

fn bytes(slot: &Frozen) -> bytes::Bytes {
    slot.object.iter().flat_map(|part| part.iter().copied()).collect::<Vec<u8>>().into()
}

//! What processes were told, and what must hold of it.
//!
//! After any power loss: each slot and checkpoint that was acknowledged is there as it was written; each metadata
//! entry that somebody went by is there; each session that somebody sealed ends where it did, and all that is before
//! its end is there. At any time: all who seal a session find the same end, and every slot that was acknowledged
//! is before it; and no slot is acknowledged after one that was refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use coordinator::{Epoch, SessionId};
use parking_lot::Mutex;

use super::Outcome;
use super::disk::{Counts, Machine};
use crate::format::keys;

#[derive(Debug)]
pub(super) struct Claims {
    machine: Arc<Machine>,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    /// Objects that are there for good.
    objects: BTreeMap<String, Bytes>,
    /// By session: the slots that were acknowledged, in order.
    acknowledged: BTreeMap<SessionId, u64>,
    refused: BTreeMap<SessionId, u64>,
    cuts: BTreeMap<SessionId, u64>,
    entries: u64,
    violation: Option<String>,
    is_over: bool,
}

impl Told {
    fn violated(&mut self, what: String) {
        self.violation.get_or_insert(what);
    }

    fn keep(&mut self, key: String, object: Bytes) {
        match self.objects.get(&key) {
            Some(kept) if *kept != object => self.violated(format!("{key} has changed")),
            Some(_) => {}
            None => drop(self.objects.insert(key, object)),
        }
    }
}

impl Claims {
    pub(super) fn new(machine: Arc<Machine>) -> Self {
        Self { machine, told: Mutex::default() }
    }

    /// A slot was acknowledged, and those before it.
    pub(super) fn acknowledge(&self, session: SessionId, n: u64, object: Bytes) {
        let mut told = self.told.lock();
        if told.cuts.get(&session).is_some_and(|cut| n >= *cut) || told.refused.contains_key(&session) {
            told.violated(format!("slot {n} of {session} was acknowledged after the session's end"));
        }
        *told.acknowledged.entry(session).or_default() = n + 1;
        told.keep(keys::slot(session, n).to_string(), object);
    }

    /// A slot was refused because of a sync error.
    pub(super) fn refuse(&self, session: SessionId, n: u64) {
        self.told.lock().refused.insert(session, n);
    }

    /// An object was acknowledged.
    pub(super) fn wrote(&self, key: String, object: Bytes) {
        self.told.lock().keep(key, object);
    }

    /// Somebody went by the entries before `next`.
    pub(super) fn read_to(&self, next: u64) {
        let from = self.told.lock().entries;
        for k in from..next {
            self.found(keys::entry(Epoch(k)).to_string());
        }
        let mut told = self.told.lock();
        told.entries = told.entries.max(next);
    }

    /// Somebody sealed a session, and found that it has this many slots and that checkpoint.
    pub(super) fn sealed(&self, session: SessionId, cut: u64, checkpoint: Option<u64>) {
        let mut told = self.told.lock();
        let known = *told.cuts.entry(session).or_insert(cut);
        if known != cut {
            told.violated(format!("{session} was sealed at {known} and at {cut}"));
        }
        if let Some(n) = told.acknowledged.get(&session).filter(|n| **n > cut) {
            let violation = format!("{session} was sealed at {cut}, and {n} slots were acknowledged");
            told.violated(violation);
        }
        drop(told);
        // The seal or CLOSE included.
        for n in 0..=cut {
            self.found(keys::slot(session, n).to_string());
        }
        if let Some(n) = checkpoint {
            self.found(keys::checkpoint(session, n).to_string());
        }
    }

    fn found(&self, key: String) {
        match self.machine.read(&key) {
            Some(object) => self.told.lock().keep(key, object),
            None => self.told.lock().violated(format!("{key} was read, and is not there")),
        }
    }

    /// Something that must never be seen.
    pub(super) fn violated(&self, what: String) {
        self.told.lock().violated(what);
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.told.lock().acknowledged.values().sum()
    }

    /// Processes are to end.
    pub(super) fn stop(&self) {
        self.told.lock().is_over = true;
    }

    pub(super) fn is_over(&self) -> bool {
        self.told.lock().is_over
    }

    pub(super) fn verdict(&self) -> Result<(), String> {
        self.told.lock().violation.clone().map_or(Ok(()), Err)
    }

    /// Looks whether all is there.
    pub(super) fn check(&self) -> Result<(), String> {
        let told = self.told.lock();
        for (key, object) in &told.objects {
            match self.machine.read(key) {
                Some(found) if found == *object => {}
                Some(_) => return Err(format!("{key} is another one after a power loss")),
                None => return Err(format!("{key} is gone after a power loss")),
            }
        }
        Ok(())
    }

    pub(super) fn outcome(&self, counts: Counts) -> Outcome {
        let told = self.told.lock();
        let acknowledged = told.acknowledged.values().sum::<u64>() as usize;
        let (refused, sealed, entries) = (told.refused.len(), told.cuts.len(), told.entries);
        Outcome { counts, acknowledged, refused, sealed, entries }
    }
}

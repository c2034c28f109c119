//! Producing into topics that come and go.

use std::sync::Arc;

use protocol::ErrorCode;
use protocol::messages::ProduceRequest;
use rand::Rng;

use super::super::parcel::{Parcel, outcome};
use super::super::records::{Recipe, make};
use super::{Actor, Lot};

/// How often a batch is sent before it is given up.
const ATTEMPTS: usize = 6;

/// How a batch is sent.
#[derive(Debug, Clone, Copy)]
struct Way {
    acks: i16,
    /// The sequence number, of an idempotent producer.
    base: Option<i32>,
}

impl Actor {
    /// Sends a few batches to some partitions of a topic.
    pub(super) async fn write(&mut self, topic: &Arc<str>, lot: &Lot) {
        let batches = self.client.rng.random_range(1..4);
        for _ in 0..batches {
            let partition = self.client.rng.random_range(0..lot.partitions.max(1));
            let key = (Arc::clone(topic), partition);
            let idempotent = self.id.filter(|_| !self.doubtful.contains(&key));
            let acks = *[-1, -1, -1, 1, 1, 0].get(self.client.rng.random_range(0..6)).unwrap_or(&-1);
            let idempotent = idempotent.filter(|_| acks == -1 && self.client.rng.random_bool(0.7));
            let base = idempotent.map(|_| self.bases.get(&key).copied().unwrap_or(0));
            let count = self.client.rng.random_range(1..4);
            // By name, it may come to another topic than that which has it now.
            let by_name = base.is_none() && self.client.rng.random_bool(0.4);
            let Some(target) = self.yard.lock().target(topic, by_name) else { return };
            let recipe = Recipe {
                producer: self.client.number as i64,
                idempotent: idempotent.zip(base),
                first: self.next,
                count,
                padding: 0,
                made_at: Some(self.client.long_ago()),
            };
            let Ok(bytes) = make(recipe) else { return };
            let sequence = self.next;
            self.next += count;
            let plain = base.is_none() || self.forgotten;
            let parcel = Parcel { target, partition, sequence, count, bytes, plain };
            self.deliver(&parcel, Way { acks, base }).await;
        }
    }

    async fn deliver(&mut self, parcel: &Parcel, way: Way) {
        let key = (Arc::clone(&parcel.target.topic), parcel.partition);
        let attempts = if way.acks == 0 { 1 } else { ATTEMPTS };
        let mut sent = false;
        for attempt in 0..attempts {
            let Some(node) = self.atlas.leader(&key.0, key.1) else {
                self.look(&parcel.target.name).await;
                continue;
            };
            let Ok(mut line) = self.atlas.line(&self.client, node).await else {
                self.look(&parcel.target.name).await;
                continue;
            };
            let (version, request) = parcel.request(way.acks, self.client.rng.random_range(500..10_000));
            parcel.sent(&self.client, line.link, way.acks);
            sent = true;
            self.client.sends(way.acks);
            let patience = self.client.ms(500..8000);
            let Ok(due) = line.connection.send(version, &request).await else { continue };
            if way.acks == 0 {
                return self.atlas.keep(node, line);
            }
            let answer = line.connection.receive::<ProduceRequest>(due, patience).await;
            let Ok(response) = answer else {
                self.client.tally.lock().unknown += 1;
                self.look(&parcel.target.name).await;
                continue;
            };
            self.atlas.keep(node, line);
            let (code, offset) = outcome(&response);
            self.client.trace.line(format_args!(
                "sent {} {key:?} {} {offset} {code:?}",
                self.client.number, parcel.sequence
            ));
            match code {
                ErrorCode::None => {
                    if self.yard.lock().is_certain(&parcel.target) {
                        parcel.acknowledged(&self.client, offset);
                    }
                    if let Some(base) = way.base {
                        self.bases.insert(key, base + parcel.count);
                    }
                    return;
                }
                // It is there, who knows where.
                ErrorCode::DuplicateSequenceNumber if way.base.is_some() => {
                    self.bases.insert(key, way.base.unwrap_or(0) + parcel.count);
                    return;
                }
                ErrorCode::MessageTooLarge if self.yard.lock().is_narrow(&parcel.target.name) => {
                    // If it was sent once, it is not there.
                    sent = attempt > 0;
                    break;
                }
                // What it sent long ago may have come after it was forgotten.
                ErrorCode::OutOfOrderSequenceNumber if self.forgotten && way.base.is_some() => break,
                code if code.is_retriable() => self.look(&parcel.target.name).await,
                code => {
                    self.client.wrong(format!("a batch of {key:?} was refused: {code:?}"));
                    break;
                }
            }
        }
        if sent && way.base.is_some() {
            // Whether it is there is unknown, and so is what comes next.
            self.doubtful.insert(key);
        }
    }

    /// Asks where a topic is, after a moment.
    pub(super) async fn look(&mut self, name: &Arc<str>) {
        self.client.pause(1..150).await;
        let names = [Arc::clone(name)];
        let _ = self.atlas.ask(&mut self.client, &self.yard, &names, false).await;
    }
}

//! Clients that create topics, produce into them at once, read them, change them, delete them, and create others
//! of the same names; often several of them the same one at the same time.

mod atlas;
mod change;
mod read;
mod survey;
mod write;
mod yard;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{Client, admin};
use atlas::Atlas;
use yard::{Lot, Yard};

pub use survey::{Survivor, survey};

/// How many topics there are at a time, more or less.
const MOST: usize = 6;

/// What the clients know together.
pub type Shared = Arc<Mutex<Yard>>;

/// How they go about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Churn {
    /// How many clients there are.
    pub clients: usize,
    /// The most milliseconds between two things that one does.
    pub pause_ms: u64,
    /// Whether nodes may read something damaged, and answer that they don't know what is wrong.
    pub damages: bool,
    /// See [`Pace::forgotten`](super::Pace::forgotten).
    pub forgotten: bool,
}

/// One client.
struct Actor {
    client: Client,
    yard: Shared,
    atlas: Atlas,
    /// The id that it produces with, if it was given one.
    id: Option<i64>,
    /// See [`Churn::damages`].
    damages: bool,
    /// See [`Churn::forgotten`].
    forgotten: bool,
    /// The number of its next record.
    next: i32,
    /// Sequence numbers, where it is idempotent.
    bases: BTreeMap<(Arc<str>, i32), i32>,
    /// Where it does not know what came of a batch, and is idempotent no more.
    doubtful: BTreeSet<(Arc<str>, i32)>,
}

/// Goes on until the run says otherwise.
pub async fn churn(mut client: Client, yard: Shared, plan: Churn) {
    let twin = twin(&mut client);
    let (mut one, mut other) = (Actor::new(client, &yard, plan, 0), Actor::new(twin, &yard, plan, 1 << 30));
    while one.client.is_running() {
        if one.id.is_none() {
            one.identify().await;
        }
        one.client.pause(0..plan.pause_ms).await;
        one.turn(&mut other).await;
    }
}

/// Another hand of the same client.
fn twin(client: &mut Client) -> Client {
    Client { rng: StdRng::seed_from_u64(client.rng.random()), ..client.clone() }
}

impl Actor {
    fn new(client: Client, yard: &Shared, plan: Churn, next: i32) -> Self {
        let (bases, doubtful) = <(BTreeMap<_, _>, BTreeSet<_>)>::default();
        let (yard, atlas) = (Arc::clone(yard), Atlas::default());
        let Churn { damages, forgotten, .. } = plan;
        Self { client, yard, atlas, id: None, damages, forgotten, next, bases, doubtful }
    }

    async fn identify(&mut self) {
        if let Ok(id) = admin::producer_id(&mut self.client).await {
            self.client.trace.line(format_args!("churn {} has id {id}", self.client.number));
            self.id = Some(id);
        }
    }

    /// Does one thing, and now and then another one at the same time.
    async fn turn(&mut self, other: &mut Self) {
        let alive = self.yard.lock().alive();
        let found = self.yard.lock().some(&mut self.client.rng);
        let creates = self.client.rng.random_range(0..MOST) >= alive;
        let Some((topic, lot)) = found.filter(|_| !creates) else {
            let (name, again) = self.yard.lock().name(&mut self.client.rng);
            return match self.client.rng.random_bool(0.3) {
                true => drop(tokio::join!(self.come_by(&name), other.hurry(&name))),
                false => drop(tokio::join!(self.create(&name, again), other.hurry(&name))),
            };
        };
        let races = self.client.rng.random_bool(0.5);
        match self.client.rng.random_range(0..20) {
            0..=8 => self.write(&topic, &lot).await,
            9..=12 => self.read(&topic, &lot).await,
            13..=15 if alive > MOST / 2 => match races {
                true => drop(tokio::join!(self.delete(&topic, &lot), other.write(&topic, &lot))),
                false => self.delete(&topic, &lot).await,
            },
            16 | 17 => match races {
                true => drop(tokio::join!(self.grow(&topic, &lot), other.write(&topic, &lot))),
                false => self.grow(&topic, &lot).await,
            },
            18 => self.alter(&topic, &lot).await,
            _ => self.write(&topic, &lot).await,
        }
    }

    /// Looks for a topic that another client creates, and produces into it as soon as it is there.
    async fn hurry(&mut self, name: &Arc<str>) {
        for _ in 0..12 {
            let names = [Arc::clone(name)];
            if let Ok(told) = self.atlas.ask(&mut self.client, &self.yard, &names, false).await
                && let Some(told) = told.into_values().flatten().next()
            {
                let lot = self.yard.lock().lots.get(&told.topic).cloned();
                if let Some(lot) = lot.filter(|lot| !lot.going) {
                    return self.write(&told.topic, &lot).await;
                }
            }
            self.client.pause(0..40).await;
        }
    }
}

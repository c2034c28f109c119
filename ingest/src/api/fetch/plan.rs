//! What of each partition goes into a response: found without reading the store, within the request's bounds.

use std::sync::Arc;

use broker::log::{Found, NotLeader, Waiter};
use broker::node::{Broker, Led};
use coordinator::SessionId;
use coordinator::topic::config::StoredCompression;
use protocol::{ErrorCode, Records};
use tiering::format::index::Position;
use tiering::read::FetchError;

use super::{ZSTD, largest_batch, rope};
use crate::api::Context;
use crate::api::topics::{Barrier, Leader, Miss, TopicRef, View, check_leader_epoch};
use crate::fetch_sessions::Asked;

/// A partition that a client reads.
pub(super) struct Wanted {
    pub(super) index: i32,
    pub(super) asked: Asked,
    max_bytes: usize,
    led: Result<Led, Failure>,
    /// How large a batch may be.
    largest: usize,
    /// What to say once the topic has gone.
    unknown: ErrorCode,
    /// The log start and the high watermark when it was last looked at.
    seen: (i64, i64),
    /// Whether the offset was found out of range by more than this node's own word.
    out_of_range: bool,
    broker: Arc<Broker>,
    listener: Arc<str>,
}

/// Why a partition can't be read.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) code: ErrorCode,
    pub(super) leader: Option<Leader>,
}

impl Failure {
    pub(super) fn of(code: ErrorCode) -> Self {
        Self { code, leader: None }
    }
}

impl From<Miss> for Failure {
    fn from(miss: Miss) -> Self {
        Self { code: miss.code, leader: miss.leader }
    }
}

/// What becomes of a partition.
pub(super) enum Plan {
    /// There is nothing to read, or no room for it.
    Nothing,
    /// These records.
    Records {
        /// Whole batches.
        records: Records,
        /// Whether they were in the log's tail.
        tail: bool,
    },
    /// Records that must be fetched first.
    Cold(Cold),
    /// The client's log departs from this one (KIP-595).
    Diverged {
        /// The largest epoch that both may share.
        epoch: i32,
        /// Where it ends.
        end_offset: i64,
    },
    /// An error.
    Failed(Failure),
}

/// Records behind the tail.
pub(super) struct Cold {
    pub(super) place: Place,
    /// How many bytes at most.
    pub(super) budget: usize,
    /// Whether a larger first batch comes all the same.
    pub(super) at_least_one: bool,
    /// How large a batch may be.
    pub(super) largest: usize,
}

/// Where they are.
pub(super) enum Place {
    /// In slots, at these positions.
    Slots(Vec<Position>),
    /// In slots that this index object names.
    Index((SessionId, u64)),
}

impl Plan {
    /// The bytes that it adds to a response, as far as is known; those that an index object tells of count
    /// as many as there may be.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Records { records, .. } => records.len(),
            Self::Cold(Cold { place: Place::Slots(positions), .. }) => {
                positions.iter().map(|p| p.length as usize).sum()
            }
            Self::Cold(Cold { place: Place::Index(_), budget, at_least_one: false, .. }) => *budget,
            Self::Cold(Cold { place: Place::Index(_), budget, largest, .. }) => (*budget).max(*largest),
            _ => 0,
        }
    }

    /// Whether it is answered at once, however little there is to read.
    pub(super) fn is_urgent(&self) -> bool {
        match self {
            Self::Failed(_) | Self::Diverged { .. } => true,
            // Far behind the end: there is more to come.
            Self::Cold(cold) => matches!(cold.place, Place::Index(_)),
            _ => false,
        }
    }

    /// Whether something must be fetched for it.
    pub(super) fn is_cold(&self) -> bool {
        matches!(self, Self::Cold(_))
    }
}

/// Plans every partition, in order: `budget` bytes in all, but at least the first batch that there is.
pub(super) async fn all(wanted: &mut [Wanted], budget: usize) -> Vec<Plan> {
    let (mut left, mut first, mut barrier) = (budget, true, Barrier::default());
    let mut plans = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        let plan = wanted.plan(left, first, &mut barrier).await;
        let bytes = plan.len();
        left = left.saturating_sub(bytes);
        first &= bytes == 0;
        plans.push(plan);
    }
    plans
}

impl Wanted {
    pub(super) fn new(
        context: &Context,
        view: &View,
        topic: TopicRef<'_>,
        version: i16,
        (index, asked): (i32, Asked),
    ) -> Self {
        let led = view.lead(&context.broker, topic, index);
        let largest = led.as_ref().map_or(0, |(topic, _)| largest_batch(&topic.config));
        let led = led.map_err(Failure::from).and_then(|(topic, led)| {
            // Kafka looks at the setting alone, too.
            if version < ZSTD && matches!(topic.config.compression, StoredCompression::Zstd(_)) {
                return Err(Failure::of(ErrorCode::UnsupportedCompressionType));
            }
            let current = led.partition.leader_epoch();
            match check_leader_epoch(asked.current_leader_epoch, current) {
                Ok(()) => Ok(led),
                Err(code) => {
                    let fenced = code == ErrorCode::FencedLeaderEpoch;
                    let leader = fenced.then(|| view.leader(led.partition.id())).flatten();
                    Err(Failure { code, leader })
                }
            }
        });
        Self {
            index,
            asked,
            max_bytes: usize::try_from(asked.max_bytes).unwrap_or(0),
            led,
            largest,
            unknown: topic.unknown(),
            seen: (-1, -1),
            out_of_range: false,
            broker: Arc::clone(&context.broker),
            listener: Arc::clone(&context.listener),
        }
    }

    /// Log start and high watermark, where this node leads.
    pub(super) fn range(&self) -> Option<(i64, i64)> {
        self.led.as_ref().ok().map(|led| led.partition.range())
    }

    /// Notes that so many bytes were read.
    pub(super) fn was_read(&self, bytes: usize) {
        if let Ok(led) = &self.led {
            led.partition.was_read(bytes);
        }
    }

    /// Wakes `waiter` after the next commits; false if there has been one since the partition was planned.
    pub(super) fn watch(&self, waiter: &Arc<Waiter>) -> bool {
        self.led.as_ref().is_ok_and(|led| led.partition.watch(waiter, self.seen))
    }

    pub(super) fn unwatch(&self, waiter: &Arc<Waiter>) {
        if let Ok(led) = &self.led {
            led.partition.unwatch(waiter);
        }
    }

    /// The partition, and where it is.
    pub(super) fn led(&self) -> Option<&Led> {
        self.led.as_ref().ok()
    }

    /// The offset that is wanted.
    pub(super) fn offset(&self) -> i64 {
        self.asked.offset
    }

    async fn plan(&mut self, left: usize, at_least_one: bool, barrier: &mut Barrier) -> Plan {
        let led = match &self.led {
            Ok(led) => led.clone(),
            Err(failure) => return Plan::Failed(failure.clone()),
        };
        if let Some(failure) = self.lost(&led) {
            return Plan::Failed(failure);
        }
        self.seen = led.partition.range();
        if let Some(plan) = self.divergence(&led, barrier).await {
            return plan;
        }
        let budget = left.min(self.max_bytes);
        let cold = |place| Plan::Cold(Cold { place, budget, at_least_one, largest: self.largest });
        match led.partition.find(self.asked.offset, budget, at_least_one) {
            Found::AtEnd => Plan::Nothing,
            Found::Tail(batches) => Plan::Records { records: rope(batches.slices), tail: true },
            Found::Slots(positions) if positions.is_empty() => Plan::Nothing,
            Found::Slots(positions) => cold(Place::Slots(positions)),
            Found::Index(_) if budget == 0 && !at_least_one => Plan::Nothing,
            Found::Index(index) => cold(Place::Index(index)),
            Found::OutOfRange if self.out_of_range => Plan::Failed(Failure::of(ErrorCode::OffsetOutOfRange)),
            Found::OutOfRange => {
                // What this node has seen may be out of date; what a barrier confirms is not.
                if barrier.passed(&led).await.is_err() {
                    return Plan::Failed(self.not_leader(&led));
                }
                self.out_of_range = true;
                Box::pin(self.plan(left, at_least_one, barrier)).await
            }
        }
    }

    /// What Kafka does for a client that gives the epoch of the last record that it has.
    async fn divergence(&self, led: &Led, barrier: &mut Barrier) -> Option<Plan> {
        if self.asked.last_fetched_epoch < 0 {
            return None;
        }
        let Ok(end) = led.log.epoch_end(&led.partition, self.asked.last_fetched_epoch) else {
            return Some(Plan::Failed(self.not_leader(led)));
        };
        let plan = match end {
            None => Plan::Failed(Failure::of(ErrorCode::OffsetOutOfRange)),
            // Below the log start, being out of range is all that is reported.
            Some(_) if self.asked.offset < led.partition.log_start() => return None,
            Some((epoch, end_offset))
                if epoch < self.asked.last_fetched_epoch || end_offset < self.asked.offset =>
            {
                Plan::Diverged { epoch, end_offset }
            }
            Some(_) => return None,
        };
        Some(match barrier.passed(led).await {
            Ok(()) => plan,
            Err(NotLeader) => Plan::Failed(self.not_leader(led)),
        })
    }

    /// Whether the partition has gone, with its topic or with the session.
    fn lost(&self, led: &Led) -> Option<Failure> {
        if !led.partition.is_retired() {
            return None;
        }
        let id = led.partition.id();
        let exists = self.broker.cluster().is_some_and(|cluster| cluster.topic(id.topic).is_some());
        Some(if exists { self.not_leader(led) } else { Failure::of(self.unknown) })
    }

    /// Whether an error has not been logged for a while.
    pub(super) fn is_news(&self, error: &FetchError) -> bool {
        self.broker.unserved().is_news(error)
    }

    /// NOT_LEADER_OR_FOLLOWER, with who leads.
    pub(super) fn not_leader(&self, led: &Led) -> Failure {
        let cluster = self.broker.cluster();
        let leader = cluster.and_then(|cluster| Leader::of(&cluster, led.partition.id(), &self.listener));
        Failure { code: ErrorCode::NotLeaderOrFollower, leader }
    }
}

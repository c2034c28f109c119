//! Getting records for a member, waiting for some if there are none.

use std::sync::Arc;
use std::time::Duration;

use broker::log::{NotLeader, Waiter};
use broker::memory::Permit;
use broker::node::Led;
use coordinator::PartitionId;
use coordinator::config::group::ShareReset;
use coordinator::share::{
    Acquire, AcquireMode, Acquired, NextFetch, Reply, Request as ShareRequest, SharePartitionId,
};
use futures::future::join_all;
use protocol::messages::share_fetch::AcquiredRecords;
use protocol::{ErrorCode, Records};
use tiering::read::FetchError;
use tiering::store::ErrorKind;
use tokio::time::{Instant, timeout, timeout_at};

use super::read::{Bounds, Look, ReadBatch};
use super::{Failed, PARTITION, not_leader};
use crate::api::fetch::{READING, fair, largest_batch};
use crate::api::list_offsets::by_time;
use crate::api::share_grants::Grant;
use crate::api::topics::{TopicRef, View, uuid};
use crate::api::{Context, PATIENCE};
use crate::share_sessions::Holder;

/// How long a fetch waits at least for what a group's coordinator allows: a slot confirms it. Where there may be
/// something to say of other partitions, it waits no longer either.
const ALLOWED_WITHIN: Duration = Duration::from_secs(1);

/// Records that a member got.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// Whole batches; only what was acquired of them counts.
    pub(super) records: Records,
    pub(super) acquired: Vec<AcquiredRecords>,
}

/// A member's wish for records.
pub(super) struct Acquiring<'a> {
    pub(super) context: &'a Context,
    pub(super) view: &'a View,
    pub(super) holder: &'a Holder,
    pub(super) wanted: Wanted,
}

/// What it asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// How strictly `max_records` holds.
    pub(super) mode: AcquireMode,
    pub(super) max_bytes: usize,
    /// Fewer bytes are waited for.
    pub(super) min_bytes: usize,
    pub(super) max_records: u32,
    /// How many records are acknowledged together.
    pub(super) batch_size: u32,
    /// How long it waits.
    pub(super) deadline: Instant,
}

/// A partition that is read.
struct Target {
    id: SharePartitionId,
    led: Result<Led, Failed>,
    /// The log start and the high watermark when it was last looked at.
    seen: (i64, i64),
    /// How large a batch may be.
    largest: usize,
}

/// What becomes of partitions.
type Outcomes = Vec<(PartitionId, Result<Given, Failed>)>;

/// What is to be read of a partition, and how large its largest batch may be.
type Plan = Option<(Bounds, Look, usize)>;

impl Acquiring<'_> {
    /// What is acquired of these partitions, and why nothing is of others. Those with neither are left out.
    /// With it goes the memory that the answer takes.
    pub(super) async fn acquire(&self, partitions: Vec<PartitionId>) -> (Outcomes, Option<Permit>) {
        let answers = self.context.broker.answers();
        let Wanted { max_bytes: most, min_bytes, max_records, deadline, .. } = self.wanted;
        let mut targets: Vec<_> = partitions.into_iter().map(|partition| self.target(partition)).collect();
        let entries = targets.len() * PARTITION;
        if targets.is_empty() || max_records == 0 || most == 0 {
            let permit = timeout(PATIENCE, answers.take(entries)).await.ok().flatten();
            return (failures(targets), permit);
        }
        let enough = min_bytes.min(most);
        self.begin(&mut targets).await;
        loop {
            let budget = most.min(fair(answers));
            let waiter = Waiter::new(1);
            let watching = Watching::new(&targets, &waiter);
            let mut plans = self.plan(&mut targets, budget, max_records);
            let bytes = length(&plans);
            let failed = targets.iter().any(|target| target.led.is_err());
            let over = failed || self.context.stop.is_cancelled() || Instant::now() >= deadline;
            if over || (bytes > 0 && bytes >= enough.min(budget)) {
                let mut permit = answers.try_take(entries + bytes);
                if permit.is_none() {
                    // The plans hold slices of memory, and are made anew where that for the answer must be waited for:
                    // for the first batch, and what is free then.
                    drop(plans);
                    let least = length(&self.plan(&mut targets, 0, max_records));
                    permit = timeout(PATIENCE, answers.take(entries + least)).await.ok().flatten();
                    plans = match &permit {
                        Some(_) => self.plan(&mut targets, 0, max_records),
                        None => Vec::new(),
                    };
                    if length(&plans) > least {
                        // Another batch is the first one by now.
                        continue;
                    }
                }
                let given = self.give(&mut targets, plans, max_records).await;
                if over || given.iter().any(|(_, given)| given.is_err()) || !given.is_empty() {
                    return (given.into_iter().chain(failures(targets)).collect(), permit);
                }
                // Others were faster.
                continue;
            }
            // The memory that the request takes is needed by others meanwhile.
            drop(plans);
            drop(self.context.admitted.lock().take());
            if watching.is_complete(&targets) {
                tokio::select! {
                    biased;
                    // After this, the loop ends with what there is.
                    _ = timeout_at(deadline, waiter.woken()) => {}
                    () = self.context.stop.cancelled() => {}
                }
            }
        }
    }

    fn target(&self, partition: PartitionId) -> Target {
        let topic = TopicRef::Id(uuid(partition.topic));
        let led = self.view.lead(&self.context.broker, topic, partition.index);
        let id = SharePartitionId { group: Arc::clone(&self.holder.group), partition };
        let largest = led.as_ref().map_or(0, |(topic, _)| largest_batch(&topic.config));
        Target { id, led: led.map(|(_, led)| led).map_err(Failed::from), seen: (-1, -1), largest }
    }

    /// Looks at each partition. Every one may have its part of the bytes, and the first one a larger first batch, as
    /// with Kafka.
    fn plan(&self, targets: &mut [Target], budget: usize, max_records: u32) -> Vec<Plan> {
        let bytes = budget / targets.len().max(1);
        let mut at_least_one = true;
        let mut plans = Vec::with_capacity(targets.len());
        for target in targets {
            let plan = match self.next(target) {
                Ok(Some((led, offset))) => {
                    let bounds = Bounds { offset, bytes, at_least_one, records: max_records };
                    let look = Look::at(&led, bounds);
                    at_least_one &= look.len(target.largest, bounds) == 0;
                    Some((bounds, look, target.largest))
                }
                Ok(None) => None,
                Err(failed) => {
                    target.led = Err(failed);
                    None
                }
            };
            plans.push(plan);
        }
        plans
    }

    /// Where a partition is to be read, if anywhere.
    fn next(&self, target: &mut Target) -> Result<Option<(Led, i64)>, Failed> {
        let Ok(led) = target.led.clone() else { return Ok(None) };
        target.seen = led.partition.range();
        match led.log.share_next(&target.id).map_err(|NotLeader| self.lost(&target.id))? {
            NextFetch::At(offset) => Ok(Some((led, offset))),
            NextFetch::Full | NextFetch::NotBegun => Ok(None),
        }
    }

    /// Gives share partitions their start that have none yet and are assigned to the member. From others, and if the
    /// group's coordinator can't be asked, there is nothing to read for now: the next fetch asks again.
    async fn begin(&self, targets: &mut [Target]) {
        let is_new = |target: &Target| {
            let next = target.led.as_ref().ok().map(|led| led.log.share_next(&target.id));
            matches!(next, Some(Ok(NextFetch::NotBegun)))
        };
        let all = targets.len();
        let mut new: Vec<_> = targets.iter_mut().filter(|target| is_new(target)).collect();
        if new.is_empty() {
            return;
        }
        let wait = self.wanted.deadline.saturating_duration_since(Instant::now());
        let within = if new.len() < all { ALLOWED_WITHIN } else { wait.max(ALLOWED_WITHIN) };
        let Holder { group, member } = self.holder;
        let partitions = new.iter().map(|target| target.id.partition).collect();
        let asked = Grant::ask_within(&self.context.broker, group, Some(member), partitions, within);
        let grant = match asked.await {
            Ok(grant) => grant,
            Err(code) => return tracing::debug!(?code, %group, "share partitions can't begin yet"),
        };
        new.retain(|target| grant.allows(target.id.partition));
        let begun = join_all(new.into_iter().map(|target| self.begin_one(&grant, target)));
        // What takes longer is begun by the next fetch.
        let _ = timeout(PATIENCE, begun).await;
    }

    async fn begin_one(&self, grant: &Grant, target: &mut Target) {
        let Ok(led) = target.led.clone() else { return };
        let id = &target.id;
        let begun = async {
            let start = match led.log.share_settings(&id.group).auto_offset_reset {
                ShareReset::Latest => led.partition.high_watermark(),
                ShareReset::Earliest => led.partition.log_start(),
                ShareReset::ByDuration(back) => self.since(&led, back).await?,
            };
            let begun = grant.share(id, ShareRequest::Begin(start)).map_err(|_| self.lost(id))?;
            begun.acknowledged().await.map(drop).map_err(|_| self.lost(id))
        };
        if let Err(failed) = begun.await {
            target.led = Err(failed);
        }
    }

    /// The first record that is at most `back` ms old; the end, if all are.
    async fn since(&self, led: &Led, back: i64) -> Result<i64, Failed> {
        let since = self.context.broker.clock().now_ms().saturating_sub(back);
        let end = led.partition.high_watermark();
        match by_time::first(self.context.broker.unpacking(), led, since).await {
            Ok(found) => Ok(found.map_or(end, |found| found.offset)),
            Err(error) => {
                let partition = led.partition.id();
                tracing::warn!(%error, %partition, since, "a timestamp could not be looked up");
                Err(not_leader(self.view, partition))
            }
        }
    }

    /// Reads what is planned, and acquires of it what the member may have.
    async fn give(&self, targets: &mut [Target], plans: Vec<Plan>, max_records: u32) -> Outcomes {
        let now = Instant::now();
        let (until, patience) = (now + READING, now + PATIENCE);
        let mut left = max_records;
        let mut given = Vec::new();
        for (target, plan) in targets.iter().zip(plans) {
            let (Some((bounds, look, _)), Ok(led)) = (plan, &target.led) else { continue };
            if left == 0 {
                break;
            }
            let bounds = Bounds { records: left, ..bounds };
            let read = match timeout_at(patience, look.read(led, bounds, until)).await {
                Ok(Ok(batches)) => self.take(led, &target.id, bounds, batches).await,
                Ok(Err(error)) => Err(self.failure(&error, led, bounds.offset)),
                Err(_) => Err(self.lost(&target.id)),
            };
            match read {
                Ok((_, 0)) => {}
                Ok((records, count)) => {
                    left = left.saturating_sub(count);
                    given.push((target.id.partition, Ok(records)));
                }
                Err(failed) => given.push((target.id.partition, Err(failed))),
            }
        }
        given
    }

    /// Acquires records of these batches; answers how many they are, too.
    async fn take(
        &self,
        led: &Led,
        id: &SharePartitionId,
        bounds: Bounds,
        batches: Vec<ReadBatch>,
    ) -> Result<(Given, u32), Failed> {
        if batches.is_empty() {
            return Ok((Given::default(), 0));
        }
        let wanted = Acquire {
            member: Arc::clone(&self.holder.member),
            mode: self.wanted.mode,
            max_records: bounds.records,
            batch_size: self.wanted.batch_size,
            fetch_offset: bounds.offset,
            batches: batches.iter().map(|batch| (batch.first, batch.last)).collect(),
        };
        let admitted = self.context.admitted.lock().take();
        let decided =
            led.log.share(id, ShareRequest::Acquire(wanted), admitted).map_err(|_| self.lost(id))?;
        let reply = timeout(PATIENCE, decided.acknowledged()).await.unwrap_or(Err(NotLeader));
        let Ok(Reply::Acquired(acquired)) = reply else { return Err(self.lost(id)) };
        let count: i64 = acquired.iter().map(|range| range.last - range.first + 1).sum();
        let records: Records = overlapping(batches, &acquired).collect();
        led.partition.was_read(records.len());
        self.context.broker.metrics().fetched_tail(records.len());
        let acquired = acquired.into_iter().map(|range| AcquiredRecords {
            first_offset: range.first,
            last_offset: range.last,
            delivery_count: i16::try_from(range.deliveries).unwrap_or(i16::MAX),
        });
        Ok((Given { records, acquired: acquired.collect() }, u32::try_from(count).unwrap_or(u32::MAX)))
    }

    fn lost(&self, id: &SharePartitionId) -> Failed {
        let exists = self.context.broker.cluster().is_some_and(|c| c.topic(id.partition.topic).is_some());
        if exists { not_leader(self.view, id.partition) } else { Failed::of(ErrorCode::UnknownTopicId) }
    }

    /// A missing object is never "empty": the client asks again.
    fn failure(&self, error: &FetchError, led: &Led, offset: i64) -> Failed {
        let partition = led.partition.id();
        let missing = matches!(error, FetchError::Read(error) if error.is_not_found());
        if missing || error.kind() == ErrorKind::Retry {
            tracing::warn!(%error, %partition, offset, "records could not be read; the client retries");
            return not_leader(self.view, partition);
        }
        if self.context.broker.unserved().is_news(error) {
            tracing::error!(%error, %partition, offset, "records can't be read");
        }
        Failed::of(ErrorCode::KafkaStorageError)
    }
}

/// The bytes that plans take, or may take.
fn length(plans: &[Plan]) -> usize {
    plans.iter().flatten().map(|(bounds, look, largest)| look.len(*largest, *bounds)).sum()
}

/// Why nothing was done with partitions.
fn failures(targets: Vec<Target>) -> Outcomes {
    let failed = |target: Target| Some((target.id.partition, Err(target.led.err()?)));
    targets.into_iter().filter_map(failed).collect()
}

/// The slices of batches of which something was acquired.
fn overlapping(batches: Vec<ReadBatch>, acquired: &[Acquired]) -> impl Iterator<Item = bytes::Bytes> {
    let is_wanted = |batch: &ReadBatch| {
        let at = acquired.partition_point(|range| range.last < batch.first);
        acquired.get(at).is_some_and(|range| range.first <= batch.last)
    };
    batches.into_iter().filter(is_wanted).flat_map(|batch| batch.slices).collect::<Vec<_>>().into_iter()
}

/// Share partitions that wake a waiter, until this is dropped.
struct Watching<'a> {
    watched: Vec<(Led, SharePartitionId)>,
    waiter: &'a Arc<Waiter>,
}

impl<'a> Watching<'a> {
    /// Watches, from before they are looked at.
    fn new(targets: &[Target], waiter: &'a Arc<Waiter>) -> Self {
        let watched = targets.iter().filter_map(|target| {
            let led = target.led.as_ref().ok()?.clone();
            led.log.watch_share(&target.id, waiter);
            Some((led, target.id.clone()))
        });
        Self { watched: watched.collect(), waiter }
    }

    /// Watches for commits, too; false if there has been one since the partitions were looked at.
    fn is_complete(&self, targets: &[Target]) -> bool {
        targets.iter().all(|target| match &target.led {
            Ok(led) => led.partition.watch(self.waiter, target.seen),
            Err(_) => true,
        })
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        for (led, id) in &self.watched {
            led.log.unwatch_share(id, self.waiter);
            led.partition.unwatch(self.waiter);
        }
    }
}

//! Fetch: whole batches from given offsets on. At the end of the log they are slices of memory; behind it
//! they come from the read cache or the store.
//!
//! The memory of a response is taken before it is read, and given back when it has been sent. Where little is
//! free, it gets less records, but at least one batch.
//!
//! A request of a session (KIP-227) names what changed; the rest is in [`crate::fetch_sessions`].

mod cold;
mod plan;
mod session;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use broker::log::Waiter;
use broker::memory::{Permit, Pool, shrink};
use coordinator::cluster::Cluster;
use coordinator::topic::config::TopicConfig;
use futures::{FutureExt, StreamExt, stream};
use protocol::Records;
use protocol::messages::fetch::{
    EpochEndOffset, FetchTopic, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionData,
};
use protocol::messages::{FetchRequest, FetchResponse};
use tokio::time::{Instant, timeout_at};

use super::topics::{Node, TopicRef, View, has_partition};
use super::{Answer, Context, Incoming, PATIENCE, Refusal};
use crate::fetch_sessions::Asked;
use plan::{Failure, Plan, Wanted};
use session::{Opening, Resumed};

/// The first version that names topics by id.
const TOPIC_IDS: i16 = 13;

/// The most bytes of records in one response (`fetch.max.bytes`, Kafka's default), but for a larger first batch.
pub(super) const MAX_BYTES: usize = 55 << 20;

/// The part of the free memory for answers that one response may have.
const SHARE: usize = 8;

/// What a response may have however little is free, in bytes, if it is free.
const SMALL: usize = 1 << 20;

/// What a response takes for a partition, at most, besides its records, and of how many partitions it is not counted.
const PARTITION: usize = 256;
const FEW: usize = 256;

/// How long a response waits for memory. Clients hang up after 30 s or more.
const SHORTAGE: Duration = Duration::from_secs(25);

/// How long records behind the tail are read for one response. After that, a partition gets what was read of it, and at
/// least one batch: small batches may lie in thousands of objects, and clients hang up after 30 s or more.
pub(super) const READING: Duration = Duration::from_secs(2);

/// How many partitions are read from behind the tail at a time.
const CONCURRENT: usize = 16;

/// The first version whose clients know zstd.
const ZSTD: i16 = 10;

/// The first version in which Kafka names the leader where it is another.
const NAMED_LEADERS: i16 = 16;

pub(super) async fn handle(
    context: &Context,
    cluster: Arc<Cluster>,
    incoming: Incoming,
) -> Result<Answer, Refusal> {
    let version = incoming.version();
    let (request, outgoing) = incoming.open()?;
    let (response, permit) = answer(context, cluster, version, request).await;
    Ok(outgoing.now(context, &response)?.within(permit))
}

async fn answer(
    context: &Context,
    cluster: Arc<Cluster>,
    version: i16,
    mut request: FetchRequest,
) -> (FetchResponse, Option<Permit>) {
    match session::begin(context, version, &request) {
        Ok(None) => {}
        Ok(Some(lease)) => return session::go_on(context, cluster, version, request, lease).await,
        Err(reject) => {
            let error_code = session::error(reject).code();
            return (FetchResponse { error_code, ..Default::default() }, None);
        }
    }
    let named: usize = request.topics.iter().map(|topic| topic.partitions.len()).sum();
    if i64::try_from(named).unwrap_or(i64::MAX) > cluster.partition_count() {
        name_once(&mut request.topics);
    }
    let view = View::knowing(context, cluster, |cluster| is_known(cluster, version, &request)).await;
    let mut wanted = Vec::new();
    for topic in &request.topics {
        let name = TopicRef::versioned(version, TOPIC_IDS, &topic.topic, topic.topic_id);
        let asked = topic.partitions.iter().map(|partition| (partition.partition, Asked::from(partition)));
        wanted.extend(asked.map(|asked| Wanted::new(context, &view, name, version, asked)));
    }
    let (plans, permit) = wait(context, &mut request, &mut wanted, None).await;
    let opening = Opening::new(version, &request, &wanted, &plans);
    let plans = read(&wanted, plans).await;
    let mut responding = Responding::new(context, version, &request);
    let mut each = wanted.iter().zip(plans);
    let mut responses = Vec::with_capacity(request.topics.len());
    for FetchTopic { topic, topic_id, partitions } in request.topics {
        let partitions = each.by_ref().take(partitions.len());
        let partitions = partitions.map(|(wanted, plan)| responding.partition(wanted, plan)).collect();
        responses.push(FetchableTopicResponse { topic, topic_id, partitions });
    }
    let session_id = opening.map_or(0, |opening| opening.open(context, &wanted, &responses));
    (FetchResponse { session_id, ..responding.response(responses) }, permit)
}

/// What waits keeps nothing of its frame, and no room for what was taken out.
fn keep_little(request: &mut FetchRequest) {
    request.forgotten_topics_data = Vec::new();
    (request.rack_id, request.cluster_id) = Default::default();
    for topic in &mut request.topics {
        topic.topic = topic.topic.detached();
        topic.partitions.shrink_to_fit();
    }
    request.topics.shrink_to_fit();
}

/// Takes partitions out that have been named before. A request for more than there are names such, or unknown ones.
fn name_once(topics: &mut Vec<FetchTopic>) {
    let mut numbers = HashMap::new();
    let numbers = topics.iter().map(|topic| {
        let next = numbers.len();
        *numbers.entry((topic.topic_id, topic.topic.as_str())).or_insert(next)
    });
    let numbers: Vec<_> = numbers.collect();
    let mut named = HashSet::new();
    for (topic, number) in topics.iter_mut().zip(numbers) {
        topic.partitions.retain(|partition| named.insert((number, partition.partition)));
    }
    topics.retain(|topic| !topic.partitions.is_empty());
}

fn is_known(cluster: &Cluster, version: i16, request: &FetchRequest) -> bool {
    request.topics.iter().all(|topic| {
        let name = TopicRef::versioned(version, TOPIC_IDS, &topic.topic, topic.topic_id);
        topic.partitions.iter().all(|partition| has_partition(cluster, name, partition.partition))
    })
}

/// Plans the response, and waits as long as the client wants if there is too little to read.
async fn wait(
    context: &Context,
    request: &mut FetchRequest,
    wanted: &mut Vec<Wanted>,
    mut resumed: Option<&mut Resumed<'_>>,
) -> (Vec<Plan>, Option<Permit>) {
    let most = usize::try_from(request.max_bytes).unwrap_or(0).min(MAX_BYTES);
    let enough = usize::try_from(request.min_bytes).unwrap_or(0).min(most);
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let deadline = Instant::now() + wait;
    loop {
        if let Some(resumed) = &mut resumed {
            resumed.look(wanted).await;
        }
        let budget = most.min(fair(context.broker.answers()));
        let plans = plan::all(wanted, budget).await;
        let bytes = length(&plans);
        let nothing = plans.is_empty() && resumed.is_none();
        let done = bytes >= enough.min(budget) || nothing || plans.iter().any(Plan::is_urgent);
        if done || context.stop.is_cancelled() || Instant::now() >= deadline {
            return reserve(context, wanted, plans).await;
        }
        // The plans hold slices of memory, which may take long to be sent, or never, and the request its frame.
        drop(plans);
        drop(context.admitted.lock().take());
        keep_little(request);
        let waiter = Waiter::new(i64::try_from(enough.min(budget) - bytes).unwrap_or(i64::MAX));
        let watching = Watching::new(wanted, &waiter);
        let idle = resumed.as_mut().is_none_or(|resumed| resumed.watch(&waiter));
        if idle && watching.is_complete() {
            tokio::select! {
                biased;
                // After this, the loop ends with what there is.
                _ = timeout_at(deadline, waiter.woken()) => {}
                () = context.stop.cancelled() => {}
            }
        }
        drop(watching);
        if let Some(resumed) = &mut resumed {
            resumed.unwatch();
        }
    }
}

/// The bytes that plans hold, or will.
fn length(plans: &[Plan]) -> usize {
    plans.iter().map(Plan::len).sum()
}

/// How large a batch of a topic may be that is not known yet: what an index object lists. It may have been written when
/// the topic allowed more; then its answer takes more than was counted, once.
pub(super) fn largest_batch(config: &TopicConfig) -> usize {
    usize::try_from(config.max_message_bytes).unwrap_or(0)
}

/// How much of the memory one response may have: a share of what is free, so that many that are not read leave
/// something to others.
pub(super) fn fair(answers: &Pool) -> usize {
    (answers.available() / SHARE).max(SMALL)
}

/// Takes the memory for plans that are to be followed. If it is not free, they are dropped, and there is one for the
/// first batch once it can be held; none if that takes too long.
async fn reserve(
    context: &Context,
    wanted: &mut [Wanted],
    mut plans: Vec<Plan>,
) -> (Vec<Plan>, Option<Permit>) {
    let answers = context.broker.answers();
    let deadline = Instant::now() + SHORTAGE;
    let entries = if wanted.len() > FEW { PARTITION * wanted.len() } else { 0 };
    let bytes = entries + length(&plans);
    if bytes == 0 {
        return (plans, None);
    }
    if let Some(permit) = answers.try_take(bytes) {
        return (plans, Some(permit));
    }
    loop {
        drop(plans);
        let first = plan::all(wanted, 0).await;
        let least = entries + length(&first);
        drop(first);
        let taken = timeout_at(deadline, answers.take(least)).await;
        let Ok(Some(mut permit)) = taken else {
            return (wanted.iter().map(|_| Plan::Nothing).collect(), None);
        };
        plans = plan::all(wanted, least - entries).await;
        let bytes = entries + length(&plans);
        // A batch that is larger than all there is has all there is.
        if bytes <= least.max(permit.num_permits()) {
            shrink(&mut permit, bytes);
            return (plans, Some(permit));
        }
    }
}

/// Partitions that wake a waiter, until this is dropped.
struct Watching<'a> {
    wanted: &'a [Wanted],
    waiter: &'a Arc<Waiter>,
    watched: usize,
}

impl<'a> Watching<'a> {
    /// Watches every partition, up to the first one that has changed since it was looked at.
    fn new(wanted: &'a [Wanted], waiter: &'a Arc<Waiter>) -> Self {
        let unchanged = |wanted: &&Wanted| wanted.watch(waiter);
        let watched = wanted.iter().take_while(unchanged).count();
        Self { wanted, waiter, watched }
    }

    fn is_complete(&self) -> bool {
        self.watched == self.wanted.len()
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        self.wanted[..self.watched].iter().for_each(|wanted| wanted.unwatch(self.waiter));
    }
}

/// The plans, with what they lack fetched.
async fn read(wanted: &[Wanted], plans: Vec<Plan>) -> Vec<Plan> {
    if !plans.iter().any(Plan::is_cold) {
        return plans;
    }
    let now = Instant::now();
    let (until, deadline) = (now + READING, now + PATIENCE);
    let read = |(wanted, plan): (_, Plan)| plan.read(wanted, until, deadline).boxed();
    let each: Vec<_> = wanted.iter().zip(plans).map(read).collect();
    stream::iter(each).buffered(CONCURRENT).collect().await
}

/// Turns plans into a response.
struct Responding<'a> {
    context: &'a Context,
    /// Whether only committed transactions are wanted. There are no others.
    committed: bool,
    names_leaders: bool,
    nodes: Vec<Node>,
}

impl<'a> Responding<'a> {
    fn new(context: &'a Context, version: i16, request: &FetchRequest) -> Self {
        let (committed, names_leaders) = (request.isolation_level == 1, version >= NAMED_LEADERS);
        Self { context, committed, names_leaders, nodes: Vec::new() }
    }

    fn response(self, responses: Vec<FetchableTopicResponse>) -> FetchResponse {
        FetchResponse { responses, node_endpoints: endpoints(self.nodes), ..Default::default() }
    }

    fn partition(&mut self, wanted: &Wanted, plan: Plan) -> PartitionData {
        let mut data = PartitionData {
            partition_index: wanted.index,
            high_watermark: -1,
            aborted_transactions: self.committed.then(Vec::new),
            ..Default::default()
        };
        if let Some((log_start, high_watermark)) = wanted.range() {
            data.log_start_offset = log_start;
            data.high_watermark = high_watermark;
            data.last_stable_offset = high_watermark;
        }
        match plan {
            Plan::Nothing | Plan::Cold(_) => {}
            Plan::Records { records, tail } => {
                let bytes = records.len();
                let metrics = self.context.broker.metrics();
                wanted.was_read(bytes);
                if tail {
                    metrics.fetched_tail(bytes)
                } else {
                    metrics.fetched_cold(bytes)
                }
                data.records = records;
            }
            Plan::Diverged { epoch, end_offset } => {
                data.diverging_epoch = EpochEndOffset { epoch, end_offset }
            }
            Plan::Failed(Failure { code, leader }) => {
                data.error_code = code.code();
                if let Some(leader) = leader.filter(|_| self.names_leaders) {
                    data.current_leader =
                        LeaderIdAndEpoch { leader_id: leader.node.id, leader_epoch: leader.epoch };
                    if !self.nodes.contains(&leader.node) {
                        self.nodes.push(leader.node);
                    }
                }
            }
        }
        data
    }
}

fn endpoints(nodes: Vec<Node>) -> Vec<NodeEndpoint> {
    let endpoint = |node: Node| NodeEndpoint {
        node_id: node.id,
        host: node.host.into(),
        port: node.port,
        rack: node.rack.map(Into::into),
    };
    nodes.into_iter().map(endpoint).collect()
}

/// Slices as a rope.
fn rope(slices: impl IntoIterator<Item = bytes::Bytes>) -> Records {
    slices.into_iter().collect()
}

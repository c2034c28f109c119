//! Requests of fetch sessions (KIP-227), as Kafka's `FetchManager` treats them. A second request of a session is refused
//! while one is being answered; Kafka answers the second, and refuses the first once it is done.

use std::iter;
use std::sync::{Arc, Weak};

use broker::log::{Partition, Waiter};
use broker::memory::Permit;
use coordinator::cluster::Cluster;
use coordinator::topic::validate_name;
use protocol::messages::fetch::FetchableTopicResponse;
use protocol::messages::{FetchRequest, FetchResponse};
use protocol::{ErrorCode, Str, Uuid};

use super::plan::{Plan, Wanted};
use super::{Responding, TOPIC_IDS, ZSTD, read, wait};
use crate::api::Context;
use crate::api::topics::{TopicRef, View, has_partition};
use crate::fetch_sessions::{Asked, FINAL, FIRST, Lease, News, SessionReject, Topic};

/// Kafka's error for a request that does not fit its session.
pub(super) fn error(reject: SessionReject) -> ErrorCode {
    match reject {
        SessionReject::NotFound => ErrorCode::FetchSessionIdNotFound,
        SessionReject::InvalidEpoch => ErrorCode::InvalidFetchSessionEpoch,
        SessionReject::TopicIds => ErrorCode::FetchSessionTopicIdError,
    }
}

/// The session that a request goes on with; none if it is complete in itself, which closes a session that it names.
pub(super) fn begin(
    context: &Context,
    version: i16,
    request: &FetchRequest,
) -> Result<Option<Lease>, SessionReject> {
    let (sessions, id) = (context.service.fetch_sessions(), request.session_id);
    if [FIRST, FINAL].contains(&request.session_epoch) {
        if id != 0 {
            sessions.close(id);
        }
        return Ok(None);
    }
    if !may_be_kept(version, request.topics.iter().map(|topic| &topic.topic)) {
        sessions.close(id);
        return Err(SessionReject::NotFound);
    }
    sessions.resume(id, request.session_epoch, version >= TOPIC_IDS, |partitions| {
        for topic in &request.topics {
            let name = named(version, &topic.topic, topic.topic_id);
            for partition in &topic.partitions {
                partitions.ask(name.clone(), partition.partition, Asked::from(partition));
            }
        }
        for topic in &request.forgotten_topics_data {
            let name = named(version, &topic.topic, topic.topic_id);
            topic.partitions.iter().for_each(|index| partitions.forget(name.clone(), *index));
        }
        partitions.begin_round();
    })
}

/// Whether a session may keep partitions of these topics: a name that no topic can have may be very long.
fn may_be_kept<'a>(version: i16, mut names: impl Iterator<Item = &'a Str>) -> bool {
    version >= TOPIC_IDS || names.all(|name| validate_name(name).is_ok())
}

fn named(version: i16, name: &Str, id: Uuid) -> Topic {
    if version < TOPIC_IDS { Topic::Name(name.detached()) } else { Topic::Id(id) }
}

fn reference(topic: &Topic) -> TopicRef<'_> {
    match topic {
        Topic::Name(name) => TopicRef::Name(name),
        Topic::Id(id) => TopicRef::Id(*id),
    }
}

/// The partitions that the client is at the end of, for [`Partitions::tell`](crate::fetch_sessions::Partitions::tell).
/// What clients without zstd get depends on more than the partition.
fn at_ends(version: i16, wanted: &[Wanted], plans: &[Plan]) -> Vec<Weak<Partition>> {
    let at_end = |(wanted, plan): (&Wanted, &Plan)| match (plan, wanted.led()) {
        (Plan::Nothing, Some(led)) if version >= ZSTD => Arc::downgrade(&led.partition),
        _ => Weak::new(),
    };
    wanted.iter().zip(plans).map(at_end).collect()
}

/// A session that is opened once its first request has been answered.
pub(super) struct Opening {
    version: i16,
    at_ends: Vec<Weak<Partition>>,
}

impl Opening {
    /// Nothing unless the request asks for a session.
    pub(super) fn new(
        version: i16,
        request: &FetchRequest,
        wanted: &[Wanted],
        plans: &[Plan],
    ) -> Option<Self> {
        let opens = request.session_epoch == FIRST;
        opens.then(|| Self { version, at_ends: at_ends(version, wanted, plans) })
    }

    /// Opens the session, with what was answered; its id, or 0 if there is no room for it.
    pub(super) fn open(
        self,
        context: &Context,
        wanted: &[Wanted],
        responses: &[FetchableTopicResponse],
    ) -> i32 {
        if !may_be_kept(self.version, responses.iter().map(|topic| &topic.topic)) {
            return 0;
        }
        let random = || {
            let [.., a, b, c, d] = context.broker.new_uuid().into_bytes();
            i32::from_be_bytes([a, b, c, d])
        };
        let sessions = context.service.fetch_sessions();
        let Some(mut lease) = sessions.open(wanted.len(), self.version >= TOPIC_IDS, random) else {
            return 0;
        };
        let name = |topic: &FetchableTopicResponse| named(self.version, &topic.topic, topic.topic_id);
        let told: Vec<_> =
            responses.iter().flat_map(|topic| iter::repeat(name(topic)).zip(&topic.partitions)).collect();
        for ((topic, data), wanted) in told.iter().zip(wanted) {
            lease.partitions.ask(topic.clone(), data.partition_index, wanted.asked);
        }
        for ((topic, data), at_end) in told.into_iter().zip(self.at_ends) {
            lease.partitions.tell(topic, data, at_end);
        }
        lease.id()
    }
}

/// A session that a request goes on with.
pub(super) struct Resumed<'a> {
    context: &'a Context,
    cluster: Arc<Cluster>,
    version: i16,
    lease: Lease,
    /// Those of the partitions of which there may be news, in the same order as they are wanted.
    topics: Vec<Topic>,
}

impl Resumed<'_> {
    /// Adds the partitions of which there may be news by now to those that are wanted.
    pub(super) async fn look(&mut self, wanted: &mut Vec<Wanted>) {
        let broker = &self.context.broker;
        let news = self.lease.partitions.news(broker.may_lead());
        if news.is_empty() {
            return;
        }
        let is_known = |cluster: &Cluster| {
            news.iter().all(|news| has_partition(cluster, reference(&news.topic), news.index))
        };
        let cluster = broker.cluster().unwrap_or_else(|| Arc::clone(&self.cluster));
        let view = View::knowing(self.context, cluster, is_known).await;
        for News { topic, index, asked } in news {
            let name = reference(&topic);
            wanted.push(Wanted::new(self.context, &view, name, self.version, (index, asked)));
            self.topics.push(topic);
        }
    }

    /// Makes the other partitions wake `waiter`; false if there is news of one by now.
    pub(super) fn watch(&mut self, waiter: &Arc<Waiter>) -> bool {
        self.lease.partitions.watch(waiter)
    }

    /// They wake it no more.
    pub(super) fn unwatch(&mut self) {
        self.lease.partitions.unwatch();
    }
}

/// Answers a further request of a session: what is news to the client.
pub(super) async fn go_on(
    context: &Context,
    cluster: Arc<Cluster>,
    version: i16,
    mut request: FetchRequest,
    lease: Lease,
) -> (FetchResponse, Option<Permit>) {
    request.topics = Vec::new();
    let mut resumed = Resumed { context, cluster, version, lease, topics: Vec::new() };
    let mut wanted = Vec::new();
    let (plans, permit) = wait(context, &mut request, &mut wanted, Some(&mut resumed)).await;
    let at_ends = at_ends(version, &wanted, &plans);
    let plans = read(&wanted, plans).await;
    let mut responding = Responding::new(context, version, &request);
    let mut responses: Vec<FetchableTopicResponse> = Vec::new();
    let Resumed { mut lease, topics, .. } = resumed;
    for (((topic, wanted), plan), at_end) in topics.into_iter().zip(&wanted).zip(plans).zip(at_ends) {
        let data = responding.partition(wanted, plan);
        let (name, topic_id) = match &topic {
            Topic::Name(name) => (name.clone(), Uuid::default()),
            Topic::Id(id) => (Str::default(), *id),
        };
        if !lease.partitions.tell(topic, &data, at_end) {
            continue;
        }
        match responses.last_mut() {
            Some(last) if (&last.topic, last.topic_id) == (&name, topic_id) => last.partitions.push(data),
            _ => responses.push(FetchableTopicResponse { topic: name, topic_id, partitions: vec![data] }),
        }
    }
    (FetchResponse { session_id: lease.id(), ..responding.response(responses) }, permit)
}

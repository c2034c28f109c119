//! A request: read off its frame, given to the handler of its API, and its response encoded.

use std::sync::Arc;

use broker::memory::Permit;
use bytes::Bytes;
use coordinator::cluster::Cluster;
use protocol::frame::{self, RequestHeader};
use protocol::{ApiKey, Message, Request, Sent};
use tokio::time::{Instant, timeout};

use super::row::{Api, Stored, Stores};
use super::{Answer, Context, PATIENCE, Refusal, Reply, produce};
use crate::metrics::Metrics;

/// What an answer takes for each topic and for each partition of the cluster, at most, while it is made.
const BROAD_TOPIC: usize = 512;
const BROAD_PARTITION: usize = 256;

/// Answers that take less are made without waiting for memory.
const BROAD: usize = 64 << 10;

/// What an answer takes for each thing that the request names, at most, while it is made.
const NAMED: usize = 256;

/// How many things that do not exist a request may name whose answer is made only after something else has been waited
/// for: a turn, other members, a slot, the store. No memory is taken for its answer before that.
const MANY: usize = 100_000;

/// A request whose header has been read.
pub(crate) struct Incoming {
    api: &'static Api,
    pub(super) header: RequestHeader,
    pub(super) body: Bytes,
    /// When it began to come.
    pub(super) came: Instant,
    received: Instant,
}

impl Incoming {
    /// Reads the header of a frame. Fails on what is not served.
    pub(crate) fn new(context: &Context, frame: Bytes, came: Instant) -> Result<Self, Refusal> {
        let length = frame.len();
        let (header, body) = frame::decode_request_header(frame).map_err(Refusal::Header)?;
        let (key, version) = (header.request_api_key, header.request_api_version);
        context.service.metrics().request_received(key, length);
        // An unknown version of this one is answered, too.
        let serves = |api: &&Api| api.serves(version) || key == ApiKey::ApiVersions;
        let api = Api::of(key).filter(serves).ok_or(Refusal::NotServed { api: key, version })?;
        let listener = &context.listener;
        if api.is_private && !context.broker.config().is_inter_node(listener) {
            return Err(Refusal::Private { api: key, listener: Arc::clone(listener) });
        }
        Ok(Self { api, header, body, came, received: Instant::now() })
    }

    /// The version.
    pub(super) fn version(&self) -> i16 {
        self.header.request_api_version
    }

    /// Whether something of the request goes into the log.
    pub(crate) fn stored(&self) -> Stored {
        match self.api.stores {
            Stores::Nothing => Stored::No,
            Stores::Records => {
                Stored::Yes { unacknowledged: produce::acks(&self.body, self.version()) == Some(0) }
            }
            Stores::State => Stored::Yes { unacknowledged: false },
            Stores::Heartbeat => Stored::Heartbeat,
        }
    }

    /// Whether its client may leave before it is answered: it has no effect until then, or its answer may take as long
    /// as the client likes.
    pub(crate) fn may_be_left(&self) -> bool {
        let is_void_alone = || self.stored() == Stored::Yes { unacknowledged: false };
        self.api.is_patient || (self.api.stores == Stores::Records && is_void_alone())
    }

    /// Handles the request. `permit` is for the memory that its bytes take.
    pub(crate) async fn handle(self, context: &Context, permit: Option<Permit>) -> Result<Answer, Refusal> {
        let keeps = self.api.is_kept || self.api.stores != Stores::Nothing;
        *context.admitted.lock() = permit.filter(|_| keeps);
        // The handlers' futures are boxed: one that could be any of them would be as large as the largest.
        (self.api.handler)(context, self).await
    }

    /// The cluster, once the node is ready.
    pub(super) async fn cluster(&self, context: &Context) -> Result<Arc<Cluster>, Refusal> {
        let ready = timeout(PATIENCE, context.broker.ready()).await;
        Ok(ready.map_err(|_| Refusal::Starting)??)
    }

    /// Answers with what `respond` makes of the request, after waiting for anything.
    pub(super) async fn answered<R: Request>(
        self,
        context: &Context,
        cluster: &Cluster,
        respond: impl AsyncFnOnce(R) -> R::Response,
    ) -> Result<Answer, Refusal> {
        let (request, outgoing, room) = self.open_in(context, cluster, false).await?;
        Ok(outgoing.now(context, &respond(request).await)?.in_room(room))
    }

    /// Answers with what `respond` makes of the request.
    pub(super) async fn answered_at_once<R: Request>(
        self,
        context: &Context,
        cluster: &Cluster,
        respond: impl FnOnce(&R) -> R::Response,
    ) -> Result<Answer, Refusal> {
        let (request, outgoing, room) = self.open_in(context, cluster, true).await?;
        Ok(outgoing.now(context, &respond(&request))?.in_room(room))
    }

    pub(super) fn decode<R: Request>(&self) -> Result<Sent<R>, Refusal> {
        let (api, version) = (self.header.request_api_key, self.header.request_api_version);
        R::decode_sent(self.body.clone(), version).map_err(|source| Refusal::Body { api, version, source })
    }

    /// The request, and what its response needs.
    pub(super) fn open<R: Request>(self) -> Result<(R, Outgoing), Refusal> {
        Ok((self.decode()?.request, Outgoing::of(&self)))
    }

    /// The request, what its response needs, and the memory that it takes while it is made: for each thing that it
    /// names, if it is made at once.
    async fn open_in<R: Request>(
        self,
        context: &Context,
        cluster: &Cluster,
        at_once: bool,
    ) -> Result<(R, Outgoing, Option<Permit>), Refusal> {
        let Sent { request, elements } = self.decode()?;
        let outgoing = Outgoing::of(&self);
        // What waits for anything else would hold the memory of others' answers meanwhile.
        let named = match at_once {
            true => NAMED * elements,
            false => few(self.api.key, elements, cluster, MANY).map(|()| 0)?,
        };
        let breadth = if self.api.is_broad { breadth(cluster) } else { 0 };
        // What came of the frame is all that is needed of it.
        drop(self);
        Ok((request, outgoing, room(context, breadth + named).await))
    }
}

/// The bytes that an answer which may describe the whole cluster takes at most while it is made; what it is made of
/// takes more than it does itself.
fn breadth(cluster: &Cluster) -> usize {
    let partitions = usize::try_from(cluster.partition_count()).unwrap_or(0);
    BROAD_TOPIC * cluster.topic_count() + BROAD_PARTITION * partitions
}

/// Fails if a request names more than all partitions that there are, each with a topic of its own, and so many more.
pub(super) fn few(api: ApiKey, elements: usize, cluster: &Cluster, more: usize) -> Result<(), Refusal> {
    let most = 2 * usize::try_from(cluster.partition_count()).unwrap_or(0) + more;
    if elements > most { Err(Refusal::TooMany { api, elements, most }) } else { Ok(()) }
}

/// Memory for an answer that is about to be made and may take so many bytes; none if they are few, or not to be had.
async fn room(context: &Context, bytes: usize) -> Option<Permit> {
    match bytes {
        ..BROAD => None,
        _ => timeout(PATIENCE, context.broker.answers().take(bytes)).await.ok().flatten(),
    }
}

/// Memory for an answer about this cluster to a request that names so many things.
pub(super) async fn broad_room(context: &Context, cluster: &Cluster, named: usize) -> Option<Permit> {
    room(context, breadth(cluster) + NAMED * named).await
}

/// What of a request its response needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outgoing {
    pub(super) key: ApiKey,
    pub(super) version: i16,
    correlation_id: i32,
    pub(super) received: Instant,
}

impl Outgoing {
    pub(super) fn of(incoming: &Incoming) -> Self {
        Self {
            key: incoming.header.request_api_key,
            version: incoming.header.request_api_version,
            correlation_id: incoming.header.correlation_id,
            received: incoming.received,
        }
    }

    pub(super) fn now<M: Message>(self, context: &Context, response: &M) -> Result<Answer, Refusal> {
        self.encode(context.service.metrics(), response).map(Answer::Now)
    }

    pub(super) fn encode<M: Message>(self, metrics: &Metrics, response: &M) -> Result<Reply, Refusal> {
        response.errors(&mut |code| metrics.response_error(self.key, code));
        let chunks = frame::encode_response(self.correlation_id, self.version, response);
        metrics.request_answered(self.key, self.received.elapsed());
        chunks.map(|chunks| Reply::Frame(chunks, None)).map_err(|source| Refusal::Response {
            api: self.key,
            version: self.version,
            source,
        })
    }
}

//! What members say of records, in ShareFetch and in ShareAcknowledge.

use broker::log::{Decided, NotLeader};
use coordinator::PartitionId;
use coordinator::share::{
    Ack, AckBatch, Acknowledge, Reject, Reply, Request as ShareRequest, SharePartitionId,
};
use protocol::{ErrorCode, Str, Uuid};
use tokio::time::timeout;

use super::{Failed, not_leader};
use crate::api::topics::{TopicRef, View};
use crate::api::{Context, PATIENCE, text};
use crate::share_sessions::Holder;

/// A range of records, and a number for what the member says of each or of all.
pub(in crate::api) type Range<'a> = (i64, i64, &'a [i8]);

/// What acknowledgements of one request have in common.
pub(in crate::api) struct Acknowledging<'a> {
    pub(in crate::api) context: &'a Context,
    pub(in crate::api) view: &'a View,
    pub(in crate::api) holder: &'a Holder,
    /// Whether locks may be renewed (version 2), and the request says that it does (KIP-1222).
    pub(in crate::api) renews: bool,
}

/// An acknowledgement that has had its effect.
pub(in crate::api) struct Acknowledged {
    partition: PartitionId,
    decided: Decided,
}

impl Acknowledging<'_> {
    /// Takes what is said of one partition's records; it is answered once it is durable.
    pub(in crate::api) fn decide<'r>(
        &self,
        topic: Uuid,
        index: i32,
        said: impl Iterator<Item = Range<'r>>,
    ) -> Result<Acknowledged, Failed> {
        let led = self.view.lead(&self.context.broker, TopicRef::Id(topic), index);
        let (_, led) = led.map_err(Failed::from)?;
        let batches = batches(said, self.renews).ok_or(Failed::of(ErrorCode::InvalidRequest))?;
        let partition = led.partition.id();
        let id = SharePartitionId { group: self.holder.group.clone(), partition };
        let request = ShareRequest::Acknowledge(Acknowledge { member: self.holder.member.clone(), batches });
        let admitted = self.context.admitted.lock().take();
        let decided = led.log.share(&id, request, admitted).map_err(|_| not_leader(self.view, partition))?;
        Ok(Acknowledged { partition, decided })
    }
}

impl Acknowledged {
    /// The outcome, once it may be reported.
    pub(in crate::api) async fn outcome(self, view: &View) -> Result<(), Failed> {
        let reject = match timeout(PATIENCE, self.decided.acknowledged()).await.unwrap_or(Err(NotLeader)) {
            Ok(Reply::Done(Err(reject))) => reject,
            Ok(_) => return Ok(()),
            Err(NotLeader) => return Err(not_leader(view, self.partition)),
        };
        let code = match reject {
            Reject::InvalidRecordState(_) => ErrorCode::InvalidRecordState,
            Reject::InvalidRequest(_) => ErrorCode::InvalidRequest,
        };
        Err(Failed { message: text(reject), ..Failed::of(code) })
    }
}

/// What is said, if that can be said at all.
fn batches<'r>(said: impl Iterator<Item = Range<'r>>, renews: bool) -> Option<Vec<AckBatch>> {
    let mut batches = Vec::new();
    for (first, last, numbers) in said {
        let acks: Option<Vec<_>> = numbers.iter().map(|number| Ack::from_number(*number)).collect();
        let acks = acks.filter(|acks| !acks.is_empty() && (renews || !acks.contains(&Ack::Renew)))?;
        batches.push(AckBatch { first, last, acks });
    }
    Some(batches)
}

/// An error and its message, as the wire has them.
pub(in crate::api) fn error_fields(outcome: &Result<(), Failed>) -> (i16, Option<Str>) {
    match outcome {
        Ok(()) => (ErrorCode::None.code(), None),
        Err(failed) => (failed.code.code(), failed.message.clone()),
    }
}

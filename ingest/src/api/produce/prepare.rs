//! From a request to what may be appended: its batches, checked and as they are to be stored.

use broker::memory::{Permit, shrink};
use broker::node::{Broker, Led};
use coordinator::topic::config::{TimestampType, TopicConfig};
use protocol::ErrorCode;
use protocol::messages::ProduceRequest;
use protocol::records::Batch;
use tokio::time::timeout;

use super::check::{self, Invalid, Sound};
use super::unpack::{self, Allowance, Bound};
use super::{PATIENCE, TOPIC_IDS};
use crate::api::Context;
use crate::api::records::turn;
use crate::api::topics::{Leader, Miss, TopicRef, View, is_internal};

/// What a batch takes while it is made, as a multiple of what it takes then.
const WHILE_MADE: usize = 3;

/// A partition's batch after the checks.
pub(super) enum Checked {
    /// It is refused.
    Refused(Refused),
    /// It may be appended.
    Whole(Led, Batch, TimestampType),
    /// Its records must be looked at first.
    Packed(Box<Packed>),
}

/// A batch whose records must be looked at.
pub(super) struct Packed {
    led: Led,
    batch: Batch,
    config: TopicConfig,
    /// As Kafka writes it: `topic-0`.
    partition: String,
}

/// Checks the batches of a request, in order, and takes them out of it.
pub(super) fn check_all(
    context: &Context,
    view: &View,
    version: i16,
    is_admin: bool,
    request: &mut ProduceRequest,
    now: i64,
) -> Vec<Checked> {
    let refused_as_a_whole = match (&request.transactional_id, request.acks) {
        (_, acks) if !(-1..=1).contains(&acks) => Some(ErrorCode::InvalidRequiredAcks),
        (Some(_), _) => Some(ErrorCode::TransactionalIdAuthorizationFailed),
        (None, _) => None,
    };
    let mut all = Vec::with_capacity(request.topic_data.iter().map(|data| data.partition_data.len()).sum());
    for data in &mut request.topic_data {
        let topic = TopicRef::versioned(version, TOPIC_IDS, &data.name, data.topic_id);
        for partition in &mut data.partition_data {
            let mut checked = || {
                if let Some(code) = refused_as_a_whole {
                    return Err(Refused::of(code));
                }
                let (topic, led) = view.lead(&context.broker, topic, partition.index)?;
                if is_internal(&topic.name) && !is_admin {
                    return Err(Refused::of(ErrorCode::InvalidTopicException));
                }
                let config = &topic.config;
                Ok(match check::check(partition.records.take(), version, config, now)? {
                    Sound::Whole(batch) => Checked::Whole(led, batch, config.timestamp_type),
                    Sound::Packed(batch) => {
                        let name = format!("{}-{}", topic.name, partition.index);
                        Checked::Packed(Box::new(Packed {
                            led,
                            batch,
                            config: config.clone(),
                            partition: name,
                        }))
                    }
                })
            };
            all.push(checked().unwrap_or_else(Checked::Refused));
        }
    }
    all
}

/// Looks into the batches that must be, one after the other, and returns a permit for the memory of what has become
/// of them.
pub(super) async fn unpack_all(broker: &Broker, checked: &mut [Checked], now: i64) -> Option<Permit> {
    let pool = broker.unpacking();
    let (mut places, mut jobs, mut working, mut results) = (Vec::new(), Vec::new(), 0, 0usize);
    for (place, checked) in checked.iter_mut().enumerate() {
        if matches!(checked, Checked::Packed(_)) {
            let refused = Checked::Refused(Refused::of(ErrorCode::RequestTimedOut));
            if let Checked::Packed(job) = std::mem::replace(checked, refused) {
                let needed = unpack::memory(&job.batch, &job.config);
                if needed > pool.size() / 4 * 3 {
                    *checked = Checked::Refused(Refused {
                        message: Some(format!(
                            "the batch takes {needed} bytes of memory to look into, more than this node has for it"
                        )),
                        ..Refused::of(ErrorCode::MessageTooLarge)
                    });
                    continue;
                }
                working = working.max(needed);
                let most = usize::try_from(job.config.max_message_bytes).unwrap_or(0);
                results = results.saturating_add(most.saturating_mul(WHILE_MADE));
                places.push(place);
                jobs.push(*job);
            }
        }
    }
    if jobs.is_empty() {
        return None;
    }
    let wanted = turn(pool, working.saturating_add(results));
    // Without it, too many have been at it for too long.
    let mut permit = timeout(PATIENCE, pool.take(wanted)).await.ok().flatten()?;
    let unpacked = tokio::task::spawn_blocking(move || {
        let mut left = results.min(permit.num_permits() - working);
        let (working, mut made) = (permit.num_permits() - left, 0);
        let mut allowance = Allowance::of_a_request();
        let unpacked = jobs.into_iter().map(|Packed { led, batch, config, partition }| {
            if allowance.is_spent() {
                // The client sends it again, without what has been dealt with.
                return Checked::Refused(Refused::of(ErrorCode::RequestTimedOut));
            }
            let came = batch.bytes().as_ptr();
            let bound = Bound { working, room: left / WHILE_MADE };
            match unpack::unpack(batch, &partition, &config, now, bound, &mut allowance) {
                Ok(batch) => {
                    let bytes = if batch.bytes().as_ptr() == came { 0 } else { batch.bytes().len() };
                    left -= bytes.min(left);
                    made += bytes;
                    Checked::Whole(led, batch, config.timestamp_type)
                }
                Err(invalid) => Checked::Refused(invalid.into()),
            }
        });
        let unpacked: Vec<_> = unpacked.collect();
        // Whatever becomes of the connection, the memory was taken until now.
        shrink(&mut permit, made);
        (unpacked, Some(permit).filter(|_| made > 0))
    });
    match unpacked.await {
        Ok((unpacked, grown)) => {
            places.into_iter().zip(unpacked).for_each(|(place, unpacked)| checked[place] = unpacked);
            grown
        }
        Err(error) => {
            tracing::error!(%error, "batches were not unpacked");
            for place in places {
                checked[place] = Checked::Refused(Refused::of(ErrorCode::UnknownServerError));
            }
            None
        }
    }
}

/// Why nothing of a partition is appended.
pub(super) struct Refused {
    /// The error.
    pub(super) code: ErrorCode,
    /// What is wrong.
    pub(super) message: Option<String>,
    /// The records at fault, and what is wrong with each.
    pub(super) records: Vec<(i32, String)>,
    /// The leader, where this node is not.
    pub(super) leader: Option<Leader>,
}

impl Refused {
    pub(super) fn of(code: ErrorCode) -> Self {
        Self { code, message: None, records: Vec::new(), leader: None }
    }
}

impl From<Miss> for Refused {
    fn from(miss: Miss) -> Self {
        Self { leader: miss.leader, ..Self::of(miss.code) }
    }
}

impl From<Invalid> for Refused {
    fn from(invalid: Invalid) -> Self {
        Self { message: invalid.message, records: invalid.records, ..Self::of(invalid.code) }
    }
}

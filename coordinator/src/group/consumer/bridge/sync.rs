//! SyncGroup of a classic member of a consumer group.

use super::check;
use crate::group::classic::{Sync, Synced};
use crate::group::consumer::state::{ConsumerMember, MemberState, partitions};
use crate::group::consumer::{progress, timers};
use crate::group::consumer_protocol::TopicPartitions;
use crate::group::request::{Reject, Reply, Token};
use crate::group::state::MemberId;
use crate::group::timer::Timer;
use crate::group::work::Work;

/// A member asks for what it may read.
pub(in crate::group) fn sync(work: &mut Work<'_>, token: Token, sync: &Sync) {
    let reply = synced(work, sync);
    work.reply(token, Reply::Sync(reply));
}

fn synced(work: &mut Work<'_>, sync: &Sync) -> Result<Synced, Reject> {
    let (id, member, classic) = check(work, &sync.caller)?;
    let name = classic.protocols.first().map(|(name, _)| name);
    let differs =
        |said: Option<&String>, is: Option<&str>| said.is_some_and(|said| Some(said.as_str()) != is);
    if differs(sync.protocol_type.as_ref(), Some("consumer"))
        || differs(sync.protocol.as_ref(), name.map(String::as_str))
    {
        return Err(Reject::InconsistentProtocol);
    }
    let (id, member) = (MemberId::clone(id), member.clone());
    let assignment_epoch = progress::header(work).assignment_epoch;
    if assignment_epoch > member.epoch && member.state != MemberState::UnrevokedPartitions {
        timers::rejoin(work, &id, &member);
        return Err(Reject::RebalanceInProgress);
    }
    work.cancel(&Timer::Resync(MemberId::clone(&id)));
    timers::session(work, &id, &member);
    Ok(Synced {
        protocol_type: sync.protocol_type.clone(),
        protocol: sync.protocol.clone(),
        assignment: assignment(work, &member),
    })
}

fn assignment(work: &Work<'_>, member: &ConsumerMember) -> bytes::Bytes {
    let codec = &work.world.consumer_protocol;
    let metadata = member.classic.as_ref().and_then(|classic| classic.protocols.first());
    let subscription = metadata.and_then(|(_, metadata)| (codec.read_subscription)(metadata));
    let named = |(topic, all)| {
        let topic = work.world.cluster.topic(topic)?;
        Some((topic.name.clone(), std::collections::BTreeSet::into_iter(all).collect()))
    };
    let partitions: TopicPartitions = partitions(&member.assigned).into_iter().filter_map(named).collect();
    (codec.write_assignment)(subscription.map_or(0, |subscription| subscription.version), &partitions)
}

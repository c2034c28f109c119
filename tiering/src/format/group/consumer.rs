//! What a consumer group (KIP-848), and each of its members, is stored as.

use coordinator::TopicId;
use coordinator::group::consumer::{
    ClassicFacet, ConsumerGroup, ConsumerMember, Held, MemberState, Progress,
};

use super::{decode_protocols, encode_protocols, encode_texts};
use crate::format::FormatError;
use crate::format::codec::{Reader, Result, Writer};

pub(super) fn encode_group(w: &mut Writer, group: &ConsumerGroup) {
    w.i32(group.group_epoch).i32(group.assignment_epoch).u64(group.metadata_hash);
}

pub(super) fn decode_group(r: &mut Reader<'_>) -> Result<ConsumerGroup> {
    Ok(ConsumerGroup { group_epoch: r.i32()?, assignment_epoch: r.i32()?, metadata_hash: r.u64()? })
}

pub(super) fn encode_member(w: &mut Writer, member: &ConsumerMember) {
    encode_texts(w, [&member.instance, &member.rack]);
    w.text(&member.client_id).text(&member.client_host).i32(member.rebalance_timeout_ms);
    w.list(member.topics.iter(), |w, topic| {
        w.text(topic);
    });
    encode_texts(w, [&member.regex, &member.assignor]);
    w.i32(member.epoch).i32(member.previous_epoch).u8(member.state as u8);
    encode_held(w, &member.assigned);
    encode_held(w, &member.revoking);
    w.optional(member.classic.as_ref(), |w, classic| {
        encode_protocols(w.i32(classic.session_timeout_ms), &classic.protocols);
    });
}

pub(super) fn decode_member(r: &mut Reader<'_>) -> Result<ConsumerMember> {
    Ok(ConsumerMember {
        instance: r.optional(|r| r.text())?,
        rack: r.optional(|r| r.text())?,
        client_id: r.text()?,
        client_host: r.text()?,
        rebalance_timeout_ms: r.i32()?,
        topics: r.map(4, |r| Ok((r.text()?, ())))?.into_keys().collect(),
        regex: r.optional(|r| r.text())?,
        assignor: r.optional(|r| r.text())?,
        epoch: r.i32()?,
        previous_epoch: r.i32()?,
        state: decode_state(r)?,
        assigned: decode_held(r)?,
        revoking: decode_held(r)?,
        classic: r.optional(|r| {
            Ok(ClassicFacet { session_timeout_ms: r.i32()?, protocols: decode_protocols(r)? })
        })?,
    })
}

pub(super) fn encode_progress(w: &mut Writer, progress: &Progress) {
    w.i32(progress.epoch).i32(progress.previous_epoch).u8(progress.state as u8);
    encode_held(w, &progress.assigned);
    encode_held(w, &progress.revoking);
}

pub(super) fn decode_progress(r: &mut Reader<'_>) -> Result<Progress> {
    Ok(Progress {
        epoch: r.i32()?,
        previous_epoch: r.i32()?,
        state: decode_state(r)?,
        assigned: decode_held(r)?,
        revoking: decode_held(r)?,
    })
}

fn decode_state(r: &mut Reader<'_>) -> Result<MemberState> {
    match r.u8()? {
        0 => Ok(MemberState::Stable),
        1 => Ok(MemberState::UnrevokedPartitions),
        2 => Ok(MemberState::UnreleasedPartitions),
        found => Err(FormatError::Newer { what: "a member's state", found: u64::from(found) }),
    }
}

fn encode_held(w: &mut Writer, held: &Held) {
    w.list(held.iter(), |w, (topic, partitions)| {
        w.raw(topic.as_bytes()).list(partitions.iter(), |w, (partition, epoch)| {
            w.i32(*partition).i32(*epoch);
        });
    });
}

fn decode_held(r: &mut Reader<'_>) -> Result<Held> {
    r.map(20, |r| Ok((TopicId(r.array()?), r.map(8, |r| Ok((r.i32()?, r.i32()?)))?)))
}

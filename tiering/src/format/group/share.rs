//! What a share group (KIP-932), and each of its members, is stored as.

use coordinator::TopicId;
use coordinator::group::share::{ShareGroup, ShareMember};

use super::{decode_assignment, encode_assignment, encode_texts};
use crate::format::codec::{Reader, Result, Writer};

pub(super) fn encode_group(w: &mut Writer, group: &ShareGroup) {
    w.i32(group.group_epoch).i32(group.assignment_epoch).u64(group.metadata_hash);
    w.list(group.topics.iter(), |w, topic| {
        w.raw(topic.as_bytes());
    });
}

pub(super) fn decode_group(r: &mut Reader<'_>) -> Result<ShareGroup> {
    Ok(ShareGroup {
        group_epoch: r.i32()?,
        assignment_epoch: r.i32()?,
        metadata_hash: r.u64()?,
        topics: r.map(16, |r| Ok((TopicId(r.array()?), ())))?.into_keys().collect(),
    })
}

pub(super) fn encode_member(w: &mut Writer, member: &ShareMember) {
    encode_texts(w, [&member.rack]);
    w.text(&member.client_id).text(&member.client_host);
    w.list(member.topics.iter(), |w, topic| {
        w.text(topic);
    });
    w.i32(member.epoch).i32(member.previous_epoch);
    encode_assignment(w, &member.assigned);
}

pub(super) fn decode_member(r: &mut Reader<'_>) -> Result<ShareMember> {
    Ok(ShareMember {
        rack: r.optional(|r| r.text())?,
        client_id: r.text()?,
        client_host: r.text()?,
        topics: r.map(4, |r| Ok((r.text()?, ())))?.into_keys().collect(),
        epoch: r.i32()?,
        previous_epoch: r.i32()?,
        assigned: decode_assignment(r)?,
    })
}

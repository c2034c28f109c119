//! What a classic group, and each of its members, is stored as.

use bytes::Bytes;
use coordinator::group::{ClassicGroup, ClassicMember, ClassicState};

use super::{decode_protocols, encode_protocols, encode_texts};
use crate::format::FormatError;
use crate::format::codec::{Reader, Result, Writer};

pub(super) fn encode_group(w: &mut Writer, group: &ClassicGroup) {
    w.u8(group.state as u8).i32(group.generation);
    encode_texts(w, [&group.protocol_type, &group.protocol]);
    w.optional(group.leader.as_deref(), |w, leader| {
        w.text(leader);
    });
}

pub(super) fn decode_group(r: &mut Reader<'_>) -> Result<ClassicGroup> {
    let state = match r.u8()? {
        0 => ClassicState::Empty,
        1 => ClassicState::PreparingRebalance,
        2 => ClassicState::CompletingRebalance,
        3 => ClassicState::Stable,
        found => {
            let what = "a classic group's state";
            return Err(FormatError::Newer { what, found: u64::from(found) });
        }
    };
    Ok(ClassicGroup {
        state,
        generation: r.i32()?,
        protocol_type: r.optional(|r| r.text())?,
        protocol: r.optional(|r| r.text())?,
        leader: r.optional(|r| r.text())?.map(Into::into),
    })
}

pub(super) fn encode_member(w: &mut Writer, member: &ClassicMember) {
    encode_texts(w, [&member.instance]);
    w.text(&member.client_id).text(&member.client_host);
    w.i32(member.rebalance_timeout_ms).i32(member.session_timeout_ms);
    encode_protocols(w, &member.protocols);
    w.blob(&member.assignment);
}

pub(super) fn decode_member(r: &mut Reader<'_>) -> Result<ClassicMember> {
    Ok(ClassicMember {
        instance: r.optional(|r| r.text())?,
        client_id: r.text()?,
        client_host: r.text()?,
        rebalance_timeout_ms: r.i32()?,
        session_timeout_ms: r.i32()?,
        protocols: decode_protocols(r)?,
        assignment: Bytes::copy_from_slice(r.blob()?),
    })
}

//! Groups: what a GROUP record changes, and what a checkpoint or a RELEASE holds of them.

mod classic;
mod consumer;
mod share;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use coordinator::group::{Assignment, Change, Committed, Group, GroupId, Member, Membership};

use coordinator::{PartitionId, TopicId};

use super::FormatError;
use super::codec::{Reader, Result, Writer};

const HEADER: u8 = 1;
const MEMBER: u8 = 2;
const TARGET: u8 = 3;
const OFFSET: u8 = 4;
const DELETED: u8 = 5;
const PROGRESS: u8 = 6;

const CLASSIC: u8 = 1;
const CONSUMER: u8 = 2;
const SHARE: u8 = 3;

/// The fewest bytes of a change: its kind and its length.
pub(super) const CHANGE: usize = 5;

/// The fewest bytes of a group: the length of its name, and the number of its changes.
pub(super) const GROUP: usize = 8;

/// The groups of a shard. A checkpoint that is being written shares them with whoever goes on changing them.
pub type Groups = BTreeMap<GroupId, Arc<Group>>;

/// Applies what a GROUP record says.
pub fn replay(groups: &mut Groups, id: &GroupId, changes: &[Change]) {
    for change in changes {
        match change {
            Change::Deleted => drop(groups.remove(id)),
            change => Arc::make_mut(groups.entry(GroupId::clone(id)).or_default()).apply(change),
        }
    }
}

/// A group as a list of the changes that make it.
pub(super) fn encode(w: &mut Writer, (id, group): (&GroupId, &Arc<Group>)) {
    let changes: Vec<_> = group.changes().collect();
    w.text(id).list(changes.iter(), encode_change);
}

/// Reads what [`encode`] wrote.
pub(super) fn decode(r: &mut Reader<'_>) -> Result<(GroupId, Arc<Group>)> {
    let id = GroupId::from(r.text()?);
    let changes = r.list(CHANGE, decode_change)?;
    let mut groups = Groups::new();
    replay(&mut groups, &id, &changes);
    let group = groups.remove(&id).ok_or(FormatError::Invalid("a group is made of nothing"))?;
    if !group.changes().eq(changes) {
        return Err(FormatError::Invalid("a group is not made in its one way"));
    }
    Ok((id, group))
}

/// One change.
pub(super) fn encode_change(w: &mut Writer, change: &Change) {
    match change {
        Change::Header { membership, empty_since } => w.u8(HEADER).nested(|w| {
            w.optional(*empty_since, |w, since| {
                w.i64(since);
            });
            encode_membership(w, membership);
        }),
        Change::Member(id, member) => w.u8(MEMBER).nested(|w| {
            w.text(id).optional(member.as_ref(), encode_member);
        }),
        Change::Progress(id, progress) => w.u8(PROGRESS).nested(|w| {
            consumer::encode_progress(w.text(id), progress);
        }),
        Change::Target(id, target) => w.u8(TARGET).nested(|w| {
            w.text(id).optional(target.as_ref(), encode_assignment);
        }),
        Change::Offset(id, offset) => w.u8(OFFSET).nested(|w| {
            w.raw(id.topic.as_bytes()).i32(id.index).optional(offset.as_ref(), |w, o| {
                w.i64(o.offset).i32(o.leader_epoch).text(&o.metadata).i64(o.committed_at);
                w.optional(o.expires_at, |w, at| {
                    w.i64(at);
                });
            });
        }),
        Change::Deleted => w.u8(DELETED).nested(|_| ()),
    };
}

/// Reads what [`encode_change`] wrote.
pub(super) fn decode_change(r: &mut Reader<'_>) -> Result<Change> {
    let kind = r.u8()?;
    let mut r = r.nested("a group's change")?;
    let change = match kind {
        HEADER => {
            let empty_since = r.optional(|r| r.i64())?;
            Change::Header { membership: decode_membership(&mut r)?, empty_since }
        }
        MEMBER => Change::Member(r.text()?.into(), r.optional(decode_member)?),
        PROGRESS => Change::Progress(r.text()?.into(), consumer::decode_progress(&mut r)?),
        TARGET => Change::Target(r.text()?.into(), r.optional(decode_assignment)?),
        OFFSET => {
            let id = PartitionId { topic: TopicId(r.array()?), index: r.i32()? };
            let offset = r.optional(|r| {
                Ok(Committed {
                    offset: r.i64()?,
                    leader_epoch: r.i32()?,
                    metadata: r.text()?,
                    committed_at: r.i64()?,
                    expires_at: r.optional(|r| r.i64())?,
                })
            })?;
            Change::Offset(id, offset)
        }
        DELETED => Change::Deleted,
        found => return Err(FormatError::Newer { what: "a group change's kind", found: u64::from(found) }),
    };
    r.end()?;
    Ok(change)
}

fn encode_membership(w: &mut Writer, membership: &Membership) {
    match membership {
        Membership::Classic(group) => classic::encode_group(w.u8(CLASSIC), group),
        Membership::Consumer(group) => consumer::encode_group(w.u8(CONSUMER), group),
        Membership::Share(group) => share::encode_group(w.u8(SHARE), group),
    }
}

fn decode_membership(r: &mut Reader<'_>) -> Result<Membership> {
    match r.u8()? {
        CLASSIC => classic::decode_group(r).map(Membership::Classic),
        CONSUMER => consumer::decode_group(r).map(Membership::Consumer),
        SHARE => share::decode_group(r).map(Membership::Share),
        found => Err(FormatError::Newer { what: "a group's protocol", found: u64::from(found) }),
    }
}

fn encode_member(w: &mut Writer, member: &Member) {
    match member {
        Member::Classic(member) => classic::encode_member(w.u8(CLASSIC), member),
        Member::Consumer(member) => consumer::encode_member(w.u8(CONSUMER), member),
        Member::Share(member) => share::encode_member(w.u8(SHARE), member),
    }
}

fn decode_member(r: &mut Reader<'_>) -> Result<Member> {
    match r.u8()? {
        CLASSIC => classic::decode_member(r).map(Member::Classic),
        CONSUMER => consumer::decode_member(r).map(Member::Consumer),
        SHARE => share::decode_member(r).map(Member::Share),
        found => Err(FormatError::Newer { what: "a member's protocol", found: u64::from(found) }),
    }
}

fn encode_assignment(w: &mut Writer, assignment: &Assignment) {
    w.list(assignment.iter(), |w, (topic, partitions)| {
        w.raw(topic.as_bytes()).list(partitions.iter(), |w, partition| {
            w.i32(*partition);
        });
    });
}

fn decode_assignment(r: &mut Reader<'_>) -> Result<Assignment> {
    r.map(20, |r| {
        let topic = TopicId(r.array()?);
        let partitions = r.map(4, |r| Ok((r.i32()?, ())))?;
        Ok((topic, partitions.into_keys().collect()))
    })
}

fn encode_texts<'a>(w: &mut Writer, texts: impl IntoIterator<Item = &'a Option<String>>) {
    for text in texts {
        w.optional(text.as_deref(), |w, text| {
            w.text(text);
        });
    }
}

/// The assignors that a member of the classic protocol takes, each with its own metadata.
fn encode_protocols(w: &mut Writer, protocols: &[(String, Bytes)]) {
    w.list(protocols.iter(), |w, (name, metadata)| {
        w.text(name).blob(metadata);
    });
}

fn decode_protocols(r: &mut Reader<'_>) -> Result<Vec<(String, Bytes)>> {
    r.list(8, |r| Ok((r.text()?, Bytes::copy_from_slice(r.blob()?))))
}

#[cfg(test)]
#[path = "group_test.rs"]
pub(super) mod tests;

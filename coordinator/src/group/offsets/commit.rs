//! OffsetCommit.

use super::{Commit, Offset};
use crate::PartitionId;
use crate::group::change::Change;
use crate::group::request::{Reject, Reply, Token};
use crate::group::state::{Committed, Membership};
use crate::group::work::Work;
use crate::group::{classic, consumer};

/// Commits offsets. A group that does not exist comes into being if the client is a member of none.
pub(in crate::group) fn commit(work: &mut Work<'_>, token: Token, commit: Commit) {
    let outcome = check(work, &commit);
    let reply = outcome.map(|()| {
        let expires_at = commit.retention_ms.map(|retention| work.now.wall.saturating_add(retention));
        commit
            .offsets
            .into_iter()
            .map(|(partition, offset)| put(work, partition, offset, expires_at))
            .collect()
    });
    work.reply(token, Reply::Offsets(reply));
}

fn check(work: &mut Work<'_>, commit: &Commit) -> Result<(), Reject> {
    if !work.entry.is_known() {
        return match (commit.caller.generation < 0, commit.knows_group_not_found) {
            (true, _) => Ok(()),
            (false, true) => Err(Reject::group_not_found(work.id)),
            (false, false) => Err(Reject::IllegalGeneration),
        };
    }
    match &work.group().membership {
        Membership::Classic(group) => {
            classic::check_commit(work, group, &commit.caller)?;
            classic::renew_on_commit(work, &commit.caller);
            Ok(())
        }
        Membership::Consumer(_) => consumer::check_commit(work.group(), commit),
        Membership::Share(_) => Err(Reject::not_of_consumers(work.id)),
    }
}

fn put(
    work: &mut Work<'_>,
    partition: PartitionId,
    offset: Offset,
    expires_at: Option<i64>,
) -> Result<(), Reject> {
    // UTF-16 takes no more units than UTF-8 takes bytes, so that most are not counted.
    let max = work.settings.offset_metadata_max;
    if offset.metadata.len() > max && offset.metadata.encode_utf16().count() > max {
        return Err(Reject::MetadataTooLarge);
    }
    let Offset { offset, leader_epoch, metadata } = offset;
    let committed = Committed { offset, leader_epoch, metadata, committed_at: work.now.wall, expires_at };
    work.change(Change::Offset(partition, Some(committed)));
    Ok(())
}

#[cfg(test)]
#[path = "commit_test.rs"]
mod tests;

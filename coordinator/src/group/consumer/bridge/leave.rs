//! LeaveGroup to a consumer group, also by an administrator.

use std::collections::BTreeSet;

use super::find;
use crate::group::classic::Leave;
use crate::group::consumer::fence;
use crate::group::request::{Reject, Reply, Token};
use crate::group::state::MemberId;
use crate::group::work::Work;

/// Members go at once, and the group's epoch goes up once for all of them.
pub(in crate::group) fn leave(work: &mut Work<'_>, token: Token, leave: &Leave) {
    let mut leaving = BTreeSet::new();
    let mut go = |(id, instance): &(MemberId, Option<String>)| {
        let (member, _) = find(work, id, instance.as_deref())?;
        leaving.insert(MemberId::clone(member));
        Ok::<(), Reject>(())
    };
    let outcomes: Vec<Result<(), Reject>> = leave.members.iter().map(&mut go).collect();
    fence::fence(work, leaving);
    work.reply(token, Reply::Left(Ok(outcomes)));
}

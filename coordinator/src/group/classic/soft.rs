//! What of a classic group its next owner begins without.

use std::collections::BTreeMap;

use super::JoinReject;
use crate::group::request::{Reject, Reply, Token};
use crate::group::state::MemberId;

/// Parked requests.
#[derive(Debug, Default)]
pub(in crate::group) struct Soft {
    /// Members whose JoinGroup waits for the others.
    pub(super) joining: BTreeMap<MemberId, Token>,
    /// Members whose SyncGroup waits for the leader.
    pub(super) syncing: BTreeMap<MemberId, Token>,
}

impl Soft {
    /// Whether nothing is lost when it is forgotten.
    pub(in crate::group) fn is_empty(&self) -> bool {
        self.joining.is_empty() && self.syncing.is_empty()
    }

    /// The replies by which everyone who waits is refused.
    pub(in crate::group) fn refuse(self, reject: &Reject) -> impl Iterator<Item = (Token, Reply)> {
        let join = |(member, token)| (token, Reply::Join(Err(JoinReject { reject: reject.clone(), member })));
        let sync = |(_, token)| (token, Reply::Sync(Err(reject.clone())));
        self.joining.into_iter().map(join).chain(self.syncing.into_iter().map(sync))
    }
}

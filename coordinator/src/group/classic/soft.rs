//! What of a classic group its next owner begins without.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::JoinReject;
use crate::group::request::{Reject, Reply, Token};
use crate::group::state::MemberId;

/// Parked requests, and who is waited for.
#[derive(Clone, Debug, Default)]
pub(in crate::group) struct Soft {
    /// Members whose JoinGroup waits for the others.
    pub(in crate::group) joining: BTreeMap<MemberId, Token>,
    /// Members whose SyncGroup waits for the leader.
    pub(in crate::group) syncing: BTreeMap<MemberId, Token>,
    /// Member ids that were given out, and with which clients are to come back (KIP-394).
    pub(in crate::group) pending: BTreeSet<MemberId>,
    /// Members that have never been sent a generation: they cannot send heartbeats yet.
    pub(in crate::group) new: BTreeSet<MemberId>,
    /// Members that were sent the generation and have not sent SyncGroup.
    pub(in crate::group) unsynced: BTreeSet<MemberId>,
    /// The wait for more members while the group was empty before.
    pub(in crate::group) initial: Option<InitialDelay>,
}

/// The wait of an empty group's first rebalance (KIP-134).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::group) struct InitialDelay {
    /// How long this part of it is.
    pub(in crate::group) delay: Duration,
    /// How much may be added to it.
    pub(in crate::group) remaining: Duration,
    /// Whether a member has joined since this part began.
    pub(in crate::group) joined: bool,
}

impl Soft {
    /// Whether nothing is lost when it is forgotten.
    pub(in crate::group) fn is_empty(&self) -> bool {
        self.joining.is_empty() && self.syncing.is_empty() && self.pending.is_empty()
    }

    /// The replies by which everyone who waits is refused.
    pub(in crate::group) fn refuse(self, reject: &Reject) -> impl Iterator<Item = (Token, Reply)> {
        let join = |(member, token)| (token, Reply::Join(Err(JoinReject { reject: reject.clone(), member })));
        let sync = |(_, token)| (token, Reply::Sync(Err(reject.clone())));
        self.joining.into_iter().map(join).chain(self.syncing.into_iter().map(sync))
    }
}

//! What of a classic group its next owner begins without.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::JoinReject;
use crate::group::request::{Reject, Reply, Token};
use crate::group::state::MemberId;

/// Parked requests, and who is waited for.
#[derive(Debug, Default)]
pub(in crate::group) struct Soft {
    /// Members whose JoinGroup waits for the others.
    pub(super) joining: BTreeMap<MemberId, Token>,
    /// Members whose SyncGroup waits for the leader.
    pub(super) syncing: BTreeMap<MemberId, Token>,
    /// Who was given a member id and is to come back with it (KIP-394).
    pub(super) pending: BTreeSet<MemberId>,
    /// Members that have never been told a generation: they cannot send heartbeats yet.
    pub(super) new: BTreeSet<MemberId>,
    /// Members that were told the generation and have not sent SyncGroup.
    pub(super) unsynced: BTreeSet<MemberId>,
    /// The wait for more members while the group was empty before.
    pub(super) initial: Option<InitialDelay>,
}

/// The wait of an empty group's first rebalance (KIP-134).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InitialDelay {
    /// How long this part of it is.
    pub(super) delay: Duration,
    /// How much may be added to it.
    pub(super) remaining: Duration,
    /// Whether somebody has joined since this part began.
    pub(super) joined: bool,
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

//! What of a share group its next owner begins without.

use std::time::Duration;

use crate::Epoch;

/// What was last looked at, and when.
#[derive(Debug, Default)]
pub(in crate::group) struct Soft {
    /// How far the metadata log was when the topics that members read were last looked at.
    pub(super) seen: Option<Epoch>,
    /// When targets were last computed ([`crate::group::Now::since_start`]).
    pub(super) assigned_at: Option<Duration>,
    /// The step in which share partitions may last have been allowed to come into being.
    pub(super) granted_at: u64,
}

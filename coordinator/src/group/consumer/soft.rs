//! What of a consumer group its next owner begins without.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::Epoch;

/// What was last looked at, and when.
#[derive(Debug, Default)]
pub(in crate::group) struct Soft {
    /// How far the metadata log was when the topics that members read were last looked at.
    pub(super) seen: Option<Epoch>,
    /// When targets were last computed ([`crate::group::Now::since_start`]).
    pub(super) assigned_at: Option<Duration>,
    /// By expression that members subscribe to: the names of its topics.
    pub(super) matched: BTreeMap<String, BTreeSet<String>>,
    /// When all expressions were last matched, and how far the metadata log was then.
    pub(super) matched_at: Option<(Duration, Epoch)>,
}

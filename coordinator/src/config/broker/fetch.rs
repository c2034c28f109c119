//! Settings for fetches, by name.

use super::{BrokerDefinition, read_only};
use crate::config::Effect::Enforced;
use crate::config::definition::int;

/// How many fetch sessions a node keeps.
pub(super) const SESSION_SLOTS: &str = "max.incremental.fetch.session.cache.slots";

/// Sorted by name.
pub(super) const DEFINITIONS: &[BrokerDefinition] =
    &[read_only(int(SESSION_SLOTS, "1000", Enforced, "How many fetch sessions a node keeps.").least(0))];

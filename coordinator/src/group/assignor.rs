//! Server-side assignors of KIP-848: who should have which partitions. Plain functions of who is there, what
//! everyone reads and what everyone was to have before, so that the same question has one answer.

mod range;
mod uniform;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::state::{Assignment, MemberId};
use crate::TopicId;

/// The assignors, as clients name them (`group.remote.assignor`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Assignor {
    /// Evenly, and with as few moves as that takes.
    #[default]
    Uniform,
    /// Of each topic a range, so that topics with as many partitions and the same readers are cut alike.
    Range,
}

impl Assignor {
    /// All, the default first (`group.consumer.assignors`).
    pub const ALL: [Self; 2] = [Self::Uniform, Self::Range];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
        }
    }

    /// The assignor of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|assignor| assignor.name() == name)
    }

    /// Gives every partition that has readers to one of them. Every reader is in the answer.
    pub(super) fn assign(self, readers: &Readers<'_>, topics: &Topics) -> BTreeMap<MemberId, Assignment> {
        match self {
            Self::Uniform => uniform::assign(readers, topics),
            Self::Range => range::assign(readers, topics),
        }
    }
}

/// How many partitions each topic has that has readers.
pub(super) type Topics = BTreeMap<TopicId, i32>;

/// Members, as an assignor sees them.
pub(super) type Readers<'a> = BTreeMap<&'a MemberId, Reader<'a>>;

/// A member, as an assignor sees it.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    /// `group.instance.id` of a static member.
    pub(super) instance: Option<&'a str>,
    /// The topics that it reads, all of them in [`Topics`]. Members with the same subscription may share it.
    pub(super) topics: Arc<BTreeSet<TopicId>>,
    /// What it was to have before.
    pub(super) had: &'a Assignment,
}

#[cfg(test)]
#[path = "assignor_test.rs"]
mod tests;

#[cfg(test)]
#[path = "assignor/properties_test.rs"]
mod properties;

//! Where a setting's value comes from, as DescribeConfigs shows it.

use std::borrow::Cow;

use super::Definition;

/// Where a value comes from, by its number in DescribeConfigs. The lowest with a value wins, but for groups, whose own
/// values come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum Source {
    /// The topic.
    Topic = 1,
    /// What was changed for this node.
    Broker = 2,
    /// What was changed for all nodes.
    AllBrokers = 3,
    /// What this node was started with.
    Static = 4,
    /// It is set nowhere.
    Default = 5,
    /// The group.
    Group = 8,
}

/// A value, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer<'a> {
    /// Its source.
    pub source: Source,
    /// Under which name.
    pub name: &'static str,
    /// The value, as Kafka writes it.
    pub value: Cow<'a, str>,
}

/// A setting and all that gave it a value, the winner first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described<'a> {
    /// The setting.
    pub definition: Definition,
    /// Whether no client may change it.
    pub is_read_only: bool,
    /// What counts. None where Kafka shows no value.
    pub value: Option<Cow<'a, str>>,
    /// Its source.
    pub source: Source,
    /// All values that there are for it. The first one counts.
    pub layers: Vec<Layer<'a>>,
}

impl<'a> Described<'a> {
    /// A setting with these layers; without any it is `unset`.
    pub(crate) fn new(definition: Definition, layers: Vec<Layer<'a>>, unset: Option<&'static str>) -> Self {
        let (value, source) = match layers.first() {
            Some(first) => (Some(first.value.clone()), first.source),
            None => (unset.map(Cow::Borrowed), Source::Default),
        };
        Self { definition, is_read_only: false, value, source, layers }
    }

    pub(crate) fn read_only(mut self, is_read_only: bool) -> Self {
        self.is_read_only = is_read_only;
        self
    }
}

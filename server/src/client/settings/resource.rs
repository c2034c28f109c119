//! What has settings, and how requests name it.

use std::fmt;

// The numbers of the types.
pub(super) const TOPIC: i8 = 2;
pub(super) const BROKER: i8 = 4;
pub(super) const GROUP: i8 = 32;

/// What has settings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Resource {
    /// All nodes, where a node has no setting of its own.
    BrokerDefaults,
    /// A node.
    Broker(i32),
    /// A topic.
    Topic(String),
    /// A group.
    Group(String),
}

impl Resource {
    /// The number of its type.
    pub(super) fn kind(&self) -> i8 {
        match self {
            Self::Topic(_) => TOPIC,
            Self::Broker(_) | Self::BrokerDefaults => BROKER,
            Self::Group(_) => GROUP,
        }
    }

    /// The node that has to be asked about it; `None` if any will do.
    pub(super) fn node(&self) -> Option<i32> {
        match self {
            Self::Broker(id) => Some(*id),
            _ => None,
        }
    }

    /// The number of the source from which its own settings come.
    pub(super) fn own_source(&self) -> i8 {
        match self {
            Self::Topic(_) => 1,
            Self::Broker(_) => 2,
            Self::BrokerDefaults => 3,
            Self::Group(_) => 8,
        }
    }

    /// Its type, in a word.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Topic(_) => "topic",
            Self::Broker(_) => "broker",
            Self::BrokerDefaults => "broker-defaults",
            Self::Group(_) => "group",
        }
    }

    /// Its name in requests; empty for what there is but one of.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Topic(name) | Self::Group(name) => name.clone(),
            Self::Broker(id) => id.to_string(),
            Self::BrokerDefaults => String::new(),
        }
    }

    /// None for types that this command does not know.
    pub(super) fn of(kind: i8, name: &str) -> Option<Self> {
        match kind {
            TOPIC => Some(Self::Topic(name.to_owned())),
            BROKER if name.is_empty() => Some(Self::BrokerDefaults),
            BROKER => name.parse().ok().map(Self::Broker),
            GROUP => Some(Self::Group(name.to_owned())),
            _ => None,
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(name) => write!(f, "topic {name}"),
            Self::Broker(id) => write!(f, "node {id}"),
            Self::BrokerDefaults => f.write_str("all nodes"),
            Self::Group(name) => write!(f, "group {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_survive_their_names() {
        for resource in [
            Resource::BrokerDefaults,
            Resource::Broker(3),
            Resource::Topic("t".to_owned()),
            Resource::Group("g".to_owned()),
        ] {
            assert_eq!(Resource::of(resource.kind(), &resource.name()), Some(resource));
        }
        assert_eq!(Resource::of(4, "x"), None);
        assert_eq!(Resource::of(16, "metrics"), None);
    }
}

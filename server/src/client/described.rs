//! Groups with their members, whatever type they are of.

mod classic;
mod consumer;
mod share;

use std::collections::BTreeMap;

use protocol::ErrorCode;

use super::{Client, Connection, Coordinator, Error, Listed};

/// Partitions by topic, in order.
pub(crate) type Partitions = BTreeMap<String, Vec<i32>>;

/// The types of groups that can be described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Members agree among themselves.
    Classic,
    /// The broker assigns partitions (KIP-848).
    Consumer,
    /// Members share partitions (KIP-932).
    Share,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    /// Its id.
    pub(crate) id: String,
    /// What it is.
    pub(crate) kind: Kind,
    /// What its protocols are about; empty for a classic group that only holds offsets.
    pub(crate) protocol: String,
    /// Its state, in the broker's words.
    pub(crate) state: String,
    /// How partitions are assigned; empty if that is not settled.
    pub(crate) assignor: String,
    /// How often members, subscriptions or topics changed; classic groups do not have it.
    pub(crate) epoch: Option<i32>,
    /// The epoch that partitions were last assigned for; classic groups do not have it.
    pub(crate) assignment_epoch: Option<i32>,
    /// The members, by id.
    pub(crate) members: Vec<Member>,
}

/// A member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Member {
    /// Its id.
    pub(crate) id: String,
    /// The name of a static member.
    pub(crate) instance: Option<String>,
    /// Its rack.
    pub(crate) rack: Option<String>,
    /// The name that its client gave itself.
    pub(crate) client: String,
    /// Where it joined from.
    pub(crate) host: String,
    /// Its epoch; in classic groups it has none.
    pub(crate) epoch: Option<i32>,
    /// Topics that it subscribes to by name, where the answer has them.
    pub(crate) topics: Vec<String>,
    /// A regular expression of those.
    pub(crate) regex: Option<String>,
    /// What it has; `None` if that is in words that only members know.
    pub(crate) assignment: Option<Partitions>,
    /// What it shall have; consumer groups only.
    pub(crate) target: Option<Partitions>,
    /// Whether it speaks the classic protocol in a group of another type.
    pub(crate) classic: bool,
}

impl Kind {
    /// All, in the order in which a broker is asked: a classic group is whatever is neither of the others.
    const ALL: [Self; 3] = [Self::Consumer, Self::Classic, Self::Share];

    /// In Kafka's words.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Consumer => "consumer",
            Self::Share => "share",
        }
    }

    /// The one of that name; brokers that know but classic groups name none.
    fn named(name: &str) -> Option<Self> {
        if name.is_empty() {
            return Some(Self::Classic);
        }
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    /// Asks about one group. None if there is no such group of this type.
    async fn describe(self, connection: &Connection, id: &str) -> Result<Option<Group>, Error> {
        let described = match self {
            Self::Consumer => consumer::describe(connection, id).await,
            Self::Classic => classic::describe(connection, id).await,
            Self::Share => share::describe(connection, id).await,
        };
        let unknown = [Some(ErrorCode::GroupIdNotFound), Some(ErrorCode::UnsupportedVersion)];
        match described {
            Err(Error::Unsupported { .. }) => Ok(None),
            Err(error) if unknown.contains(&error.code()) => Ok(None),
            described => described,
        }
    }
}

impl Client {
    /// A group, and who coordinates it.
    pub(crate) async fn group(&self, id: &str) -> Result<(Coordinator, Group), Error> {
        let described = self.coordinated(id, async |connection| {
            for kind in Kind::ALL {
                if let Some(group) = kind.describe(connection, id).await? {
                    return Ok(Some(group));
                }
            }
            Ok(None)
        });
        if let (coordinator, Some(group)) = described.await? {
            return Ok((coordinator, group));
        }
        let group = id.to_owned();
        Err(match self.groups().await?.into_iter().find(|listed| listed.id == id) {
            Some(listed) => Error::Undescribed { group, kind: listed.kind },
            None => Error::NoGroup { group },
        })
    }

    /// A group of a list. None if it is of a type that no API describes, an error if it was deleted since.
    pub(crate) async fn group_listed(&self, listed: &Listed) -> Result<Option<Group>, Error> {
        let Some(kind) = Kind::named(&listed.kind) else { return Ok(None) };
        let here = async {
            let connection = self.connection(&listed.coordinator.address).await?;
            kind.describe(&connection, &listed.id).await
        };
        if let Ok(Some(group)) = here.await {
            return Ok(Some(group));
        }
        // It may have moved.
        match self.group(&listed.id).await {
            Ok((_, group)) => Ok(Some(group)),
            Err(Error::Undescribed { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn sorted(mut members: Vec<Member>) -> Vec<Member> {
    members.sort_by(|a, b| a.id.cmp(&b.id));
    members
}

/// Partitions by topic, from what is said of each topic.
fn by_topic<'a>(topics: impl IntoIterator<Item = (&'a str, &'a [i32])>) -> Partitions {
    let mut partitions = Partitions::new();
    for (topic, indexes) in topics {
        partitions.entry(topic.to_owned()).or_default().extend(indexes);
    }
    partitions.values_mut().for_each(|indexes| indexes.sort_unstable());
    partitions
}

/// An address without the slash that Java writes in front of it.
fn host(text: &str) -> String {
    text.strip_prefix('/').unwrap_or(text).to_owned()
}

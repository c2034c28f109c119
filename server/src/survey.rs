//! A cluster and its nodes, each asked how it is. A node that does not answer is part of the answer.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use coordinator::{PartitionId, SessionId, Shards, TopicId};
use protocol::messages::PeerStatusResponse;
use protocol::messages::peer::PeerSession;
use tokio::task::JoinSet;

use crate::client::{Client, Error, Metadata};

/// A node whose store has not answered for this long, or has not confirmed a write, counts as down.
pub(crate) const STORE_LOST: Duration = Duration::from_secs(5);

/// What the nodes reported.
pub(crate) struct Survey {
    /// What keeps the node that was asked first from serving anything.
    serves_nothing: Option<String>,
    /// The answer that knows most of the metadata log.
    pub(crate) newest: PeerStatusResponse,
    /// Topics, and who leads their partitions.
    pub(crate) metadata: Metadata,
    /// The nodes with an open session, by id.
    pub(crate) nodes: Vec<Node>,
}

/// A node.
pub(crate) struct Node {
    /// Its session, as the metadata log has it.
    pub(crate) session: PeerSession,
    /// Where it was asked.
    pub(crate) address: String,
    /// Partitions that it leads.
    pub(crate) leads: usize,
    /// What it reported, or why it did not.
    pub(crate) told: Result<PeerStatusResponse, String>,
}

/// How a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It serves.
    Alive,
    /// It gives its shards away.
    Draining,
    /// It has given its shards away, and gets none.
    Drained,
    /// Other nodes ask whether it lives.
    Suspected,
    /// Its store does not answer, or does not take what it writes.
    CutOff,
    /// It does not answer.
    Unreachable,
    /// No other node reaches it, so that it gets no shards.
    Unreached,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Alive => "alive",
            Self::Draining => "draining",
            Self::Drained => "drained",
            Self::Suspected => "suspected",
            Self::CutOff => "cut off",
            Self::Unreachable => "unreachable",
            Self::Unreached => "unreached",
        })
    }
}

impl Survey {
    /// Asks every node. Fails if none answers which nodes there are.
    pub(crate) async fn of(client: &Client) -> Result<Self, Error> {
        let metadata = client.metadata(None, false).await?;
        let mut newest = client.status().await?;
        let trouble = newest.store_trouble.as_deref().filter(|_| newest.node_id < 0);
        let serves_nothing = trouble.map(|t| format!("the node that was asked serves nothing: {t}"));
        let mut asked = JoinSet::new();
        for session in newest.sessions.clone() {
            let client = client.clone();
            asked.spawn(async move {
                let address = address(&session);
                let told = client.status_of(&address).await.map_err(|error| error.to_string());
                (session, address, told)
            });
        }
        let answers = asked.join_all().await;
        let leads = leads(&metadata);
        let mut nodes = Vec::with_capacity(answers.len());
        for (session, address, told) in answers {
            let told = told.and_then(|told| match told.process_id == session.process_id {
                true => Ok(told),
                false => Err("another process answers there".to_owned()),
            });
            if let Ok(told) = &told
                && told.metadata_next > newest.metadata_next
            {
                newest = told.clone();
            }
            let leads = leads.get(&session.node_id).copied().unwrap_or(0);
            nodes.push(Node { session, address, leads, told });
        }
        // What the newest answer says of sessions is nearest to the truth, and a session that is not in it has ended.
        let mut sessions = open_sessions(&newest);
        nodes.retain_mut(|node| match sessions.remove(node.session.session_id.as_bytes()) {
            Some(session) => {
                node.session = session;
                true
            }
            None => false,
        });
        nodes.sort_by_key(|node| (node.session.node_id, *node.session.session_id.as_bytes()));
        Ok(Self { serves_nothing, newest, metadata, nodes })
    }

    /// Partitions that no node leads.
    pub(crate) fn leaderless(&self) -> usize {
        let topics = self.metadata.topics.values();
        topics.flat_map(|topic| topic.partitions.values()).filter(|p| p.replicas.is_empty()).count()
    }

    /// Which nodes the store does not serve, and why, in words.
    pub(crate) fn cut_off(&self) -> Vec<String> {
        let cut_off = self.nodes.iter().filter(|node| node.state() == State::CutOff);
        cut_off.filter_map(Node::problem).chain(self.serves_nothing.clone()).collect()
    }

    /// The shard of a partition that a node can't rebuild, and why; `None` if none says so.
    pub(crate) fn unserved(&self, topic: TopicId, index: i32) -> Option<(i32, &str)> {
        let held: i64 = self.newest.sessions.iter().map(|session| i64::from(session.shards)).sum();
        let shards = Shards::new(u32::try_from(held + i64::from(self.newest.unassigned_shards)).ok()?)?;
        let shard = i32::try_from(shards.of_partition(PartitionId { topic, index }).0).ok()?;
        let told = self.nodes.iter().filter_map(|node| node.told.as_ref().ok());
        let found = told.flat_map(|told| &told.unserved).find(|unserved| unserved.shard == shard)?;
        Some((shard, found.error.as_str()))
    }

    /// What is wrong, in words.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems: Vec<String> = self.nodes.iter().filter_map(Node::problem).collect();
        problems.extend(self.serves_nothing.clone());
        problems.extend(self.nodes.iter().flat_map(Node::damage));
        let shards = self.newest.unassigned_shards;
        if shards > 0 {
            problems.push(format!("{shards} shards are held by no open session"));
        }
        let partitions = self.leaderless();
        if partitions > 0 {
            problems.push(format!("{partitions} partitions have no leader"));
        }
        problems
    }
}

/// The open sessions by id, as this answer has them. Where all are one process's, it is not unreached: there is no
/// other node that could reach it.
fn open_sessions(newest: &PeerStatusResponse) -> BTreeMap<[u8; 16], PeerSession> {
    let has_others = |own: &PeerSession| newest.sessions.iter().any(|s| s.process_id != own.process_id);
    let sessions = newest.sessions.iter().map(|session| {
        let unreached = session.unreached && has_others(session);
        (*session.session_id.as_bytes(), PeerSession { unreached, ..session.clone() })
    });
    sessions.collect()
}

/// By node: the partitions that it leads. A leader whose address is not reported is still the only replica.
fn leads(metadata: &Metadata) -> BTreeMap<i32, usize> {
    let mut leads = BTreeMap::new();
    for partition in metadata.topics.values().flat_map(|topic| topic.partitions.values()) {
        if let Some(leader) = partition.replicas.first() {
            *leads.entry(*leader).or_default() += 1;
        }
    }
    leads
}

/// Where the node of a session is asked: its inter-node listener.
pub(crate) fn address(session: &PeerSession) -> String {
    let (listener, host) = (String::new(), session.host.to_string());
    let port = u16::try_from(session.port).unwrap_or(0);
    coordinator::cluster::Address { listener, host, port }.to_string()
}

impl Node {
    /// How it is.
    pub(crate) fn state(&self) -> State {
        let store_age = self.store_age();
        match &self.told {
            _ if self.session.unreached => State::Unreached,
            Err(_) => State::Unreachable,
            Ok(_) if store_age.is_none_or(|age| age >= STORE_LOST) => State::CutOff,
            Ok(_) if self.session.suspected => State::Suspected,
            Ok(_) if self.session.draining && self.session.shards == 0 => State::Drained,
            Ok(_) if self.session.draining => State::Draining,
            Ok(_) => State::Alive,
        }
    }

    /// What keeps its store from taking what it writes.
    pub(crate) fn store_trouble(&self) -> Option<&str> {
        self.told.as_ref().ok()?.store_trouble.as_deref()
    }

    /// How long ago its store answered it, or for how long it took no write; `None` if it did not, or if the node does not answer.
    pub(crate) fn store_age(&self) -> Option<Duration> {
        let told = self.told.as_ref().ok()?;
        u64::try_from(told.store_age_ms).ok().map(Duration::from_millis)
    }

    /// Its session's id as logs have it.
    pub(crate) fn session_id(&self) -> String {
        SessionId(*self.session.session_id.as_bytes()).to_string()
    }

    /// What keeps shards of it from being served: a line for each error, which names the object.
    fn damage(&self) -> Vec<String> {
        let Ok(told) = &self.told else { return Vec::new() };
        let mut shards: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for unserved in &told.unserved {
            shards.entry(unserved.error.as_str()).or_default().push(unserved.shard);
        }
        let node = format!("node {} at {}", self.session.node_id, self.address);
        let line = |(error, shards): (&str, Vec<i32>)| {
            let (count, first) = (shards.len(), shards.first().copied().unwrap_or(-1));
            let which = match count {
                1 => format!("shard {first}"),
                _ => format!("{count} shards, {first} among them,"),
            };
            format!("{node} can't rebuild {which} and does not serve that: {error}")
        };
        shards.into_iter().map(line).collect()
    }

    fn problem(&self) -> Option<String> {
        let Self { session, address, .. } = self;
        let node = format!("node {} at {address}", session.node_id);
        match (self.state(), &self.told) {
            (State::Unreachable, Err(error)) => Some(format!("{node} is unreachable: {error}")),
            (State::Unreached, _) => Some(format!(
                "{node} is unreached: no other node reaches that address, so that it gets no shards: is its --advertise right?"
            )),
            (State::Suspected, _) => Some(format!("{node} is suspected: other nodes ask whether it lives")),
            (State::CutOff, _) => Some(match (self.store_age(), self.store_trouble()) {
                (Some(age), Some(trouble)) => {
                    format!("{node} is cut off: it has written nothing for {} s: {trouble}", age.as_secs())
                }
                (Some(age), None) => {
                    format!("{node} is cut off: its store has not answered for {} s", age.as_secs())
                }
                (None, _) => format!("{node} is cut off: its store has never answered"),
            }),
            _ => None,
        }
    }
}

/// What a node, or several, did per second of late.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Pace {
    /// Bytes of records taken.
    pub(crate) taken: f64,
    /// Bytes of records given.
    pub(crate) given: f64,
    /// Requests to the store, by kind; kinds that were not used are left out.
    pub(crate) store: BTreeMap<String, f64>,
    /// US dollars a month for these on S3.
    pub(crate) dollars: f64,
}

impl Pace {
    /// What a node reported.
    pub(crate) fn of(told: &PeerStatusResponse) -> Self {
        let seconds = (told.window_ms.max(1) as f64) / 1000.0;
        let used = told.store_requests.iter().filter(|requests| requests.count > 0);
        Self {
            taken: told.bytes_taken as f64 / seconds,
            given: told.bytes_given as f64 / seconds,
            store: used
                .map(|requests| (requests.kind.to_string(), requests.count as f64 / seconds))
                .collect(),
            dollars: told.s3_microdollars_per_month as f64 / 1e6,
        }
    }

    /// All requests to the store.
    pub(crate) fn requests(&self) -> f64 {
        self.store.values().sum()
    }
}

impl std::iter::Sum for Pace {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut sum, pace| {
            sum.taken += pace.taken;
            sum.given += pace.given;
            sum.dollars += pace.dollars;
            for (kind, requests) in pace.store {
                *sum.store.entry(kind).or_default() += requests;
            }
            sum
        })
    }
}

#[cfg(test)]
mod tests {
    use protocol::Uuid;
    use protocol::messages::peer::{PeerStoreRequests, PeerUnserved};

    use super::*;

    fn node(change: impl FnOnce(&mut PeerSession, &mut PeerStatusResponse)) -> Node {
        let mut session = PeerSession { shards: 5, ..Default::default() };
        let mut told = PeerStatusResponse { store_age_ms: 900, ..Default::default() };
        change(&mut session, &mut told);
        Node { session, address: "a:1".to_owned(), leads: 0, told: Ok(told) }
    }

    #[test]
    fn the_state_of_a_node() {
        assert_eq!(node(|_, _| ()).state(), State::Alive);
        assert_eq!(node(|session, _| session.draining = true).state(), State::Draining);
        let drained = node(|session, _| (session.draining, session.shards) = (true, 0));
        assert_eq!((drained.state(), drained.problem()), (State::Drained, None));
        assert_eq!(node(|session, _| session.suspected = true).state(), State::Suspected);
        let cut_off = node(|_, told| told.store_age_ms = 6500);
        assert_eq!(cut_off.state(), State::CutOff);
        let problem = "node 0 at a:1 is cut off: its store has not answered for 6 s";
        assert_eq!(cut_off.problem().as_deref(), Some(problem));
        let denied = node(|_, told| {
            told.store_age_ms = 6500;
            told.store_trouble = Some("writing wal/0 is denied: 403".into());
        });
        let problem =
            "node 0 at a:1 is cut off: it has written nothing for 6 s: writing wal/0 is denied: 403";
        assert_eq!((denied.state(), denied.problem().as_deref()), (State::CutOff, Some(problem)));
        let silent = Node { told: Err("no answer".to_owned()), ..node(|session, _| session.draining = true) };
        let unreached =
            Node { told: Err("no answer".to_owned()), ..node(|session, _| session.unreached = true) };
        let problem = "node 0 at a:1 is unreached: no other node reaches that address, so that it gets no shards: is its --advertise right?";
        assert_eq!((unreached.state(), unreached.problem().as_deref()), (State::Unreached, Some(problem)));
        assert_eq!(silent.state(), State::Unreachable);
        assert_eq!(silent.problem().as_deref(), Some("node 0 at a:1 is unreachable: no answer"));
    }

    #[test]
    fn a_node_without_others_is_not_unreached() {
        let session = |id: u8, process: u8| PeerSession {
            session_id: Uuid::from_bytes([id; 16]),
            process_id: Uuid::from_bytes([process; 16]),
            unreached: true,
            ..Default::default()
        };
        let unreached = |sessions: Vec<PeerSession>| {
            let newest = PeerStatusResponse { sessions, ..Default::default() };
            open_sessions(&newest).into_values().map(|session| session.unreached).collect::<Vec<_>>()
        };
        assert_eq!(unreached(vec![session(1, 1)]), [false]);
        assert_eq!(unreached(vec![session(1, 1), session(2, 1)]), [false, false]);
        assert_eq!(unreached(vec![session(1, 1), session(2, 2)]), [true, true]);
    }

    #[test]
    fn a_damaged_object_is_named() {
        assert!(node(|_, _| ()).damage().is_empty());
        let damaged = node(|_, told| {
            let unserved = |shard, error: &str| PeerUnserved { shard, error: error.into() };
            told.unserved =
                vec![unserved(3, "wal/a: bad"), unserved(4, "wal/b: bad"), unserved(9, "wal/a: bad")];
        });
        let lines = [
            "node 0 at a:1 can't rebuild 2 shards, 3 among them, and does not serve that: wal/a: bad",
            "node 0 at a:1 can't rebuild shard 4 and does not serve that: wal/b: bad",
        ];
        assert_eq!(damaged.damage(), lines);
        assert_eq!(damaged.state(), State::Alive);
    }

    #[test]
    fn paces_add_up() {
        let requests = |kind: &str, count| PeerStoreRequests { kind: kind.into(), count };
        let told = PeerStatusResponse {
            window_ms: 2000,
            bytes_taken: 100,
            store_requests: vec![requests("put", 4), requests("list", 0)],
            s3_microdollars_per_month: 1_500_000,
            ..Default::default()
        };
        let store = BTreeMap::from([("put".to_owned(), 2.0)]);
        let one = Pace { taken: 50.0, given: 0.0, store, dollars: 1.5 };
        assert_eq!(Pace::of(&told), one);
        let both: Pace = [one.clone(), one].into_iter().sum();
        assert_eq!((both.taken, both.requests(), both.dollars), (100.0, 4.0, 3.0));
        assert_eq!(Pace::of(&PeerStatusResponse::default()), Pace::default());
    }
}

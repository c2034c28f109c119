//! Clients of groups: some commit offsets and are no members, others are, of classic groups, of consumer groups
//! (KIP-848) or of share groups (KIP-932). They stay, or come, go, die and fall silent.

mod classic;
mod committer;
mod consumer;
mod offsets;
mod seat;
mod share;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::Client;
use crate::history::{Event, GroupReply, Place};
use seat::Seat;

/// What the clients of a group do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupKind {
    /// They commit offsets and are no members.
    Simple,
    /// They are members of a classic group.
    Classic,
    /// They are members of a consumer group.
    Consumer,
    /// They are members of a share group.
    Share(ShareRules),
}

/// What holds for a share group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShareRules {
    /// How long a record is a member's.
    pub lock: Duration,
    /// How often a record is delivered at most.
    pub deliveries: i16,
}

/// A group that clients use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupPlan {
    /// Its name.
    pub name: Arc<str>,
    /// What its clients do.
    pub kind: GroupKind,
    /// How many clients it has.
    pub clients: usize,
    /// How long a member may be silent.
    pub session: Duration,
    /// How long a rebalance waits for members.
    pub rebalance: Duration,
    /// Whether members come and go of their own accord.
    pub restless: bool,
    /// How long offsets are kept, if they may expire in the run. Then hardly anything is committed in its middle, and
    /// members are away for most of it.
    pub retention: Option<Duration>,
    /// The mean time between two attempts to delete the group, if a client does that. Its members come and go more
    /// often then, and leave it empty now and then.
    pub deletions: Option<Duration>,
    /// Whether most of its members are static ones (`group.instance.id`).
    pub statics: bool,
    /// Whether some of a consumer group's members subscribe by a regular expression.
    pub regex: bool,
}

/// What the clients of a group share.
#[derive(Clone)]
struct Group {
    plan: Arc<GroupPlan>,
    /// Partitions that a member has tried to commit for, and the offset that comes next.
    next: Arc<Mutex<BTreeMap<Place, i64>>>,
}

/// Runs the clients of a group, the first of which deletes it if it is to be deleted, until each of them finds the group
/// as it should be after the run's misfortunes.
pub async fn run(plan: GroupPlan, clients: Vec<Client>) {
    let group = Group { plan: Arc::new(plan), next: Arc::default() };
    let Some(first) = clients.first() else { return };
    let patience = group.plan.session.min(group.plan.rebalance) / 2;
    let patience_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
    let retention_ms = group.plan.retention.and_then(|kept| u64::try_from(kept.as_millis()).ok());
    first.note(Event::GroupMade { group: Arc::clone(&group.plan.name), patience_ms, retention_ms });
    if let GroupKind::Share(ShareRules { lock, deliveries }) = group.plan.kind {
        let lock_ms = u64::try_from(lock.as_millis()).unwrap_or(u64::MAX);
        first.note(Event::ShareMade { group: Arc::clone(&group.plan.name), lock_ms, deliveries });
    }
    let deleters = usize::from(group.plan.deletions.is_some());
    let running = clients.into_iter().enumerate().map(|(at, client)| {
        let seat = Seat::new(client, group.clone());
        tokio::spawn(async move {
            match seat.group.plan.kind {
                _ if at < deleters => share::delete(seat).await,
                GroupKind::Simple => committer::run(seat).await,
                GroupKind::Classic => classic::run(seat).await,
                GroupKind::Consumer => consumer::run(seat).await,
                GroupKind::Share(_) => share::run(seat).await,
            }
        })
    });
    futures::future::join_all(running.collect::<Vec<_>>()).await;
}

/// Reads all offsets of a group, once nothing goes wrong any more.
pub async fn fetch_all(client: &Client, plan: &GroupPlan, places: impl IntoIterator<Item = Place>) {
    let next = places.into_iter().map(|place| (place, 0)).collect();
    let group = Group { plan: Arc::new(plan.clone()), next: Arc::new(Mutex::new(next)) };
    let mut seat = Seat::new(client.clone(), group);
    while !matches!(offsets::fetch(&mut seat, &offsets::nobody()).await, Some(GroupReply::Offsets(_))) {
        seat.client.pause(50..500).await;
    }
}

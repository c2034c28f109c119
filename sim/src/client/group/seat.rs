//! One client's way to its group: it finds the coordinator, asks it, and notes what was asked and answered.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use protocol::messages::FindCoordinatorRequest;
use protocol::{ErrorCode, Request, Str};
use rand::Rng;
use tokio::time::Instant;

use super::super::{Client, Connection};
use super::Group;
use crate::history::{Event, GroupAsked, GroupReply, GroupRequest, STATIC};
use crate::network::node_named;

/// How long a node may take to say who coordinates a group.
const PATIENCE: Duration = Duration::from_secs(3);

/// When members of a group that may expire leave it, and between which times each comes back (ms since the run began).
const REST_MS: u64 = 15_000;
const BACK_MS: std::ops::Range<u64> = 60_000..105_000;

/// How often a client asks another node than the coordinator.
const ASTRAY: f64 = 0.02;

pub(super) struct Seat {
    pub(super) client: Client,
    pub(super) group: Group,
    coordinator: Option<Connection>,
    /// Whether it has been away from a group whose offsets expire meanwhile.
    rested: bool,
}

impl Seat {
    pub(super) fn new(client: Client, group: Group) -> Self {
        Self { client, group, coordinator: None, rested: false }
    }

    /// Asks the coordinator. `None` if there is no answer: what became of the request is unknown, if it was sent at
    /// all. After NOT_COORDINATOR, the coordinator is looked for next time.
    pub(super) async fn ask<R: Request>(
        &mut self,
        member: &Arc<str>,
        request: GroupRequest,
        (version, wire): (i16, &R),
        patience: Duration,
        read: impl FnOnce(R::Response) -> GroupReply,
    ) -> Option<GroupReply> {
        let mut connection = match self.coordinator.take() {
            Some(connection) => connection,
            None => self.find().await.ok()?,
        };
        let (group, member, at_ms) =
            (Arc::clone(&self.group.plan.name), Arc::clone(member), self.client.now_ms());
        self.client.trace.line(format_args!("{group} {member} {request:?}"));
        let ask = {
            let mut history = self.client.history.lock();
            let ask = history.len() as u64;
            let member = Arc::clone(&member);
            history.push(Event::GroupAsked(GroupAsked { ask, group, member, at_ms, request }));
            ask
        };
        let reply = match connection.ask(version, wire, patience).await {
            Ok(response) => read(response),
            Err(error) => {
                self.client.trace.line(format_args!("{} {member}: {error}", self.group.plan.name));
                return None;
            }
        };
        self.client.trace.line(format_args!("{} {member} {reply:?}", self.group.plan.name));
        let at_ms = self.client.now_ms();
        self.client.note(Event::GroupAnswered { ask, at_ms, reply: reply.clone() });
        if !is_elsewhere(&reply) {
            self.coordinator = Some(connection);
        }
        Some(reply)
    }

    /// Lets the connection go.
    pub(super) fn hang_up(&mut self) {
        self.coordinator = None;
    }

    /// The name of a static member, if this client's is to be one. It has the same one in all its lives.
    pub(super) fn instance(&mut self) -> Option<Str> {
        let is_static = self.group.plan.statics && self.client.rng.random_bool(0.7);
        is_static.then(|| Str::from(&*format!("{STATIC}{}", self.client.number)))
    }

    /// When it comes back, if it leaves now: once in the middle of a run in which groups expire.
    pub(super) fn rest(&mut self) -> Option<Instant> {
        if self.rested || self.group.plan.retention.is_none() || self.client.now_ms() < REST_MS {
            return None;
        }
        self.rested = true;
        Some(self.client.began + self.client.ms(BACK_MS))
    }

    /// A moment before a request is repeated.
    pub(super) async fn breathe(&mut self) {
        self.client.pause(50..400).await;
    }

    /// How long an answer is waited for: now and then not for long.
    pub(super) fn patience(&mut self) -> Duration {
        match self.client.rng.random_bool(0.1) {
            true => self.client.ms(30..1000),
            false => self.client.ms(2000..6000),
        }
    }

    async fn find(&mut self) -> io::Result<Connection> {
        let client = &mut self.client;
        let asked = client.rng.random_range(0..client.nodes);
        let mut connection = Connection::open(&client.network, client.host(), asked).await?;
        if client.rng.random_bool(ASTRAY) {
            return Ok(connection);
        }
        let key = (*self.group.plan.name).into();
        let request =
            FindCoordinatorRequest { key_type: 0, coordinator_keys: vec![key], ..Default::default() };
        let response = connection.ask(4, &request, PATIENCE).await?;
        let found = response.coordinators.first().filter(|found| found.error_code == 0);
        let node = found.and_then(|found| node_named(&found.host));
        let node = node.ok_or_else(|| io::Error::other("no coordinator"))?;
        if node == asked {
            return Ok(connection);
        }
        Connection::open(&client.network, client.host(), node).await
    }
}

/// Whether a reply says that the group is coordinated elsewhere, or not yet.
fn is_elsewhere(reply: &GroupReply) -> bool {
    let GroupReply::Refused(code) = reply else { return false };
    let code = ErrorCode::from_code(*code);
    matches!(
        code,
        Some(
            ErrorCode::NotCoordinator
                | ErrorCode::CoordinatorNotAvailable
                | ErrorCode::CoordinatorLoadInProgress
        )
    )
}

//! A member of a classic group: it joins, syncs, sends heartbeats, commits in its generation, and joins again when
//! a reply asks it to, as Kafka's classic consumer does.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use protocol::messages::join_group::{JoinGroupRequestProtocol, JoinGroupResponseMember};
use protocol::messages::leave_group::MemberIdentity;
use protocol::messages::sync_group::SyncGroupRequestAssignment;
use protocol::messages::{HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, SyncGroupRequest};
use protocol::{ErrorCode, Str};
use rand::Rng;
use tokio::time::{sleep, sleep_until};

use super::offsets::{commit, fetch};
use super::seat::Seat;
use crate::history::{Event, GroupReply, GroupRequest, Place};

/// A member's reply to JoinGroup.
struct Joined {
    generation: i32,
    /// Every member, if this one leads and is to assign something: its id, and the name by which that is known.
    members: Vec<(Str, Str)>,
}

struct Member {
    seat: Seat,
    id: Arc<str>,
    /// The name that it has in all its lives, if it is a static member (KIP-345).
    instance: Option<Str>,
}

/// What a member does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// It stays.
    Stay,
    /// It joins again, as what it is.
    Rejoin,
    /// It is a member no more.
    Out,
}

/// Is a member until the run says otherwise, and once more after that.
pub(super) async fn run(mut seat: Seat) {
    seat.client.pause(0..3000).await;
    let instance = seat.instance();
    let mut member = Member { seat, id: Arc::from(""), instance };
    loop {
        let Some(joined) = member.join().await else {
            member.seat.breathe().await;
            continue;
        };
        match member.sync(&joined).await {
            Next::Stay => {}
            _ => continue,
        }
        if member.stay(joined.generation).await {
            return;
        }
    }
}

impl Member {
    fn millis(of: Duration) -> i32 {
        i32::try_from(of.as_millis()).unwrap_or(i32::MAX)
    }

    fn name(&self) -> Str {
        Str::from(&*self.seat.group.plan.name)
    }

    async fn join(&mut self) -> Option<Joined> {
        let plan = Arc::clone(&self.seat.group.plan);
        let protocol =
            JoinGroupRequestProtocol { name: "simulated".into(), metadata: Bytes::from_static(b"m") };
        let request = JoinGroupRequest {
            group_id: self.name(),
            session_timeout_ms: Self::millis(plan.session),
            rebalance_timeout_ms: Self::millis(plan.rebalance),
            member_id: Str::from(&*self.id),
            group_instance_id: self.instance.clone(),
            protocol_type: "simulated".into(),
            protocols: vec![protocol],
            ..Default::default()
        };
        let (mut given, mut members) = (None, Vec::new());
        // The others have their time, and a coordinator that has just begun gives it anew.
        let patience = plan.rebalance + Duration::from_secs(5);
        let id = Arc::clone(&self.id);
        let reply = self.seat.ask(&id, GroupRequest::Join, (9, &request), patience, |response| {
            let member = Arc::<str>::from(response.member_id.as_str());
            match ErrorCode::from_code(response.error_code) {
                Some(ErrorCode::None) => {
                    given = Some(member);
                    if !response.skip_assignment {
                        let of = |m: &JoinGroupResponseMember| {
                            let name = m.group_instance_id.as_ref().unwrap_or(&m.member_id);
                            (m.member_id.clone(), name.clone())
                        };
                        members = response.members.iter().map(of).collect();
                    }
                    let leader = Arc::from(response.leader.as_str());
                    GroupReply::Joined { generation: response.generation_id, leader }
                }
                Some(ErrorCode::MemberIdRequired) => {
                    given = Some(member);
                    GroupReply::Refused(response.error_code)
                }
                _ => GroupReply::Refused(response.error_code),
            }
        });
        let reply = reply.await;
        if let Some(given) = given {
            self.id = given;
        }
        match reply? {
            GroupReply::Joined { generation, .. } => Some(Joined { generation, members }),
            GroupReply::Refused(code) => {
                self.refused(code);
                None
            }
            _ => None,
        }
    }

    /// Takes an error in.
    fn refused(&mut self, code: i16) -> Next {
        match ErrorCode::from_code(code) {
            // A request of an earlier life may have been late, and have taken the place of this one.
            Some(ErrorCode::FencedInstanceId) if self.instance.is_some() => {
                self.id = Arc::from("");
                Next::Out
            }
            Some(ErrorCode::UnknownMemberId) => {
                self.id = Arc::from("");
                Next::Out
            }
            Some(
                ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration | ErrorCode::MemberIdRequired,
            ) => Next::Rejoin,
            Some(code) if code.is_retriable() => Next::Stay,
            code => {
                let name = Arc::clone(&self.seat.group.plan.name);
                self.seat.client.wrong(format!("{} of {name} was refused: {code:?}", self.id));
                Next::Out
            }
        }
    }

    /// What this generation's leader gives to a member.
    fn part(generation: i32, member: &str) -> Bytes {
        Bytes::from(format!("{generation} {member}"))
    }

    async fn sync(&mut self, joined: &Joined) -> Next {
        let generation = joined.generation;
        let part = |(id, name): &(Str, Str)| SyncGroupRequestAssignment {
            member_id: id.clone(),
            assignment: Self::part(generation, name),
        };
        let request = SyncGroupRequest {
            group_id: self.name(),
            generation_id: generation,
            member_id: Str::from(&*self.id),
            group_instance_id: self.instance.clone(),
            protocol_type: Some("simulated".into()),
            protocol_name: Some("simulated".into()),
            assignments: joined.members.iter().map(part).collect(),
        };
        let patience = self.seat.group.plan.rebalance + Duration::from_secs(5);
        let id = Arc::clone(&self.id);
        loop {
            let mut assigned = Bytes::new();
            let what = GroupRequest::Sync { generation };
            let reply = self.seat.ask(&id, what, (5, &request), patience, |response| {
                assigned = response.assignment;
                match response.error_code {
                    0 => GroupReply::Done,
                    code => GroupReply::Refused(code),
                }
            });
            let next = match reply.await {
                Some(GroupReply::Done) => {
                    let name = self.instance.as_deref().unwrap_or(&id);
                    if assigned != Self::part(generation, name) {
                        self.seat.client.wrong(format!("{id} was assigned {assigned:?} in {generation}"));
                    }
                    return Next::Stay;
                }
                Some(GroupReply::Refused(code)) => self.refused(code),
                _ => Next::Stay,
            };
            if next != Next::Stay {
                return next;
            }
            self.seat.breathe().await;
        }
    }

    /// Lives in a generation. Returns whether the run is over.
    async fn stay(&mut self, generation: i32) -> bool {
        let beat = self.seat.group.plan.session / 10;
        loop {
            let ends = !self.seat.client.is_running();
            match self.heartbeat(generation).await {
                // Beyond the end, it was a member of a generation that goes on.
                Some(Next::Stay) if ends => {
                    self.leave().await;
                    return true;
                }
                Some(Next::Stay) => self.seat.client.pause(0..2 * beat.as_millis() as u64).await,
                Some(_) => return false,
                None => self.seat.breathe().await,
            }
            if self.seat.group.plan.restless && !ends && self.wander().await {
                return false;
            }
            if !ends && let Some(back) = self.seat.rest() {
                self.leave().await;
                self.id = Arc::from("");
                sleep_until(back).await;
                return false;
            }
            let caller = (Arc::clone(&self.id), generation);
            let reply = match self.seat.client.rng.random_range(0..4) {
                0 => fetch(&mut self.seat, &caller).await,
                1 => {
                    let topic = &self.seat.client.topics[0];
                    let place: Place = (Arc::clone(&topic.name), generation % topic.partitions.max(1));
                    commit(&mut self.seat, &caller, vec![place]).await
                }
                _ => None,
            };
            if let Some(GroupReply::Refused(code)) = reply
                && self.refused(code) != Next::Stay
            {
                return false;
            }
        }
    }

    /// `None` if it is to be repeated.
    async fn heartbeat(&mut self, generation: i32) -> Option<Next> {
        let request = HeartbeatRequest {
            group_id: self.name(),
            generation_id: generation,
            member_id: Str::from(&*self.id),
            group_instance_id: self.instance.clone(),
        };
        let (id, patience) = (Arc::clone(&self.id), self.seat.patience());
        let what = GroupRequest::Heartbeat { generation };
        let reply = self.seat.ask(&id, what, (4, &request), patience, |response| match response.error_code {
            0 => GroupReply::Done,
            code => GroupReply::Refused(code),
        });
        match reply.await? {
            GroupReply::Refused(code) => Some(self.refused(code)).filter(|next| *next != Next::Stay),
            _ => Some(Next::Stay),
        }
    }

    /// Now and then it leaves, dies, or says nothing for a while. Returns whether it has to join again.
    async fn wander(&mut self) -> bool {
        match self.seat.client.rng.random_range(0..60) {
            // A static member is stopped and started again.
            0 if self.instance.is_some() => {
                self.die();
                self.seat.client.pause(0..3000).await;
                true
            }
            0 => {
                self.leave().await;
                self.id = Arc::from("");
                true
            }
            1 => {
                self.die();
                self.seat.client.pause(0..20_000).await;
                true
            }
            2 => {
                sleep(self.seat.group.plan.session * 3 / 2).await;
                false
            }
            // The leader of a group rebalances it, another member gets what it knows already.
            3 => true,
            _ => false,
        }
    }

    fn die(&mut self) {
        let (group, member) = (Arc::clone(&self.seat.group.plan.name), Arc::clone(&self.id));
        let at_ms = self.seat.client.now_ms();
        self.seat.client.note(Event::GroupGone { group, member, at_ms });
        self.seat.hang_up();
        self.id = Arc::from("");
    }

    async fn leave(&mut self) {
        let group_instance_id = self.instance.clone();
        let member =
            MemberIdentity { member_id: Str::from(&*self.id), group_instance_id, ..Default::default() };
        let request =
            LeaveGroupRequest { group_id: self.name(), members: vec![member], ..Default::default() };
        let (id, patience) = (Arc::clone(&self.id), self.seat.patience());
        let reply = self.seat.ask(&id, GroupRequest::Leave, (5, &request), patience, |response| {
            let of_member = response.members.first().map_or(0, |member| member.error_code);
            match response.error_code.max(of_member) {
                0 => GroupReply::Done,
                code => GroupReply::Refused(code),
            }
        });
        // Without an answer, it is removed when its session ends.
        drop(reply.await);
    }
}

//! A client that is a member of groups, and says no more than it must.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use protocol::consumer_protocol::{ConsumerProtocolAssignment, ConsumerProtocolSubscription, TopicPartition};
use protocol::messages::join_group::JoinGroupRequestProtocol;
use protocol::messages::leave_group::MemberIdentity;
use protocol::messages::sync_group::SyncGroupRequestAssignment;
use protocol::messages::{
    ConsumerGroupHeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, SyncGroupRequest,
};
use protocol::{ErrorCode, Request, frame};

const PATIENCE: Duration = Duration::from_secs(30);

/// A member, for as long as its session lasts.
pub(crate) struct Member {
    socket: TcpStream,
    group: String,
    pub(crate) id: String,
}

impl Member {
    fn connect(address: &str, group: &str) -> Self {
        let socket = TcpStream::connect(address).expect("the node listens");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
        Self { socket, group: group.to_owned(), id: String::new() }
    }

    /// Joins a classic group alone, and assigns these partitions of a topic to itself.
    pub(crate) fn classic(address: &str, group: &str, topic: &str, partitions: &[i32]) -> Self {
        let mut member = Self::connect(address, group);
        let subscription = ConsumerProtocolSubscription {
            topics: vec![topic.into()],
            user_data: None,
            owned_partitions: Vec::new(),
            generation_id: -1,
            rack_id: None,
        };
        let mut join = JoinGroupRequest {
            group_id: group.into(),
            session_timeout_ms: 30_000,
            rebalance_timeout_ms: 30_000,
            protocol_type: "consumer".into(),
            protocols: vec![JoinGroupRequestProtocol {
                name: "range".into(),
                metadata: subscription.encode(1).expect("it fits"),
            }],
            ..Default::default()
        };
        let mut joined = member.call(&join);
        if joined.error_code == ErrorCode::MemberIdRequired.code() {
            join.member_id = joined.member_id;
            joined = member.call(&join);
        }
        assert_eq!(joined.error_code, 0);
        let assigned = TopicPartition { topic: topic.into(), partitions: partitions.to_vec() };
        let assignment = ConsumerProtocolAssignment { assigned_partitions: vec![assigned], user_data: None };
        let assignment = SyncGroupRequestAssignment {
            member_id: joined.member_id.clone(),
            assignment: assignment.encode(1).expect("it fits"),
        };
        let sync = SyncGroupRequest {
            group_id: group.into(),
            generation_id: joined.generation_id,
            member_id: joined.member_id.clone(),
            protocol_type: Some("consumer".into()),
            protocol_name: Some("range".into()),
            assignments: vec![assignment],
            ..Default::default()
        };
        assert_eq!(member.call(&sync).error_code, 0);
        member.id = joined.member_id.into();
        member
    }

    /// Joins a group of KIP-848.
    pub(crate) fn consumer(address: &str, group: &str, topic: &str) -> Self {
        let mut member = Self::connect(address, group);
        member.id = "a-member-of-its-own".to_owned();
        member.beat(0, Some(topic));
        member
    }

    fn beat(&mut self, epoch: i32, topic: Option<&str>) {
        let beat = ConsumerGroupHeartbeatRequest {
            group_id: self.group.as_str().into(),
            member_id: self.id.as_str().into(),
            member_epoch: epoch,
            rebalance_timeout_ms: 30_000,
            subscribed_topic_names: topic.map(|topic| vec![topic.into()]),
            topic_partitions: topic.map(|_| Vec::new()),
            ..Default::default()
        };
        let beaten = self.call(&beat);
        assert_eq!((beaten.error_code, beaten.error_message), (0, None));
    }

    /// Leaves a group of KIP-848.
    pub(crate) fn leave_consumer(mut self) {
        self.beat(-1, None);
    }

    /// Leaves a classic group.
    pub(crate) fn leave_classic(mut self) {
        let (group_id, member_id) = (self.group.as_str().into(), self.id.as_str().into());
        let leaving = MemberIdentity { member_id, ..Default::default() };
        let left = LeaveGroupRequest { group_id, members: vec![leaving], ..Default::default() };
        assert_eq!(self.call(&left).error_code, 0);
    }

    fn call<R: Request>(&mut self, request: &R) -> R::Response {
        let version = *R::VERSIONS.end();
        for chunk in frame::encode_request(1, Some("a-client"), version, request).expect("it fits") {
            self.socket.write_all(&chunk).expect("the node reads");
        }
        let mut length = [0; 4];
        self.socket.read_exact(&mut length).expect("the node answers");
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        self.socket.read_exact(&mut answer).expect("the node answers");
        frame::decode_response::<R>(Bytes::from(answer), version).expect("an answer").1
    }
}

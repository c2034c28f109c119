//! Clients that believe what they are told.

use bytes::Bytes;

use crate::group::classic::{Caller, Join, Joined, Sync};
use crate::group::{MemberId, Reject};

/// The assignor lists that clients join with, by protocol type: `range` and `sticky`, with topics in
/// [`crate::group::driver::CODEC`]'s form.
pub(super) const LISTS: [(&str, &[(&str, &str)]); 5] = [
    ("consumer", &[("range", "t1"), ("sticky", "t1")]),
    ("consumer", &[("sticky", "t1"), ("range", "t1")]),
    ("consumer", &[("range", "t2")]),
    ("consumer", &[("range", "?"), ("sticky", "t1")]),
    ("connect", &[("range", "t1")]),
];

/// How many clients a group has.
pub(super) const CLIENTS: usize = 6;

#[derive(Clone, Debug)]
pub(super) struct Client {
    /// Its group, by number.
    pub(super) group: usize,
    pub(super) instance: Option<&'static str>,
    requires_known_id: bool,
    supports_skipping: bool,
    pub(super) member: MemberId,
    pub(super) generation: i32,
    /// The members that it is to assign to, by id and by what they are known as from one id to the next.
    assigns_to: Vec<(MemberId, String)>,
}

/// Three dynamic clients and three static ones, of which two share an instance, for each of two groups.
pub(super) fn clients() -> Vec<Client> {
    let of = |group| {
        [(None, true, false), (None, true, false), (None, false, false)]
            .into_iter()
            .chain([(Some("a"), true, true), (Some("b"), false, false), (Some("a"), true, false)])
            .map(move |(instance, requires_known_id, supports_skipping)| Client {
                group,
                instance,
                requires_known_id,
                supports_skipping,
                member: "".into(),
                generation: -1,
                assigns_to: Vec::new(),
            })
    };
    of(0).chain(of(1)).collect()
}

/// What a member is assigned in a generation, by which it is known whose it is.
pub(super) fn share(generation: i32, name: &str) -> String {
    format!("{generation}/{name}")
}

impl Client {
    pub(super) fn caller(&self, stale: bool) -> Caller {
        let generation = if stale { self.generation - 1 } else { self.generation };
        Caller { member: self.member.clone(), instance: self.instance.map(str::to_owned), generation }
    }

    pub(super) fn join(&self, fresh: &str, list: usize, patience: usize) -> Join {
        let (protocol_type, protocols) = LISTS[list];
        let protocol = |(name, topics): &(&str, &'static str)| {
            ((*name).to_owned(), Bytes::from_static(topics.as_bytes()))
        };
        Join {
            member: self.member.clone(),
            fresh: fresh.into(),
            requires_known_id: self.requires_known_id,
            instance: self.instance.map(str::to_owned),
            client_id: "c".to_owned(),
            client_host: "h".to_owned(),
            session_timeout_ms: [6_000, 10_000, 10_000][patience],
            rebalance_timeout_ms: [8_000, 60_000, 600_000][patience],
            protocol_type: protocol_type.to_owned(),
            protocols: protocols.iter().map(protocol).collect(),
            supports_skipping: self.supports_skipping,
        }
    }

    pub(super) fn sync(&self, stale: bool, leave_out: bool) -> Sync {
        let members = self.assigns_to.iter().skip(usize::from(leave_out));
        let assignment = |(id, name): &(MemberId, String)| (id.clone(), share(self.generation, name).into());
        Sync {
            caller: self.caller(stale),
            protocol_type: None,
            protocol: None,
            assignments: members.map(assignment).collect(),
        }
    }

    pub(super) fn hear_joined(&mut self, joined: &Joined) {
        self.member = joined.member.clone();
        self.generation = joined.generation;
        let name =
            |id: &MemberId, instance: &Option<String>| instance.clone().unwrap_or_else(|| id.to_string());
        self.assigns_to = match joined.skip_assignment {
            true => Vec::new(),
            false => joined.members.iter().map(|(id, i, _)| (id.clone(), name(id, i))).collect(),
        };
    }

    pub(super) fn hear_reject(&mut self, reject: &Reject, member: Option<&MemberId>) {
        match (reject, member) {
            (Reject::MemberIdRequired, Some(member)) => self.member = member.clone(),
            (Reject::UnknownMember | Reject::FencedInstance, _) => {
                (self.member, self.generation) = ("".into(), -1);
            }
            _ => {}
        }
    }
}

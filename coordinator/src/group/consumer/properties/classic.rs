//! A client of the classic protocol: join, sync, heartbeats.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::client::{Client, READS};
use super::run::Run;
use crate::cluster::Cluster;
use crate::group::classic::{Heartbeat, Join, JoinReject, Joined, Leave, Sync, Synced};
use crate::group::consumer::lab::{CODEC, Fate, caller};
use crate::group::state::{Assignment, MemberId};
use crate::group::{Reject, Reply, Request, Token};

/// What a client does next.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Join,
    /// Look whether the reply is there.
    Wait(Token),
    /// With what the other members say, if it leads.
    Sync(Vec<(MemberId, Option<String>, Bytes)>),
    Heartbeat,
}

pub(super) fn act(run: &mut Run, who: usize, fate: Fate) {
    let client = &run.clients[who];
    let caller = || {
        let mut caller = caller(&client.id, client.epoch);
        caller.instance = client.instance.map(str::to_owned);
        caller
    };
    let request = match client.step.clone() {
        Step::Join => {
            if !run.clients[who].cooperative {
                run.clients[who].owned.clear();
            }
            let join = join(run, who);
            Request::Join(join)
        }
        Step::Wait(token) => {
            if let Some(reply) = run.lab.replies.remove(&token) {
                hear(run, who, reply);
            }
            return;
        }
        Step::Sync(members) => {
            let assignments = share(&members, &run.lab.cluster);
            let (protocol_type, protocol) = (Some("consumer".to_owned()), Some("range".to_owned()));
            Request::Sync(Sync { caller: caller(), protocol_type, protocol, assignments })
        }
        Step::Heartbeat => Request::Heartbeat(Heartbeat { caller: caller() }),
    };
    match run.ask(request, fate) {
        Ok(reply) => hear(run, who, reply),
        Err(token) if fate == Fate::Done => run.clients[who].step = Step::Wait(token),
        // It asks again.
        Err(_) => {}
    }
}

fn join(run: &mut Run, who: usize) -> Join {
    let fresh = run.fresh();
    run.clients[who].told = true;
    let client = &run.clients[who];
    let name = |topic| run.lab.cluster.topic(topic).map(|topic| topic.name.clone());
    let owned = client.owned.iter().filter_map(|(topic, all)| {
        let all: Vec<String> = all.iter().map(i32::to_string).collect();
        Some(format!("{}:{}", name(*topic)?, all.join(" ")))
    });
    let metadata = format!("1|{}|{}", READS[client.reads].0.join(","), owned.collect::<Vec<_>>().join(","));
    Join {
        member: client.id.clone(),
        fresh,
        requires_known_id: client.instance.is_none(),
        instance: client.instance.map(str::to_owned),
        client_id: "classic".to_owned(),
        client_host: "h".to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 20_000,
        protocol_type: "consumer".to_owned(),
        protocols: vec![("range".to_owned(), Bytes::from(metadata))],
        supports_skipping: false,
    }
}

fn hear(run: &mut Run, who: usize, reply: Reply) {
    let cluster = &run.lab.cluster;
    let client = &mut run.clients[who];
    match reply {
        Reply::Join(Ok(Joined { member, generation, members, .. })) => {
            client.id = member;
            client.epoch = generation;
            client.step = Step::Sync(members);
        }
        Reply::Join(Err(JoinReject { reject: Reject::MemberIdRequired, member })) => client.id = member,
        Reply::Sync(Ok(Synced { assignment, .. })) => synced(client, &assignment, cluster),
        Reply::Done(Ok(())) => {}
        Reply::Join(Err(JoinReject { reject, .. })) | Reply::Sync(Err(reject)) | Reply::Done(Err(reject)) => {
            match reject {
                Reject::RebalanceInProgress => client.step = Step::Join,
                Reject::IllegalGeneration | Reject::InconsistentProtocol => client.lose(),
                Reject::UnknownMember | Reject::FencedInstance => {
                    client.lose();
                    client.id = "".into();
                }
                reject => panic!("{}: {reject:?}", client.id),
            }
        }
        reply => panic!("{reply:?}"),
    }
}

fn synced(client: &mut Client, assignment: &[u8], cluster: &Cluster) {
    let assigned = if assignment.is_empty() { None } else { (CODEC.read_assignment)(assignment) };
    let mut now = Assignment::new();
    for (name, all) in assigned.unwrap_or_default().partitions {
        if let Some(topic) = cluster.topic_named(&name) {
            now.insert(topic.id, all.into_iter().collect());
        }
    }
    let keeps_all =
        client.owned.iter().all(|(topic, all)| now.get(topic).is_some_and(|now| all.is_subset(now)));
    client.owned = now;
    // Whoever has given something back says so, and so does who reads something else since it joined.
    client.step = if keeps_all && client.told { Step::Heartbeat } else { Step::Join };
}

/// What a leader makes of the others: everyone keeps what it has, and what nobody has goes around.
fn share(members: &[(MemberId, Option<String>, Bytes)], cluster: &Cluster) -> Vec<(MemberId, Bytes)> {
    let read = |metadata: &Bytes| (CODEC.read_subscription)(metadata).expect("ours");
    let members: Vec<_> = members.iter().map(|(id, _, metadata)| (id, read(metadata))).collect();
    let mut shares: Vec<BTreeMap<String, Vec<i32>>> = vec![BTreeMap::new(); members.len()];
    for topic in cluster.topics() {
        let readers: Vec<usize> =
            (0..members.len()).filter(|&n| members[n].1.topics.contains(&topic.name)).collect();
        for index in 0..topic.partitions {
            let claims =
                |n: usize| members[n].1.owned.iter().any(|(t, all)| *t == topic.name && all.contains(&index));
            let owner = (0..members.len()).find(|&n| claims(n));
            let to = match owner {
                Some(owner) => Some(owner).filter(|owner| readers.contains(owner)),
                None => readers.get(index as usize % readers.len().max(1)).copied(),
            };
            if let Some(to) = to {
                shares[to].entry(topic.name.clone()).or_default().push(index);
            }
        }
    }
    let write = |share: BTreeMap<String, Vec<i32>>| (CODEC.write_assignment)(1, &share.into_iter().collect());
    members.iter().map(|(id, _)| (*id).clone()).zip(shares.into_iter().map(write)).collect()
}

/// A client gives up all that it has, and says that it goes.
pub(super) fn leave(run: &mut Run, who: usize) {
    let client = &mut run.clients[who];
    let members = vec![(client.id.clone(), client.instance.map(str::to_owned))];
    client.lose();
    client.id = "".into();
    if !members[0].0.is_empty() {
        drop(run.ask(Request::Leave(Leave { members }), Fate::Done));
    }
}

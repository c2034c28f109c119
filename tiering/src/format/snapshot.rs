//! A metadata snapshot: the state that the entries before `next` make, so that a start reads few of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use coordinator::cluster::{Cluster, Configs, Grant, HoldingEnd, Session, SessionState};
use coordinator::config::Overrides;
use coordinator::topic::{Topic, config::TopicConfig};
use coordinator::{Epoch, NodeId, ProcessId, SessionId, TopicId};

use super::codec::{Reader, Result, Writer};
use super::entry;
use super::envelope::{self, Nonce};
use super::{FormatError, Kind};

const OPEN: u8 = 0;
const CLOSED: u8 = 1;
const DEAD: u8 = 2;

// A session's flags.
const DRAINING: u8 = 1;
const UNREACHED: u8 = 2;

const NEWER_SETTING: &str =
    "there is a setting that this build does not know: a newer build wrote it, use that one";

// How a holding ended.
const HELD: u8 = 0;
const CUT: u8 = 1;
const RELEASED: u8 = 2;

/// The object at `meta/snap/<cluster.next()>`.
pub fn encode(cluster: &Cluster, nonce: Nonce) -> Bytes {
    let mut w = Writer::default();
    w.u64(cluster.next().0);
    entry::encode_format(&mut w, cluster.format());
    let sessions: Vec<_> = cluster.sessions().collect();
    w.list(sessions.iter(), |w, s| {
        w.raw(s.id.as_bytes()).raw(s.process.as_bytes()).i32(s.node.0).u64(s.opened.0);
        w.optional(s.rack.as_deref(), |w, rack| {
            w.string(rack);
        });
        entry::encode_addresses(w, &s.addresses);
        match &s.state {
            SessionState::Open => {
                w.u8(OPEN);
            }
            SessionState::Closed(end) => entry::encode_end(w.u8(CLOSED), end),
            SessionState::Dead(end) => entry::encode_end(w.u8(DEAD), end),
        }
        w.optional(s.suspected, |w, k| {
            w.u64(k.0);
        });
        w.u8(if s.draining { DRAINING } else { 0 } | if s.reached { 0 } else { UNREACHED });
    });
    let topics: Vec<_> = cluster.topics().collect();
    w.list(topics.iter(), |w, t| {
        w.raw(t.id.as_bytes()).string(&t.name).i32(t.partitions).i16(t.replication_factor);
        entry::encode_overrides(w, &t.overrides);
    });
    encode_grants(&mut w, cluster);
    encode_configs(&mut w, cluster.configs());
    envelope::seal(Kind::Snapshot, nonce, w.bytes())
}

fn encode_configs(w: &mut Writer, configs: &Configs) {
    entry::encode_overrides(w, &configs.all_brokers);
    w.list(configs.brokers.iter(), |w, (node, overrides)| {
        entry::encode_overrides(w.i32(node.0), overrides);
    });
    w.list(configs.groups.iter(), |w, (group, overrides)| {
        entry::encode_overrides(w.string(group), overrides);
    });
}

fn decode_configs(r: &mut Reader<'_>) -> Result<Configs> {
    let all_brokers = entry::decode_overrides(r)?;
    let brokers = r.map(8, |r| Ok((NodeId(r.i32()?), entry::decode_overrides(r)?)))?;
    let groups = r.map(6, |r| Ok((r.string()?, entry::decode_overrides(r)?)))?;
    let none = brokers.values().chain(groups.values()).any(BTreeMap::is_empty);
    if none {
        return Err(FormatError::Invalid("a node or a group without settings is listed with them"));
    }
    let configs = Configs { all_brokers, brokers, groups };
    configs.check().map_err(|_| FormatError::Invalid(NEWER_SETTING))?;
    Ok(configs)
}

/// Successive shards with the same holdings are written once.
fn encode_grants(w: &mut Writer, cluster: &Cluster) {
    let mut runs: Vec<(u32, &[Grant])> = Vec::new();
    for shard in cluster.shards().all() {
        let grants = cluster.grants(shard);
        match runs.last_mut() {
            Some((count, same)) if *same == grants => *count += 1,
            _ => runs.push((1, grants)),
        }
    }
    w.list(runs.iter(), |w, (count, grants)| {
        w.u32(*count).list(grants.iter(), |w, g| {
            w.u64(g.epoch.0).raw(g.session.as_bytes()).i32(g.leader_epoch);
            match g.end {
                None => w.u8(HELD),
                Some(HoldingEnd::Cut(slot)) => w.u8(CUT).u64(slot),
                Some(HoldingEnd::Released(slot)) => w.u8(RELEASED).u64(slot),
            };
        });
    });
}

/// Reads the snapshot object at `next`'s key.
pub fn decode(next: Epoch, object: &[u8]) -> Result<Cluster> {
    let mut r =
        Reader::new("metadata snapshot", envelope::open(Kind::Snapshot, "metadata snapshot", object)?);
    if r.u64()? != next.0 {
        return Err(FormatError::Invalid("the snapshot says that it belongs under another key"));
    }
    let format = entry::decode_format(&mut r)?;
    let sessions = r.map(52, |r| {
        let (id, process) = (SessionId(r.array()?), ProcessId(r.array()?));
        let (node, opened) = (NodeId(r.i32()?), Epoch(r.u64()?));
        let rack = r.optional(|r| r.string())?;
        let addresses = entry::decode_addresses(r)?;
        let state = match r.u8()? {
            OPEN => SessionState::Open,
            CLOSED => SessionState::Closed(entry::decode_end(r)?),
            DEAD => SessionState::Dead(entry::decode_end(r)?),
            found => return Err(FormatError::Newer { what: "a session's state", found: u64::from(found) }),
        };
        let suspected = r.optional(|r| r.u64().map(Epoch))?;
        let flags = r.u8()?;
        if flags & !(DRAINING | UNREACHED) != 0 {
            return Err(FormatError::Newer { what: "a session's flags", found: u64::from(flags) });
        }
        let (draining, reached) = (flags & DRAINING != 0, flags & UNREACHED == 0);
        Ok((id, Session { id, process, node, rack, addresses, opened, state, suspected, draining, reached }))
    })?;
    let topics = r.map(28, |r| {
        let (id, name) = (TopicId(r.array()?), r.string()?);
        let (partitions, replication_factor) = (entry::decode_partitions(r)?, r.i16()?);
        let overrides = entry::decode_overrides(r)?;
        let known = TopicConfig::over(&Overrides::new(), &overrides);
        let config = known.map_err(|_| FormatError::Invalid(NEWER_SETTING))?;
        Ok((id, Topic { id, name, partitions, replication_factor, overrides, config }))
    })?;
    let names: BTreeSet<_> = topics.values().map(|t| &t.name).collect();
    if names.len() < topics.len() {
        return Err(FormatError::Invalid("two topics of the snapshot have one name"));
    }
    let mut grants = Vec::new();
    for _ in 0..r.u32()? {
        let count = r.u32()? as usize;
        let run = r.list(29, |r| {
            let (epoch, session) = (Epoch(r.u64()?), SessionId(r.array()?));
            let leader_epoch = r.i32()?;
            let end = match r.u8()? {
                HELD => None,
                CUT => Some(HoldingEnd::Cut(r.u64()?)),
                RELEASED => Some(HoldingEnd::Released(r.u64()?)),
                found => return Err(FormatError::Newer { what: "a holding's end", found: u64::from(found) }),
            };
            Ok(Grant { epoch, session, leader_epoch, end })
        })?;
        if count == 0 || count > format.shards.count() as usize - grants.len() {
            return Err(FormatError::Invalid("the snapshot holds other shards than the cluster has"));
        }
        grants.extend(std::iter::repeat_n(Arc::new(run), count));
    }
    if grants.len() != format.shards.count() as usize {
        return Err(FormatError::Invalid("the snapshot holds fewer shards than the cluster has"));
    }
    let configs = decode_configs(&mut r)?;
    r.end()?;
    let (sessions, topics) = (sessions.into_values().collect(), topics.into_values().collect());
    Ok(Cluster::restore(next, format, sessions, topics, configs, grants))
}

#[cfg(test)]
#[path = "snapshot_test.rs"]
mod tests;

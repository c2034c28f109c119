//! A metadata entry: a list of operations.

use bytes::Bytes;
use coordinator::cluster::{
    Address, CheckpointRef, Cluster, Format, MoveFrom, Op, Resource, SessionEnd, ShardRun,
};
use coordinator::{ClusterId, Epoch, NodeId, ProcessId, SessionId, Shards, TopicId};

use super::codec::{Reader, Result, Writer};
use super::envelope::{self, Nonce};
use super::{FormatError, Kind};

/// What entry k holds. Entry 0 is FORMAT and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The first entry.
    Format(Format),
    /// Every other one.
    Ops(Vec<Op>),
}

const FORMAT: u8 = 1;
const OPEN: u8 = 2;
const DEAD: u8 = 3;
const CLOSED: u8 = 4;
const MOVE: u8 = 5;
const CREATE_TOPIC: u8 = 6;
const DELETE_TOPIC: u8 = 7;
const PRODUCER_BLOCK: u8 = 8;
const SUSPECT: u8 = 9;
const ALIVE: u8 = 10;
const DRAIN: u8 = 11;
const CREATE_PARTITIONS: u8 = 12;
const ALTER_CONFIG: u8 = 13;
const REACHED: u8 = 14;

/// The last kind of operation.
const LAST: u8 = REACHED;

// Whose settings an ALTER_CONFIG changes.
const OF_TOPIC: u8 = 0;
const OF_NODE: u8 = 1;
const OF_ALL_NODES: u8 = 2;
const OF_GROUP: u8 = 3;

// How a MOVE's holding ended.
const NEVER_HELD: u8 = 0;
const ENDED: u8 = 1;
const RELEASED: u8 = 2;

/// The object of entry `k`.
pub fn encode(k: Epoch, entry: &Entry, nonce: Nonce) -> Bytes {
    let mut w = Writer::default();
    w.u64(k.0);
    match entry {
        Entry::Format(format) => {
            w.u32(1).u8(FORMAT).nested(|w| encode_format(w, format));
        }
        Entry::Ops(ops) => {
            w.list(ops.iter(), encode_op);
        }
    }
    envelope::seal(Kind::Entry, nonce, w.bytes())
}

/// Reads the object at entry `k`'s key.
pub fn decode(k: Epoch, object: &[u8]) -> Result<Entry> {
    let mut r = Reader::new("metadata entry", envelope::open(Kind::Entry, "metadata entry", object)?);
    if r.u64()? != k.0 {
        return Err(FormatError::Invalid("the entry says that it belongs under another key"));
    }
    if k == Epoch(0) {
        match (r.u32()?, r.u8()?) {
            (1, FORMAT) => {}
            (1, found) if found > LAST => return Err(unknown_op(found)),
            _ => return Err(FormatError::Invalid("entry 0 is not FORMAT")),
        }
        let mut nested = r.nested("FORMAT")?;
        let format = decode_format(&mut nested)?;
        nested.end()?;
        r.end()?;
        return Ok(Entry::Format(format));
    }
    let ops = r.list(5, decode_op)?;
    r.end()?;
    Ok(Entry::Ops(ops))
}

pub(super) fn encode_format(w: &mut Writer, format: &Format) {
    w.raw(format.cluster.as_bytes()).u32(format.shards.count()).u16(format.level);
}

pub(super) fn decode_format(r: &mut Reader<'_>) -> Result<Format> {
    let cluster = ClusterId(r.array()?);
    let shards = Shards::new(r.u32()?).ok_or(FormatError::Invalid("the number of shards is out of range"))?;
    let level = r.u16()?;
    if level > coordinator::cluster::FORMAT_LEVEL {
        return Err(FormatError::Newer { what: "the cluster's format level", found: u64::from(level) });
    }
    Ok(Format { cluster, shards, level })
}

pub(super) fn encode_addresses(w: &mut Writer, addresses: &[Address]) {
    w.list(addresses.iter(), |w, a| {
        w.string(&a.listener).string(&a.host).u16(a.port);
    });
}

pub(super) fn decode_addresses(r: &mut Reader<'_>) -> Result<Vec<Address>> {
    r.list(6, |r| Ok(Address { listener: r.string()?, host: r.string()?, port: r.u16()? }))
}

pub(super) fn encode_end(w: &mut Writer, end: &SessionEnd) {
    w.u64(end.cut).optional(end.checkpoint, |w, c| {
        w.u64(c.n).u64(c.as_of.0);
    });
}

pub(super) fn decode_end(r: &mut Reader<'_>) -> Result<SessionEnd> {
    let cut = r.u64()?;
    let checkpoint = r.optional(|r| Ok(CheckpointRef { n: r.u64()?, as_of: Epoch(r.u64()?) }))?;
    Ok(SessionEnd { cut, checkpoint })
}

/// Zero or one.
pub(super) fn decode_flag(r: &mut Reader<'_>) -> Result<bool> {
    match r.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        found => Err(FormatError::Newer { what: "a flag", found: u64::from(found) }),
    }
}

/// A topic's number of partitions.
pub(super) fn decode_partitions(r: &mut Reader<'_>) -> Result<i32> {
    match r.i32()? {
        ..=0 => Err(FormatError::Invalid("a topic has no partitions")),
        found if found > Cluster::MAX_PARTITIONS => {
            Err(FormatError::Newer { what: "a topic's number of partitions", found: found as u64 })
        }
        partitions => Ok(partitions),
    }
}

pub(super) fn encode_overrides(w: &mut Writer, overrides: &std::collections::BTreeMap<String, String>) {
    w.list(overrides.iter(), |w, (name, value)| {
        w.string(name).string(value);
    });
}

pub(super) fn decode_overrides(r: &mut Reader<'_>) -> Result<std::collections::BTreeMap<String, String>> {
    r.map(4, |r| Ok((r.string()?, r.string()?)))
}

fn encode_op(w: &mut Writer, op: &Op) {
    match op {
        Op::Open { session, process, node, rack, addresses } => w.u8(OPEN).nested(|w| {
            w.raw(session.as_bytes()).raw(process.as_bytes());
            w.optional(*node, |w, node| {
                w.i32(node.0);
            });
            w.optional(rack.as_deref(), |w, rack| {
                w.string(rack);
            });
            encode_addresses(w, addresses);
        }),
        Op::Dead { session, end } => w.u8(DEAD).nested(|w| encode_end(w.raw(session.as_bytes()), end)),
        Op::Closed { session, end } => w.u8(CLOSED).nested(|w| encode_end(w.raw(session.as_bytes()), end)),
        Op::Move { from, to, runs } => w.u8(MOVE).nested(|w| {
            match from {
                MoveFrom::Nobody => w.u8(NEVER_HELD),
                MoveFrom::Ended { session, cut } => w.u8(ENDED).raw(session.as_bytes()).u64(*cut),
                MoveFrom::Released { session, end } => w.u8(RELEASED).raw(session.as_bytes()).u64(*end),
            };
            w.raw(to.as_bytes());
            w.list(runs.iter(), |w, run| {
                w.u32(run.first).u32(run.count).i32(run.leader_epoch);
                w.optional(run.from_epoch, |w, epoch| {
                    w.u64(epoch.0);
                });
            });
        }),
        Op::CreateTopic { topic, name, partitions, replication_factor, overrides } => {
            w.u8(CREATE_TOPIC).nested(|w| {
                w.raw(topic.as_bytes()).string(name).i32(*partitions).i16(*replication_factor);
                encode_overrides(w, overrides);
            })
        }
        Op::DeleteTopic { topic } => w.u8(DELETE_TOPIC).nested(|w| {
            w.raw(topic.as_bytes());
        }),
        Op::CreatePartitions { topic, partitions } => w.u8(CREATE_PARTITIONS).nested(|w| {
            w.raw(topic.as_bytes()).i32(*partitions);
        }),
        Op::AlterConfig { resource, changes } => w.u8(ALTER_CONFIG).nested(|w| {
            match resource {
                Resource::Topic(topic) => w.u8(OF_TOPIC).raw(topic.as_bytes()),
                Resource::Broker(node) => w.u8(OF_NODE).i32(node.0),
                Resource::AllBrokers => w.u8(OF_ALL_NODES),
                Resource::Group(group) => w.u8(OF_GROUP).string(group),
            };
            w.list(changes.iter(), |w, (name, value)| {
                w.string(name).optional(value.as_deref(), |w, value| {
                    w.string(value);
                });
            });
        }),
        Op::ProducerBlock { session } => w.u8(PRODUCER_BLOCK).nested(|w| {
            w.raw(session.as_bytes());
        }),
        Op::Suspect { session } => w.u8(SUSPECT).nested(|w| {
            w.raw(session.as_bytes());
        }),
        Op::Alive { session } => w.u8(ALIVE).nested(|w| {
            w.raw(session.as_bytes());
        }),
        Op::Drain { session, draining } => w.u8(DRAIN).nested(|w| {
            w.raw(session.as_bytes()).u8(u8::from(*draining));
        }),
        Op::Reached { session, reached } => w.u8(REACHED).nested(|w| {
            w.raw(session.as_bytes()).u8(u8::from(*reached));
        }),
    };
}

fn unknown_op(found: u8) -> FormatError {
    FormatError::Newer { what: "a metadata operation's kind", found: u64::from(found) }
}

fn decode_op(r: &mut Reader<'_>) -> Result<Op> {
    let kind = r.u8()?;
    let mut r = r.nested("metadata operation")?;
    let op = match kind {
        OPEN => Op::Open {
            session: SessionId(r.array()?),
            process: ProcessId(r.array()?),
            node: r.optional(|r| r.i32().map(NodeId))?,
            rack: r.optional(|r| r.string())?,
            addresses: decode_addresses(&mut r)?,
        },
        DEAD => Op::Dead { session: SessionId(r.array()?), end: decode_end(&mut r)? },
        CLOSED => Op::Closed { session: SessionId(r.array()?), end: decode_end(&mut r)? },
        MOVE => {
            let from = match r.u8()? {
                NEVER_HELD => MoveFrom::Nobody,
                ENDED => MoveFrom::Ended { session: SessionId(r.array()?), cut: r.u64()? },
                RELEASED => MoveFrom::Released { session: SessionId(r.array()?), end: r.u64()? },
                found => return Err(FormatError::Newer { what: "a MOVE's kind", found: u64::from(found) }),
            };
            let to = SessionId(r.array()?);
            let runs = r.list(13, |r| {
                let (first, count, leader_epoch) = (r.u32()?, r.u32()?, r.i32()?);
                let from_epoch = r.optional(|r| r.u64().map(Epoch))?;
                Ok(ShardRun { first, count, from_epoch, leader_epoch })
            })?;
            Op::Move { from, to, runs }
        }
        CREATE_TOPIC => Op::CreateTopic {
            topic: TopicId(r.array()?),
            name: r.string()?,
            partitions: decode_partitions(&mut r)?,
            replication_factor: r.i16()?,
            overrides: decode_overrides(&mut r)?,
        },
        DELETE_TOPIC => Op::DeleteTopic { topic: TopicId(r.array()?) },
        CREATE_PARTITIONS => {
            Op::CreatePartitions { topic: TopicId(r.array()?), partitions: decode_partitions(&mut r)? }
        }
        ALTER_CONFIG => Op::AlterConfig {
            resource: match r.u8()? {
                OF_TOPIC => Resource::Topic(TopicId(r.array()?)),
                OF_NODE => Resource::Broker(NodeId(r.i32()?)),
                OF_ALL_NODES => Resource::AllBrokers,
                OF_GROUP => Resource::Group(r.string()?),
                found => {
                    return Err(FormatError::Newer { what: "what has settings", found: u64::from(found) });
                }
            },
            changes: r.map(3, |r| Ok((r.string()?, r.optional(|r| r.string())?)))?,
        },
        PRODUCER_BLOCK => Op::ProducerBlock { session: SessionId(r.array()?) },
        SUSPECT => Op::Suspect { session: SessionId(r.array()?) },
        ALIVE => Op::Alive { session: SessionId(r.array()?) },
        DRAIN => Op::Drain { session: SessionId(r.array()?), draining: decode_flag(&mut r)? },
        REACHED => Op::Reached { session: SessionId(r.array()?), reached: decode_flag(&mut r)? },
        FORMAT => return Err(FormatError::Invalid("FORMAT stands in another entry than 0")),
        found => return Err(unknown_op(found)),
    };
    r.end()?;
    Ok(op)
}

#[cfg(test)]
#[path = "entry_test.rs"]
mod tests;

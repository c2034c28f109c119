//! What classic consumers send each other inside of JoinGroup and SyncGroup: a member its subscription to the
//! leader, the leader an assignment to each member. A broker needs to understand them only where classic members
//! and those of KIP-848 are in one group.
//!
//! Both are a two-byte version and a body without compact lengths and tags. A version promises to only add
//! fields at the end, so what is newer than [`NEWEST`] is read as that, and bytes after the body are ignored.

use bytes::Bytes;

use crate::Wire;
use crate::codec::{DecodeError, EncodeError, Problem, Reader, Str, Version, Wire, Writer};

/// The protocol type of groups whose members speak this.
pub const PROTOCOL_TYPE: &str = "consumer";

/// The newest version that is known.
pub const NEWEST: i16 = 3;

/// What a member wants, and had.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct ConsumerProtocolSubscription {
    /// Names of the topics that it subscribes to.
    pub topics: Vec<Str>,
    /// The assignor's own bytes.
    #[field(nullable = "0..")]
    pub user_data: Option<Bytes>,
    /// The partitions that it owned before, for assignors that keep them in place (KIP-429).
    #[field(versions = "1..")]
    pub owned_partitions: Vec<TopicPartition>,
    /// The generation that `owned_partitions` are of, or −1 (KIP-792).
    #[field(versions = "2..", default = "-1")]
    pub generation_id: i32,
    /// Rack of the consumer (KIP-881).
    #[field(versions = "3..", nullable = "3..")]
    pub rack_id: Option<Str>,
}

/// What a member shall read.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct ConsumerProtocolAssignment {
    /// The partitions.
    pub assigned_partitions: Vec<TopicPartition>,
    /// The assignor's own bytes.
    #[field(nullable = "0..")]
    pub user_data: Option<Bytes>,
}

/// Partitions of a topic.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct TopicPartition {
    /// Name of the topic.
    pub topic: Str,
    /// Numbers of the partitions.
    pub partitions: Vec<i32>,
}

impl ConsumerProtocolSubscription {
    /// Reads a member's metadata. Fails on bytes that are not a subscription.
    pub fn decode(bytes: Bytes) -> Result<Self, DecodeError> {
        decode(bytes)
    }

    /// Writes a member's metadata, in version [`NEWEST`] if `version` is newer. Fails on a negative version, and
    /// on names that are too long.
    pub fn encode(&self, version: i16) -> Result<Bytes, EncodeError> {
        encode(self, version)
    }
}

impl ConsumerProtocolAssignment {
    /// Reads a member's assignment. Fails on bytes that are not one. No bytes at all stand for no assignment in
    /// SyncGroup, and are an error here.
    pub fn decode(bytes: Bytes) -> Result<Self, DecodeError> {
        decode(bytes)
    }

    /// Writes a member's assignment, in version [`NEWEST`] if `version` is newer. Fails on a negative version,
    /// and on names that are too long. Members expect the version of their own subscription; see [`version`].
    pub fn encode(&self, version: i16) -> Result<Bytes, EncodeError> {
        encode(self, version)
    }
}

/// The version that a subscription or assignment states, which may be newer than [`NEWEST`] or negative. Fails
/// on less than two bytes.
pub fn version(bytes: &Bytes) -> Result<i16, DecodeError> {
    read_version(&mut Reader::new(bytes.clone()))
}

fn read_version(reader: &mut Reader) -> Result<i16, DecodeError> {
    reader.i16().map_err(|error| error.at("ConsumerProtocol.version"))
}

/// The version that this one is read and written as; none for a negative one.
fn known(number: i16) -> Option<Version> {
    (number >= 0).then_some(Version { number: number.min(NEWEST), flexible: false })
}

fn decode<T: Wire>(bytes: Bytes) -> Result<T, DecodeError> {
    let mut reader = Reader::new(bytes);
    let number = read_version(&mut reader)?;
    T::read(&mut reader, known(number).ok_or(Problem::NegativeVersion(number))?)
}

fn encode<T: Wire>(value: &T, number: i16) -> Result<Bytes, EncodeError> {
    let version = known(number).ok_or(EncodeError::NegativeVersion(number))?;
    let mut writer = Writer::new();
    writer.i16(version.number);
    value.write(&mut writer, version);
    let mut chunks = writer.finish()?;
    Ok(if chunks.len() == 1 { chunks.swap_remove(0) } else { chunks.concat().into() })
}

#[cfg(test)]
#[path = "consumer_protocol_test.rs"]
mod tests;

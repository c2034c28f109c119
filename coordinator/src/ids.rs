//! The identities of the log: what stored data and other nodes call a thing.

use std::fmt;

use ulid::Ulid;

macro_rules! sixteen_bytes {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// The bytes as they are stored and sent.
            pub fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl From<Ulid> for $name {
            fn from(ulid: Ulid) -> Self {
                Self(ulid.to_bytes())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }
    };
}

sixteen_bytes! {
    /// A topic's identity. Durable data names topics by it alone, so that a topic created again under an
    /// old name never meets the old one's records.
    TopicId
}
sixteen_bytes! {
    /// A session: one incarnation of a node's write-ahead log. A ULID, new at each start and rotation.
    SessionId
}

impl SessionId {
    /// When it was drawn, by the clock of who drew it (ms since 1970).
    pub fn drawn_ms(&self) -> i64 {
        i64::try_from(Ulid::from_bytes(self.0).timestamp_ms()).unwrap_or(i64::MAX)
    }
}

sixteen_bytes! {
    /// A process: a ULID drawn when it starts. "The same process" compares it.
    ProcessId
}
sixteen_bytes! {
    /// The cluster, named by the first entry of its metadata log.
    ClusterId
}

macro_rules! shown_as_ulid {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Ulid::from_bytes(self.0).fmt(f)
            }
        }
    )*};
}
shown_as_ulid!(SessionId ProcessId);

macro_rules! shown_as_kafka_uuid {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            /// Kafka's own form of a UUID: URL-safe base64 without padding, 22 characters.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&base64_url(&self.0))
            }
        }
    )*};
}
shown_as_kafka_uuid!(TopicId ClusterId);

fn base64_url(bytes: &[u8; 16]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut value = u128::from_be_bytes(*bytes);
    // 128 bits are 21 digits of six bits and one of two, which base64 fills up with four zero bits.
    let mut digits = [0u8; 22];
    digits[21] = ALPHABET[((value & 0b11) << 4) as usize];
    value >>= 2;
    for digit in digits[..21].iter_mut().rev() {
        *digit = ALPHABET[(value & 0b11_1111) as usize];
        value >>= 6;
    }
    digits.iter().map(|&b| b as char).collect()
}

/// The index of a metadata entry, and so the epoch that the entry grants. It never leaves the store;
/// clients see leader epochs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A node as Kafka's clients name it (`node_id`, `broker.id`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct NodeId(pub i32);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The unit of ownership, in `0..shards`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ShardId(pub u32);

/// One partition of a topic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct PartitionId {
    /// The topic it belongs to.
    pub topic: TopicId,
    /// Its index in the topic, from 0.
    pub index: i32,
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_id_is_shown_as_kafka_shows_it() {
        // java: new Uuid(0x0123456789abcdefL, 0xfedcba9876543210L).toString()
        let id = TopicId(0x0123_4567_89ab_cdef_fedc_ba98_7654_3210_u128.to_be_bytes());
        assert_eq!(id.to_string(), "ASNFZ4mrze_-3LqYdlQyEA");
        assert_eq!(TopicId::default().to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
    }
}

//! Whole messages.

use std::ops::RangeInclusive;

use bytes::Bytes;

use super::{DecodeError, EncodeError, Problem, Reader, Version, Wire, Writer};
use crate::ApiKey;

/// A request or response. The struct is its schema; see `#[derive(Message)]`.
pub trait Message: Wire {
    /// The API that the message belongs to.
    const KEY: ApiKey;
    /// The versions that the struct can carry; which of them are served is the broker's policy.
    const VERSIONS: RangeInclusive<i16>;
    /// The first version with compact lengths and tags.
    const FIRST_FLEXIBLE: Option<i16>;

    /// The version, if the message has it.
    #[must_use]
    fn version(number: i16) -> Option<Version> {
        let flexible = Self::FIRST_FLEXIBLE.is_some_and(|first| number >= first);
        Self::VERSIONS.contains(&number).then_some(Version { number, flexible })
    }

    /// Decodes the body that follows a header. Fails on a version outside of `VERSIONS`, and on bytes that
    /// are not the message and nothing else.
    fn decode(body: Bytes, version: i16) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let message = read(&mut reader, version)?;
        reader.finish()?;
        Ok(message)
    }

    /// Encodes the body that follows a header. Notes a version outside of `VERSIONS` in the writer.
    fn encode(&self, writer: &mut Writer, version: i16) {
        match Self::version(version) {
            Some(version) => self.write(writer, version),
            None => writer.fail(EncodeError::UnsupportedVersion { api: Self::KEY, version }),
        }
    }
}

/// How many elements the arrays of a request may have together: each is held in memory several times, until it is
/// answered. A Fetch of 100 partitions of each of 10,000 topics has fewer.
const MOST_ELEMENTS: usize = 1 << 20;

/// A request, and how much it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent<R> {
    /// The request.
    pub request: R,
    /// How many elements its arrays have, those of arrays in arrays among them.
    pub elements: usize,
}

/// A message that asks for another.
pub trait Request: Message {
    /// The answer, of the same version.
    type Response: Message;

    /// Decodes what a client sent. Like Kafka it ignores bytes after the message: librdkafka 2.16 sends
    /// three of them when it asks for all topics (Metadata 13). Fails on arrays of more than 1,048,576 elements
    /// together, too.
    fn decode_sent(body: Bytes, version: i16) -> Result<Sent<Self>, DecodeError> {
        let mut reader = Reader::new(body).with_most_elements(MOST_ELEMENTS);
        let request = read(&mut reader, version)?;
        Ok(Sent { request, elements: reader.elements() })
    }
}

fn read<M: Message>(reader: &mut Reader, version: i16) -> Result<M, DecodeError> {
    let unsupported = Problem::UnsupportedVersion { api: M::KEY, version };
    M::read(reader, M::version(version).ok_or(unsupported)?)
}

//! Where reading begins.

use std::collections::BTreeMap;
use std::str::FromStr;

use protocol::messages::list_offsets::{EARLIEST_TIMESTAMP, LATEST_TIMESTAMP};

use crate::client::{Client, Error};

/// Where reading begins, in each partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// At the first record.
    Beginning,
    /// Behind the last one.
    End,
    /// At an offset.
    At(i64),
    /// With this many records left.
    Last(i64),
    /// At the first record that is not older, in milliseconds since 1970.
    Since(i64),
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |digits: &str| digits.parse::<i64>().ok().filter(|number| *number >= 0);
        match text {
            "beginning" | "earliest" => return Ok(Self::Beginning),
            "end" | "latest" => return Ok(Self::End),
            _ => {}
        }
        if let Some(time) = text.strip_prefix("s@") {
            let parsed = chrono::DateTime::parse_from_rfc3339(time).map(|time| time.timestamp_millis()).ok();
            let since = number(time).or(parsed);
            return since.map(Self::Since).ok_or_else(|| {
                format!("{time:?} is no time: write milliseconds since 1970, or 2026-01-31T12:00:00Z")
            });
        }
        let start = match text.strip_prefix('-') {
            Some(digits) => number(digits).map(Self::Last),
            None => number(text).map(Self::At),
        };
        start.ok_or_else(|| "write beginning, end, an offset, -N, or s@TIME".to_owned())
    }
}

impl Start {
    /// The offset in each partition.
    pub(super) async fn resolve(
        self,
        client: &Client,
        topic: &str,
        partitions: &[i32],
    ) -> Result<BTreeMap<i32, i64>, Error> {
        let every = |timestamp| partitions.iter().map(|p| (*p, timestamp)).collect::<BTreeMap<_, _>>();
        match self {
            Self::Beginning => client.offsets(topic, &every(EARLIEST_TIMESTAMP)).await,
            Self::End => client.offsets(topic, &every(LATEST_TIMESTAMP)).await,
            Self::At(offset) => Ok(every(offset)),
            Self::Last(count) => {
                let first = client.offsets(topic, &every(EARLIEST_TIMESTAMP)).await?;
                let mut start = client.offsets(topic, &every(LATEST_TIMESTAMP)).await?;
                for (partition, offset) in &mut start {
                    *offset = (*offset - count).max(first.get(partition).copied().unwrap_or(0));
                }
                Ok(start)
            }
            Self::Since(time) => {
                let end = client.offsets(topic, &every(LATEST_TIMESTAMP)).await?;
                let mut start = client.offsets(topic, &every(time)).await?;
                for (partition, offset) in start.iter_mut().filter(|(_, offset)| **offset < 0) {
                    *offset = end.get(partition).copied().unwrap_or(0);
                }
                Ok(start)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write() {
        assert_eq!("beginning".parse(), Ok(Start::Beginning));
        assert_eq!("end".parse(), Ok(Start::End));
        assert_eq!("17".parse(), Ok(Start::At(17)));
        assert_eq!("-10".parse(), Ok(Start::Last(10)));
        assert_eq!("s@1700000000000".parse(), Ok(Start::Since(1_700_000_000_000)));
        assert_eq!("s@2023-11-14T22:13:20Z".parse(), Ok(Start::Since(1_700_000_000_000)));
        assert_eq!("s@2023-11-14T23:13:20.5+01:00".parse(), Ok(Start::Since(1_700_000_000_500)));
        for text in ["", "yesterday", "--1", "+", "s@", "s@x", "s@-1", "9999999999999999999"] {
            assert!(text.parse::<Start>().is_err(), "{text}");
        }
    }
}

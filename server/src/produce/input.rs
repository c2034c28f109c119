//! From a line to a record.

use anyhow::{Context, bail};
use protocol::records::BatchBuilder;

use crate::json;

/// A record to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Input {
    /// The partition, if the line names one.
    pub(super) partition: Option<i32>,
    /// The key.
    pub(super) key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
    timestamp: i64,
}

/// What lines mean.
#[derive(Debug, Clone, Default)]
pub(super) struct Parser {
    /// Lines are JSON.
    pub(super) json: bool,
    /// What stands between key and value.
    pub(super) delimiter: Option<Vec<u8>>,
    /// The key of every record.
    pub(super) key: Option<Vec<u8>>,
    /// Headers of every record.
    pub(super) headers: Vec<(String, Option<Vec<u8>>)>,
    /// Empty means null.
    pub(super) null: bool,
}

/// `NAME=VALUE`; a name alone has no value.
pub(super) fn header(text: &str) -> Result<(String, Option<Vec<u8>>), String> {
    match text.split_once('=') {
        Some(("", _)) => Err("write NAME=VALUE".to_owned()),
        Some((name, value)) => Ok((name.to_owned(), Some(value.as_bytes().to_vec()))),
        None => Ok((text.to_owned(), None)),
    }
}

impl Input {
    /// The bytes that the record takes in a batch, at most.
    pub(super) fn size(&self) -> usize {
        let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len) + 5;
        let headers = self.headers.iter().map(|(name, value)| name.len() + 5 + length(value));
        32 + length(&self.key) + length(&self.value) + headers.sum::<usize>()
    }

    pub(super) fn push_to(&self, batch: &mut BatchBuilder) {
        let headers: Vec<(&str, Option<&[u8]>)> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
        batch.push(self.timestamp, self.key.as_deref(), self.value.as_deref(), &headers);
    }
}

impl Parser {
    /// Fails on a line that is not JSON where it should be.
    pub(super) fn parse(&self, line: &[u8]) -> anyhow::Result<Input> {
        let timestamp = chrono::Utc::now().timestamp_millis();
        let mut input = match self.json {
            true => from_json(line, timestamp)?,
            false => {
                let (key, value) = self.split(line);
                let (key, value) = (key.map(<[u8]>::to_vec), Some(value.to_vec()));
                Input { partition: None, key, value, headers: Vec::new(), timestamp }
            }
        };
        input.key = input.key.or_else(|| self.key.clone());
        input.headers.extend(self.headers.iter().cloned());
        if self.null {
            input.key = input.key.filter(|key| !key.is_empty());
            input.value = input.value.filter(|value| !value.is_empty());
        }
        Ok(input)
    }

    /// A line without the delimiter is a value.
    fn split<'a>(&self, line: &'a [u8]) -> (Option<&'a [u8]>, &'a [u8]) {
        let Some(delimiter) = self.delimiter.as_deref().filter(|d| !d.is_empty()) else {
            return (None, line);
        };
        match line.windows(delimiter.len()).position(|window| window == delimiter) {
            Some(at) => (Some(&line[..at]), &line[at + delimiter.len()..]),
            None => (None, line),
        }
    }
}

fn from_json(line: &[u8], now: i64) -> anyhow::Result<Input> {
    let record: json::Record = serde_json::from_slice(line).context("not a record in JSON")?;
    let key =
        json::join(record.key, record.key_hex).context("key_hex is not hexadecimal, or key is there, too")?;
    let value = json::join(record.payload, record.payload_hex)
        .context("payload_hex is not hexadecimal, or payload is there, too")?;
    let mut headers = Vec::new();
    for header in record.headers.chunks(2) {
        let [Some(name), value] = header else { bail!("headers are not names and values by turns") };
        headers.push((name.clone(), value.clone().map(String::into_bytes)));
    }
    Ok(Input { partition: record.partition, key, value, headers, timestamp: record.ts.unwrap_or(now) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(parser: &Parser, line: &str) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
        let input = parser.parse(line.as_bytes()).expect("a record");
        (input.key, input.value)
    }

    #[test]
    fn keys_and_values() {
        let bytes = |text: &str| Some(text.as_bytes().to_vec());
        let plain = Parser::default();
        assert_eq!(parsed(&plain, "a:b"), (None, bytes("a:b")));
        let keyed = Parser { delimiter: bytes("::"), ..Parser::default() };
        assert_eq!(parsed(&keyed, "a::b::c"), (bytes("a"), bytes("b::c")));
        assert_eq!(parsed(&keyed, "::b"), (bytes(""), bytes("b")));
        assert_eq!(parsed(&keyed, "b"), (None, bytes("b")));
        let null = Parser { null: true, ..keyed };
        assert_eq!(parsed(&null, "a::"), (bytes("a"), None));
        assert_eq!(parsed(&null, "::"), (None, None));
        let fixed = Parser { key: bytes("k"), ..Parser::default() };
        assert_eq!(parsed(&fixed, ""), (bytes("k"), bytes("")));
    }

    #[test]
    fn json_records() {
        let parser = Parser { json: true, ..Parser::default() };
        let line = r#"{"partition":3,"ts":7,"headers":["a","b","c",null],"key":null,"payload":"x"}"#;
        let input = parser.parse(line.as_bytes()).expect("a record");
        assert_eq!((input.partition, input.timestamp, input.key), (Some(3), 7, None));
        assert_eq!(input.value, Some(b"x".to_vec()));
        assert_eq!(input.headers, [("a".to_owned(), Some(b"b".to_vec())), ("c".to_owned(), None)]);
        for line in ["", "x", r#"{"value":"x"}"#, r#"{"headers":["a"]}"#, r#"{"payload_hex":"0"}"#] {
            assert!(parser.parse(line.as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn headers_on_the_command_line() {
        assert_eq!(header("a=b=c"), Ok(("a".to_owned(), Some(b"b=c".to_vec()))));
        assert_eq!(header("a="), Ok(("a".to_owned(), Some(Vec::new()))));
        assert_eq!(header("a"), Ok(("a".to_owned(), None)));
        assert!(header("=b").is_err());
    }
}

//! kcat's format strings.

use std::io::{self, Write};
use std::str::FromStr;

use protocol::records::Record;

/// How a record is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Format(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(Vec<u8>),
    Field(Field),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Value,
    ValueLength,
    /// Four bytes, big-endian.
    ValueLengthBytes,
    Key,
    KeyLength,
    Topic,
    Partition,
    Offset,
    Timestamp,
    Headers,
}

/// A record and where it is.
pub(super) struct Printed<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) timestamp: i64,
    pub(super) record: &'a Record,
    /// Whether null is printed as NULL, not as nothing.
    pub(super) null: bool,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = Vec::new();
        let mut rest = text.chars();
        while let Some(char) = rest.next() {
            match char {
                '%' => {
                    let field = match rest.next() {
                        Some('%') => {
                            literal.push(b'%');
                            continue;
                        }
                        Some('s') => Field::Value,
                        Some('S') => Field::ValueLength,
                        Some('R') => Field::ValueLengthBytes,
                        Some('k') => Field::Key,
                        Some('K') => Field::KeyLength,
                        Some('t') => Field::Topic,
                        Some('p') => Field::Partition,
                        Some('o') => Field::Offset,
                        Some('T') => Field::Timestamp,
                        Some('h') => Field::Headers,
                        Some(other) => {
                            return Err(format!(
                                "%{other} is nothing; there are %s %S %R %k %K %t %p %o %T %h %%"
                            ));
                        }
                        None => return Err("it ends in the middle of a % field".to_owned()),
                    };
                    if !literal.is_empty() {
                        parts.push(Part::Literal(std::mem::take(&mut literal)));
                    }
                    parts.push(Part::Field(field));
                }
                '\\' => literal.push(escape(&mut rest)?),
                char => literal.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self(parts))
    }
}

fn escape(rest: &mut std::str::Chars<'_>) -> Result<u8, String> {
    match rest.next() {
        Some('n') => Ok(b'\n'),
        Some('r') => Ok(b'\r'),
        Some('t') => Ok(b'\t'),
        Some('0') => Ok(0),
        Some('\\') => Ok(b'\\'),
        Some('x') => {
            let digits: String = rest.by_ref().take(2).collect();
            let broken = || format!("\\x{digits} is no character: write two hexadecimal digits");
            if digits.len() != 2 {
                Err(broken())
            } else {
                u8::from_str_radix(&digits, 16).map_err(|_| broken())
            }
        }
        Some(other) => Err(format!("\\{other} is nothing; there are \\n \\r \\t \\0 \\\\ \\xHH")),
        None => Err("it ends in a backslash".to_owned()),
    }
}

impl Format {
    /// Writes a record.
    pub(super) fn write(&self, out: &mut impl Write, printed: &Printed<'_>) -> io::Result<()> {
        let record = printed.record;
        for part in &self.0 {
            match part {
                Part::Literal(bytes) => out.write_all(bytes)?,
                Part::Field(Field::Value) => bytes(out, record.value.as_deref(), printed.null)?,
                Part::Field(Field::ValueLength) => length(out, record.value.as_deref())?,
                Part::Field(Field::ValueLengthBytes) => {
                    let length =
                        record.value.as_ref().map_or(-1, |v| i32::try_from(v.len()).unwrap_or(i32::MAX));
                    out.write_all(&length.to_be_bytes())?;
                }
                Part::Field(Field::Key) => bytes(out, record.key.as_deref(), printed.null)?,
                Part::Field(Field::KeyLength) => length(out, record.key.as_deref())?,
                Part::Field(Field::Topic) => out.write_all(printed.topic.as_bytes())?,
                Part::Field(Field::Partition) => write!(out, "{}", printed.partition)?,
                Part::Field(Field::Offset) => write!(out, "{}", printed.offset)?,
                Part::Field(Field::Timestamp) => write!(out, "{}", printed.timestamp)?,
                Part::Field(Field::Headers) => headers(out, record)?,
            }
        }
        Ok(())
    }
}

fn bytes(out: &mut impl Write, bytes: Option<&[u8]>, null: bool) -> io::Result<()> {
    out.write_all(bytes.unwrap_or(if null { b"NULL" } else { b"" }))
}

/// Null has length −1.
fn length(out: &mut impl Write, bytes: Option<&[u8]>) -> io::Result<()> {
    match bytes {
        Some(bytes) => write!(out, "{}", bytes.len()),
        None => out.write_all(b"-1"),
    }
}

/// `name=value`, with commas between.
fn headers(out: &mut impl Write, record: &Record) -> io::Result<()> {
    for (place, header) in record.headers.iter().enumerate() {
        if place > 0 {
            out.write_all(b",")?;
        }
        write!(out, "{}=", header.key.as_str())?;
        out.write_all(header.value.as_deref().unwrap_or(b"NULL"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use protocol::records::{Batch, BatchBuilder};

    use super::*;

    fn printed(format: &str, key: Option<&[u8]>, value: Option<&[u8]>, null: bool) -> Vec<u8> {
        let mut batch = BatchBuilder::new();
        batch.push(1_700_000_000_123, key, value, &[("a", Some(b"1")), ("b", None)]);
        let batch = Batch::single(batch.build().expect("a batch")).expect("one batch");
        let record = batch.records(1 << 20).expect("records").next().expect("one").expect("sound");
        let timestamp = batch.header().timestamp_of(&record);
        let printed = Printed { topic: "t", partition: 3, offset: 42, timestamp, record: &record, null };
        let mut out = Vec::new();
        format.parse::<Format>().expect("a format").write(&mut out, &printed).expect("memory");
        out
    }

    #[test]
    fn every_field() {
        let format = "%t [%p] at %o: key %K %k value %S %s time %T headers %h 100%%\\n";
        let expected = "t [3] at 42: key 1 k value 5 hello time 1700000000123 headers a=1,b=NULL 100%\n";
        assert_eq!(printed(format, Some(b"k"), Some(b"hello"), false), expected.as_bytes());
        assert_eq!(printed("%R%s", None, Some(b"\xff"), false), b"\0\0\0\x01\xff");
        assert_eq!(printed("é\\t\\x00\\\\\\xfe", None, None, false), b"\xc3\xa9\t\0\\\xfe");
    }

    #[test]
    fn null_is_empty_unless_asked_for() {
        assert_eq!(printed("%k,%K,%s,%S,%R", None, None, false), b",-1,,-1,\xff\xff\xff\xff");
        assert_eq!(printed("%k,%s", None, None, true), b"NULL,NULL");
        assert_eq!(printed("%k,%s", Some(b""), Some(b""), true), b",");
    }

    #[test]
    fn mistakes_are_named() {
        for (format, answer) in [
            ("%d", "%d is nothing"),
            ("50%", "middle of a % field"),
            ("\\q", "\\q is nothing"),
            ("\\", "ends in a backslash"),
            ("\\x4", "two hexadecimal digits"),
            ("\\xzz", "two hexadecimal digits"),
        ] {
            let error = format.parse::<Format>().expect_err(format);
            assert!(error.contains(answer), "{format}: {error}");
        }
    }
}

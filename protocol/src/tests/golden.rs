//! Bytes that Apache Kafka 4.3.1's own classes wrote: `testdata/messages.txt`.

use bytes::Bytes;

use super::{each_message, encode};
use crate::Message;
use crate::messages::*;

/// The bytes that hexadecimal digits stand for.
pub(crate) fn hex(digits: &str) -> Bytes {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("two hexadecimal digits");
    (0..digits.len()).step_by(2).map(byte).collect()
}

fn check<M: Message>(version: i16, bytes: Bytes) {
    let message = M::decode(bytes.clone(), version).unwrap_or_else(|e| panic!("{:?} {version}: {e}", M::KEY));
    assert_eq!(encode(&message, version), bytes, "{:?} {version}", M::KEY);
}

fn check_lines(lines: &str) -> usize {
    let mut checked = 0;
    for line in lines.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let (name, version) = (words.next().expect("a name"), words.next().expect("a version"));
        let (version, bytes) = (version.parse().expect("a version"), hex(words.next().unwrap_or_default()));
        macro_rules! dispatch {
            ($($_:ident: $message:ident,)*) => {
                match name {
                    $(stringify!($message) => check::<$message>(version, bytes),)*
                    _ => panic!("{name} is no message"),
                }
            };
        }
        each_message!(dispatch);
        checked += 1;
    }
    checked
}

#[test]
fn messages_written_by_kafka() {
    assert!(check_lines(include_str!("../../testdata/messages.txt")) >= 300);
}

/// A larger file of the same form, for once: `KAFKA_MESSAGES=file cargo test -p protocol -- --ignored`.
#[test]
#[ignore = "needs a file"]
fn messages_in_a_file() {
    let path = std::env::var("KAFKA_MESSAGES").expect("KAFKA_MESSAGES names a file");
    println!("{} messages", check_lines(&std::fs::read_to_string(path).expect("the file is readable")));
}

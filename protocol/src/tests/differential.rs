//! Every message and version that both know, against the crate `kafka-protocol`: what we write it reads, with
//! the same fields, and writes the same bytes; what it writes we read, with the same fields.

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion};

use super::field_tree::Tree;
use super::{Sample, Source, each_message, encode};
use crate::{Message, messages as ours};

const SAMPLES_PER_VERSION: u64 = 200;

fn compare<Ours, Theirs>()
where
    Ours: Message + Sample + std::fmt::Debug + PartialEq,
    Theirs: Decodable + Encodable + HeaderVersion + kafka_protocol::protocol::Message + std::fmt::Debug,
{
    let mut compared = 0;
    for version in
        Ours::VERSIONS.filter(|version| (Theirs::VERSIONS.min..=Theirs::VERSIONS.max).contains(version))
    {
        for seed in 0..SAMPLES_PER_VERSION {
            let message = Ours::sample(&mut Source::new(seed));
            let bytes = encode(&message, version);
            let place = format!("version {version}, seed {seed}: {message:?}");

            let mut left = bytes.clone();
            let read = Theirs::decode(&mut left, version).unwrap_or_else(|e| panic!("{e} in {place}"));
            assert_eq!(left.remaining(), 0, "they read all of {place}");
            let mut written = BytesMut::new();
            read.encode(&mut written, version).unwrap_or_else(|e| panic!("{e} in {place}"));
            assert_eq!(written, bytes, "they write the same: {place}");

            let back =
                Ours::decode(Bytes::from(written), version).unwrap_or_else(|e| panic!("{e} in {place}"));
            assert_eq!(Tree::of(&back), Tree::of(&read), "fields are the same: {place}");
            compared += 1;
        }
    }
    assert!(compared > 0);
}

macro_rules! tests {
    ($($name:ident: $message:ident,)*) => {$(
        #[test]
        fn $name() {
            compare::<ours::$message, theirs::$message>();
        }
    )*};
}

each_message!(tests);

#[test]
fn header_versions() {
    macro_rules! check {
        ($($name:ident: $message:ident,)*) => {$(
            for version in ours::$message::VERSIONS {
                let key = ours::$message::KEY;
                let header = if stringify!($message).ends_with("Request") {
                    key.request_header_version(version)
                } else {
                    key.response_header_version(version)
                };
                assert_eq!(header, theirs::$message::header_version(version), "{key:?} {version}");
            }
        )*};
    }
    each_message!(check);
}

#[test]
fn keys_and_errors() {
    for key in crate::ApiKey::ALL {
        match theirs::ApiKey::try_from(key.code()) {
            Ok(theirs) => assert_eq!(format!("{theirs:?}"), format!("{key:?}")),
            Err(()) => assert!(key.code() >= 80, "{key:?}"),
        }
        assert_eq!(crate::ApiKey::from_code(key.code()), Some(*key));
    }
    for error in crate::ErrorCode::ALL.iter().filter(|error| error.is_error()) {
        assert_eq!(crate::ErrorCode::from_code(error.code()), Some(*error));
        match kafka_protocol::ResponseError::try_from_code(error.code()) {
            Some(kafka_protocol::ResponseError::Unknown(_)) | None => {
                assert!(error.code() > 100, "{error:?}")
            }
            Some(theirs) => {
                let same = format!("{theirs:?}").eq_ignore_ascii_case(&format!("{error:?}"));
                assert!(same, "{theirs:?} is {error:?}");
            }
        }
    }
}

//! Bytes that nobody meant: decoding ends without a panic, and within the memory that the frame's size allows.

use bytes::Bytes;
use proptest::prelude::*;

use super::{Sample, Source, each_message, encode};
use crate::messages::*;
use crate::{Message, frame};

/// The reader's budget, and a little for what is not an array.
fn limit(frame: &Bytes) -> u64 {
    frame.len() as u64 * 16 + 64 * 1024 + 1024
}

fn decode<M: Message>(body: &Bytes, version: i16) {
    let used = allocation_counter::measure(|| drop(M::decode(body.clone(), version)));
    assert!(used.bytes_max <= limit(body), "{} of {} bytes: {body:?}", used.bytes_max, limit(body));
}

/// A valid message with some bytes changed, so that most of it is understood.
fn damaged<M: Message + Sample>(source: &mut Source, version: i16) -> Bytes {
    let mut bytes = encode(&M::sample(source), version).to_vec();
    for _ in 0..=source.below(4) {
        if !bytes.is_empty() {
            let place = source.below(bytes.len());
            bytes[place] = if source.below(2) == 0 { 0xff } else { source.next() as u8 };
        }
    }
    bytes.into()
}

macro_rules! tests {
    ($($name:ident: $message:ident,)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn damaged_messages() {
                for version in $message::VERSIONS {
                    for seed in 0..500 {
                        decode::<$message>(&damaged::<$message>(&mut Source::new(seed), version), version);
                    }
                }
            }

            proptest! {
                #[test]
                fn any_bytes(bytes: Vec<u8>, version in $message::VERSIONS) {
                    decode::<$message>(&bytes.into(), version);
                }

                /// Small numbers make short lengths, so that decoding gets further.
                #[test]
                fn small_bytes(bytes in prop::collection::vec(0u8..4, 0..500), version in $message::VERSIONS) {
                    decode::<$message>(&bytes.into(), version);
                }
            }
        }
    )*};
}

each_message!(tests);

proptest! {
    #[test]
    fn any_request_header(bytes: Vec<u8>) {
        drop(frame::decode_request_header(bytes.into()));
    }

    #[test]
    fn any_client_id_and_tags(rest: Vec<u8>, version in 0..14i16) {
        let bytes = [&[0, 3][..], &version.to_be_bytes(), &rest].concat();
        drop(frame::decode_request_header(bytes.into()));
    }
}

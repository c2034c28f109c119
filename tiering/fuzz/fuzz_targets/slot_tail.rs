//! Slots: nothing panics, an index that is read is written back as the same bytes, and a body is what it was.
#![no_main]

use bytes::Bytes;
use coordinator::SessionId;
use libfuzzer_sys::fuzz_target;
use tiering::format::slot::{Builder, HEADER, Header, MAX_BODY, Tail, decode_body, decode_tail};
use tiering_fuzz::{NONCE, SESSION, mend_batches, slot, split};

fuzz_target!(|input: &[u8]| {
    let Some((mode, rest)) = split(input) else { return };
    let session = SessionId(SESSION);
    match mode % 3 {
        0 => {
            let _ = Header::decode(rest);
            let _ = decode_tail(session, 0, rest);
            let _ = decode_body(session, 0, &Bytes::copy_from_slice(rest));
        }
        1 => {
            let object = slot(&[], rest, MAX_BODY, 0);
            if let Ok(tail) = decode_tail(session, 0, &object) {
                let Tail::Whole(footer) = tail else { panic!("the whole index is there") };
                let mut builder = Builder::default();
                footer.records.into_iter().for_each(|record| builder.push(record));
                let object = builder.freeze(session, 0, 0, NONCE).object.concat();
                assert_eq!(&object[HEADER..object.len() - HEADER], rest);
            }
        }
        _ => {
            let mut body = rest.to_vec();
            let (crc, _) = mend_batches(&mut body);
            let object = Bytes::from(slot(&body, &[0; 4], body.len() as u64, crc));
            if let Ok(read) = decode_body(session, 0, &object) {
                assert_eq!(&read[..], &body[..]);
            }
        }
    }
});

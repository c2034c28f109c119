//! Metadata entries: nothing panics, and whatever is read is written back as the same bytes.
#![no_main]

use coordinator::Epoch;
use libfuzzer_sys::fuzz_target;
use tiering::format::entry::{decode, encode};
use tiering_fuzz::{NONCE, enveloped, split};

fuzz_target!(|input: &[u8]| {
    let Some((mode, rest)) = split(input) else { return };
    let k = Epoch(u64::from(mode >> 1 & 1));
    if mode & 1 == 0 {
        let _ = decode(k, rest);
        return;
    }
    let object = enveloped(3, &[&k.0.to_be_bytes(), rest].concat());
    if let Ok(entry) = decode(k, &object) {
        assert!(encode(k, &entry, NONCE) == object, "{entry:?}");
    }
});

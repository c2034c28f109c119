//! Batch indexes: nothing panics, and whatever is read can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tiering::format::index::{decode, encode};
use tiering_fuzz::{NONCE, enveloped, split};

fuzz_target!(|input: &[u8]| {
    let Some((mode, rest)) = split(input) else { return };
    if mode & 1 == 0 {
        let _ = decode(rest);
        return;
    }
    if let Ok(positions) = decode(&enveloped(6, rest)) {
        assert_eq!(decode(&encode(NONCE, &positions)), Ok(positions));
    }
});

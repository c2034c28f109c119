//! Checkpoints: nothing panics, and whatever is read can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tiering::format::checkpoint::Checkpoint;
use tiering_fuzz::{NONCE, enveloped, split};

fuzz_target!(|input: &[u8]| {
    let Some((mode, rest)) = split(input) else { return };
    if mode & 1 == 0 {
        let _ = Checkpoint::decode(rest);
        return;
    }
    if let Ok(checkpoint) = Checkpoint::decode(&enveloped(5, rest)) {
        assert_eq!(Checkpoint::decode(&checkpoint.encode(NONCE)), Ok(checkpoint));
    }
});

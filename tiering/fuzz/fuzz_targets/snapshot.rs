//! Metadata snapshots: nothing panics, and whatever is read can be written and read again, and used.
#![no_main]

use coordinator::{Epoch, ProcessId};
use libfuzzer_sys::fuzz_target;
use tiering::format::snapshot::{decode, encode};
use tiering_fuzz::{NONCE, enveloped, split};

fuzz_target!(|input: &[u8]| {
    let Some((mode, rest)) = split(input) else { return };
    let next = Epoch(9);
    if mode & 1 == 0 {
        let _ = decode(next, rest);
        return;
    }
    // The cluster's identity and its number of shards, from 1 to 16, are given.
    let mut payload = next.0.to_be_bytes().to_vec();
    payload.extend([5; 16]);
    payload.extend(u32::from((mode >> 1 & 15) + 1).to_be_bytes());
    payload.extend(1u16.to_be_bytes());
    payload.extend(rest);
    if let Ok(cluster) = decode(next, &enveloped(4, &payload)) {
        let again = decode(next, &encode(&cluster, NONCE));
        assert_eq!(again.as_ref(), Ok(&cluster));
        let _ = cluster.unassigned(ProcessId([1; 16]));
    }
});

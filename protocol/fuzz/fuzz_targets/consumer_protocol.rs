//! What a member of a classic group says, or its leader. What can be decoded is encoded and decoded again, to the
//! same.
//!
//! `cargo +nightly fuzz run consumer_protocol -- -malloc_limit_mb=64 -rss_limit_mb=1024`, in `protocol`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::consumer_protocol::{ConsumerProtocolAssignment, ConsumerProtocolSubscription, version};

fuzz_target!(|data: &[u8]| {
    let bytes = bytes::Bytes::copy_from_slice(data);
    let Ok(version) = version(&bytes) else { return };
    if let Ok(subscription) = ConsumerProtocolSubscription::decode(bytes.clone()) {
        let again = subscription.encode(version).expect("what was decoded can be encoded");
        assert_eq!(ConsumerProtocolSubscription::decode(again).as_ref(), Ok(&subscription));
    }
    if let Ok(assignment) = ConsumerProtocolAssignment::decode(bytes) {
        let again = assignment.encode(version).expect("what was decoded can be encoded");
        assert_eq!(ConsumerProtocolAssignment::decode(again).as_ref(), Ok(&assignment));
    }
});

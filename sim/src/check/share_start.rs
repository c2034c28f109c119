//! Share-partition starts: none is reported that is before one which had been reported when the request was sent.
//!
//! KIP-932, "Share-partition": the start offset moves forward as records before it are settled; only an
//! administrator sets it back, who deletes the group.

use super::{Anomaly, Findings};
use crate::history::{ShareGroup, ShareStart};

pub(super) fn check(group: &ShareGroup, findings: &mut Findings) {
    for ((topic, index), starts) in &group.starts {
        for (at, start) in starts.iter().enumerate() {
            let is_before = |told: &&ShareStart| {
                told.answered < start.asked && !group.resets.between(told.asked, start.answered)
            };
            let known = starts[..at].iter().filter(is_before).map(|told| told.offset).max().unwrap_or(-1);
            if start.offset < known {
                findings.add(
                    Anomaly::ShareStartWentBack,
                    format_args!("{topic}-{index}: it started at {known}, and then at {}", start.offset),
                );
            }
        }
    }
}

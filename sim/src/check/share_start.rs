//! Share-partition starts: none is told that is before one which was told when the question was asked.
//!
//! KIP-932, "Share-partition": the start offset moves forward as records before it are settled; only an
//! administrator sets it back, and no run has one.

use super::{Anomaly, Findings};
use crate::history::ShareGroup;

pub(super) fn check(group: &ShareGroup, findings: &mut Findings) {
    for ((topic, index), starts) in &group.starts {
        // The answers so far, and the highest start by then.
        let mut told: Vec<(usize, i64)> = Vec::new();
        for start in starts {
            let before = told.partition_point(|(answered, _)| *answered < start.asked);
            let known = before.checked_sub(1).map_or(-1, |last| told[last].1);
            if start.offset < known {
                findings.add(
                    Anomaly::ShareStartWentBack,
                    format_args!("{topic}-{index}: it started at {known}, and then at {}", start.offset),
                );
            }
            let highest = told.last().map_or(-1, |(_, highest)| *highest);
            told.push((start.answered, highest.max(start.offset)));
        }
    }
}

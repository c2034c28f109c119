//! Committed offsets: an offset that was acknowledged is never lost and never goes back. Every OffsetFetch that
//! begins after an acknowledged commit returns that one or another that was not over before it began.
//!
//! Linearizability of a register (Herlihy and Wing, "Linearizability: a correctness condition for concurrent
//! objects", 1990), by the rule that suffices where every written value is unique: none is read that was overwritten
//! before, or that no client wrote. Commits without an answer may be carried out at any time, and what was
//! read was carried out by then. Where offsets expire, there may be none as soon as the last one could have;
//! before that, none is lost. A consumer whose offset goes back reads records twice (KIP-447 names it of
//! zombies).

use std::collections::BTreeMap;

use protocol::ErrorCode;

use super::{Anomaly, Findings};
use crate::history::{Group, GroupReply, GroupRequest, Place};

/// One attempt to commit: when it began, and when it was over at the latest.
struct Attempt {
    begun: usize,
    /// When it began (ms).
    begun_ms: u64,
    over: Option<usize>,
    refused: bool,
}

pub(super) fn check(group: &Group, findings: &mut Findings) {
    let mut attempts: BTreeMap<&Place, BTreeMap<i64, Attempt>> = BTreeMap::new();
    for exchange in &group.exchanges {
        let GroupRequest::Commit(offsets) = &exchange.request else { continue };
        let (over, refused) = match &exchange.reply {
            Some((at, GroupReply::Done)) => (Some(at.order), false),
            Some((_, GroupReply::Refused(code))) => (None, is_final(*code)),
            _ => (None, false),
        };
        for (place, offset) in offsets {
            let attempt = Attempt { begun: exchange.asked.order, begun_ms: exchange.asked.ms, over, refused };
            attempts.entry(place).or_default().insert(*offset, attempt);
        }
    }
    for (exchange, at, reply) in group.answered() {
        let GroupReply::Offsets(offsets) = reply else { continue };
        let (asked, answered) = (exchange.asked.order, at.order);
        // Commits from then on have not expired.
        let kept_ms = group.retention_ms.map_or(0, |retention| at.ms.saturating_sub(retention));
        for (place, offset) in offsets {
            let of = attempts.entry(place).or_default();
            fetched(of, *offset, (asked, answered, kept_ms), &mut |anomaly, detail| {
                findings.add(anomaly, format_args!("{}-{}: {detail}", place.0, place.1));
            });
        }
    }
}

fn fetched(
    attempts: &mut BTreeMap<i64, Attempt>,
    offset: i64,
    (asked, answered, kept_ms): (usize, usize, u64),
    add: &mut dyn FnMut(Anomaly, String),
) {
    let over_before = |attempt: &Attempt| attempt.over.is_some_and(|over| over < asked);
    if offset < 0 {
        let kept = |attempt: &Attempt| over_before(attempt) && attempt.begun_ms >= kept_ms;
        if let Some((lost, _)) = attempts.iter().find(|(_, attempt)| kept(attempt)) {
            add(Anomaly::LostOffset, format!("{lost} was committed, and there was none"));
        }
        return;
    }
    let Some(read) = attempts.get(&offset).filter(|read| read.begun < answered && !read.refused) else {
        return add(Anomaly::PhantomOffset, format!("{offset} was read, and no client committed it"));
    };
    let overwrites = |attempt: &Attempt| read.over.is_some_and(|over| over < attempt.begun);
    if let Some((lost, _)) = attempts.iter().find(|(_, other)| over_before(other) && overwrites(other)) {
        add(Anomaly::LostOffset, format!("{lost} was committed after {offset}, and {offset} was read"));
    }
    if let Some(read) = attempts.get_mut(&offset) {
        read.over = Some(read.over.map_or(answered, |over| over.min(answered)));
    }
}

/// Whether an error says that nothing was committed and nothing will be.
fn is_final(code: i16) -> bool {
    matches!(
        ErrorCode::from_code(code),
        Some(
            ErrorCode::IllegalGeneration
                | ErrorCode::UnknownMemberId
                | ErrorCode::RebalanceInProgress
                | ErrorCode::FencedMemberEpoch
                | ErrorCode::StaleMemberEpoch
                | ErrorCode::GroupIdNotFound
        )
    )
}

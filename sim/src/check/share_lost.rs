//! Lost from delivery: a record is in the final log and settled, as all are in the end, but no member accepted or
//! rejected it, and it was not delivered as often as may be.
//!
//! KIP-932's delivery is at least once: a record leaves the records in flight only by an acknowledgement, after too
//! many deliveries, or because it is not in the log any more. An answer that was lost may have delivered anything
//! that was wanted, and so may one of a node whose shard was moved before what it had acquired was confirmed. What came
//! before an acknowledged deletion of the group does not count: none of that may be left.

use std::collections::BTreeMap;

use super::{Anomaly, Findings};
use crate::history::{Place, SaidOf, ShareExchange, ShareGroup, ShareRecords};

pub(super) fn check(group: &ShareGroup, records: &ShareRecords<'_>, findings: &mut Findings) {
    let begun = group.resets.done().iter().map(|span| span.0).max().unwrap_or(0);
    let came = group.came.iter().any(|came| came.1 > begun);
    if begun > 0 && !came && group.exchanges.iter().all(|exchange| exchange.asked.order < begun) {
        // It was deleted for the last time once all members had left.
        return;
    }
    let counts = |exchange: &ShareExchange| exchange.answer.as_ref().is_none_or(|(at, _)| at.order > begun);
    let mut unknown: BTreeMap<&Place, usize> = BTreeMap::new();
    for exchange in group.exchanges.iter().filter(|exchange| counts(exchange)) {
        let lost = exchange.request.wanted.iter().filter(|place| exchange.may_have_lost(place));
        lost.for_each(|place| *unknown.entry(place).or_default() += 1);
    }
    let most = usize::try_from(group.deliveries).unwrap_or(0);
    for (place, offsets) in group.log.iter() {
        let unknown = unknown.get(place).copied().unwrap_or(0);
        for offset in offsets {
            let record = records.get(place).and_then(|of| of.get(offset));
            let (settled, delivered) = record.map_or((false, 0), |record| {
                let settled = record.said.iter().any(|said| counts(said.exchange) && may_settle(said));
                (settled, record.delivered.iter().filter(|delivered| counts(delivered.exchange)).count())
            });
            if !settled && delivered + unknown < most {
                let (topic, index) = place;
                findings.add(
                    Anomaly::LostDelivery,
                    format_args!(
                        "{topic}-{index}: {offset} was delivered {delivered} times and is not settled"
                    ),
                );
            }
        }
    }
}

/// Whether a record may be settled by this: it was not refused for good.
fn may_settle(said: &SaidOf<'_>) -> bool {
    use protocol::ErrorCode::{
        InvalidRecordState, InvalidRequest, InvalidShareSessionEpoch, ShareSessionNotFound,
    };
    const REFUSED: [protocol::ErrorCode; 4] =
        [InvalidRecordState, InvalidRequest, InvalidShareSessionEpoch, ShareSessionNotFound];
    said.said.is_final()
        && !said.code.is_some_and(|code| REFUSED.iter().any(|refused| refused.code() == code))
}

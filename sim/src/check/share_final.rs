//! Delivered after it was settled: a member's acceptance or rejection of a record was acknowledged, and the
//! record was delivered by a request that began after that.
//!
//! KIP-932, "Acknowledging records": an acknowledged or archived record is not delivered again, and the state that
//! says so is durable before the answer. A node that was replaced as the partition's leader and does not know it yet
//! delivers by what it knows, as in Kafka; nothing that is said of that counts. So only a delivery by the leader that
//! acknowledged it, or by a later one, is a violation.

use super::{Anomaly, Findings};
use crate::history::{ShareGroup, ShareRecords, not_before};

pub(super) fn check(group: &ShareGroup, records: &ShareRecords<'_>, findings: &mut Findings) {
    for ((topic, index), of) in records {
        for (offset, record) in of {
            for said in record.said.iter().filter(|said| said.said.is_final()) {
                let Some(done) = said.done() else { continue };
                let again = record.delivered.iter().find(|delivered| {
                    let (asked, answered) = delivered.span();
                    asked > done
                        && not_before(delivered.owner, said.owner)
                        && !group.resets.between(said.exchange.asked.order, answered)
                });
                if let Some(again) = again {
                    findings.add(
                        Anomaly::DeliveredAfterSettled,
                        format_args!(
                            "{topic}-{index}: {}'s {:?} of {offset}, asked for at {} ms, was acknowledged, and {} got it at {} ms",
                            said.exchange.request.member,
                            said.said,
                            said.exchange.asked.ms,
                            again.exchange.request.member,
                            again.exchange.asked.ms,
                        ),
                    );
                    break;
                }
            }
        }
    }
}

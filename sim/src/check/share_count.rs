//! Delivery counts: none is above the limit, and none is repeated once a release of the record is done.
//!
//! KIP-932, "In-flight records": each delivery counts, and a record that comes back after the last one is archived.
//! What a leader counted and did not write is lost with it; a release is written before it is answered, with the
//! count. In a group that was deleted, counts begin anew.

use super::{Anomaly, Findings};
use crate::history::{Said, ShareGroup, ShareRecords, not_before};

pub(super) fn check(group: &ShareGroup, records: &ShareRecords<'_>, findings: &mut Findings) {
    for ((topic, index), of) in records {
        for (offset, record) in of {
            for delivered in &record.delivered {
                let count = delivered.deliveries;
                if !(1..=group.deliveries).contains(&count) {
                    findings.add(
                        Anomaly::DeliveryCount,
                        format_args!("{topic}-{index}: {offset} was delivered for the {count}th time"),
                    );
                }
            }
            for said in record.said.iter().filter(|said| said.said == Said::Release) {
                let Some(done) = said.done() else { continue };
                let member = &said.exchange.request.member;
                let had = record.delivered.iter().rfind(|delivered| {
                    delivered.exchange.request.member == *member
                        && delivered.span().1 < said.exchange.asked.order
                });
                let Some(had) = had.filter(|had| had.owner.is_some() && had.owner == said.owner) else {
                    continue;
                };
                let again = record.delivered.iter().find(|delivered| {
                    delivered.span().0 > done
                        && delivered.deliveries <= had.deliveries
                        && not_before(delivered.owner, said.owner)
                        && !group.resets.between(had.span().0, delivered.span().1)
                });
                if let Some(again) = again {
                    findings.add(
                        Anomaly::DeliveryCount,
                        format_args!(
                            "{topic}-{index}: {offset} was released after delivery {}, and then {} got it as delivery {}",
                            had.deliveries, again.exchange.request.member, again.deliveries,
                        ),
                    );
                    break;
                }
            }
        }
    }
}

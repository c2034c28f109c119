//! Delivered twice at a time: a leader gave a record to a member while it was another's, or the same one's, by its
//! own word.
//!
//! KIP-932, "In-flight records": an acquired record is locked for its member, until that says what became of it,
//! its share session ends, or the lock's time is over. A session ends with its connection, so that a lock counts
//! only if the same connection answered something later. With the next leader, nothing is acquired, nor in a
//! group that was deleted meanwhile.

use std::collections::BTreeMap;

use super::{Anomaly, Findings};
use crate::history::{Delivered, Said, ShareGroup, ShareRecord, ShareRecords};

pub(super) fn check(group: &ShareGroup, records: &ShareRecords<'_>, findings: &mut Findings) {
    let mut heard: BTreeMap<u64, usize> = BTreeMap::new();
    let mut closed: BTreeMap<u64, usize> = BTreeMap::new();
    for exchange in &group.exchanges {
        let connection = exchange.request.connection;
        if let Some((at, _)) = &exchange.answer {
            let last = heard.entry(connection).or_default();
            *last = at.order.max(*last);
        }
        if exchange.request.closes {
            closed.entry(connection).or_insert(exchange.asked.order);
        }
    }
    for ((topic, index), of) in records {
        for (offset, record) in of {
            for (at, first) in record.delivered.iter().enumerate() {
                let connection = first.exchange.request.connection;
                let heard = heard.get(&connection).copied().unwrap_or(0);
                let closed = closed.get(&connection).copied().unwrap_or(usize::MAX);
                let locked = |second: &&Delivered<'_>| {
                    second.span().1 < heard.min(closed) && is_locked(group, record, first, second)
                };
                if let Some(second) = record.delivered[at + 1..].iter().find(locked) {
                    findings.add(
                        Anomaly::DeliveredTwice,
                        format_args!(
                            "{topic}-{index}: {offset} was given to {} at {} ms, and to {} at {} ms",
                            first.exchange.request.member,
                            first.exchange.asked.ms,
                            second.exchange.request.member,
                            second.exchange.asked.ms,
                        ),
                    );
                    break;
                }
            }
        }
    }
}

/// Whether a record that was given once was still locked when it was given again, by the same owner.
fn is_locked(
    group: &ShareGroup,
    record: &ShareRecord<'_>,
    first: &Delivered<'_>,
    second: &Delivered<'_>,
) -> bool {
    let ((_, had), (asked, answered)) = (first.span(), second.span());
    if first.owner.is_none() || first.owner != second.owner || asked < had {
        return false;
    }
    if group.resets.between(first.span().0, answered) {
        return false;
    }
    let mut since = first.exchange.asked.ms;
    let member = &first.exchange.request.member;
    for said in record.said.iter().filter(|said| said.exchange.request.member == *member) {
        let order = said.exchange.asked.order;
        match said.said {
            _ if order > answered => {}
            Said::Renew if order > had && said.done().is_some_and(|done| done < asked) => {
                since = since.max(said.exchange.asked.ms);
            }
            Said::Renew => {}
            _ if said.exchange.answer.as_ref().is_some_and(|(at, _)| at.order < first.span().0) => {}
            // It may have come late, and one without an answer may come still.
            _ => return false,
        }
    }
    second.exchange.answer.as_ref().is_some_and(|(at, _)| at.ms < since + group.lock_ms)
}

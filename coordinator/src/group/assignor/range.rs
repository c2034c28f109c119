//! `range`: each topic's partitions in successive runs, one for each of its readers in a fixed order.
//!
//! Static members come first, by instance id, so that a restart under another member id changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Reader, Readers, Topics};
use crate::TopicId;
use crate::group::state::{Assignment, MemberId};

pub(super) fn assign(readers: &Readers<'_>, topics: &Topics) -> BTreeMap<MemberId, Assignment> {
    let mut order: Vec<(&MemberId, &Reader<'_>)> = readers.iter().map(|(id, reader)| (*id, reader)).collect();
    order.sort_by_key(|(id, reader)| (reader.instance.is_none(), reader.instance, *id));

    // Most share their subscription, so that each is looked into once, and not once for each reader.
    let mut places = BTreeMap::new();
    let mut subscriptions: Vec<(&BTreeSet<TopicId>, usize)> = Vec::new();
    let mut subscribed = Vec::with_capacity(order.len());
    for (_, reader) in &order {
        let place = *places.entry(Arc::as_ptr(&reader.topics)).or_insert_with(|| {
            subscriptions.push((&reader.topics, 0));
            subscriptions.len() - 1
        });
        subscriptions[place].1 += 1;
        subscribed.push(place);
    }

    let mut assigned: BTreeMap<MemberId, Assignment> =
        readers.keys().map(|id| (MemberId::clone(id), Assignment::new())).collect();
    for (topic, &partitions) in topics {
        let reads: Vec<bool> = subscriptions.iter().map(|(topics, _)| topics.contains(topic)).collect();
        let of_them = subscriptions.iter().zip(&reads).filter(|(_, reads)| **reads);
        let count: usize = of_them.map(|((_, count), _)| count).sum();
        let Some(least) = partitions.checked_div(count as i32) else { continue };
        let more = partitions - least * count as i32;
        // With fewer partitions than readers, only the first get any.
        let given = if least > 0 { count } else { more as usize };
        let of_topic = order.iter().zip(&subscribed).filter(|(_, place)| reads[**place]).take(given);
        let mut start = 0;
        for (at, ((id, _), _)) in (0..).zip(of_topic) {
            let end = start + least + i32::from(at < more);
            if start < end {
                assigned.entry(MemberId::clone(id)).or_default().insert(*topic, (start..end).collect());
            }
            start = end;
        }
    }
    assigned
}

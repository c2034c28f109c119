//! `range`: each topic's partitions in successive runs, one for each of its readers in a fixed order.
//!
//! Static members come first, by instance id, so that a restart under another member id changes nothing.

use std::collections::BTreeMap;

use super::{Reader, Readers, Topics};
use crate::group::state::{Assignment, MemberId};

pub(super) fn assign(readers: &Readers<'_>, topics: &Topics) -> BTreeMap<MemberId, Assignment> {
    let mut order: Vec<(&MemberId, &Reader<'_>)> = readers.iter().map(|(id, reader)| (*id, reader)).collect();
    order.sort_by_key(|(id, reader)| (reader.instance.is_none(), reader.instance, *id));

    let mut assigned: BTreeMap<MemberId, Assignment> =
        readers.keys().map(|id| (MemberId::clone(id), Assignment::new())).collect();
    for (topic, &partitions) in topics {
        let of_topic: Vec<&MemberId> =
            order.iter().filter(|(_, reader)| reader.topics.contains(topic)).map(|(id, _)| *id).collect();
        let Some(least) = partitions.checked_div(of_topic.len() as i32) else { continue };
        let more = partitions - least * of_topic.len() as i32;
        let mut start = 0;
        for (at, id) in (0..).zip(of_topic) {
            let end = start + least + i32::from(at < more);
            if start < end {
                assigned.entry(MemberId::clone(id)).or_default().insert(*topic, (start..end).collect());
            }
            start = end;
        }
    }
    assigned
}

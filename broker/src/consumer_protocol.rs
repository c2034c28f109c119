//! What classic consumers say to their group's leader, read for the coordinator.

use bytes::Bytes;
use coordinator::group::{Assigned, ConsumerProtocol, Subscription, TopicPartitions};
use protocol::Str;
use protocol::consumer_protocol::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, TopicPartition, version,
};

/// How the bytes are read and written.
pub(crate) const CONSUMER_PROTOCOL: ConsumerProtocol =
    ConsumerProtocol { read_subscription, read_assignment, write_assignment };

fn read_subscription(bytes: &[u8]) -> Option<Subscription> {
    let bytes = Bytes::copy_from_slice(bytes);
    let version = version(&bytes).ok()?;
    let read = ConsumerProtocolSubscription::decode(bytes).ok()?;
    Some(Subscription {
        version,
        topics: read.topics.iter().map(|topic| topic.to_string()).collect(),
        user_data: read.user_data,
        owned: partitions(read.owned_partitions),
        generation: read.generation_id,
        rack: read.rack_id.map(|rack| rack.to_string()),
    })
}

fn read_assignment(bytes: &[u8]) -> Option<Assigned> {
    if bytes.is_empty() {
        return Some(Assigned::default());
    }
    let read = ConsumerProtocolAssignment::decode(Bytes::copy_from_slice(bytes)).ok()?;
    Some(Assigned { partitions: partitions(read.assigned_partitions), user_data: read.user_data })
}

fn write_assignment(version: i16, assigned: &TopicPartitions) -> Bytes {
    let topic = |(topic, partitions): &(String, Vec<i32>)| TopicPartition {
        topic: Str::from(&**topic),
        partitions: partitions.clone(),
    };
    let assigned_partitions = assigned.iter().map(topic).collect();
    let assignment = ConsumerProtocolAssignment { assigned_partitions, user_data: None };
    // It fails for a version below 0 alone, in which nothing was read either.
    assignment.encode(version.max(0)).unwrap_or_default()
}

fn partitions(read: Vec<TopicPartition>) -> TopicPartitions {
    read.into_iter().map(|topic| (topic.topic.to_string(), topic.partitions)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_java_consumer_says_is_read() {
        let subscription = ConsumerProtocolSubscription {
            topics: vec!["t".into()],
            owned_partitions: vec![TopicPartition { topic: "t".into(), partitions: vec![0, 2] }],
            generation_id: 4,
            rack_id: Some("r".into()),
            ..Default::default()
        };
        let read = read_subscription(&subscription.encode(3).expect("bytes")).expect("a subscription");
        assert_eq!((read.version, &read.topics[..], read.generation), (3, &["t".to_owned()][..], 4));
        assert_eq!((read.owned, read.rack.as_deref()), (vec![("t".to_owned(), vec![0, 2])], Some("r")));
        assert_eq!(read_subscription(b"not one"), None);
    }

    #[test]
    fn an_assignment_is_read_back() {
        let assigned = vec![("t".to_owned(), vec![1, 3]), ("u".to_owned(), vec![0])];
        for version in 0..5 {
            let read = read_assignment(&write_assignment(version, &assigned));
            assert_eq!(read.map(|read| read.partitions), Some(assigned.clone()));
        }
        assert_eq!(read_assignment(&[]), Some(Assigned::default()), "nothing is an empty assignment");
        assert_eq!(read_assignment(&[0]), None);
    }
}

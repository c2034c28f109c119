//! What classic consumers say to their group's leader, for the coordinator.

use bytes::Bytes;
use coordinator::group::{ConsumerProtocol, Subscription, TopicPartitions};

/// How the bytes are read and written.
pub(crate) const CONSUMER_PROTOCOL: ConsumerProtocol =
    ConsumerProtocol { read_subscription, read_assignment, write_assignment };

fn read_subscription(_: &[u8]) -> Option<Subscription> {
    None
}
fn read_assignment(_: &[u8]) -> Option<TopicPartitions> {
    None
}
fn write_assignment(_: i16, _: &TopicPartitions) -> Bytes {
    Bytes::new()
}

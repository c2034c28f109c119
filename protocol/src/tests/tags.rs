//! Tagged fields: defaults stay off the wire, because clients exist that trip over them; what is unknown is
//! skipped.

use bytes::Bytes;

use super::encode;
use crate::codec::{DecodeError, Problem};
use crate::messages::fetch::{FetchPartition, FetchTopic};
use crate::messages::produce::{LeaderIdAndEpoch, PartitionProduceResponse, TopicProduceResponse};
use crate::messages::*;
use crate::{Message, Uuid};

#[test]
fn defaults_are_not_written() {
    let bytes = encode(&ApiVersionsResponse::default(), 3);
    assert_eq!(bytes[..], [0, 0, 1, 0, 0, 0, 0, 0]);

    let bytes = encode(&FetchRequest::default(), 18);
    assert_eq!(bytes[bytes.len() - 4..], [1, 1, 1, 0], "no topics, none forgotten, no rack, no tags");

    let topic = FetchTopic { partitions: vec![FetchPartition::default()], ..Default::default() };
    let request = FetchRequest { topics: vec![topic], ..Default::default() };
    let with_partition = encode(&request, 18).len();
    assert_eq!(with_partition - bytes.len(), 16 + 1 + (4 + 4 + 8 + 4 + 8 + 4 + 1) + 1);

    let partition = PartitionProduceResponse::default();
    let topic = TopicProduceResponse { partition_responses: vec![partition], ..Default::default() };
    let response = ProduceResponse { responses: vec![topic], ..Default::default() };
    assert_eq!(encode(&response, 10).len(), encode(&response, 9).len());
}

#[test]
fn only_versions_that_know_a_tag_write_it() {
    let topic = |current_leader| {
        let partition = PartitionProduceResponse { current_leader, ..Default::default() };
        let topic = TopicProduceResponse { partition_responses: vec![partition], ..Default::default() };
        ProduceResponse { responses: vec![topic], ..Default::default() }
    };
    let (none, some) = (topic(Default::default()), topic(LeaderIdAndEpoch { leader_id: 1, leader_epoch: 2 }));
    assert_eq!(encode(&some, 9), encode(&none, 9));
    // Tag, length, two integers and the struct's own tags.
    assert_eq!(encode(&some, 10).len(), encode(&none, 10).len() + 1 + 1 + 9);
}

#[test]
fn unknown_tags_are_skipped() {
    assert_eq!(
        PeerPingRequest::decode(Bytes::from_static(b"\0\0\0\0\0\0\0\x07\x02\x00\x03abc\x63\x00"), 0),
        Ok(PeerPingRequest { metadata_next: 7 })
    );
    // ApiVersions 3 with tags 1 (epoch 5), 2 (a later feature than we know) and 77.
    let bytes = b"\0\0\x01\0\0\0\0\x02\x01\x08\0\0\0\0\0\0\0\x05\x4d\x02xy";
    let response = ApiVersionsResponse::decode(Bytes::from_static(bytes), 3).expect("it is right");
    assert_eq!(response, ApiVersionsResponse { finalized_features_epoch: 5, ..Default::default() });
}

#[test]
fn a_tag_of_a_later_version_is_unknown() {
    let mut partition = FetchPartition { replica_directory_id: Uuid::from(9), ..Default::default() };
    let request = |partition: &FetchPartition| {
        let topic = FetchTopic { partitions: vec![partition.clone()], ..Default::default() };
        FetchRequest { topics: vec![topic], ..Default::default() }
    };
    let later = encode(&request(&partition), 17);
    partition.replica_directory_id = Uuid::ZERO;
    assert_eq!(FetchRequest::decode(later, 16), Ok(request(&partition)));
}

#[test]
fn a_tag_must_fill_its_length() {
    let decode = |bytes: &'static [u8]| ApiVersionsResponse::decode(Bytes::from_static(bytes), 3);
    // Nine bytes for the eight of an epoch.
    let long = decode(b"\0\0\x01\0\0\0\0\x01\x01\x09\0\0\0\0\0\0\0\x05\0");
    let problem = Problem::TagLength { tag: 1 };
    assert_eq!(long, Err(DecodeError { field: "ApiVersionsResponse", problem }));
    // Seven bytes, with more after them.
    let short = decode(b"\0\0\x01\0\0\0\0\x02\x01\x07\0\0\0\0\0\0\0\x05\0").expect_err("it is short");
    assert_eq!(short.problem, Problem::Truncated { needed: 8, remaining: 7 });
    // A length past the end.
    let past = decode(b"\0\0\x01\0\0\0\0\x01\x63\x09").expect_err("it is short");
    assert_eq!(past.problem, Problem::Truncated { needed: 9, remaining: 0 });
}

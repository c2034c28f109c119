//! What decoding and encoding allocate: nothing per record, nothing beyond the budget, no copies of records.

use allocation_counter::measure;
use bytes::Bytes;

use super::encode;
use crate::codec::Problem;
use crate::messages::fetch::{FetchableTopicResponse, PartitionData};
use crate::messages::produce::{PartitionProduceData, TopicProduceData};
use crate::messages::*;
use crate::records::{Batch, BatchBuilder};
use crate::{Message, Records, Request, frame};

fn batch(records: usize) -> Bytes {
    let mut builder = BatchBuilder::new();
    (0..records).for_each(|_| builder.push(1, Some(b"key"), Some(&[0; 100]), &[("header", Some(b"value"))]));
    builder.build().expect("it is built")
}

#[test]
fn produce_costs_the_same_for_one_record_and_for_a_thousand() {
    let decode = |records| {
        let partition = PartitionProduceData { index: 0, records: Some(batch(records).into()) };
        let topic =
            TopicProduceData { name: "t".into(), partition_data: vec![partition], ..Default::default() };
        let body = encode(&ProduceRequest { topic_data: vec![topic], ..Default::default() }, 9);
        measure(|| {
            let mut request = ProduceRequest::decode(body, 9).expect("it is right");
            let partition = request.topic_data.remove(0).partition_data.remove(0);
            let batch =
                Batch::single(partition.records.expect("there are records").into_bytes()).expect("one");
            batch.verify_crc().expect("it is right");
            batch.header().check_produced().expect("it is right");
            batch.validate_records(1 << 20, true).expect("it is right");
        })
    };
    let (one, thousand) = (decode(1), decode(1000));
    assert_eq!(one.count_total, thousand.count_total);
    assert_eq!(one.bytes_total, thousand.bytes_total);
    assert!(one.count_total <= 4, "{one:?}");
}

#[test]
fn fetched_records_are_not_copied() {
    let batch = batch(10_000);
    let records = Records::from_iter([batch.slice(..16), batch.slice(16..)]);
    let partitions = vec![PartitionData { records, ..Default::default() }];
    let responses = vec![FetchableTopicResponse { topic: "t".into(), partitions, ..Default::default() }];
    let response = FetchResponse { responses, ..Default::default() };
    let mut chunks = Vec::new();
    let used = measure(|| chunks = frame::encode_response(1, 12, &response).expect("it is encoded"));
    assert!(used.bytes_total < 2048, "{used:?} for {} bytes of records", batch.len());
    let shared =
        chunks.iter().find(|chunk| chunk.len() == batch.len() - 16).expect("it is a chunk of its own");
    assert_eq!(shared.as_ptr(), batch[16..].as_ptr());
}

#[test]
fn decoded_records_are_slices_of_the_frame() {
    let partition = PartitionProduceData { index: 0, records: Some(batch(10).into()) };
    let topic = TopicProduceData { partition_data: vec![partition], ..Default::default() };
    let body = encode(&ProduceRequest { topic_data: vec![topic], ..Default::default() }, 3);
    let request = ProduceRequest::decode(body.clone(), 3).expect("it is right");
    let records =
        request.topic_data[0].partition_data[0].records.clone().expect("there are records").into_bytes();
    assert!(body.as_ptr_range().contains(&records.as_ptr()));
    let batch = Batch::single(records).expect("there is one");
    for record in batch.records(usize::MAX).expect("it is not compressed") {
        let key = record.expect("it is right").key.expect("it has a key");
        assert!(body.as_ptr_range().contains(&key.as_ptr()));
    }
}

#[test]
fn a_length_is_compared_with_what_is_left() {
    // A request for two billion topics.
    let body = Bytes::from_static(&[0x7f, 0xff, 0xff, 0xff, 0, 0]);
    let used = measure(|| {
        let error = MetadataRequest::decode(body, 1).expect_err("it is short");
        assert_eq!(error.problem, Problem::Truncated { needed: 0x7fff_ffff, remaining: 2 });
    });
    assert_eq!(used.bytes_total, 0);
}

#[test]
fn an_array_is_compared_with_the_budget() {
    // A megabyte of topics with empty names, two bytes each.
    let body = |topics: u32| -> Bytes {
        let mut body = topics.to_be_bytes().to_vec();
        body.resize(4 + 2 * topics as usize, 0);
        body.into()
    };
    let used = measure(|| {
        let error = MetadataRequest::decode(body(500_000), 1).expect_err("it is too much");
        assert_eq!((error.field, error.problem), ("MetadataRequest.topics", Problem::OverBudget));
    });
    assert!(used.bytes_max <= 1_000_008, "the body alone: {used:?}");
    assert!(MetadataRequest::decode(body(1_000), 1).is_ok(), "a small frame may");
}

/// As many topics as there is room for in the largest request without records, with names of one letter.
#[test]
fn a_large_request_has_no_more_memory_for_short_names() {
    let body: Bytes = [&5_500_000_i32.to_be_bytes()[..], &b"\0\x01x".repeat(5_500_000)].concat().into();
    let used = measure(|| {
        let error = MetadataRequest::decode_sent(body, 1).expect_err("it is too much");
        assert_eq!((error.field, error.problem), ("MetadataRequest.topics", Problem::TooManyElements));
    });
    assert_eq!(used.bytes_total, 0);
}

/// Of integers, which take no more memory than bytes on the wire, there are only so many either: each is answered.
#[test]
fn a_request_has_only_so_many_elements() {
    let request = |topics: usize, partitions: i32| {
        let topic = offset_delete::OffsetDeleteRequestTopic {
            name: "t".into(),
            partitions: (0..partitions)
                .map(|partition_index| offset_delete::OffsetDeleteRequestPartition { partition_index })
                .collect(),
        };
        encode(&OffsetDeleteRequest { topics: vec![topic; topics], ..Default::default() }, 0)
    };
    let read = |body| {
        OffsetDeleteRequest::decode_sent(body, 0).map(|sent| (sent.request.topics.len(), sent.elements))
    };
    assert_eq!(read(request(16, 1 << 16)).map_err(|error| error.problem), Err(Problem::TooManyElements));
    assert_eq!(read(request(16, (1 << 16) - 1)), Ok((16, 1 << 20)));
}

/// The largest Fetch of which anybody has heard, and names as short as distinct ones can be.
#[test]
fn what_clients_send_is_decoded() {
    use crate::messages::fetch::{FetchPartition, FetchTopic};
    use crate::messages::metadata::MetadataRequestTopic;

    let topic = |number: u128| FetchTopic {
        topic: format!("topic-{number:04}").into(),
        topic_id: number.into(),
        partitions: (0..100).map(|partition| FetchPartition { partition, ..Default::default() }).collect(),
    };
    let request = FetchRequest { topics: (0..10_000).map(topic).collect(), ..Default::default() };
    for version in [4, 11, 12, 17] {
        let request =
            FetchRequest::decode_sent(encode(&request, version), version).expect("it is right").request;
        assert_eq!(request.topics.iter().map(|topic| topic.partitions.len()).sum::<usize>(), 1_000_000);
    }
    let letters = || (b'!'..=b'~').map(char::from);
    let names = letters().flat_map(|a| letters().flat_map(move |b| letters().map(move |c| [a, b, c])));
    let topic = |name: [char; 3]| MetadataRequestTopic {
        name: Some(name.iter().collect::<String>().into()),
        ..Default::default()
    };
    let request =
        MetadataRequest { topics: Some(names.take(100_000).map(topic).collect()), ..Default::default() };
    for version in [1, 9] {
        let request =
            MetadataRequest::decode_sent(encode(&request, version), version).expect("it is right").request;
        assert_eq!(request.topics.map(|topics| topics.len()), Some(100_000));
    }
}

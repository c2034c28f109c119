//! What decoding and encoding allocate: nothing per record, nothing beyond the budget, no copies of records.

use allocation_counter::measure;
use bytes::Bytes;

use super::encode;
use crate::codec::Problem;
use crate::messages::fetch::{FetchableTopicResponse, PartitionData};
use crate::messages::produce::{PartitionProduceData, TopicProduceData};
use crate::messages::*;
use crate::records::{Batch, BatchBuilder};
use crate::{Message, Records, frame};

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

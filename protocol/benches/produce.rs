//! What a broker does with a Produce request before it is appended: decode, CRC, header checks.

use bytes::Bytes;
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use protocol::messages::ProduceRequest;
use protocol::messages::produce::{PartitionProduceData, TopicProduceData};
use protocol::records::{Batch, BatchBuilder};
use protocol::{Message, frame};

const VERSION: i16 = 9;
const RECORD_SIZES: [usize; 2] = [100, 1000];
const BATCH_BYTES: usize = 1 << 20;

fn main() {
    divan::main();
}

fn batch(record_size: usize) -> Bytes {
    let mut builder = BatchBuilder::new();
    let value = vec![7; record_size];
    (0..BATCH_BYTES / record_size).for_each(|_| builder.push(1, None, Some(&value), &[]));
    builder.build().expect("the batch is small")
}

fn request(record_size: usize) -> Bytes {
    let partition = PartitionProduceData { index: 0, records: Some(batch(record_size).into()) };
    let topic =
        TopicProduceData { name: "topic".into(), partition_data: vec![partition], ..Default::default() };
    let request = ProduceRequest { acks: -1, topic_data: vec![topic], ..Default::default() };
    let chunks = frame::encode_request(1, Some("bench"), VERSION, &request).expect("the request is small");
    Bytes::from(chunks.concat()).slice(4..)
}

#[divan::bench(args = RECORD_SIZES)]
fn decode(bencher: Bencher<'_, '_>, record_size: usize) {
    let frame = request(record_size);
    bencher.bench(|| {
        let (header, body) = frame::decode_request_header(black_box(&frame).clone()).expect("it is right");
        ProduceRequest::decode(body, header.request_api_version)
    });
}

#[divan::bench(args = RECORD_SIZES)]
fn verify_crc(bencher: Bencher<'_, '_>, record_size: usize) {
    let batch = Batch::single(batch(record_size)).expect("it is one batch");
    bencher.counter(BytesCount::new(batch.bytes().len())).bench(|| black_box(&batch).verify_crc());
}

#[divan::bench(args = RECORD_SIZES)]
fn validate_records(bencher: Bencher<'_, '_>, record_size: usize) {
    let batch = Batch::single(batch(record_size)).expect("it is one batch");
    bencher
        .counter(BytesCount::new(batch.bytes().len()))
        .bench(|| black_box(&batch).validate_records(usize::MAX, false));
}

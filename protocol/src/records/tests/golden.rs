//! Batches that Apache Kafka 4.3.1's own classes wrote: `testdata/batches.txt`.

use super::LIMIT;
use crate::records::{Batch, Compression, Record, RecordSummary, TimestampType};
use crate::tests::hex;

fn batch(name: &str) -> Batch {
    let lines = include_str!("../../../testdata/batches.txt");
    let digits = lines.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let batch = Batch::single(hex(digits.expect("the batch is there"))).expect("it is one batch");
    batch.verify_crc().expect("the CRC is right");
    batch
}

fn records(batch: &Batch) -> Vec<Record> {
    let records = batch.records(LIMIT).expect("it is decompressed");
    records.collect::<Result<_, _>>().expect("the records are right")
}

#[test]
fn every_codec_has_the_same_records() {
    for codec in Compression::ALL {
        let batch = batch(codec.name());
        let header = batch.header();
        header.check_produced().expect("a client may send it");
        assert_eq!(header.compression(), Ok(codec));
        assert_eq!((header.base_timestamp, header.max_timestamp), (1_700_000_000_000, 1_700_000_000_005));
        assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (-1, -1, -1));

        let records = records(&batch);
        assert_eq!(records.len(), 3);
        assert_eq!(records[0].key.as_deref(), Some(&b"key"[..]));
        assert_eq!(records[0].value.as_deref(), Some(&b"value"[..]));
        let headers: Vec<_> = records[0].headers.iter().map(|h| (h.key.to_string(), h.value)).collect();
        assert_eq!(headers, [("h1".to_owned(), Some("v1".into())), ("h2".to_owned(), None)]);
        assert_eq!(records[1].key, None);
        assert_eq!(records[1].value.as_ref().map(|value| value.len()), Some(300));
        assert!(records[1].headers.is_empty());
        assert_eq!((records[2].key.as_deref(), &records[2].value), (Some(&b"k3"[..]), &None));
        let timestamps: Vec<_> =
            records.iter().map(|record| header.timestamp_of(record) - 1_700_000_000_000).collect();
        assert_eq!(timestamps, [0, 5, -10]);

        let expected = RecordSummary {
            count: 3,
            min_timestamp: 1_699_999_999_990,
            max_timestamp: 1_700_000_000_005,
            max_timestamp_offset_delta: 1,
            uncompressed_bytes: batch_size("none"),
        };
        assert_eq!(batch.validate_records(LIMIT, false), Ok(expected));
    }
}

fn batch_size(name: &str) -> usize {
    batch(name).payload().len()
}

#[test]
fn producers() {
    let batch = batch("idempotent");
    let header = batch.header();
    assert!(header.has_producer() && !header.is_transactional());
    assert_eq!((header.producer_id, header.producer_epoch), (4242, 7));
    assert_eq!((header.base_sequence, header.last_sequence()), (i32::MAX - 1, 0));
    header.check_produced().expect("a client may send it");
}

#[test]
fn transactions() {
    let data = batch("transactional");
    assert!(data.header().is_transactional() && !data.header().is_control());
    assert_eq!(data.header().timestamp_type(), TimestampType::CreateTime);
    data.header().check_produced().expect("a client may send it");

    let marker = batch("commit");
    let header = marker.header();
    assert!(header.is_transactional() && header.is_control());
    assert_eq!((header.base_offset, header.last_offset(), header.partition_leader_epoch), (99, 99, 3));
    assert_eq!(records(&marker)[0].key.as_deref(), Some(&[0, 0, 0, 1][..]), "version 0, commit");
}

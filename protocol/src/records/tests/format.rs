//! The header, its checks, and what is built.

use bytes::Bytes;

use super::{LIMIT, altered, builder, built, compressed};
use crate::ErrorCode;
use crate::records::{
    Batch, BatchBuilder, BatchError, BatchHeader, Batches, Compression, HEADER_LENGTH, TimestampType,
};

#[test]
fn what_is_built_is_valid() {
    let batch = built(builder().producer(5, 1, 9).transactional(true));
    batch.verify_crc().expect("the CRC is right");
    batch.header().check_produced().expect("a client may send it");
    let expected = BatchHeader {
        base_offset: 0,
        batch_length: batch.bytes().len() as i32 - 12,
        partition_leader_epoch: -1,
        crc: batch.header().crc,
        attributes: 0x10,
        last_offset_delta: 2,
        base_timestamp: 1000,
        max_timestamp: 1005,
        producer_id: 5,
        producer_epoch: 1,
        base_sequence: 9,
        records_count: 3,
    };
    assert_eq!(batch.header(), &expected);
    assert_eq!(batch.header().last_sequence(), 11);
    assert_eq!(BatchBuilder::new().build(), Err(BatchError::Missing));
}

#[test]
fn builder_knows_its_size() {
    assert_eq!(BatchBuilder::new().size(), HEADER_LENGTH);
    let (size, len) = (builder().size(), builder().len());
    assert_eq!((built(builder()).bytes().len(), len), (size, 3));
}

#[test]
fn a_prefix_is_patched_without_the_crc() {
    let batch = compressed(Compression::Lz4);
    let prefix = batch.header().patched_prefix(1 << 40, 7);
    let bytes = Bytes::from([&prefix[..], &batch.bytes()[16..]].concat());
    let moved = Batch::single(bytes).expect("it is one batch");
    moved.verify_crc().expect("the CRC does not cover the prefix");
    let expected = BatchHeader { base_offset: 1 << 40, partition_leader_epoch: 7, ..*batch.header() };
    assert_eq!(moved.header(), &expected);
    assert_eq!(moved.header().last_offset(), (1 << 40) + 2);
    let offsets = moved.records(LIMIT).expect("it is decompressed");
    let offsets: Vec<_> =
        offsets.map(|record| moved.header().offset_of(&record.expect("it is right"))).collect();
    assert_eq!(offsets, [1 << 40, (1 << 40) + 1, (1 << 40) + 2]);
}

#[test]
fn log_append_time_is_the_time_of_all_records() {
    for codec in Compression::ALL {
        let batch = compressed(codec).with_log_append_time(5_000);
        batch.verify_crc().expect("the CRC was redone");
        assert_eq!(Batch::single(batch.bytes().clone()).as_ref(), Ok(&batch), "header and bytes agree");
        assert_eq!(batch.header().compression(), Ok(codec));
        assert_eq!(batch.header().timestamp_type(), TimestampType::LogAppendTime);
        for record in batch.records(LIMIT).expect("it is decompressed") {
            assert_eq!(batch.header().timestamp_of(&record.expect("it is right")), 5_000);
        }
        let summary = batch.validate_records(LIMIT, false).expect("it is right");
        let times = (summary.min_timestamp, summary.max_timestamp, summary.max_timestamp_offset_delta);
        assert_eq!(times, (5_000, 5_000, 0));
        assert_eq!(batch.header().check_produced(), Err(BatchError::LogAppendTime));
    }
}

#[test]
fn records_are_compressed_otherwise_and_the_rest_stays() {
    for (from, to) in Compression::ALL.into_iter().flat_map(|from| Compression::ALL.map(|to| (from, to))) {
        let before = built(builder().compression(from).producer(5, 1, 9));
        let records = before.decompress(LIMIT).expect("it is decompressed");
        let payload = to.compress(&records).expect("it is compressed");
        let after = before.with_payload(to, &payload).expect("it fits");
        after.verify_crc().expect("the CRC was redone");
        assert_eq!(Batch::single(after.bytes().clone()).as_ref(), Ok(&after), "header and bytes agree");
        assert_eq!(after.header().compression(), Ok(to));
        assert_eq!(after.decompress(LIMIT), Ok(records));
        let of_before = BatchHeader {
            batch_length: before.header().batch_length,
            crc: before.header().crc,
            attributes: before.header().attributes,
            ..*after.header()
        };
        assert_eq!(&of_before, before.header());
        assert_eq!(after.validate_records(LIMIT, false), before.validate_records(LIMIT, false));
    }
}

#[test]
fn a_maximum_timestamp_is_corrected() {
    let batch = compressed(Compression::Gzip).with_max_timestamp(9_999);
    batch.verify_crc().expect("the CRC was redone");
    assert_eq!(Batch::single(batch.bytes().clone()).as_ref(), Ok(&batch), "header and bytes agree");
    assert_eq!((batch.header().max_timestamp, batch.header().base_timestamp), (9_999, 1000));
    assert_eq!(batch.header().timestamp_type(), TimestampType::CreateTime);
}

#[test]
fn each_record_is_told_of() {
    let batch = compressed(Compression::Lz4);
    let records = batch.decompress(LIMIT).expect("it is decompressed");
    let mut seen = Vec::new();
    let summary = batch.scan(&records, |record| seen.push((record.index, record.has_key, record.timestamp)));
    assert_eq!(summary, batch.validate_records(LIMIT, false));
    let expected: Vec<_> = batch.records(LIMIT).expect("it is decompressed").flatten().collect();
    let expected: Vec<_> =
        expected.iter().map(|r| (r.offset_delta, r.key.is_some(), batch.header().timestamp_of(r))).collect();
    assert_eq!(seen, expected);
}

#[test]
fn buffers_of_several_batches() {
    let (one, two) = (compressed(Compression::None), compressed(Compression::Zstd));
    let both = Bytes::from([&one.bytes()[..], two.bytes()].concat());
    let batches: Vec<_> = Batches::new(both.clone()).collect();
    assert_eq!(batches, [Ok(one.clone()), Ok(two)]);
    assert_eq!(Batch::single(both.clone()), Err(BatchError::Several));
    assert_eq!(Batch::single(Bytes::new()), Err(BatchError::Missing));

    let cut: Vec<_> = Batches::new(both.slice(..both.len() - 1)).collect();
    assert_eq!(cut.len(), 2);
    assert_eq!(cut[0], Ok(one.clone()));
    assert!(matches!(cut[1], Err(BatchError::LengthMismatch { .. })));
    let cut: Vec<_> = Batches::new(both.slice(..one.bytes().len() + 20)).collect();
    assert_eq!(cut[1..], [Err(BatchError::TooShort { length: 20 })]);
}

/// Alters one field of a valid batch and tells what a broker finds.
fn found(at: usize, with: &[u8]) -> Result<(), BatchError> {
    let bytes =
        altered(&compressed(Compression::None), |bytes| bytes[at..at + with.len()].copy_from_slice(with));
    let batch = Batch::single(bytes)?;
    batch.verify_crc()?;
    batch.header().check_produced()?;
    batch.validate_records(LIMIT, false).map(|_| ())
}

#[test]
fn each_check_finds_its_fault() {
    let length = compressed(Compression::None).bytes().len() as i32 - 12;
    let available = length as usize;
    assert_eq!(found(16, &[2]), Ok(()));
    assert_eq!(found(16, &[1]), Err(BatchError::BadMagic(1)));
    assert_eq!(found(16, &[0xff]), Err(BatchError::BadMagic(-1)));
    for stated in [length + 1, 48, 0, -1, i32::MIN, i32::MAX] {
        assert_eq!(found(8, &stated.to_be_bytes()), Err(BatchError::LengthMismatch { stated, available }));
    }
    assert!(found(8, &(length - 1).to_be_bytes()).is_err());
    assert_eq!(found(0, &1i64.to_be_bytes()), Err(BatchError::BaseOffset(1)));
    for (count, last_offset_delta) in [(0, -1), (3, 3), (4, 2), (-1, -2), (i32::MIN, i32::MAX)] {
        let fault = BatchError::Count { count, last_offset_delta };
        let mut bytes = compressed(Compression::None).into_bytes().to_vec();
        bytes[23..27].copy_from_slice(&last_offset_delta.to_be_bytes());
        bytes[57..61].copy_from_slice(&count.to_be_bytes());
        assert_eq!(BatchHeader::parse(&bytes).expect("it is a header").check_count(), Err(fault));
    }
    assert_eq!(found(22, &[0x20]), Err(BatchError::Control));
    assert_eq!(found(22, &[0x08]), Err(BatchError::LogAppendTime));
    assert_eq!(found(22, &[0x05]), Err(BatchError::UnknownCompression(5)));
    assert_eq!(found(43, &7i64.to_be_bytes()), Err(BatchError::NoSequence));
}

#[test]
fn every_changed_byte_fails_the_crc() {
    let batch = compressed(Compression::None);
    for at in 17..batch.bytes().len() {
        let mut bytes = batch.bytes().to_vec();
        bytes[at] ^= 1;
        let changed = Batch::single(bytes.into()).expect("it is one batch");
        assert!(matches!(changed.verify_crc(), Err(BatchError::CrcMismatch { .. })), "byte {at}");
    }
}

#[test]
fn records_that_are_not_as_the_header_says() {
    let batch = compressed(Compression::None);
    let validate = |bytes| Batch::single(bytes).expect("it is one batch").validate_records(LIMIT, false);
    let count = |count: i32| {
        altered(&batch, |bytes| {
            bytes[23..27].copy_from_slice(&(count - 1).to_be_bytes());
            bytes[57..61].copy_from_slice(&count.to_be_bytes());
        })
    };
    assert_eq!(validate(count(4)), Err(BatchError::Record { index: 3, problem: "ends early" }));
    assert!(matches!(validate(count(2)), Err(BatchError::TrailingBytes(_))));
    let records: Vec<_> =
        Batch::single(count(2)).expect("one").records(LIMIT).expect("not compressed").collect();
    assert!(matches!(records[..], [Ok(_), Ok(_), Err(BatchError::TrailingBytes(_))]), "{records:?}");
    // The second record's offset delta: after the first record, a length of two bytes, attributes, time.
    let first = usize::from(batch.payload()[0] >> 1) + 1;
    let gap = altered(&batch, |bytes| bytes[HEADER_LENGTH + first + 4] = 4);
    let problem = "offsets are not contiguous";
    assert_eq!(validate(gap), Err(BatchError::Record { index: 1, problem }));

    assert_eq!(batch.validate_records(LIMIT, true), Err(BatchError::NullKey { index: 1 }));
    let size = batch.payload().len();
    assert_eq!(batch.validate_records(size - 1, false), Err(BatchError::TooLarge { limit: size - 1 }));
}

#[test]
fn codes_and_indexes() {
    let codes = [
        (BatchError::Missing, ErrorCode::InvalidRecord),
        (BatchError::BadMagic(1), ErrorCode::InvalidRecord),
        (BatchError::TooShort { length: 1 }, ErrorCode::CorruptMessage),
        (BatchError::CrcMismatch { stored: 1, computed: 2 }, ErrorCode::CorruptMessage),
        (BatchError::LogAppendTime, ErrorCode::InvalidTimestamp),
        (BatchError::UnknownCompression(7), ErrorCode::UnsupportedCompressionType),
        (BatchError::TooLarge { limit: 1 }, ErrorCode::MessageTooLarge),
        (BatchError::NullKey { index: 4 }, ErrorCode::InvalidRecord),
    ];
    for (error, code) in codes {
        assert_eq!(error.code(), code, "{error}");
    }
    assert_eq!(BatchError::NullKey { index: 4 }.batch_index(), Some(4));
    assert_eq!(BatchError::Missing.batch_index(), None);
}

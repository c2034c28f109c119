//! Bytes that no producer meant: reading ends without a panic, and no record reaches out of its batch.

use bytes::Bytes;
use proptest::prelude::*;

use super::{altered, built};
use crate::records::{Batch, BatchBuilder, BatchError, Batches, Compression};

/// Reads all there is to read; returns the number of records.
fn read_all(bytes: Bytes, limit: usize) -> usize {
    let mut read = 0;
    for batch in Batches::new(bytes).flatten() {
        drop((batch.verify_crc(), batch.header().check_produced()));
        let valid = batch.validate_records(limit, false);
        match (batch.check_records(limit, |_| {}), &valid) {
            (Ok(passed), valid) => assert_eq!(&Ok(passed), valid),
            // A stream is bound by the window that it asked for.
            (Err(error), Ok(_)) => assert!(matches!(error, BatchError::Compression { .. }), "{error}"),
            (Err(_), Err(_)) => {}
        }
        let Ok(records) = batch.records(limit) else {
            assert!(valid.is_err());
            continue;
        };
        let records: Vec<_> = records.collect();
        if let Ok(summary) = valid {
            assert!(records.iter().all(Result::is_ok), "both readers agree");
            assert_eq!(records.len(), summary.count as usize);
        }
        for record in records.iter().flatten() {
            let _ = (batch.header().offset_of(record), batch.header().timestamp_of(record));
            assert_eq!(record.headers.iter().count(), record.headers.len());
            read += 1;
        }
    }
    read
}

type Field = Option<Vec<u8>>;
type Sample = (i64, Field, Field, Vec<(String, Field)>);

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let sample =
        (any::<i64>(), any::<Field>(), any::<Field>(), prop::collection::vec(any::<(String, Field)>(), 0..4));
    prop::collection::vec(sample, 1..20)
}

fn batch(samples: &[Sample], codec: Compression) -> Batch {
    let mut builder = BatchBuilder::new().compression(codec);
    for (timestamp, key, value, headers) in samples {
        let headers: Vec<_> = headers.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
        builder.push(*timestamp, key.as_deref(), value.as_deref(), &headers);
    }
    built(builder)
}

proptest! {
    #[test]
    fn what_is_written_is_read(samples in samples(), codec in 0..5i8) {
        let batch = batch(&samples, Compression::from_id(codec).expect("it is a codec"));
        batch.verify_crc().expect("the CRC is right");
        batch.validate_records(1 << 20, false).expect("it is valid");
        let records: Vec<_> = batch.records(1 << 20).expect("it is decompressed").flatten().collect();
        prop_assert_eq!(records.len(), samples.len());
        for (place, (record, (timestamp, key, value, headers))) in records.iter().zip(&samples).enumerate() {
            prop_assert_eq!(record.offset_delta as usize, place);
            prop_assert_eq!(samples[0].0.wrapping_add(record.timestamp_delta), *timestamp);
            prop_assert_eq!(record.key.as_deref(), key.as_deref());
            prop_assert_eq!(record.value.as_deref(), value.as_deref());
            let read = record.headers.iter().map(|h| (h.key.to_string(), h.value.map(|v| v.to_vec())));
            prop_assert_eq!(&read.collect::<Vec<_>>(), headers);
        }
    }

    #[test]
    fn any_bytes(bytes: Vec<u8>) {
        read_all(bytes.into(), 1 << 16);
    }

    #[test]
    fn any_records(mut records: Vec<u8>, count in 1..20i32) {
        let mut bytes = batch(&[(0, None, None, Vec::new())], Compression::None).into_bytes()[..61].to_vec();
        bytes.append(&mut records);
        let length = bytes.len() as i32 - 12;
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        bytes[23..27].copy_from_slice(&(count - 1).to_be_bytes());
        bytes[57..61].copy_from_slice(&count.to_be_bytes());
        read_all(bytes.into(), 1 << 16);
    }

    #[test]
    fn damaged_batches(
        samples in samples(),
        codec in 0..5i8,
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let batch = batch(&samples, Compression::from_id(codec).expect("it is a codec"));
        let bytes = altered(&batch, |bytes| {
            for (place, byte) in &places {
                let place = place.index(bytes.len());
                bytes[place] = *byte;
            }
        });
        read_all(bytes, 1 << 16);
    }

    #[test]
    fn a_batch_cut_short_is_no_batch(samples in samples(), at: prop::sample::Index) {
        let bytes = batch(&samples, Compression::None).into_bytes();
        let length = at.index(bytes.len());
        prop_assert!(Batch::single(bytes.slice(..length)).is_err());
    }
}

#[test]
fn a_count_of_billions_ends_with_the_bytes() {
    let batch = batch(&[(0, None, None, Vec::new())], Compression::None);
    let bytes = altered(&batch, |bytes| {
        bytes[23..27].copy_from_slice(&(i32::MAX - 1).to_be_bytes());
        bytes[57..61].copy_from_slice(&i32::MAX.to_be_bytes());
    });
    assert_eq!(read_all(bytes, 1 << 16), 1);
}

//! A batch that is made once and sent many times.
//!
//! Only the header changes from one time to the next. The CRC covers header and records; it is that of the
//! header, shifted over the records, xor that of the records: the shift is linear, so that 32 words
//! computed beforehand do it.

use bytes::{BufMut, Bytes, BytesMut};
use protocol::Records;
use protocol::records::{BatchBuilder, BatchError, Compression, HEADER_LENGTH};

/// Where the CRC is, and where what it covers begins.
const CRC: std::ops::Range<usize> = 17..21;
const BASE_TIMESTAMP: std::ops::Range<usize> = 27..35;
const MAX_TIMESTAMP: std::ops::Range<usize> = 35..43;
const PRODUCER: std::ops::Range<usize> = 43..57;

/// A batch but for its header.
#[derive(Debug)]
pub(super) struct Template {
    header: [u8; HEADER_LENGTH],
    records: Bytes,
    records_crc: u32,
    /// The CRC of each single bit, shifted over the records.
    shift: [u32; 32],
    /// How many records there are.
    pub(super) count: u64,
    /// Bytes of their values.
    pub(super) value_bytes: u64,
}

/// Bytes that no codec makes smaller, the same for a seed.
pub(super) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.put_u64(state.wrapping_mul(0x2545_f491_4f6c_dd1d));
    }
    bytes.truncate(length);
    bytes
}

/// A value of which codecs take off about half, as they do with JSON.
pub(super) fn value(seed: u64, length: usize) -> Vec<u8> {
    noise(seed, length).into_iter().map(|byte| b"0123456789abcdef"[usize::from(byte & 15)]).collect()
}

impl Template {
    /// A batch of `count` records of `size` bytes each. Fails where the batch would be too large.
    pub(super) fn new(
        seed: u64,
        count: u64,
        size: usize,
        compression: Compression,
    ) -> Result<Self, BatchError> {
        let mut batch = BatchBuilder::new().compression(compression);
        for record in 0..count {
            batch.push(0, None, Some(&value(seed.wrapping_mul(1_000_003).wrapping_add(record), size)), &[]);
        }
        let mut batch = batch.build()?;
        let records = batch.split_off(HEADER_LENGTH);
        let mut header = [0; HEADER_LENGTH];
        header.copy_from_slice(&batch);
        Ok(Self {
            header,
            records_crc: crc32c::crc32c(&records),
            shift: std::array::from_fn(|bit| crc32c::crc32c_combine(1 << bit, 0, records.len())),
            records,
            count,
            value_bytes: count * size as u64,
        })
    }

    /// The batch with this time, in milliseconds since 1970, and this producer: id, epoch and first sequence.
    pub(super) fn stamped(&self, now: i64, (id, epoch, sequence): (i64, i16, i32)) -> Records {
        let mut header = BytesMut::from(&self.header[..]);
        header[BASE_TIMESTAMP].copy_from_slice(&now.to_be_bytes());
        header[MAX_TIMESTAMP].copy_from_slice(&now.to_be_bytes());
        let mut producer = &mut header[PRODUCER];
        producer.put_i64(id);
        producer.put_i16(epoch);
        producer.put_i32(sequence);
        let head = crc32c::crc32c(&header[CRC.end..]);
        let set = |bit: &usize| head >> bit & 1 == 1;
        let crc = (0..32).filter(set).fold(self.records_crc, |crc, bit| crc ^ self.shift[bit]);
        header[CRC].copy_from_slice(&crc.to_be_bytes());
        [header.freeze(), self.records.clone()].into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use protocol::records::Batch;

    use super::*;

    #[test]
    fn a_stamped_batch_is_sound() {
        for (count, size, compression) in
            [(1, 0, Compression::None), (3, 100, Compression::Zstd), (900, 1024, Compression::None)]
        {
            let template = Template::new(7, count, size, compression).expect("a batch");
            for producer in [(-1, -1, -1), (5, 2, 1000)] {
                let records = template.stamped(1_700_000_000_123, producer);
                let batch = Batch::single(records.into_bytes()).expect("one batch");
                batch.verify_crc().expect("the right CRC");
                batch.header().check_produced().expect("a producer's batch");
                let summary = batch.validate_records(1 << 30, false).expect("sound records");
                assert_eq!(summary.max_timestamp, 1_700_000_000_123);
                assert_eq!(i64::from(batch.header().records_count), count as i64);
                assert_eq!(batch.header().producer_id, producer.0);
                assert_eq!(batch.header().base_sequence, producer.2);
            }
        }
    }

    #[test]
    fn seeds_differ() {
        assert_ne!(value(1, 64), value(2, 64));
        assert_eq!(value(1, 64), value(1, 64));
        assert_eq!(value(1, 5).len(), 5);
    }
}

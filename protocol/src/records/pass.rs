//! A pass over the records of a batch that holds none of them: however much they decompress to, it takes the
//! memory that the codec needs to go on.

use std::io::BufRead;
use std::ops::ControlFlow;

use super::stream::Use;
use super::{Batch, BatchError, BatchHeader, Compression, RecordGlance, RecordSummary};

impl Batch {
    /// The bytes that [`Batch::pass`] and [`Batch::check_records`] allocate at most; for Snappy and Zstandard it
    /// depends on the batch.
    #[must_use]
    pub fn pass_memory(&self) -> usize {
        let codec = self.header().compression().unwrap_or_default();
        codec.stream_memory(&self.bytes()[super::HEADER_LENGTH..])
    }

    /// Calls `each` with every record, in order, until it breaks; with those before the first that is malformed if one
    /// is. Fails with `UnknownCompression`, `Compression`, `TooLarge` above `limit` bytes of records, `Record` or
    /// `TrailingBytes`. Does not look at offsets.
    pub fn pass(
        &self,
        limit: usize,
        each: impl FnMut(RecordGlance) -> ControlFlow<()>,
    ) -> Result<(), BatchError> {
        self.walk(limit, each).map(drop)
    }

    /// What [`Batch::validate_records`] checks, but for keys, without holding the records decompressed: calls `each`
    /// with every record. Fails as that does.
    pub fn check_records(
        &self,
        limit: usize,
        mut each: impl FnMut(RecordGlance),
    ) -> Result<RecordSummary, BatchError> {
        let header = self.header();
        header.check_count()?;
        let (mut min, mut max, mut max_at, mut gap) = (i64::MAX, i64::MIN, 0, None);
        let length = self.walk(limit, |record| {
            if record.offset_delta != record.index {
                gap = Some(record.index);
                return ControlFlow::Break(());
            }
            min = min.min(record.timestamp);
            if record.timestamp > max {
                (max, max_at) = (record.timestamp, record.index);
            }
            each(record);
            ControlFlow::Continue(())
        })?;
        if let Some(index) = gap {
            return Err(BatchError::Record { index, problem: "offsets are not contiguous" });
        }
        Ok(RecordSummary {
            count: header.records_count,
            min_timestamp: min,
            max_timestamp: max,
            max_timestamp_offset_delta: max_at,
            uncompressed_bytes: length,
        })
    }

    /// Answers how many bytes were read.
    fn walk(
        &self,
        limit: usize,
        each: impl FnMut(RecordGlance) -> ControlFlow<()>,
    ) -> Result<usize, BatchError> {
        let (header, codec) = (self.header(), self.header().compression()?);
        let walk = Walk { header, codec, limit, each };
        codec.stream(&self.bytes()[super::HEADER_LENGTH..], walk)?
    }
}

/// Why a record can't be read.
enum Stop {
    /// It is malformed.
    Malformed(&'static str),
    /// Its bytes do not come out.
    Batch(BatchError),
}

struct Walk<'a, F> {
    header: &'a BatchHeader,
    codec: Compression,
    limit: usize,
    each: F,
}

impl<F: FnMut(RecordGlance) -> ControlFlow<()>> Use for Walk<'_, F> {
    type Outcome = Result<usize, BatchError>;

    fn with(self, input: impl BufRead) -> Self::Outcome {
        let Self { header, codec, limit, mut each } = self;
        let mut bytes = Bytes { input, codec, limit, read: 0, end: usize::MAX };
        for index in 0..header.records_count {
            let (timestamp_delta, offset_delta, has_key) = bytes.record().map_err(|stop| match stop {
                Stop::Malformed(problem) => BatchError::Record { index, problem },
                Stop::Batch(error) => error,
            })?;
            let timestamp = header.timestamp(timestamp_delta);
            if each(RecordGlance { index, offset_delta, has_key, timestamp }).is_break() {
                return Ok(bytes.read);
            }
        }
        match bytes.rest()? {
            0 => Ok(bytes.read),
            left => Err(BatchError::TrailingBytes(left)),
        }
    }
}

/// Reads off a stream.
struct Bytes<R> {
    input: R,
    codec: Compression,
    limit: usize,
    /// How many were read.
    read: usize,
    /// Where the record ends.
    end: usize,
}

impl<R: BufRead> Bytes<R> {
    /// Passes over up to `most` bytes that are there; answers how many, none at the end.
    fn advance(&mut self, most: usize) -> Result<usize, BatchError> {
        let there = self.input.fill_buf().map_err(|error| self.codec.broken(error))?.len().min(most);
        self.input.consume(there);
        self.read += there;
        if self.read > self.limit { Err(BatchError::TooLarge { limit: self.limit }) } else { Ok(there) }
    }

    fn rest(&mut self) -> Result<usize, BatchError> {
        let before = self.read;
        while self.advance(usize::MAX)? > 0 {}
        Ok(self.read - before)
    }

    fn byte(&mut self) -> Result<u8, Stop> {
        if self.read >= self.end {
            return Err(Stop::Malformed("ends early"));
        }
        let bytes = self.input.fill_buf().map_err(|error| Stop::Batch(self.codec.broken(error)))?;
        let byte = *bytes.first().ok_or(Stop::Malformed("ends early"))?;
        self.advance(1).map_err(Stop::Batch)?;
        Ok(byte)
    }

    fn skip(&mut self, mut length: usize) -> Result<(), Stop> {
        if length > self.end - self.read {
            return Err(Stop::Malformed("ends early"));
        }
        while length > 0 {
            match self.advance(length).map_err(Stop::Batch)? {
                0 => return Err(Stop::Malformed("ends early")),
                passed => length -= passed,
            }
        }
        Ok(())
    }

    /// A zigzag integer of at most ten bytes.
    fn varlong(&mut self) -> Result<i64, Stop> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
            }
        }
        Err(Stop::Malformed("variable-length integer too long"))
    }

    fn varint(&mut self) -> Result<i32, Stop> {
        self.varlong()?.try_into().map_err(|_| Stop::Malformed("integer out of range"))
    }

    /// Passes over a byte string; false if it is null.
    fn byte_string(&mut self) -> Result<bool, Stop> {
        let length = self.varint()?;
        if length == -1 {
            return Ok(false);
        }
        self.skip(usize::try_from(length).map_err(|_| Stop::Malformed("negative length"))?)?;
        Ok(true)
    }

    /// A record's timestamp and offset, after those of the batch, and whether it has a key.
    fn record(&mut self) -> Result<(i64, i32, bool), Stop> {
        self.end = usize::MAX;
        let length = self.varint()?;
        let length = usize::try_from(length).map_err(|_| Stop::Malformed("negative length"))?;
        self.end = self.read.saturating_add(length);
        self.skip(1)?;
        let (timestamp_delta, offset_delta) = (self.varlong()?, self.varint()?);
        let has_key = self.byte_string()?;
        self.byte_string()?;
        let headers = self.varint()?;
        if headers < 0 {
            return Err(Stop::Malformed("negative number of headers"));
        }
        for _ in 0..headers {
            if !self.byte_string()? {
                return Err(Stop::Malformed("header without a key"));
            }
            self.byte_string()?;
        }
        match self.read == self.end {
            true => Ok((timestamp_delta, offset_delta, has_key)),
            false => Err(Stop::Malformed("bytes after the headers")),
        }
    }
}

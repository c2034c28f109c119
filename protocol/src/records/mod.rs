//! Record batches, format version 2: the only one that is produced or fetched.
//!
//! A batch is read in place: [`BatchHeader`] is its first 61 bytes, everything after that stays a slice until
//! a caller asks for [`Batch::records`]. Limits given by the caller bound what decompression may produce.

mod batch;
mod builder;
mod compression;
mod cursor;
mod error;
mod header;
mod pass;
mod record;
mod snappy;
mod stream;
mod summary;
#[cfg(test)]
mod tests;
mod transcode;

pub use batch::{Batch, Batches};
pub use builder::BatchBuilder;
pub use compression::{Compression, UnknownName};
pub use error::BatchError;
pub use header::{BatchHeader, HEADER_LENGTH, PREFIX_LENGTH, TimestampType};
pub use record::{Headers, Record, RecordHeader, RecordIter};
pub use summary::{RecordGlance, RecordSummary};

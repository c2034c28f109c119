//! Kafka's primitive encodings, and the traits that the derive macros implement.
//!
//! Decoding slices the received frame and copies nothing; what it allocates is bounded by a budget in
//! proportion to the frame. Encoding builds a rope, so that large byte strings are never copied either.
//! No API is known here.

mod error;
mod message;
mod reader;
mod rope;
mod text;
mod uuid;
mod wire;
mod writer;

pub use error::{DecodeError, EncodeError, Problem};
pub use message::{Message, Request, Sent};
pub use reader::Reader;
pub use rope::Records;
pub use text::Str;
pub use uuid::{NotUuid, Uuid};
pub use wire::{Nullable, Version, Wire, read_marked, write_marked, write_or_default};
pub use writer::{Tags, Writer};

//! Kafka's wire protocol: bytes to messages and back, without I/O.
//!
//! [`frame`] turns a received frame into a header and a body, and a message into the chunks of a frame;
//! [`messages`] has one module for each API; [`records`] is what Produce and Fetch carry, and
//! [`consumer_protocol`] what members of classic groups say through JoinGroup and SyncGroup. Nothing here decides
//! which versions are served or what an answer says. Bytes from a peer never panic and never make this crate
//! allocate out of proportion to them.

extern crate self as protocol;

mod api_key;
pub mod codec;
pub mod consumer_protocol;
mod error_code;
pub mod frame;
pub mod messages;
pub mod records;
#[cfg(test)]
mod tests;

pub use api_key::ApiKey;
pub use codec::{DecodeError, EncodeError, Message, Records, Request, Sent, Str, Uuid};
pub use error_code::ErrorCode;
pub use protocol_derive::{Message, Wire};

//! InitProducerId: an id for an idempotent or transactional producer. Version 6 is not stable in Kafka 4.3.

use crate::Message;
use crate::codec::Str;

/// Asks for a producer id, or for a higher epoch of the one it has.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = InitProducerId, versions = "0..=5", flexible = "2..", response = InitProducerIdResponse)]
pub struct InitProducerIdRequest {
    /// The transactional id, if the producer has one.
    #[field(nullable = "0..")]
    pub transactional_id: Option<Str>,
    /// Milliseconds after which its transactions are aborted.
    pub transaction_timeout_ms: i32,
    /// Id that the producer has, or −1.
    #[field(versions = "3..", default = "-1")]
    pub producer_id: i64,
    /// Epoch that the producer has, or −1.
    #[field(versions = "3..", default = "-1")]
    pub producer_epoch: i16,
}

/// The producer id.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = InitProducerId, versions = "0..=5", flexible = "2..")]
pub struct InitProducerIdResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// Error of the request.
    pub error_code: i16,
    /// Id of the producer, or −1.
    #[field(default = "-1")]
    pub producer_id: i64,
    /// Epoch of the producer.
    pub producer_epoch: i16,
}

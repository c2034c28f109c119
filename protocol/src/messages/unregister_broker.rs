//! UnregisterBroker: forgets a broker that will not come back.

use crate::Message;
use crate::codec::Str;

/// Forgets a broker.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = UnregisterBroker, versions = "0", flexible = "0..", response = UnregisterBrokerResponse)]
pub struct UnregisterBrokerRequest {
    /// Id of the broker.
    pub broker_id: i32,
}

/// What became of it.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = UnregisterBroker, versions = "0", flexible = "0..")]
pub struct UnregisterBrokerResponse {
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
    /// Error of the request.
    pub error_code: i16,
    /// What was wrong.
    #[field(nullable = "0..")]
    pub error_message: Option<Str>,
}

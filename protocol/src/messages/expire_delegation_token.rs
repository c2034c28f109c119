//! ExpireDelegationToken: has a token end.

use bytes::Bytes;

use crate::Message;

/// Ends a token.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = ExpireDelegationToken, versions = "1..=2", flexible = "2..", response = ExpireDelegationTokenResponse)]
pub struct ExpireDelegationTokenRequest {
    /// What proves the token.
    pub hmac: Bytes,
    /// When, in ms from now; below 0 at once.
    pub expiry_time_period_ms: i64,
}

/// When it ends.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = ExpireDelegationToken, versions = "1..=2", flexible = "2..")]
pub struct ExpireDelegationTokenResponse {
    /// Error of the request.
    pub error_code: i16,
    /// When it ends.
    pub expiry_timestamp_ms: i64,
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
}

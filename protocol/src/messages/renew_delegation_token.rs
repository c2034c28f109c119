//! RenewDelegationToken: has a token live longer.

use bytes::Bytes;

use crate::Message;

/// Renews a token.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = RenewDelegationToken, versions = "1..=2", flexible = "2..", response = RenewDelegationTokenResponse)]
pub struct RenewDelegationTokenRequest {
    /// What proves the token.
    pub hmac: Bytes,
    /// For how long, in ms.
    pub renew_period_ms: i64,
}

/// Until when it lives.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = RenewDelegationToken, versions = "1..=2", flexible = "2..")]
pub struct RenewDelegationTokenResponse {
    /// Error of the request.
    pub error_code: i16,
    /// When it ends.
    pub expiry_timestamp_ms: i64,
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
}

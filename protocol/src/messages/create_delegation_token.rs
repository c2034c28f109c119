//! CreateDelegationToken: a token to authenticate with.

use bytes::Bytes;

use crate::codec::Str;
use crate::{Message, Wire};

/// Makes a token.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = CreateDelegationToken, versions = "1..=3", flexible = "2..", response = CreateDelegationTokenResponse)]
pub struct CreateDelegationTokenRequest {
    /// Type of the principal that the token is for; null for the client's own.
    #[field(versions = "3..", nullable = "3..")]
    pub owner_principal_type: Option<Str>,
    /// Name of that principal.
    #[field(versions = "3..", nullable = "3..")]
    pub owner_principal_name: Option<Str>,
    /// Who may renew it.
    pub renewers: Vec<CreatableRenewers>,
    /// How long it may live, in ms; −1 for the broker's own limit.
    pub max_lifetime_ms: i64,
}

/// A principal that may renew a token.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct CreatableRenewers {
    /// Type of the principal.
    pub principal_type: Str,
    /// Name of the principal.
    pub principal_name: Str,
}

/// The token.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = CreateDelegationToken, versions = "1..=3", flexible = "2..")]
pub struct CreateDelegationTokenResponse {
    /// Error of the request.
    pub error_code: i16,
    /// Type of the token's principal.
    pub principal_type: Str,
    /// Name of the token's principal.
    pub principal_name: Str,
    /// Type of the principal that asked.
    #[field(versions = "3..")]
    pub token_requester_principal_type: Str,
    /// Name of the principal that asked.
    #[field(versions = "3..")]
    pub token_requester_principal_name: Str,
    /// When it was made.
    pub issue_timestamp_ms: i64,
    /// When it ends.
    pub expiry_timestamp_ms: i64,
    /// Until when it can be renewed.
    pub max_timestamp_ms: i64,
    /// Id of the token.
    pub token_id: Str,
    /// What proves it.
    pub hmac: Bytes,
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
}

//! DescribeDelegationToken: which tokens there are.

use bytes::Bytes;

use crate::codec::Str;
use crate::{Message, Wire};

/// Asks for tokens.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = DescribeDelegationToken, versions = "1..=3", flexible = "2..", response = DescribeDelegationTokenResponse)]
pub struct DescribeDelegationTokenRequest {
    /// Whose tokens; null for all.
    #[field(nullable = "0..")]
    pub owners: Option<Vec<DescribeDelegationTokenOwner>>,
}

/// An owner of tokens.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DescribeDelegationTokenOwner {
    /// Type of the principal.
    pub principal_type: Str,
    /// Name of the principal.
    pub principal_name: Str,
}

/// Tokens.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = DescribeDelegationToken, versions = "1..=3", flexible = "2..")]
pub struct DescribeDelegationTokenResponse {
    /// Error of the request.
    pub error_code: i16,
    /// The tokens.
    pub tokens: Vec<DescribedDelegationToken>,
    /// Milliseconds for which the client was throttled.
    pub throttle_time_ms: i32,
}

/// A token.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DescribedDelegationToken {
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
    pub issue_timestamp: i64,
    /// When it ends.
    pub expiry_timestamp: i64,
    /// Until when it can be renewed.
    pub max_timestamp: i64,
    /// Id of the token.
    pub token_id: Str,
    /// What proves it.
    pub hmac: Bytes,
    /// Who may renew it.
    pub renewers: Vec<DescribedDelegationTokenRenewer>,
}

/// A principal that may renew a token.
#[derive(Wire, Debug, Clone, PartialEq, Eq)]
pub struct DescribedDelegationTokenRenewer {
    /// Type of the principal.
    pub principal_type: Str,
    /// Name of the principal.
    pub principal_name: Str,
}

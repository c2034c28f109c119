//! CreateDelegationToken, RenewDelegationToken, ExpireDelegationToken and DescribeDelegationToken: there are none.

use protocol::ErrorCode;
use protocol::messages::{
    CreateDelegationTokenRequest, CreateDelegationTokenResponse, DescribeDelegationTokenRequest,
    DescribeDelegationTokenResponse, ExpireDelegationTokenRequest, ExpireDelegationTokenResponse,
    RenewDelegationTokenRequest, RenewDelegationTokenResponse,
};

/// What Kafka says where no secret for tokens is configured.
const DISABLED: i16 = ErrorCode::DelegationTokenAuthDisabled.code();

pub(super) fn create(_: &CreateDelegationTokenRequest) -> CreateDelegationTokenResponse {
    CreateDelegationTokenResponse {
        error_code: DISABLED,
        issue_timestamp_ms: -1,
        expiry_timestamp_ms: -1,
        max_timestamp_ms: -1,
        ..Default::default()
    }
}

pub(super) fn renew(_: &RenewDelegationTokenRequest) -> RenewDelegationTokenResponse {
    RenewDelegationTokenResponse { error_code: DISABLED, expiry_timestamp_ms: -1, ..Default::default() }
}

pub(super) fn expire(_: &ExpireDelegationTokenRequest) -> ExpireDelegationTokenResponse {
    ExpireDelegationTokenResponse { error_code: DISABLED, expiry_timestamp_ms: -1, ..Default::default() }
}

pub(super) fn describe(_: &DescribeDelegationTokenRequest) -> DescribeDelegationTokenResponse {
    DescribeDelegationTokenResponse { error_code: DISABLED, ..Default::default() }
}

//! DescribeQuorum, AddRaftVoter and RemoveRaftVoter: there is no quorum. The cluster's metadata lie in the store.

use protocol::ErrorCode;
use protocol::messages::{
    AddRaftVoterRequest, AddRaftVoterResponse, DescribeQuorumRequest, DescribeQuorumResponse,
    RemoveRaftVoterRequest, RemoveRaftVoterResponse,
};

use super::text;

const NO_QUORUM: &str =
    "There is no metadata quorum and it has no voters: the cluster's metadata are kept in the object store.";

pub(super) fn describe(_: &DescribeQuorumRequest) -> DescribeQuorumResponse {
    let error_code = ErrorCode::UnsupportedVersion.code();
    DescribeQuorumResponse { error_code, error_message: text(NO_QUORUM), ..Default::default() }
}

pub(super) fn add_voter(_: &AddRaftVoterRequest) -> AddRaftVoterResponse {
    let error_code = ErrorCode::UnsupportedVersion.code();
    AddRaftVoterResponse { error_code, error_message: text(NO_QUORUM), ..Default::default() }
}

pub(super) fn remove_voter(_: &RemoveRaftVoterRequest) -> RemoveRaftVoterResponse {
    let error_code = ErrorCode::UnsupportedVersion.code();
    RemoveRaftVoterResponse { error_code, error_message: text(NO_QUORUM), ..Default::default() }
}

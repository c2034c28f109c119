//! DeleteGroups: groups without members go, and their offsets with them (KIP-229).

use coordinator::group::{Reply, Request};
use futures::future::join_all;
use protocol::messages::delete_groups::DeletableGroupResult;
use protocol::messages::{DeleteGroupsRequest, DeleteGroupsResponse};
use protocol::{ErrorCode, Str};

use super::groups::{ask, code};
use super::{Context, delete_share_group_offsets};

pub(super) async fn answer(context: &Context, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let one = async |group_id: Str| {
        let error_code = delete(context, &group_id).await.err().unwrap_or(ErrorCode::None).code();
        DeletableGroupResult { group_id, error_code }
    };
    let results = join_all(request.groups_names.into_iter().map(one)).await;
    DeleteGroupsResponse { results, ..Default::default() }
}

async fn delete(context: &Context, group: &str) -> Result<(), ErrorCode> {
    delete_share_group_offsets::before_deletion(context, group).await?;
    match ask(context, group, Request::Delete).await? {
        Reply::Done(done) => done.map_err(|reject| code(&reject)),
        _ => Err(ErrorCode::UnknownServerError),
    }
}

//! UpdateFeatures: which features there are follows from what all nodes support, and no client sets it.

use protocol::ErrorCode;
use protocol::messages::{UpdateFeaturesRequest, UpdateFeaturesResponse};

use super::text;

pub(super) fn answer(request: &UpdateFeaturesRequest) -> UpdateFeaturesResponse {
    let Some(first) = request.feature_updates.first() else { return UpdateFeaturesResponse::default() };
    let message = format!(
        "The update failed for all features since the following feature had an error: Invalid update version {} \
         for feature {}. Feature levels cannot be changed: they are those of the build that the nodes run.",
        first.max_version_level, first.feature
    );
    let error_code = ErrorCode::InvalidUpdateVersion.code();
    UpdateFeaturesResponse { error_code, error_message: text(message), ..Default::default() }
}

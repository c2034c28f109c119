//! Which version of a request both sides know.

use bytes::Bytes;
use protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use protocol::{ApiKey, DecodeError, ErrorCode, Message, Request, frame};

/// What this client asks with first: the oldest version that carries its name. Every broker answers it, if
/// only with an error in version 0.
pub(super) const ASKED: i16 = 3;

/// The versions that a broker serves.
#[derive(Debug, Clone, Default)]
pub(super) struct Versions(Vec<(i16, i16, i16)>);

impl Versions {
    /// Reads the answer to ApiVersions of version [`ASKED`].
    pub(super) fn from_answer(answer: Bytes) -> Result<Self, DecodeError> {
        let (_, body) = frame::decode_response_header(answer, ApiKey::ApiVersions, ASKED)?;
        let refused = body.get(..2) == Some(&ErrorCode::UnsupportedVersion.code().to_be_bytes()[..]);
        let response = ApiVersionsResponse::decode(body, if refused { 0 } else { ASKED })?;
        Ok(Self(
            response.api_keys.iter().map(|api| (api.api_key, api.min_version, api.max_version)).collect(),
        ))
    }

    /// The newest version that both sides know.
    pub(super) fn pick<R: Request>(&self) -> Option<i16> {
        let (_, min, max) = self.0.iter().find(|(key, ..)| *key == R::KEY.code())?;
        let version = (*max).min(*R::VERSIONS.end());
        (version >= *min && version >= *R::VERSIONS.start()).then_some(version)
    }
}

/// The request that asks for the versions.
pub(super) fn question() -> ApiVersionsRequest {
    ApiVersionsRequest {
        client_software_name: super::connection::CLIENT_ID.into(),
        client_software_version: env!("CARGO_PKG_VERSION").into(),
    }
}

//! ApiVersions: what is served. Answered before the node is ready, and whatever version was asked in.

use protocol::messages::api_versions::ApiVersion;
use protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use protocol::{ApiKey, ErrorCode};

use super::{Answer, Context, Errors, Incoming, Outgoing, Refusal, SERVED, Served};

pub(super) fn handle(context: &Context, incoming: Incoming) -> Result<Answer, Refusal> {
    let mut outgoing = Outgoing::of(&incoming);
    let own = SERVED.iter().filter(|s| s.key == ApiKey::ApiVersions);
    if !own.clone().any(|s| (s.lowest..=s.highest).contains(&outgoing.version)) {
        // KIP-511: version 0, and what the client may ask instead.
        outgoing.version = 0;
        let error_code = ErrorCode::UnsupportedVersion.code();
        let response =
            ApiVersionsResponse { error_code, api_keys: own.map(listed).collect(), ..Default::default() };
        return outgoing.now(context, &response);
    }
    let request = incoming.decode::<ApiVersionsRequest>()?;
    let names = [&request.client_software_name, &request.client_software_version];
    let response = if outgoing.version >= 3 && !names.into_iter().all(|name| is_software_name(name)) {
        ApiVersionsResponse { error_code: ErrorCode::InvalidRequest.code(), ..Default::default() }
    } else {
        ApiVersionsResponse { api_keys: SERVED.iter().map(listed).collect(), ..Default::default() }
    };
    outgoing.now(context, &response)
}

fn listed(served: &Served) -> ApiVersion {
    ApiVersion { api_key: served.key.code(), min_version: served.advertised, max_version: served.highest }
}

/// Kafka's `[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?`.
fn is_software_name(name: &str) -> bool {
    let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    ends(bytes.first())
        && ends(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(b))
}

impl Errors for ApiVersionsResponse {
    fn errors(&self, each: &mut dyn FnMut(i16)) {
        each(self.error_code);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_names_are_kafkas() {
        for good in ["a", "apache-kafka-java", "4.2.0", "librdkafka"] {
            assert!(is_software_name(good), "{good}");
        }
        for bad in ["", "-a", "a.", "a b", "a_b", "é"] {
            assert!(!is_software_name(bad), "{bad}");
        }
    }
}

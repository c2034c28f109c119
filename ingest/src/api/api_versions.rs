//! ApiVersions: what is served. Answered before the node is ready, and whatever version was asked in.

use protocol::messages::api_versions::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use protocol::{ApiKey, ErrorCode, Str};

use super::{Answer, Api, Context, Incoming, Outgoing, Refusal, advertised};

pub(super) async fn handle(context: &Context, incoming: Incoming) -> Result<Answer, Refusal> {
    let mut outgoing = Outgoing::of(&incoming);
    let own = Api::of(ApiKey::ApiVersions);
    if !own.is_some_and(|api| api.serves(outgoing.version)) {
        // KIP-511: version 0, and what the client may ask instead.
        outgoing.version = 0;
        let error_code = ErrorCode::UnsupportedVersion.code();
        let response = ApiVersionsResponse {
            error_code,
            api_keys: own.into_iter().map(listed).collect(),
            ..Default::default()
        };
        return outgoing.now(context, &response);
    }
    let request = incoming.decode::<ApiVersionsRequest>()?.request;
    let names = [&request.client_software_name, &request.client_software_version];
    let response = if outgoing.version >= 3 && !names.into_iter().all(|name| is_software_name(name)) {
        ApiVersionsResponse { error_code: ErrorCode::InvalidRequest.code(), ..Default::default() }
    } else {
        let features = if skips_tags(&request) { Default::default() } else { features(outgoing.version) };
        ApiVersionsResponse { api_keys: advertised().map(listed).collect(), ..features }
    };
    outgoing.now(context, &response)
}

/// The features that are there and on (KIP-584), by name and highest level.
const FEATURES: [(&str, i16); 2] = [("group.version", 1), ("share.version", 1)];

/// The first version that may say that a feature is supported from level 0 on (KAFKA-17492).
const FROM_ZERO: i16 = 4;

fn features(version: i16) -> ApiVersionsResponse {
    let supported = FEATURES.into_iter().filter(|_| version >= FROM_ZERO);
    let supported = supported.map(|(name, level)| SupportedFeatureKey {
        name: Str::from_static(name),
        min_version: 0,
        max_version: level,
    });
    let finalized = FEATURES.into_iter().map(|(name, level)| FinalizedFeatureKey {
        name: Str::from_static(name),
        max_version_level: level,
        min_version_level: level,
    });
    ApiVersionsResponse {
        supported_features: supported.collect(),
        finalized_features_epoch: 0,
        finalized_features: finalized.collect(),
        ..Default::default()
    }
}

/// Whether the client loses its place in a response with tags: librdkafka before 2.2 (its issue 4278).
fn skips_tags(request: &ApiVersionsRequest) -> bool {
    let mut numbers =
        request.client_software_version.split(['.', '-']).map(|n| n.parse::<u32>().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    &*request.client_software_name == "librdkafka" && (major, minor) < (2, 2)
}

fn listed(api: &Api) -> ApiVersion {
    ApiVersion { api_key: api.key.code(), min_version: api.advertised, max_version: api.highest }
}

/// Kafka's `[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?`.
fn is_software_name(name: &str) -> bool {
    let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    ends(bytes.first())
        && ends(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_librdkafka_gets_no_tags() {
        let of = |name: &str, version: &str| {
            skips_tags(&ApiVersionsRequest {
                client_software_name: name.into(),
                client_software_version: version.into(),
            })
        };
        for old in ["1.9.2", "2.0.2", "2.1.1-RC1"] {
            assert!(of("librdkafka", old), "{old}");
        }
        assert!(!of("librdkafka", "2.2.0") && !of("librdkafka", "2.16.0") && !of("apache-kafka-java", "1.0"));
    }

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

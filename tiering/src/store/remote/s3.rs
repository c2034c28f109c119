//! S3 and servers that speak its protocol.
//!
//! Settings come from the options, then the AWS environment variables, then the profile. Credentials come from
//! the usual AWS chain (environment, profile, SSO, web identity, container, instance), asked only when the
//! first request is signed, so that a static key never waits for an instance's metadata service.

use std::sync::Arc;

use aws_config::Region;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut, resolve_bucket_region};
use object_store::{ClientOptions, Error, ObjectStore};

use super::Handles;
use super::checksum::Checksums;
use super::credentials::Credentials;
use super::http::Connector;
use crate::store::{OpenError, StoreKind, StoreOptions};

/// Where the region does not matter.
const ANY_REGION: &str = "us-east-1";

/// Opens a bucket. Only where no region is configured and no endpoint set, S3 is asked for the bucket's.
pub(super) async fn open(bucket: &str, options: &StoreOptions) -> Result<Handles, OpenError> {
    let failed = |source| OpenError::Client { url: format!("{}://{bucket}", StoreKind::S3), source };
    let base = AmazonS3Builder::from_env();
    let endpoint = options.endpoint.clone().or_else(|| {
        [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint]
            .iter()
            .find_map(|key| base.get_config_value(key))
    });
    let region = match (&options.region, &endpoint) {
        (Some(region), _) => region.clone(),
        (None, endpoint) => match (configured_region().await, endpoint) {
            (Some(region), _) => region,
            (None, Some(_)) => ANY_REGION.into(),
            (None, None) => {
                let client = ClientOptions::new().with_connect_timeout(options.connect_timeout);
                resolve_bucket_region(bucket, &client).await.map_err(failed)?
            }
        },
    };
    let client = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    let config = ProviderConfig::without_region().with_http_client(client.build_https());
    let chain = DefaultCredentialsChain::builder().configure(config).region(Region::new(region.clone()));
    let chain = chain.build().await;
    let credentials = Arc::new(Credentials::new(chain));
    let express = bucket.ends_with("--x-s3");
    let google = endpoint.as_deref().is_some_and(|endpoint| endpoint.contains(".googleapis.com"));
    // Emulators, which are what has no TLS mostly, take seconds to check a megabyte.
    let plain = endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    let checksums = match express || google || plain {
        true => Checksums::None,
        false => Checksums::s3(Arc::clone(&credentials) as _, region.clone()),
    };
    let base = addressed(base, bucket, endpoint.as_deref(), options.path_style)
        .with_bucket_name(bucket)
        .with_region(region)
        .with_credentials(credentials)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_unsigned_payload(true)
        .with_s3_express(express);
    let build = |(connector, retry): (Connector, _)| -> Result<Arc<dyn ObjectStore>, Error> {
        let client = ClientOptions::new().with_allow_http(plain);
        let client = base.clone().with_client_options(client).with_http_connector(connector);
        Ok(Arc::new(client.with_retry(retry).build()?))
    };
    let [data, conditional] = super::settings(options, checksums);
    Ok((build(data).map_err(failed)?, build(conditional).map_err(failed)?))
}

async fn configured_region() -> Option<String> {
    let chain = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::new());
    chain.region().await.map(|region| region.to_string())
}

/// Names the bucket in the path where an endpoint is set, otherwise in the host, unless set otherwise.
/// A bucket with a dot in its name has no valid certificate as a host.
fn addressed(
    builder: AmazonS3Builder,
    bucket: &str,
    endpoint: Option<&str>,
    path_style: Option<bool>,
) -> AmazonS3Builder {
    let path_style = path_style.unwrap_or(endpoint.is_some() || bucket.contains('.'));
    let builder = builder.with_virtual_hosted_style_request(!path_style);
    match endpoint {
        None => builder,
        Some(endpoint) if path_style => set_endpoint(builder, endpoint),
        Some(endpoint) => {
            let (scheme, host) = endpoint.split_once("://").unwrap_or(("https", endpoint));
            set_endpoint(builder, &format!("{scheme}://{bucket}.{}", host.trim_end_matches('/')))
        }
    }
}

/// Sets the endpoint over whatever the environment says.
fn set_endpoint(builder: AmazonS3Builder, endpoint: &str) -> AmazonS3Builder {
    builder.with_endpoint(endpoint).with_config(AmazonS3ConfigKey::S3Endpoint, endpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bucket_is_named_in_the_path_or_in_the_host() {
        for (bucket, endpoint, path_style, host, url) in [
            ("b", None, None, "true", None),
            ("b.c", None, None, "false", None),
            ("b", None, Some(true), "false", None),
            ("b", Some("http://127.0.0.1:9000"), None, "false", Some("http://127.0.0.1:9000")),
            ("b", Some("https://s3.example/"), Some(false), "true", Some("https://b.s3.example")),
        ] {
            let stale = AmazonS3Builder::new().with_config(AmazonS3ConfigKey::S3Endpoint, "http://stale");
            let builder = addressed(
                if endpoint.is_some() { stale } else { AmazonS3Builder::new() },
                bucket,
                endpoint,
                path_style,
            );
            let value = |key| builder.get_config_value(&key);
            assert_eq!(
                value(AmazonS3ConfigKey::VirtualHostedStyleRequest).as_deref(),
                Some(host),
                "{bucket} {endpoint:?}"
            );
            assert_eq!(value(AmazonS3ConfigKey::Endpoint).as_deref(), url);
            assert_eq!(value(AmazonS3ConfigKey::S3Endpoint).as_deref(), url);
        }
    }
}

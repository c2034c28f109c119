//! Google Cloud Storage, opened only with explicit credentials: without them the client asks the cloud's
//! metadata address, for minutes where there is none.

use std::path::PathBuf;
use std::sync::Arc;

use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{ClientOptions, Error, ObjectStore};

use super::Handles;
use super::checksum::Checksums;
use super::http::Connector;
use crate::store::{OpenError, StoreKind, StoreOptions};

const WANTED: &str = "GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT to the path of a key file, or \
                      GOOGLE_SERVICE_ACCOUNT_KEY to its content";

/// Opens a bucket.
pub(super) fn open(bucket: &str, options: &StoreOptions) -> Result<Handles, OpenError> {
    let url = || format!("{}://{bucket}", StoreKind::Gcs);
    let base = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket);
    if !has_credentials(&base) {
        return Err(OpenError::NoCredentials { url: url(), wanted: WANTED });
    }
    let build = |(connector, retry): (Connector, _)| -> Result<Arc<dyn ObjectStore>, Error> {
        // Not what the environment says of the client.
        let client = base.clone().with_client_options(ClientOptions::new()).with_http_connector(connector);
        Ok(Arc::new(client.with_retry(retry).build()?))
    };
    let [data, conditional] = super::settings(options, Checksums::Google);
    let failed = |source| OpenError::Client { url: url(), source };
    Ok((build(data).map_err(failed)?, build(conditional).map_err(failed)?))
}

fn has_credentials(builder: &GoogleCloudStorageBuilder) -> bool {
    let keys = [
        GoogleConfigKey::ServiceAccount,
        GoogleConfigKey::ServiceAccountKey,
        GoogleConfigKey::ApplicationCredentials,
    ];
    let gcloud = std::env::var_os("HOME")
        .map(|home| PathBuf::from(home).join(".config/gcloud/application_default_credentials.json"));
    keys.iter().any(|key| builder.get_config_value(key).is_some()) || gcloud.is_some_and(|file| file.exists())
}

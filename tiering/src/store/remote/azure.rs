//! Azure Blob Storage, opened only with explicit credentials: without them the client asks the cloud's
//! metadata address, for minutes where there is none.

use std::sync::Arc;

use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::{ClientOptions, Error, ObjectStore};

use super::Handles;
use super::checksum::Checksums;
use super::http::Connector;
use crate::store::{OpenError, StoreKind, StoreOptions};

const WANTED: &str = "AZURE_STORAGE_ACCOUNT_NAME and one of AZURE_STORAGE_ACCOUNT_KEY, AZURE_STORAGE_SAS_KEY, \
                      AZURE_STORAGE_TOKEN, the client id, tenant id and secret (or federated token file), \
                      AZURE_USE_AZURE_CLI=true; or AZURE_STORAGE_USE_EMULATOR=true";

/// Opens a container.
pub(super) fn open(container: &str, options: &StoreOptions) -> Result<Handles, OpenError> {
    let url = || format!("{}://{container}", StoreKind::Azure);
    let base = MicrosoftAzureBuilder::from_env().with_container_name(container);
    if !has_credentials(&base) {
        return Err(OpenError::NoCredentials { url: url(), wanted: WANTED });
    }
    let build = |(connector, retry): (Connector, _)| -> Result<Arc<dyn ObjectStore>, Error> {
        // Not what the environment says of the client.
        let client = base.clone().with_client_options(ClientOptions::new()).with_http_connector(connector);
        Ok(Arc::new(client.with_retry(retry).build()?))
    };
    let [data, conditional] = super::settings(options, Checksums::None);
    let failed = |source| OpenError::Client { url: url(), source };
    Ok((build(data).map_err(failed)?, build(conditional).map_err(failed)?))
}

fn has_credentials(builder: &MicrosoftAzureBuilder) -> bool {
    use AzureConfigKey as Key;
    let set = |key: &Key| builder.get_config_value(key).is_some();
    let on = |key: &Key| builder.get_config_value(key).is_some_and(|value| value == "true" || value == "1");
    let client = set(&Key::ClientId) && set(&Key::AuthorityId);
    on(&Key::UseEmulator)
        || set(&Key::AccessKey)
        || set(&Key::SasKey)
        || set(&Key::Token)
        || (client && (set(&Key::ClientSecret) || set(&Key::FederatedTokenFile)))
        || on(&Key::UseAzureCli)
        || on(&Key::SkipSignature)
}

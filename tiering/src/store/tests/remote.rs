//! Stores behind a network, as far as no network is needed.

use crate::store::{Hedge, OpenError, Store, StoreOptions};

#[tokio::test]
async fn google_and_azure_are_opened_only_with_explicit_credentials() {
    for (url, wanted) in
        [("gs://bucket/a", "GOOGLE_APPLICATION_CREDENTIALS"), ("az://c", "AZURE_STORAGE_ACCOUNT_KEY")]
    {
        let Err(error) = Store::open_url(url, &StoreOptions::default()).await else {
            eprintln!("skipped: this machine has credentials for {url}");
            continue;
        };
        assert!(matches!(error, OpenError::NoCredentials { .. }), "{error:?}");
        assert!(error.to_string().contains(wanted), "{error}");
    }
}

#[tokio::test]
async fn s3_is_opened_without_a_request() {
    let options = StoreOptions { endpoint: Some("http://127.0.0.1:1".into()), ..StoreOptions::default() };
    let store = Store::open_url("s3://bucket/prefix", &options).await.expect("nothing is asked of it");
    assert_eq!(store.policy().hedge, Hedge::Auto);
    assert_eq!(store.to_string(), "s3://bucket/prefix");
}

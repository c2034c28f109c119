//! The AWS credential chain, as the S3 client wants it: asked once, and again before what it said expires.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_credential_types::provider::ProvideCredentials;
use chrono::{DateTime, Utc};
use object_store::aws::AwsCredential;
use object_store::{CredentialProvider, Error, Result};
use tokio::sync::Mutex;

/// How long before they expire credentials are asked for again.
const EARLY: Duration = Duration::from_secs(300);

/// Credentials of a chain, kept until shortly before they expire.
#[derive(Debug)]
pub(super) struct Credentials<P> {
    chain: P,
    /// Held while the chain is asked, so that it is asked once.
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    credential: Arc<AwsCredential>,
    expires: Option<DateTime<Utc>>,
}

impl Kept {
    fn lasts(&self, margin: Duration) -> bool {
        // Credentials expire by the calendar, so this is one of the few places that read it.
        self.expires.is_none_or(|expires| Utc::now() + margin < expires)
    }
}

impl<P> Credentials<P> {
    pub(super) fn new(chain: P) -> Self {
        Self { chain, kept: Mutex::new(None) }
    }
}

#[async_trait]
impl<P: ProvideCredentials + 'static> CredentialProvider for Credentials<P> {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> Result<Arc<AwsCredential>> {
        let mut kept = self.kept.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.lasts(EARLY)) {
            return Ok(Arc::clone(&kept.credential));
        }
        match self.chain.provide_credentials().await {
            Ok(fresh) => {
                let credential = Arc::new(AwsCredential {
                    key_id: fresh.access_key_id().into(),
                    secret_key: fresh.secret_access_key().into(),
                    token: fresh.session_token().map(Into::into),
                });
                let expires = fresh.expiry().map(DateTime::<Utc>::from);
                *kept = Some(Kept { credential: Arc::clone(&credential), expires });
                Ok(credential)
            }
            Err(error) => match kept.as_ref().filter(|kept| kept.lasts(Duration::ZERO)) {
                Some(kept) => {
                    tracing::warn!(%error, "credentials could not be renewed; using the old ones while they last");
                    Ok(Arc::clone(&kept.credential))
                }
                None => Err(Error::Unauthenticated { path: "credentials".into(), source: Box::new(error) }),
            },
        }
    }
}

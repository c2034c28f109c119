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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use aws_credential_types::provider::{error::CredentialsError, future};

    use super::*;

    /// Hands out keys that last so long, numbered from 1, and then none.
    #[derive(Debug, Default)]
    struct Chain {
        lasts: Option<Duration>,
        most: u64,
        asked: AtomicU64,
    }

    impl ProvideCredentials for Chain {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let asked = self.asked.fetch_add(1, Relaxed) + 1;
            if asked > self.most {
                return future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("no more")));
            }
            let expires = self.lasts.map(|lasts| (Utc::now() + lasts).into());
            let keys =
                aws_credential_types::Credentials::new(asked.to_string(), "secret", None, expires, "test");
            future::ProvideCredentials::ready(Ok(keys))
        }
    }

    async fn keys(lasts: Option<Duration>, most: u64) -> Vec<Option<String>> {
        let credentials = Credentials::new(Chain { lasts, most, ..Chain::default() });
        let mut keys = Vec::new();
        for _ in 0..3 {
            keys.push(credentials.get_credential().await.ok().map(|credential| credential.key_id.clone()));
        }
        keys
    }

    #[tokio::test]
    async fn kept_while_they_last() {
        let some = |keys: [&str; 3]| keys.map(|key| Some(key.to_string())).to_vec();
        assert_eq!(keys(None, 1).await, some(["1", "1", "1"]));
        assert_eq!(keys(Some(EARLY * 2), 1).await, some(["1", "1", "1"]));
        assert_eq!(keys(Some(EARLY / 2), 9).await, some(["1", "2", "3"]), "renewed early");
        assert_eq!(keys(Some(EARLY / 2), 2).await, some(["1", "2", "2"]), "the old ones while they last");
        assert_eq!(keys(Some(Duration::ZERO), 1).await, [Some("1".to_string()), None, None]);
        assert_eq!(keys(None, 0).await, [None, None, None]);
    }
}

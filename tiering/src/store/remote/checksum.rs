//! A CRC-32C with each upload, which the server compares with what it got: TLS ends before the store's disks do.
//!
//! S3 takes it as a header that must be signed, and `object_store` can add only SHA-256 to what it signs, at many
//! times the cost: so the finished request is signed again. Servers that do not know the header either ignore it or
//! refuse it, and are then spared it. S3 Express (whose sessions have keys of their own), Azure (which wants another
//! polynomial), Google behind S3's protocol and endpoints without TLS get none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderValue, Method, StatusCode, header::AUTHORIZATION};
use http_body_util::BodyExt;
use object_store::CredentialProvider;
use object_store::aws::{AwsAuthorizer, AwsCredential};
use object_store::client::{
    HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpResponseBody,
};

const S3: &str = "x-amz-checksum-crc32c";
const GOOGLE: &str = "x-goog-hash";

/// Which checksum the store gets with an upload.
#[derive(Debug)]
pub(super) enum Checksums {
    /// Nothing.
    None,
    /// Google's header, which is not signed.
    Google,
    /// S3's header.
    S3 {
        /// With what requests are signed.
        credentials: Arc<dyn CredentialProvider<Credential = AwsCredential>>,
        /// For which region.
        region: String,
        /// Whether the server has refused the header.
        refused: AtomicBool,
    },
}

impl Checksums {
    pub(super) fn s3(
        credentials: Arc<dyn CredentialProvider<Credential = AwsCredential>>,
        region: String,
    ) -> Self {
        Self::S3 { credentials, region, refused: AtomicBool::new(false) }
    }

    /// Adds the checksum of what a request uploads as one object. False if there is none to be added.
    pub(super) async fn add(&self, request: &mut HttpRequest) -> Result<bool, HttpError> {
        let uploads = request.method() == Method::PUT && request.uri().query().is_none();
        if !uploads || request.body().content_length() == 0 {
            return Ok(false);
        }
        match self {
            Self::None => Ok(false),
            Self::Google => {
                let sum = format!("crc32c={}", sum(request.body()).await?);
                request.headers_mut().insert(GOOGLE, value(&sum)?);
                Ok(true)
            }
            Self::S3 { refused, .. } if refused.load(Relaxed) => Ok(false),
            Self::S3 { credentials, region, .. } => {
                let sum = sum(request.body()).await?;
                request.headers_mut().insert(S3, value(&sum)?);
                if request.headers().contains_key(AUTHORIZATION) {
                    let credential = credentials.get_credential().await;
                    let credential = credential.map_err(|e| HttpError::new(HttpErrorKind::Unknown, e))?;
                    let signer = AwsAuthorizer::new(&credential, "s3", region).with_sign_payload(false);
                    signer.authorize(request, None);
                }
                Ok(true)
            }
        }
    }

    /// Looks at the answer to an upload with a checksum. A server that does not take the header gets no more of
    /// them: the caller tries again anyhow.
    pub(super) async fn answered(&self, answer: HttpResponse) -> Result<HttpResponse, HttpError> {
        let Self::S3 { refused, .. } = self else { return Ok(answer) };
        let status = answer.status();
        if status != StatusCode::NOT_IMPLEMENTED && status != StatusCode::BAD_REQUEST {
            return Ok(answer);
        }
        let (parts, body) = answer.into_parts();
        let body = body.bytes().await?;
        let text = String::from_utf8_lossy(&body);
        let mismatch = text.contains("BadDigest") || text.contains("Mismatch");
        if status == StatusCode::NOT_IMPLEMENTED || (text.contains(S3) && !mismatch) {
            refused.store(true, Relaxed);
            tracing::warn!(%status, "the store does not take checksums of uploads; sending none");
        }
        Ok(HttpResponse::from_parts(parts, HttpResponseBody::from(body)))
    }
}

fn value(text: &str) -> Result<HeaderValue, HttpError> {
    HeaderValue::from_str(text).map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))
}

/// The CRC-32C of a body, as headers have it: big-endian, in base 64.
async fn sum(body: &HttpRequestBody) -> Result<String, HttpError> {
    // A copy of a body shares its bytes.
    let (mut body, mut sum) = (body.clone(), 0);
    while let Some(frame) = body.frame().await {
        if let Ok(slice) = frame?.into_data() {
            sum = crc32c::crc32c_append(sum, &slice);
        }
    }
    Ok(BASE64_STANDARD.encode(sum.to_be_bytes()))
}

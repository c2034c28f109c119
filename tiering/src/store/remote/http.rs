//! The HTTP client below the stores' clients: it tells how far an upload has come, and lets what is sent be checked.
//!
//! It does what `object_store`'s own does, with the few settings that are used here, and hands a body on in small
//! pieces, each of which counts once the connection has taken it. What the system's send buffer holds counts, too:
//! up to some megabytes at the end of a body are on their way when all is said to be sent.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
    HttpResponseBody, HttpService,
};
use object_store::{ClientConfigKey, ClientOptions};

use super::checksum::Checksums;
use crate::store::Progress;

/// The bytes of a piece.
const PIECE: usize = 32 << 10;

/// Makes clients.
#[derive(Debug)]
pub(super) struct Connector {
    pub(super) connect_timeout: Duration,
    /// How long a request may take, its body included; `None` leaves it to the caller.
    pub(super) timeout: Option<Duration>,
    pub(super) checksums: Arc<Checksums>,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let plain = options.get_config_value(&ClientConfigKey::AllowHttp).is_some_and(|on| on == "true");
        let builder = reqwest::Client::builder()
            .user_agent(concat!("tidelog/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.connect_timeout)
            .https_only(!plain)
            .http1_only()
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate();
        let builder = match self.timeout {
            Some(timeout) => builder.timeout(timeout),
            None => builder,
        };
        let client = builder.build().map_err(|source| object_store::Error::Generic {
            store: "HTTP client",
            source: Box::new(source),
        })?;
        Ok(HttpClient::new(Service { client, checksums: Arc::clone(&self.checksums) }))
    }
}

#[derive(Debug)]
struct Service {
    client: reqwest::Client,
    checksums: Arc<Checksums>,
}

#[async_trait]
impl HttpService for Service {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let checked = self.checksums.add(&mut request).await?;
        let (parts, body) = request.into_parts();
        let url = reqwest::Url::parse(&parts.uri.to_string());
        let url = url.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        let progress = parts.extensions.get::<Progress>().cloned();
        let mut request = reqwest::Request::new(parts.method, url);
        *request.headers_mut() = parts.headers;
        let whole = body.as_bytes().cloned();
        *request.body_mut() = Some(match (whole, progress) {
            (_, Some(progress)) => {
                reqwest::Body::wrap(Counted { body, piece: Bytes::new(), handed: 0, progress })
            }
            // A request without a body must not get a length, or be sent in chunks.
            (Some(whole), None) => whole.into(),
            (None, None) => reqwest::Body::wrap(body),
        });
        let answer = self.client.execute(request).await.map_err(failed)?;
        let (parts, body) = http::Response::<reqwest::Body>::from(answer).into_parts();
        let answer = HttpResponse::from_parts(parts, HttpResponseBody::new(body.map_err(failed)));
        if checked { self.checksums.answered(answer).await } else { Ok(answer) }
    }
}

/// A body in small pieces. A piece counts when the next one is asked for.
struct Counted {
    body: HttpRequestBody,
    /// What is left of the slice that the body gave last.
    piece: Bytes,
    /// Bytes of the piece that was handed on last.
    handed: u64,
    progress: Progress,
}

impl Counted {
    fn count(&mut self) {
        self.progress.advance(std::mem::take(&mut self.handed));
    }
}

impl Body for Counted {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        self.count();
        while self.piece.is_empty() {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(slice) => self.piece = slice,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                other => return other,
            }
        }
        let length = self.piece.len().min(PIECE);
        self.handed = length as u64;
        Poll::Ready(Some(Ok(Frame::data(self.piece.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.piece.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let body = self.body.size_hint().exact();
        body.map_or_else(SizeHint::new, |left| SizeHint::with_exact(left + self.piece.len() as u64))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // No piece is asked for after the last one; any other was perhaps not sent.
        if self.is_end_stream() {
            self.count();
        }
    }
}

/// What became of a request, as far as the client can tell.
fn failed(error: reqwest::Error) -> HttpError {
    let kind = if error.is_timeout() {
        HttpErrorKind::Timeout
    } else if error.is_connect() {
        HttpErrorKind::Connect
    } else if error.is_decode() {
        HttpErrorKind::Decode
    } else {
        cause(&error)
    };
    // Its URL may be signed.
    HttpError::new(kind, error.without_url())
}

fn cause(error: &reqwest::Error) -> HttpErrorKind {
    let mut next = std::error::Error::source(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            if error.is_closed() || error.is_incomplete_message() || error.is_body_write_aborted() {
                return HttpErrorKind::Request;
            }
            if error.is_timeout() {
                return HttpErrorKind::Timeout;
            }
        }
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            use std::io::ErrorKind as Kind;
            match error.kind() {
                Kind::TimedOut => return HttpErrorKind::Timeout,
                Kind::ConnectionAborted | Kind::ConnectionReset | Kind::BrokenPipe | Kind::UnexpectedEof => {
                    return HttpErrorKind::Interrupted;
                }
                _ => {}
            }
        }
        next = error.source();
    }
    HttpErrorKind::Unknown
}

#[cfg(test)]
#[path = "http_test.rs"]
mod tests;

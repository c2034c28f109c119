//! Other nodes of the cluster, over the Kafka port: one request, one connection (`docs/formats.md`, "Peers").

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use coordinator::ProcessId;
use coordinator::cluster::Address;
use futures::future::BoxFuture;
use protocol::messages::{PeerPingRequest, PeerPingResponse};
use protocol::{Request, frame};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The largest answer that can be one, in bytes.
pub const LONGEST_ANSWER: usize = 64 * 1024;

const CLIENT_ID: &str = "tidelog";

/// A connection to another node.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// How a node reaches others; a simulation has a network of its own.
pub type Connect = Arc<dyn Fn(Address) -> BoxFuture<'static, io::Result<Box<dyn Stream>>> + Send + Sync>;

/// Connections over TCP.
pub fn tcp() -> Connect {
    Arc::new(|address: Address| {
        Box::pin(async move {
            let socket = TcpStream::connect((address.host.as_str(), address.port)).await?;
            socket.set_nodelay(true)?;
            Ok(Box::new(socket) as Box<dyn Stream>)
        })
    })
}

/// The identity that a node gives in its answer to a ping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The cluster's id, as clients see it.
    pub cluster: String,
    /// The process.
    pub process: ProcessId,
}

impl Identity {
    /// The identity in this answer.
    pub fn of(answer: &PeerPingResponse) -> Self {
        Self { cluster: answer.cluster_id.to_string(), process: ProcessId(*answer.process_id.as_bytes()) }
    }
}

/// Sends one request to the node at `address` and waits for its answer: at most `within`, else `TimedOut`. An
/// answer that can't be one is `InvalidData`.
pub async fn call<R: Request>(
    connect: &Connect,
    address: &Address,
    request: &R,
    within: Duration,
) -> io::Result<R::Response> {
    let answer = async { call_over(connect(address.clone()).await?, request).await };
    timeout(within, answer).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Asks the node at `address` whether it lives and how far it has read.
pub async fn ping(
    connect: &Connect,
    address: &Address,
    metadata_next: i64,
    within: Duration,
) -> io::Result<PeerPingResponse> {
    let answer = call(connect, address, &PeerPingRequest { metadata_next }, within).await?;
    if answer.error_code != 0 || answer.process_id.is_zero() {
        return Err(invalid("the answer names no process"));
    }
    Ok(answer)
}

async fn call_over<R: Request>(mut socket: impl Stream, request: &R) -> io::Result<R::Response> {
    let chunks = frame::encode_request(1, Some(CLIENT_ID), 0, request).map_err(io::Error::other)?;
    for chunk in chunks {
        socket.write_all(&chunk).await?;
    }
    socket.flush().await?;
    let length = usize::try_from(socket.read_i32().await?).unwrap_or(usize::MAX);
    if length > LONGEST_ANSWER {
        return Err(invalid("the answer is too long"));
    }
    let mut frame = BytesMut::zeroed(length);
    socket.read_exact(&mut frame).await?;
    match frame::decode_response::<R>(frame.freeze(), 0) {
        Ok((header, response)) if header.correlation_id == 1 => Ok(response),
        Ok(_) => Err(invalid("the answer is to another question")),
        Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use protocol::Uuid;

    use super::*;

    /// What is made of an answer of these bytes.
    async fn answered(answer: &[u8]) -> io::Result<PeerPingResponse> {
        let (ours, mut theirs) = tokio::io::duplex(64);
        theirs.write_all(answer).await?;
        theirs.shutdown().await?;
        call_over(ours, &PeerPingRequest::default()).await
    }

    fn answer(correlation_id: i32) -> Vec<u8> {
        let process_id = Uuid::from_bytes([7; 16]);
        let response = PeerPingResponse { cluster_id: "c".into(), process_id, ..Default::default() };
        frame::encode_response(correlation_id, 0, &response).map(|chunks| chunks.concat()).unwrap_or_default()
    }

    #[tokio::test]
    async fn only_a_proper_answer_counts() {
        let proper = Identity { cluster: "c".to_owned(), process: ProcessId([7; 16]) };
        assert_eq!(answered(&answer(1)).await.ok().map(|answer| Identity::of(&answer)), Some(proper));
        for bad in [&answer(2)[..], b"HTTP/1.1 400 Bad Request\r\n\r\n"] {
            let kind = answered(bad).await.map_err(|error| error.kind());
            assert_eq!(kind, Err(io::ErrorKind::InvalidData));
        }
        assert!(answered(&answer(1)[..20]).await.is_err());
        assert!(answered(b"").await.is_err());
    }
}

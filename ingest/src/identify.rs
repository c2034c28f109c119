//! Asking another node who it is.
//!
//! A node that starts asks so at the addresses of sessions that look open (`docs/formats.md`, "Identify").
//! Refused, unreachable, too slow, or an answer of something else all mean the same: nobody.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use coordinator::ProcessId;
use coordinator::cluster::Address;
use protocol::frame;
use protocol::messages::IdentifyRequest;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The largest answer that can be one, in bytes.
const LONGEST_ANSWER: usize = 4096;

const CLIENT_ID: &str = "tidelog";

/// Who a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The cluster's id, as clients see it.
    pub cluster: String,
    /// The process.
    pub process: ProcessId,
}

/// Asks the node at `address`. `None` if it gives no proper answer `within` this time.
pub async fn ask(address: &Address, within: Duration) -> Option<Identity> {
    let answer = async {
        let socket = TcpStream::connect((address.host.as_str(), address.port)).await?;
        ask_over(socket).await
    };
    match timeout(within, answer).await {
        Ok(Ok(identity)) => identity,
        Ok(Err(error)) => {
            tracing::debug!(host = %address.host, port = address.port, %error, "a node does not answer");
            None
        }
        Err(_) => None,
    }
}

async fn ask_over(mut socket: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<Option<Identity>> {
    let request = frame::encode_request(1, Some(CLIENT_ID), 0, &IdentifyRequest {});
    for chunk in request.map_err(io::Error::other)? {
        socket.write_all(&chunk).await?;
    }
    let length = socket.read_i32().await?;
    let Some(length) = usize::try_from(length).ok().filter(|length| *length <= LONGEST_ANSWER) else {
        return Ok(None);
    };
    let mut frame = BytesMut::zeroed(length);
    socket.read_exact(&mut frame).await?;
    let Ok((header, response)) = frame::decode_response::<IdentifyRequest>(frame.freeze(), 0) else {
        return Ok(None);
    };
    let proper = header.correlation_id == 1 && response.error_code == 0 && !response.process_id.is_zero();
    Ok(proper.then(|| Identity {
        cluster: response.cluster_id.to_string(),
        process: ProcessId(*response.process_id.as_bytes()),
    }))
}

#[cfg(test)]
mod tests {
    use protocol::Uuid;
    use protocol::messages::IdentifyResponse;

    use super::*;

    /// What is made of an answer of these bytes.
    async fn answered(answer: &[u8]) -> io::Result<Option<Identity>> {
        let (ours, mut theirs) = tokio::io::duplex(64);
        theirs.write_all(answer).await?;
        theirs.shutdown().await?;
        ask_over(ours).await
    }

    fn answer(correlation_id: i32) -> Vec<u8> {
        let process_id = Uuid::from_bytes([7; 16]);
        let response = IdentifyResponse { error_code: 0, cluster_id: "c".into(), process_id };
        frame::encode_response(correlation_id, 0, &response).map(|chunks| chunks.concat()).unwrap_or_default()
    }

    #[tokio::test]
    async fn only_a_proper_answer_counts() {
        let proper = Identity { cluster: "c".to_owned(), process: ProcessId([7; 16]) };
        assert_eq!(answered(&answer(1)).await.ok(), Some(Some(proper)));
        assert_eq!(answered(&answer(2)).await.ok(), Some(None));
        assert_eq!(answered(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.ok(), Some(None));
        assert!(answered(&answer(1)[..20]).await.is_err());
        assert!(answered(b"").await.is_err());
    }
}

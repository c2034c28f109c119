//! A connection to a node: requests out, responses in, in the same order.

use std::io;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use protocol::{Request, frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::network::{Host, Network, Socket};

/// How long it takes a client to give up connecting.
const CONNECT: Duration = Duration::from_secs(3);

/// How long it takes a client to give up sending, where the node does not read on.
const SEND: Duration = Duration::from_secs(20);

/// A request that is not answered yet.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    correlation: i32,
    version: i16,
}

/// See the module.
pub struct Connection {
    socket: Socket,
    next: i32,
}

impl Connection {
    /// Connects to a node.
    pub async fn open(network: &Network, from: Host, node: usize) -> io::Result<Self> {
        let socket = timeout(CONNECT, network.connect(from, None, node)).await??;
        Ok(Self { socket, next: 0 })
    }

    /// The number of the process at the other end.
    pub fn peer(&self) -> u64 {
        self.socket.peer()
    }

    /// Sends a request.
    pub async fn send<R: Request>(&mut self, version: i16, request: &R) -> io::Result<Due> {
        self.send_part(version, request, usize::MAX).await
    }

    /// Sends at most the first `most` bytes of a request.
    pub async fn send_part<R: Request>(&mut self, version: i16, request: &R, most: usize) -> io::Result<Due> {
        self.next += 1;
        let chunks = frame::encode_request(self.next, Some("simulated"), version, request);
        let chunks = chunks.map_err(io::Error::other)?;
        let mut bytes = BytesMut::with_capacity(chunks.iter().map(Bytes::len).sum());
        chunks.iter().for_each(|chunk| bytes.put_slice(chunk));
        bytes.truncate(most);
        timeout(SEND, self.socket.write_all(&bytes)).await??;
        Ok(Due { correlation: self.next, version })
    }

    /// Receives the response to the oldest request that has none.
    pub async fn receive<R: Request>(&mut self, due: Due, within: Duration) -> io::Result<R::Response> {
        let receive = async {
            let length = usize::try_from(self.socket.read_i32().await?).map_err(io::Error::other)?;
            let mut frame = BytesMut::zeroed(length);
            self.socket.read_exact(&mut frame).await?;
            Ok::<_, io::Error>(frame.freeze())
        };
        let frame = timeout(within, receive).await??;
        let (header, response) = frame::decode_response::<R>(frame, due.version).map_err(io::Error::other)?;
        match header.correlation_id == due.correlation {
            true => Ok(response),
            false => Err(io::Error::other("the response is to another request")),
        }
    }

    /// Sends a request and receives its response.
    pub async fn ask<R: Request>(
        &mut self,
        version: i16,
        request: &R,
        within: Duration,
    ) -> io::Result<R::Response> {
        let due = self.send(version, request).await?;
        self.receive::<R>(due, within).await
    }
}

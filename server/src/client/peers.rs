//! What only Tidelog's nodes answer, on their inter-node listeners: how they are, and what operators want of them.

use std::sync::Arc;
use std::time::Duration;

use protocol::Request;
use protocol::messages::{PeerControlRequest, PeerStatusRequest, PeerStatusResponse};

use super::{Client, Connection, Error};

/// How long one node has to connect, and to answer.
const PATIENCE: Duration = Duration::from_secs(3);

impl Client {
    /// A connection of its own, to a node that must be quick.
    pub(super) async fn open_briefly(&self, address: &str) -> Result<Arc<Connection>, Error> {
        let patience = PATIENCE.min(self.timeout());
        Connection::open(address, patience, patience).await
    }

    /// How a node is, and the cluster as it knows it.
    pub(crate) async fn status_of(&self, address: &str) -> Result<PeerStatusResponse, Error> {
        let connection = self.open_briefly(address).await?;
        ask(&connection, &PeerStatusRequest {}).await
    }

    /// As any node has it. Tries again where that can help.
    pub(crate) async fn status(&self) -> Result<PeerStatusResponse, Error> {
        let (mut backoff, mut closed) = (self.backoff(), false);
        loop {
            let attempt = async { ask(&*self.any().await?, &PeerStatusRequest {}).await };
            match attempt.await {
                // It may have been about to stop, which is another matter than not to know the request.
                Err(Error::Foreign { .. }) if !closed => closed = true,
                Err(error @ Error::Connect { .. }) => return Err(error),
                Err(error) => backoff.wait(error).await?,
                done => return done,
            }
        }
    }

    /// Sends any node what `node_id` is to do. Tries again where that can help.
    pub(crate) async fn control(&self, node_id: i32, action: i8) -> Result<(), Error> {
        let mut backoff = self.backoff();
        loop {
            let attempt = async { tell(&*self.any().await?, node_id, action).await };
            match attempt.await {
                Err(error @ Error::Connect { .. }) => return Err(error),
                Err(error) => backoff.wait(error).await?,
                done => return done,
            }
        }
    }

    /// Sends the node at an address what `node_id` is to do.
    pub(crate) async fn control_at(&self, address: &str, node_id: i32, action: i8) -> Result<(), Error> {
        let connection = self.open_briefly(address).await?;
        tell(&connection, node_id, action).await
    }
}

async fn tell(connection: &Connection, node_id: i32, action: i8) -> Result<(), Error> {
    let response = ask(connection, &PeerControlRequest { node_id, action }).await?;
    Error::check_with_message(response.error_code, response.error_message.as_deref(), || {
        format!("node {node_id}")
    })
}

async fn ask<R: Request>(connection: &Connection, request: &R) -> Result<R::Response, Error> {
    match connection.call_unadvertised(request).await {
        Err(Error::Closed { address, .. }) => Err(Error::Foreign { address }),
        answered => answered,
    }
}

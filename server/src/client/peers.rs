//! What only Tidelog's nodes answer: how they are, and what operators want of them.

use std::time::Duration;

use protocol::messages::{PeerControlRequest, PeerStatusRequest, PeerStatusResponse};
use protocol::{ErrorCode, Request};

use super::{Client, Connection, Error};

impl Client {
    /// How a node is, and the cluster as it knows it. Whoever does not answer `within` that time fails.
    pub(crate) async fn status_of(
        &self,
        address: &str,
        within: Duration,
    ) -> Result<PeerStatusResponse, Error> {
        let connection = Connection::open(address, within.min(self.timeout())).await?;
        ask(&connection, &PeerStatusRequest {}).await
    }

    /// As any node has it.
    pub(crate) async fn status(&self) -> Result<PeerStatusResponse, Error> {
        let connection = self.any().await?;
        ask(&connection, &PeerStatusRequest {}).await
    }

    /// Tells a node what is wanted of `node_id`. Tries again where that can help.
    pub(crate) async fn control(&self, node_id: i32, action: i8) -> Result<(), Error> {
        let mut backoff = self.backoff();
        loop {
            let attempt = async {
                let connection = self.any().await?;
                let response = ask(&connection, &PeerControlRequest { node_id, action }).await?;
                let message = response.error_message.as_deref();
                Error::check_told(response.error_code, message, || format!("node {node_id}"))
            };
            match attempt.await {
                // That no other session can take its shards may change, but nobody should wait for it.
                Err(error) if error.code() != Some(ErrorCode::InvalidRequest) => backoff.wait(error).await?,
                done => return done,
            }
        }
    }
}

async fn ask<R: Request>(connection: &Connection, request: &R) -> Result<R::Response, Error> {
    match connection.call_unadvertised(request).await {
        Err(Error::Closed { address, .. }) => Err(Error::Foreign { address }),
        answered => answered,
    }
}

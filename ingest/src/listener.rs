//! Accepting connections. The socket is passed in, so that whoever listens owns it; nothing that a client or
//! the operating system does ends the loop.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::broker::Broker;
use crate::connection::{self, Quiet};

/// The pause after an error that the next accept would meet, too: no file descriptors, no memory.
const BACK_OFF: Duration = Duration::from_millis(100);

/// How long connections have to answer what they have been asked when the node stops.
const GRACE: Duration = Duration::from_secs(15);

static COMPLAINTS: Quiet = Quiet::new(Duration::from_secs(1));

/// Serves connections until `shutdown` is done: then no more are accepted, and the open ones end once they
/// have answered what they were asked.
pub async fn run(listener: TcpListener, broker: Arc<Broker>, shutdown: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(ended) = connections.join_next(), if !connections.is_empty() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a connection's task failed");
                }
            }
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) if connections.len() >= broker.config().max_connections => {
                    broker.metrics().connection_refused();
                    drop(socket);
                    complain(format_args!("{peer}: too many connections"));
                }
                Ok((socket, _)) => {
                    connections.spawn(serve(socket, Arc::clone(&broker), shutdown.clone()));
                }
                Err(error) => {
                    complain(format_args!("a connection was not accepted: {error}"));
                    if !is_of_one_connection(&error) {
                        sleep(BACK_OFF).await;
                    }
                }
            },
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout(GRACE, all).await.is_err() {
        tracing::warn!(connections = connections.len(), "closing connections that do not come to an end");
        connections.shutdown().await;
    }
}

async fn serve(socket: TcpStream, broker: Arc<Broker>, stop: CancellationToken) {
    let peer = match socket.peer_addr() {
        Ok(peer) => peer,
        // It has gone already.
        Err(_) => return,
    };
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%peer, %error, "TCP_NODELAY could not be set");
    }
    let metrics = Arc::clone(broker.metrics());
    let _open = metrics.connection_opened();
    let (read, write) = socket.into_split();
    connection::serve(read, write, peer, broker, stop).await;
}

/// Whether an error of accept concerns only the connection that it would have returned.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

fn complain(message: std::fmt::Arguments<'_>) {
    if let Some(silent) = COMPLAINTS.may_speak() {
        tracing::warn!(silent, "{message}");
    }
}

//! Accepting connections, from any number of listeners. The sockets are passed in, so that the caller owns
//! them; nothing that a client or the operating system does ends the loop.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use broker::quiet::Quiet;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::connection;
use crate::service::Service;

/// The pause after an error that the next accept would meet, too: no file descriptors, no memory.
const BACK_OFF: Duration = Duration::from_millis(100);

/// How long connections have to answer what they have been asked when the node stops.
const GRACE: Duration = Duration::from_secs(15);

static COMPLAINTS: Quiet = Quiet::new(Duration::from_secs(1));

/// A socket that clients connect to, and what it is called.
#[derive(Debug)]
pub struct Listener {
    /// The name. Its clients get the addresses that nodes advertise under this name.
    pub name: Arc<str>,
    /// The socket.
    pub socket: TcpListener,
}

/// Serves connections until `shutdown` is done: then no more are accepted, and the open ones end once they
/// have answered what they were asked. The bound on connections is for all listeners together.
pub async fn run(listeners: Vec<Listener>, service: Arc<Service>, shutdown: CancellationToken) {
    let mut connections = JoinSet::new();
    let mut turn = 0;
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(ended) = connections.join_next(), if !connections.is_empty() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a connection's task failed");
                }
            }
            (listener, accepted) = accept(&listeners, &mut turn) => match accepted {
                Ok((socket, peer)) if connections.len() >= service.broker().config().max_connections => {
                    service.metrics().connection_refused();
                    drop(socket);
                    complain(format_args!("{peer}: too many connections"));
                }
                Ok((socket, _)) => {
                    let name = Arc::clone(&listener.name);
                    connections.spawn(serve(socket, name, Arc::clone(&service), shutdown.clone()));
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
    drop(listeners);
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout(GRACE, all).await.is_err() {
        tracing::warn!(connections = connections.len(), "closing connections that do not come to an end");
        connections.shutdown().await;
    }
}

/// The next connection of any listener. They take turns, so that a busy one does not starve the others.
async fn accept<'a>(
    listeners: &'a [Listener],
    turn: &mut usize,
) -> (&'a Listener, io::Result<(TcpStream, SocketAddr)>) {
    poll_fn(|cx| {
        for at in 0..listeners.len() {
            let at = (*turn + at) % listeners.len();
            if let Poll::Ready(accepted) = listeners[at].socket.poll_accept(cx) {
                *turn = at + 1;
                return Poll::Ready((&listeners[at], accepted));
            }
        }
        Poll::Pending
    })
    .await
}

async fn serve(socket: TcpStream, listener: Arc<str>, service: Arc<Service>, stop: CancellationToken) {
    let peer = match socket.peer_addr() {
        Ok(peer) => peer,
        // The client has disconnected already.
        Err(_) => return,
    };
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%peer, %error, "TCP_NODELAY could not be set");
    }
    let metrics = Arc::clone(service.metrics());
    let _open = metrics.connection_opened();
    let (read, write) = socket.into_split();
    connection::serve(read, write, peer.into(), listener, service, stop).await;
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

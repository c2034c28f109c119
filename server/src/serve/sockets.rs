//! The sockets of a node, and what is said of them.

use std::io;
use std::net::SocketAddr;

use coordinator::cluster::Address;
use tokio::net::TcpListener;

use super::addresses;
use crate::config::{Http, Listener};

/// The sockets that Kafka clients connect to.
pub(super) struct Kafka {
    /// The sockets by name.
    pub(super) listeners: Vec<ingest::listener::Listener>,
    /// The advertised addresses, in the same order.
    pub(super) advertised: Vec<Address>,
    /// Where the sockets are, for the log.
    pub(super) listen: String,
    /// The advertised addresses, for the log.
    pub(super) advertise: String,
}

impl Kafka {
    /// Binds every listener. Fails at the first that can't be.
    pub(super) async fn bind(configured: &[Listener]) -> anyhow::Result<Self> {
        let (mut listeners, mut bound, mut advertised) = (Vec::new(), Vec::new(), Vec::new());
        for listener in configured {
            let socket = bind(&listener.host, listener.port)
                .await
                .map_err(|error| explain(&listener.host, listener.port, error, "--listen"))?;
            let at = socket.local_addr()?;
            let (address, guessed) = addresses::advertised(listener, at).await;
            if guessed {
                tracing::info!(
                    listener = %listener.name,
                    "clients are given the address {address}; if that does not lead here from where they are, set --advertise"
                );
            }
            bound.push((listener.name.clone(), at));
            advertised.push(address);
            let name = listener.name.as_str().into();
            listeners.push(ingest::listener::Listener { name, socket });
        }
        let listen =
            shown(bound.iter().map(|(name, at): &(String, SocketAddr)| (name.as_str(), at.to_string())));
        let advertise =
            shown(advertised.iter().map(|address| (address.listener.as_str(), address.to_string())));
        Ok(Self { listeners, advertised, listen, advertise })
    }
}

/// Addresses for the log; an only one needs no name.
fn shown<'a>(addresses: impl ExactSizeIterator<Item = (&'a str, String)>) -> String {
    let only = addresses.len() == 1;
    let each = addresses.map(|(name, address)| if only { address } else { format!("{name}://{address}") });
    each.collect::<Vec<_>>().join(",")
}

/// The socket for health and metrics. Another port than the default one is taken where that is in use.
pub(super) async fn http(configured: &Http) -> anyhow::Result<TcpListener> {
    let Http { host, port, is_asked_for } = configured;
    match bind(host, *port).await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && !is_asked_for => {
            let socket = bind(host, 0).await?;
            let at = socket.local_addr()?;
            tracing::info!("port {port} is in use: /health and /metrics are at http://{at} instead");
            Ok(socket)
        }
        bound => bound.map_err(|error| explain(host, *port, error, "--http")),
    }
}

/// An empty host is all addresses.
fn host_of(host: &str) -> &str {
    if host.is_empty() { "0.0.0.0" } else { host }
}

async fn bind(host: &str, port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((host_of(host), port)).await
}

fn explain(host: &str, port: u16, error: io::Error, flag: &str) -> anyhow::Error {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => "stop what listens there, or choose another port",
        io::ErrorKind::PermissionDenied => "choose a port above 1023",
        _ => "choose an address of this machine",
    };
    let place = Address { listener: String::new(), host: host_of(host).to_owned(), port };
    anyhow::anyhow!("{place}: {error}: {advice} with {flag}")
}

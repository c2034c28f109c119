//! Where clients are told to connect to.

use std::net::{IpAddr, SocketAddr};

use coordinator::cluster::Address;
use tokio::net::{UdpSocket, lookup_host};

use crate::config::AddressSpec;

/// The name of the one listener.
const LISTENER: &str = "PLAINTEXT";

/// An address as it is written; IPv6 addresses in brackets.
pub(super) fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// An address as it is written.
pub(super) fn shown(address: &Address) -> String {
    host_port(&address.host, address.port)
}

/// What clients are told, and whether that was guessed: as configured; or the listening host as it was
/// written; or, if that is all addresses, the one with which this machine reaches others.
pub(super) async fn advertised(
    configured: Option<&AddressSpec>,
    listen: &str,
    bound: SocketAddr,
) -> (Address, bool) {
    let address = |host: String, port| Address { listener: LISTENER.to_owned(), host, port };
    if let Some(AddressSpec { host, port }) = configured {
        return (address(host.clone(), port.unwrap_or(bound.port())), false);
    }
    if !bound.ip().is_unspecified() {
        return (address(listen.to_owned(), bound.port()), false);
    }
    let host = match outgoing().await {
        Some(ip) => ip.to_string(),
        None => match own_name().await {
            Some(name) => name,
            None => {
                tracing::warn!("this machine has no address that others reach; only clients on it will");
                "127.0.0.1".to_owned()
            }
        },
    };
    (address(host, bound.port()), true)
}

/// The address from which packets to others leave. Nothing is sent: the destinations are reserved for
/// documentation, and only their route is looked up.
async fn outgoing() -> Option<IpAddr> {
    for (from, to) in [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")] {
        let ip = async {
            let socket = UdpSocket::bind(from).await?;
            socket.connect(to).await?;
            socket.local_addr()
        };
        if let Ok(local) = ip.await
            && !local.ip().is_unspecified()
            && !local.ip().is_loopback()
        {
            return Some(local.ip());
        }
    }
    None
}

/// The machine's name, if it is one of an address that others reach.
async fn own_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?.trim().to_owned();
    let reachable = lookup_host((name.as_str(), 9092)).await.ok()?.any(|address| !address.ip().is_loopback());
    reachable.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn told(configured: Option<&str>, listen: &str, bound: &str) -> (String, bool) {
        let configured = configured.map(|text| text.parse::<AddressSpec>().expect("an address"));
        let bound = bound.parse().expect("an address");
        let (address, guessed) = advertised(configured.as_ref(), listen, bound).await;
        (shown(&address), guessed)
    }

    #[tokio::test]
    async fn clients_are_told_where_the_node_is() {
        let yes = |text: &str| (text.to_owned(), false);
        assert_eq!(told(Some("b.example:1234"), "0.0.0.0", "0.0.0.0:9092").await, yes("b.example:1234"));
        assert_eq!(told(Some("b.example"), "0.0.0.0", "0.0.0.0:4711").await, yes("b.example:4711"));
        assert_eq!(told(None, "localhost", "127.0.0.1:4711").await, yes("localhost:4711"));
        assert_eq!(told(None, "::1", "[::1]:9092").await, yes("[::1]:9092"));
        let (guess, guessed) = told(None, "0.0.0.0", "0.0.0.0:9092").await;
        assert!(guessed && guess.ends_with(":9092") && !guess.starts_with("0.0.0.0"), "{guess}");
    }
}

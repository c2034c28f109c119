//! The addresses that are advertised to clients.

use std::net::{IpAddr, SocketAddr};

use coordinator::cluster::Address;
use tokio::net::{UdpSocket, lookup_host};

use crate::config::{AddressSpec, Listener};

/// What is advertised to clients of a listener, and whether that was guessed: as configured; or the listening host as it
/// was written; or, if that is all addresses, the one with which this machine reaches others.
pub(super) async fn advertised(listener: &Listener, bound: SocketAddr) -> (Address, bool) {
    let address = |host: String, port| Address { listener: listener.name.clone(), host, port };
    if let Some(AddressSpec { host, port }) = &listener.advertise {
        return (address(host.clone(), port.unwrap_or(bound.port())), false);
    }
    if !bound.ip().is_unspecified() {
        return (address(listener.host.clone(), bound.port()), false);
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
        let advertise = configured.map(|text| text.parse::<AddressSpec>().expect("an address"));
        let (name, host) = ("INSIDE".to_owned(), listen.to_owned());
        let listener = Listener { name, host, port: 0, advertise };
        let (address, guessed) = advertised(&listener, bound.parse().expect("an address")).await;
        assert_eq!(address.listener, "INSIDE");
        (address.to_string(), guessed)
    }

    #[tokio::test]
    async fn clients_are_told_where_the_node_is() {
        let yes = |text: &str| (text.to_owned(), false);
        assert_eq!(told(Some("b.example:1234"), "0.0.0.0", "0.0.0.0:9092").await, yes("b.example:1234"));
        assert_eq!(told(Some("b.example"), "0.0.0.0", "0.0.0.0:4711").await, yes("b.example:4711"));
        assert_eq!(told(Some("[fd00::1]:5"), "::", "[::]:9092").await, yes("[fd00::1]:5"));
        assert_eq!(told(None, "localhost", "127.0.0.1:4711").await, yes("localhost:4711"));
        assert_eq!(told(None, "::1", "[::1]:9092").await, yes("[::1]:9092"));
        let (guess, guessed) = told(None, "0.0.0.0", "0.0.0.0:9092").await;
        assert!(guessed && guess.ends_with(":9092") && !guess.starts_with("0.0.0.0"), "{guess}");
    }
}

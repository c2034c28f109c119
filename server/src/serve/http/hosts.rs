//! Which hosts the pages may be asked for. A web page could make a name of its own lead to this machine and read them
//! in its visitor's browser (DNS rebinding); the name that the browser then asks for gives it away.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The names, besides addresses and localhost, that may be asked for; none if any may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::serve) struct Hosts(Option<Vec<String>>);

impl Hosts {
    /// For pages that are served at `bound`. Unless names were configured, a listener that others can reach takes any:
    /// it is asked for by whatever names they have for it.
    pub(in crate::serve) fn of(bound: SocketAddr, configured: Option<Vec<String>>) -> Self {
        Self(configured.or_else(|| bound.ip().is_loopback().then(Vec::new)))
    }

    /// Whether a request may name this host, which may have a port.
    fn allow(&self, host: &[u8]) -> bool {
        let Some(names) = &self.0 else { return true };
        let Ok(host) = Authority::try_from(host) else { return false };
        let name = host.host().trim_end_matches('.').to_ascii_lowercase();
        let is_address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
        is_address || name == "localhost" || name.ends_with(".localhost") || names.contains(&name)
    }
}

/// Answers 421 to a request for another host. One that names none comes from no browser.
pub(super) async fn check(State(hosts): State<Arc<Hosts>>, request: Request, next: Next) -> Response {
    let in_target = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    let named = request.headers().get_all(HOST).iter().map(|host| host.as_bytes());
    if named.chain(in_target).all(|host| hosts.allow(host)) {
        return next.run(request).await;
    }
    (StatusCode::MISDIRECTED_REQUEST, "there is no such host here: see http-hosts\n").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_loopback_only_addresses_and_configured_names() {
        let loopback: SocketAddr = "127.0.0.1:8080".parse().expect("an address");
        let hosts = Hosts::of(loopback, None);
        for host in ["localhost", "LOCALHOST:8080", "a.localhost", "127.0.0.1:8080", "[::1]:80", "10.0.0.9"] {
            assert!(hosts.allow(host.as_bytes()), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
            "a b",
        ] {
            assert!(!hosts.allow(host.as_bytes()), "{host}");
        }
        let hosts = Hosts::of(loopback, Some(vec!["node.example".to_owned()]));
        assert!(
            hosts.allow(b"Node.Example:8080") && hosts.allow(b"node.example.") && hosts.allow(b"localhost")
        );
        assert!(!hosts.allow(b"evil.example"));
        let all: SocketAddr = "0.0.0.0:8080".parse().expect("an address");
        assert!(Hosts::of(all, None).allow(b"node.example"));
        assert!(!Hosts::of(all, Some(Vec::new())).allow(b"node.example"));
    }
}

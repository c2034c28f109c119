//! The address of a connection's client.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// The other end of a connection.
#[derive(Clone, Debug)]
pub struct Remote {
    host: Arc<str>,
    port: Option<u16>,
}

impl Remote {
    /// Its address as Kafka shows a group member's host: `/192.0.2.1`.
    pub(crate) fn host(&self) -> String {
        format!("/{}", self.host)
    }
}

impl From<SocketAddr> for Remote {
    fn from(address: SocketAddr) -> Self {
        Self { host: address.ip().to_canonical().to_string().into(), port: Some(address.port()) }
    }
}

impl From<&str> for Remote {
    /// What is no socket has a name only.
    fn from(name: &str) -> Self {
        Self { host: name.into(), port: None }
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            None => f.write_str(&self.host),
            Some(port) if self.host.contains(':') => write!(f, "[{}]:{port}", self.host),
            Some(port) => write!(f, "{}:{port}", self.host),
        }
    }
}

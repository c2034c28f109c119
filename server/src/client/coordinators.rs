//! The nodes that coordinate groups: finding them, and asking them.

use std::fmt;
use std::sync::Arc;

use protocol::ErrorCode;
use protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};

use super::metadata::bracketed;
use super::{Client, Connection, Error, OPENING};

/// FindCoordinator's number for groups.
const GROUP: i8 = 0;

/// The node that coordinates a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Coordinator {
    /// Its id.
    pub(crate) node: i32,
    /// Where it is.
    pub(crate) address: String,
}

impl fmt::Display for Coordinator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {} at {}", self.node, self.address)
    }
}

impl Client {
    /// Asks a group's coordinator, until its answer is neither "not me" nor another error that goes away.
    pub(super) async fn coordinated<T>(
        &self,
        group: &str,
        ask: impl AsyncFn(&Connection) -> Result<T, Error>,
    ) -> Result<(Coordinator, T), Error> {
        let mut backoff = self.backoff();
        loop {
            let attempt = match self.coordinator(group).await {
                // No process listens: a command does not wait until one does.
                Err(error @ Error::Connect { .. }) => return Err(error),
                Err(error) => Err(error),
                Ok(coordinator) => match self.coordinating(&coordinator).await {
                    Ok(connection) => ask(&connection).await.map(|answer| (coordinator, answer)),
                    Err(error) => Err(error),
                },
            };
            match attempt {
                Err(error) => backoff.wait(error).await?,
                done => return done,
            }
        }
    }

    /// The shared connection to a coordinator. One that is frozen will be followed by another.
    async fn coordinating(&self, coordinator: &Coordinator) -> Result<Arc<Connection>, Error> {
        self.connection_within(&coordinator.address, OPENING.min(self.timeout())).await
    }

    async fn coordinator(&self, group: &str) -> Result<Coordinator, Error> {
        // Older versions know one key, newer ones many: each version carries one of them.
        let request = FindCoordinatorRequest {
            key: group.into(),
            key_type: GROUP,
            coordinator_keys: vec![group.into()],
        };
        let response = self.any().await?.call(&request).await?;
        found(group, &response)
    }
}

fn found(group: &str, response: &FindCoordinatorResponse) -> Result<Coordinator, Error> {
    let what = || format!("coordinator of group {group}");
    let (code, message, node, host, port) = match response.coordinators.iter().find(|c| c.key == *group) {
        Some(found) => (found.error_code, &found.error_message, found.node_id, &found.host, found.port),
        None => {
            (response.error_code, &response.error_message, response.node_id, &response.host, response.port)
        }
    };
    Error::check_with_message(code, message.as_deref(), what)?;
    if host.is_empty() {
        Error::check(ErrorCode::CoordinatorNotAvailable.code(), what)?;
    }
    Ok(Coordinator { node, address: format!("{}:{port}", bracketed(host)) })
}

#[cfg(test)]
mod tests {
    use protocol::messages::find_coordinator;

    use super::*;

    #[test]
    fn both_kinds_of_answers() {
        let old = FindCoordinatorResponse { node_id: 3, host: "a".into(), port: 1, ..Default::default() };
        let expected = Coordinator { node: 3, address: "a:1".to_owned() };
        assert_eq!(found("g", &old).ok(), Some(expected));
        let coordinator = |key: &str, error_code| find_coordinator::Coordinator {
            key: key.into(),
            node_id: 4,
            host: "::1".into(),
            port: 2,
            error_code,
            ..Default::default()
        };
        let not_available = ErrorCode::CoordinatorNotAvailable.code();
        let coordinators = vec![coordinator("other", not_available), coordinator("g", 0)];
        let new = FindCoordinatorResponse { coordinators, ..Default::default() };
        let expected = Coordinator { node: 4, address: "[::1]:2".to_owned() };
        assert_eq!(found("g", &new).ok(), Some(expected));
        assert!(found("other", &new).is_err_and(|error| error.is_retriable()));
        // An answer without a node is none.
        assert!(found("g", &FindCoordinatorResponse::default()).is_err_and(|error| error.is_retriable()));
    }
}

//! What handlers need besides their request.

use std::sync::Arc;

use broker::memory::Permit;
use broker::node::Broker;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::remote::Remote;
use crate::service::Service;
use crate::share_sessions::Tie;

/// What handlers need besides their request.
pub(crate) struct Context {
    /// The node.
    pub(crate) broker: Arc<Broker>,
    /// What its connections share.
    pub(crate) service: Arc<Service>,
    /// The client.
    pub(crate) remote: Remote,
    /// The name of the listener that accepted the client: it gets nodes' addresses of that name.
    pub(crate) listener: Arc<str>,
    /// Done when the node is about to stop: nothing should wait any more.
    pub(crate) stop: CancellationToken,
    /// What ends with the connection.
    pub(crate) tie: Tie,
    /// The memory of the request being handled. What it writes into the log of groups takes it along; what waits for
    /// something that may be long in coming lets go of it.
    pub(crate) admitted: Mutex<Option<Permit>>,
}

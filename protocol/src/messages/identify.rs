//! Identify: Tidelog's own question between nodes, "who are you?". A node that starts asks it at the address
//! of every session that looks open. An answer from another process of the same cluster means that the session
//! lives; silence or anything else means that it does not. It is never advertised, and its key lies far above
//! Kafka's.

use crate::Message;
use crate::codec::{Str, Uuid};

/// Asks a node who it is.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = Identify, versions = "0", flexible = "0..", response = IdentifyResponse)]
pub struct IdentifyRequest {}

/// Who a node is.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[message(key = Identify, versions = "0", flexible = "0..")]
pub struct IdentifyResponse {
    /// Error of the request.
    pub error_code: i16,
    /// Id of the cluster.
    pub cluster_id: Str,
    /// Id drawn when the process started.
    pub process_id: Uuid,
}

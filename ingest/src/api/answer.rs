//! What becomes of a request.

use std::sync::Arc;

use broker::memory::{Permit, shrink};
use broker::node::Stopping;
use bytes::Bytes;
use futures::future::BoxFuture;
use protocol::{ApiKey, DecodeError, EncodeError};
use thiserror::Error;

/// What becomes of a request.
pub(crate) enum Answer {
    /// It is answered.
    Now(Reply),
    /// It has had its effect, and is answered when that is durable. The next request need not wait for it.
    Later(BoxFuture<'static, Reply>),
}

impl Answer {
    /// The answer, with the memory that was taken for it before it was made; what it does not need is given back.
    pub(super) fn within(self, permit: Option<Permit>) -> Self {
        match (self, permit) {
            (Self::Now(Reply::Frame(chunks, None)), Some(mut permit)) => {
                shrink(&mut permit, chunks.iter().map(Bytes::len).sum());
                Self::Now(Reply::Frame(chunks, Some(permit)))
            }
            (answer, _) => answer,
        }
    }

    /// As [`Answer::within`]; an answer that turns out to take more has yet to get its memory.
    pub(super) fn in_room(self, permit: Option<Permit>) -> Self {
        let bytes = match &self {
            Self::Now(Reply::Frame(chunks, None)) => chunks.iter().map(Bytes::len).sum(),
            _ => 0,
        };
        self.within(permit.filter(|permit| permit.num_permits() >= bytes))
    }
}

/// What is sent.
#[derive(Debug)]
pub(crate) enum Reply {
    /// A frame, in chunks, and the memory that they take, if it is counted.
    Frame(Vec<Bytes>, Option<Permit>),
    /// Nothing: the client does not want to know.
    Nothing,
    /// The connection is closed instead.
    Close,
}

/// Why a request has no answer, and its connection is closed.
#[derive(Debug, Error)]
pub(crate) enum Refusal {
    /// The header is malformed, or of an unknown API.
    #[error("request header: {0}")]
    Header(DecodeError),
    /// The API or its version is not served.
    #[error("{api:?} version {version} is not served")]
    NotServed {
        /// The API.
        api: ApiKey,
        /// The version.
        version: i16,
    },
    /// The API is for nodes and operators, and the listener is for clients.
    #[error("{api:?} is served on the inter-node listener alone, not on {listener}")]
    Private {
        /// The API.
        api: ApiKey,
        /// The listener.
        listener: Arc<str>,
    },
    /// The body is malformed.
    #[error("{api:?} version {version}: {source}")]
    Body {
        /// The API.
        api: ApiKey,
        /// The version.
        version: i16,
        /// What is wrong where.
        source: DecodeError,
    },
    /// It names more than one of its kind may.
    #[error("{api:?} names {elements} things, and may name {most} here")]
    TooMany {
        /// The API.
        api: ApiKey,
        /// How many it names.
        elements: usize,
        /// How many it may name.
        most: usize,
    },
    /// The response can't be encoded: a bug.
    #[error("response to {api:?} version {version}: {source}")]
    Response {
        /// The API.
        api: ApiKey,
        /// The version.
        version: i16,
        /// What is wrong.
        source: EncodeError,
    },
    /// The node does not serve any more.
    #[error(transparent)]
    Stopping(#[from] Stopping),
    /// The node does not serve yet.
    #[error("the node is still starting")]
    Starting,
}

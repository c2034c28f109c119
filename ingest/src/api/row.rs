//! What there is to say of an API: a row of [`APIS`].

use futures::future::BoxFuture;
use protocol::ApiKey;

use super::{APIS, Answer, Context, Incoming, Refusal};

/// Answers a request.
pub(super) type Handler = for<'a> fn(&'a Context, Incoming) -> BoxFuture<'a, Result<Answer, Refusal>>;

/// An API that is served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Api {
    pub(super) key: ApiKey,
    /// The lowest version that is advertised.
    pub(super) advertised: i16,
    /// The lowest version that is served.
    pub(super) lowest: i16,
    /// The highest version that is served, and advertised.
    pub(super) highest: i16,
    /// It is for nodes and operators: never advertised, and served on the inter-node listener alone.
    pub(super) is_private: bool,
    /// What of its requests goes into the log.
    pub(super) stores: Stores,
    /// Its answer may take as long as the client likes.
    pub(super) is_patient: bool,
    /// The memory that the request's bytes take counts while it is handled, though nothing goes into the log. What
    /// others' requests wait for is held by none that asks the store, waits for its turn or for other members.
    pub(super) is_kept: bool,
    /// Its answer may describe every partition of the cluster.
    pub(super) is_broad: bool,
    pub(super) handler: Handler,
}

/// An API of which these versions are served and advertised, and nothing goes into the log.
pub(super) const fn api(key: ApiKey, lowest: i16, highest: i16, handler: Handler) -> Api {
    Api {
        key,
        advertised: lowest,
        lowest,
        highest,
        is_private: false,
        stores: Stores::Nothing,
        is_patient: false,
        is_kept: false,
        is_broad: false,
        handler,
    }
}

impl Api {
    pub(super) const fn advertised(self, advertised: i16) -> Self {
        Self { advertised, ..self }
    }

    pub(super) const fn stores(self, stores: Stores) -> Self {
        Self { stores, ..self }
    }

    pub(super) const fn private(self) -> Self {
        Self { is_private: true, ..self }
    }

    pub(super) const fn patient(self) -> Self {
        Self { is_patient: true, ..self }
    }

    pub(super) const fn kept(self) -> Self {
        Self { is_kept: true, ..self }
    }

    pub(super) const fn broad(self) -> Self {
        Self { is_broad: true, ..self }
    }

    pub(super) fn of(key: ApiKey) -> Option<&'static Self> {
        APIS.iter().find(|api| api.key == key)
    }

    /// Whether a version is served.
    pub(super) fn serves(&self, version: i16) -> bool {
        (self.lowest..=self.highest).contains(&version)
    }
}

/// What of an API's requests goes into the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stores {
    Nothing,
    Records,
    /// What a group or a share partition remembers.
    State,
    /// Something small now and then.
    Heartbeat,
}

/// Whether something of a request goes into the log, and must have memory until that is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// Nothing.
    No,
    /// Records, or what a group remembers.
    Yes {
        /// Whether the client expects no answer, and may have disconnected on purpose.
        unacknowledged: bool,
    },
    /// Something small now and then.
    Heartbeat,
}

/// What a frame is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contents {
    /// Records, which go into the log.
    Records,
    /// Other things that go into the log.
    State,
    /// Nothing that goes into the log, or next to nothing.
    Other,
}

impl Contents {
    /// By how the frame begins.
    pub(crate) fn of(frame: &[u8]) -> Self {
        let key = frame.first_chunk().map(|key| i16::from_be_bytes(*key));
        match APIS.iter().find(|api| Some(api.key.code()) == key).map(|api| api.stores) {
            Some(Stores::Records) => Self::Records,
            Some(Stores::State) => Self::State,
            _ => Self::Other,
        }
    }
}

/// A handler that reads the request itself: it takes the context, the cluster and the [`Incoming`].
macro_rules! own {
    ($handler:path) => {
        |context, incoming| {
            async move {
                let cluster = incoming.cluster(context).await?;
                $handler(context, cluster, incoming).await
            }
            .boxed()
        }
    };
}

/// A handler that may wait for the store, other nodes or members, and takes the context, what is named here, and the
/// request.
macro_rules! waits {
    ($handler:path $(, $argument:ident)*) => {
        |context, incoming| {
            async move {
                let (cluster, version) = (incoming.cluster(context).await?, incoming.version());
                let _ = (&cluster, version);
                let respond = async |request| {
                    $handler(context $(, $crate::api::row::shared!($argument cluster version))*, request).await
                };
                incoming.answered(context, &cluster, respond).await
            }
            .boxed()
        }
    };
}

/// A handler that answers from what this node knows, and waits for nothing but memory. It takes what is named here, and
/// the request.
macro_rules! at_once {
    ($handler:path $(, $argument:ident)*) => {
        |context, incoming| {
            async move {
                let (cluster, version) = (incoming.cluster(context).await?, incoming.version());
                let _ = (&cluster, version);
                let respond = |request: &_| {
                    $handler($($crate::api::row::borrowed!($argument context cluster version),)* request)
                };
                incoming.answered_at_once(context, &cluster, respond).await
            }
            .boxed()
        }
    };
}

/// A handler that does not wait until the node is ready. It takes the context and the [`Incoming`].
macro_rules! early {
    ($handler:path) => {
        |context, incoming| async move { $handler(context, incoming).await }.boxed()
    };
}

/// What a handler that waits is given by a name.
macro_rules! shared {
    (cluster $cluster:ident $version:ident) => {
        std::sync::Arc::clone(&$cluster)
    };
    (version $cluster:ident $version:ident) => {
        $version
    };
}

/// What a handler that answers at once is given by a name.
macro_rules! borrowed {
    (context $context:ident $cluster:ident $version:ident) => {
        $context
    };
    (cluster $context:ident $cluster:ident $version:ident) => {
        &$cluster
    };
    (version $context:ident $cluster:ident $version:ident) => {
        $version
    };
}

pub(super) use {at_once, borrowed, early, own, shared, waits};

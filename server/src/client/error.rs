//! What can go wrong between this client and a broker.

use std::time::Duration;

use protocol::{ApiKey, DecodeError, EncodeError, ErrorCode};

/// Why a request was not answered as hoped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No address was given.
    #[error("no broker address was given: use --bootstrap HOST:PORT")]
    NoAddress,
    /// No connection can be made.
    #[error("no broker at {address} ({source}): is it running, and is --bootstrap right?")]
    Connect {
        /// Where.
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The connection ended before the answer.
    #[error("{address} closed the connection: {reason}")]
    Closed {
        /// Whose.
        address: String,
        /// How it ended.
        reason: String,
    },
    /// It does not answer what only Tidelog's nodes do.
    #[error(
        "{address} does not serve this request: is it the inter-node listener (--inter-node-listener) of a node of Tidelog that is as new as this command?"
    )]
    Foreign {
        /// Who.
        address: String,
    },
    /// The answer did not come.
    #[error("{address} did not answer within {after:?}")]
    TimedOut {
        /// Who.
        address: String,
        /// How long it had.
        after: Duration,
    },
    /// There is no version that both sides know.
    #[error("{address} serves no version of {api:?} that this client knows")]
    Unsupported {
        /// Who.
        address: String,
        /// What was to be asked.
        api: ApiKey,
    },
    /// The answer is not one.
    #[error("{address} sent an answer that can't be read: {source}")]
    Decode {
        /// Who.
        address: String,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// The request can't be sent.
    #[error("the request can't be sent: {0}")]
    Encode(#[from] EncodeError),
    /// A batch can't be made or read.
    #[error("{0}")]
    Batch(#[from] protocol::records::BatchError),
    /// The broker answered with an error.
    #[error("{what}: {}{}", name(*.code), reason(.message.as_deref(), *.code))]
    Refused {
        /// What was asked for.
        what: String,
        /// The error's code.
        code: i16,
        /// What the broker adds.
        message: Option<String>,
    },
    /// There is no such topic.
    #[error(
        "there is no topic {topic}: tidelog topic list shows what there is, and tidelog topic create makes one"
    )]
    NoTopic {
        /// Its name.
        topic: String,
    },
    /// There is no such group.
    #[error("there is no group {group}: tidelog group list shows what there is")]
    NoGroup {
        /// Its id.
        group: String,
    },
    /// There is no such node.
    #[error("there is no node {node} in this cluster: tidelog node list shows what there is")]
    NoNode {
        /// Its id.
        node: i32,
    },
    /// There is such a group, and the broker does not describe it.
    #[error("group {group} is of type {kind}, which this cluster does not describe")]
    Undescribed {
        /// Its id.
        group: String,
        /// Its type.
        kind: String,
    },
    /// The system gives no more threads.
    #[error("no thread could be started: {0}")]
    Thread(std::io::Error),
    /// A partition has no leader, or does not exist.
    #[error("partition {partition} of topic {topic} has no leader, or does not exist")]
    NoLeader {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
}

fn name(code: i16) -> String {
    ErrorCode::from_code(code).map_or_else(|| format!("error {code}"), |code| format!("{code:?}"))
}

fn reason(message: Option<&str>, code: i16) -> String {
    match (message, ErrorCode::from_code(code)) {
        (Some(message), _) => format!(" ({message})"),
        (None, Some(code)) => format!(" ({})", code.message()),
        (None, None) => String::new(),
    }
}

impl Error {
    /// The error of `what`, unless the code says that there is none.
    pub(crate) fn check(code: i16, what: impl FnOnce() -> String) -> Result<(), Self> {
        Self::check_with_message(code, None::<&str>, what)
    }

    /// As [`Error::check`], with what the broker says about it.
    pub(crate) fn check_with_message(
        code: i16,
        message: Option<impl AsRef<str>>,
        what: impl FnOnce() -> String,
    ) -> Result<(), Self> {
        if code == ErrorCode::None.code() {
            return Ok(());
        }
        Err(Self::Refused { what: what(), code, message: message.map(|m| m.as_ref().to_owned()) })
    }

    /// As [`Error::check_with_message`], where it is about a topic. One that is unknown may be known elsewhere; the node
    /// that takes administrative requests knows all.
    pub(super) fn check_topic(topic: &str, code: i16, message: Option<&str>) -> Result<(), Self> {
        if code == ErrorCode::UnknownTopicOrPartition.code() {
            return Err(Self::NoTopic { topic: topic.to_owned() });
        }
        Self::check_with_message(code, message, || format!("topic {topic}"))
    }

    /// The broker's error code, if it answered with one.
    pub(crate) fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } => ErrorCode::from_code(*code),
            _ => None,
        }
    }

    /// Whether another attempt may succeed.
    pub(crate) fn is_retriable(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Closed { .. } | Self::TimedOut { .. } | Self::NoLeader { .. } => {
                true
            }
            Self::Refused { .. } => self.code().is_some_and(ErrorCode::is_retriable),
            Self::NoAddress
            | Self::Foreign { .. }
            | Self::Unsupported { .. }
            | Self::Decode { .. }
            | Self::Encode(_)
            | Self::NoTopic { .. }
            | Self::NoGroup { .. }
            | Self::NoNode { .. }
            | Self::Undescribed { .. }
            | Self::Thread(_)
            | Self::Batch(_) => false,
        }
    }
}

//! A node's configuration: file, then environment, then flags; checked once, here.

mod arguments;
mod kafka;
mod layers;
mod listeners;
mod memory;
mod reference;
mod settings;
mod units;
mod validate;

pub(crate) use arguments::ServeArguments;
pub(crate) use layers::{Usage, load};
pub(crate) use listeners::{KAFKA_PORT, Listener, ListenerSpec};
pub(crate) use reference::reference;
pub(crate) use units::{AddressSpec, ByteSize, Span};
pub(crate) use validate::{Http, LogFormat, Serve};

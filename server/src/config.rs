//! A node's configuration: file, then environment, then flags; checked once, here.

mod arguments;
mod layers;
mod reference;
mod settings;
mod units;
mod validate;

pub(crate) use arguments::ServeArguments;
pub(crate) use layers::{Usage, load};
pub(crate) use reference::reference;
pub(crate) use units::{AddressSpec, ByteSize, Span};
pub(crate) use validate::{LogFormat, Serve};

//! Derives `Wire` and `Message` for the structs of the `protocol` crate.
//!
//! The struct is the schema: `#[field(...)]` says in which versions a field is on the wire, where it may be
//! null, which tag it has and what it defaults to. The macros turn that into a decoder, an encoder and
//! `Default`, and know nothing of any one API. In test builds of `protocol` a struct can also be drawn at random.

mod attributes;
mod expand;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Derives `Wire`, `Nullable` and `Default` for a struct nested in a message.
///
/// Keys of `#[field(...)]`, all optional:
/// - `versions = "3..=12"`: versions that have the field; in others it keeps its default. For a field with a
///   tag these are the versions that know the tag. Left out: all.
/// - `nullable = "1.."`: versions in which null is legal. An `Option` is encoded as its type's default where
///   null is not legal; a type that is not an `Option` decodes null as its default and is never encoded as null.
/// - `tag = 0`: a tagged field, encoded only if it is not the default.
/// - `default = "-1"`: a Rust expression; left out, `Default::default()`.
#[proc_macro_derive(Wire, attributes(field))]
pub fn derive_wire(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::nested(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Derives `Wire`, `Default` and `Message` for the struct that is a whole request or response.
///
/// `#[message(key = Produce, versions = "3..=13", flexible = "9..")]` names the `ApiKey` variant, the versions
/// the struct can carry, and those with compact lengths and tags (left out: none). A request adds
/// `response = ProduceResponse`. Fields are as for `Wire`.
#[proc_macro_derive(Message, attributes(field, message))]
pub fn derive_message(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::message(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

//! Writes the impls.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, Result};

use crate::attributes::{FieldRules, MessageRules, Versions};

/// `Wire`, `Default` and `Nullable`.
pub(crate) fn nested(input: &DeriveInput) -> Result<TokenStream> {
    let (wire, name) = (wire(input)?, &input.ident);
    Ok(quote! {
        #wire

        #[automatically_derived]
        impl ::protocol::codec::Nullable for #name {
            fn read_nullable(
                reader: &mut ::protocol::codec::Reader,
                version: ::protocol::codec::Version,
            ) -> ::core::result::Result<::core::option::Option<Self>, ::protocol::codec::DecodeError> {
                ::protocol::codec::read_marked(reader, version)
            }

            fn write_nullable(
                value: ::core::option::Option<&Self>,
                writer: &mut ::protocol::codec::Writer,
                version: ::protocol::codec::Version,
            ) {
                ::protocol::codec::write_marked(value, writer, version);
            }
        }
    })
}

/// `Wire` and `Default`.
fn wire(input: &DeriveInput) -> Result<TokenStream> {
    let fields = rules(input)?;
    let name = &input.ident;
    let (reads, writes) =
        (fields.iter().filter(|f| f.tag.is_none()), fields.iter().filter(|f| f.tag.is_none()));
    let reads = reads.map(|field| {
        let (place, read) = (&field.name, read(input, field));
        when(field.versions, quote! { value.#place = #read; })
    });
    let writes = writes.map(|field| when(field.versions, write(field)));
    let errors = fields.iter().map(errors);
    let (read_tags, write_tags) = (read_tags(input, &fields), write_tags(&fields));
    let defaults = fields.iter().map(|field| {
        let (place, default) = (&field.name, default(field));
        quote! { #place: #default }
    });
    let places = fields.iter().map(|field| &field.name);
    Ok(quote! {
        #[cfg(test)]
        impl ::protocol::tests::Sample for #name {
            fn sample(_source: &mut ::protocol::tests::Source) -> Self {
                Self { #(#places: ::protocol::tests::Sample::sample(_source)),* }
            }
        }

        #[automatically_derived]
        impl ::core::default::Default for #name {
            fn default() -> Self {
                Self { #(#defaults),* }
            }
        }

        #[automatically_derived]
        impl ::protocol::codec::Wire for #name {
            #[allow(unused_mut, clippy::field_reassign_with_default, reason = "one shape for all structs")]
            fn read(
                reader: &mut ::protocol::codec::Reader,
                version: ::protocol::codec::Version,
            ) -> ::core::result::Result<Self, ::protocol::codec::DecodeError> {
                let mut value = Self::default();
                #(#reads)*
                #read_tags
                ::core::result::Result::Ok(value)
            }

            fn write(&self, writer: &mut ::protocol::codec::Writer, version: ::protocol::codec::Version) {
                #(#writes)*
                #write_tags
            }

            fn errors(&self, _each: &mut dyn FnMut(i16)) {
                #(#errors)*
            }
        }
    })
}

/// `Wire`, `Default`, `Message`, and `Request` where a response is named.
pub(crate) fn message(input: &DeriveInput) -> Result<TokenStream> {
    let wire = wire(input)?;
    let MessageRules { key, versions, flexible, response } = MessageRules::parse(input)?;
    let (name, Versions { first, last }) = (&input.ident, versions);
    let flexible = match flexible {
        Some(first) => quote! { ::core::option::Option::Some(#first) },
        None => quote! { ::core::option::Option::None },
    };
    let request = response.map(|response| {
        quote! {
            #[automatically_derived]
            impl ::protocol::codec::Request for #name {
                type Response = #response;
            }
        }
    });
    Ok(quote! {
        #wire

        #[automatically_derived]
        impl ::protocol::codec::Message for #name {
            const KEY: ::protocol::ApiKey = ::protocol::ApiKey::#key;
            const VERSIONS: ::core::ops::RangeInclusive<i16> = #first..=#last;
            const FIRST_FLEXIBLE: ::core::option::Option<i16> = #flexible;
        }

        #request
    })
}

fn rules(input: &DeriveInput) -> Result<Vec<FieldRules>> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(input, "only structs have a wire form"));
    };
    let fields = match &data.fields {
        Fields::Named(fields) => fields.named.iter().map(FieldRules::parse).collect::<Result<Vec<_>>>()?,
        Fields::Unit => Vec::new(),
        Fields::Unnamed(_) => return Err(Error::new_spanned(input, "fields need names")),
    };
    let mut tags: Vec<u32> = fields.iter().filter_map(|field| field.tag).collect();
    tags.sort_unstable();
    if tags.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Error::new_spanned(&input.ident, "a tag is used twice"));
    }
    Ok(fields)
}

/// A condition on `version`, or nothing if it always holds.
fn within(Versions { first, last }: Versions) -> Option<TokenStream> {
    match (first, last) {
        (0, i16::MAX) => None,
        (first, i16::MAX) => Some(quote! { version.number >= #first }),
        (0, last) => Some(quote! { version.number <= #last }),
        (first, last) => Some(quote! { (#first..=#last).contains(&version.number) }),
    }
}

fn when(versions: Versions, body: TokenStream) -> TokenStream {
    match within(versions) {
        Some(condition) => quote! { if #condition { #body } },
        None => body,
    }
}

fn default(field: &FieldRules) -> TokenStream {
    match &field.default {
        Some(default) => quote! { #default },
        None => quote! { ::core::default::Default::default() },
    }
}

/// An expression that reads the field's value from `reader`, leaving the function on an error.
fn read(input: &DeriveInput, field: &FieldRules) -> TokenStream {
    let path = format!("{}.{}", input.ident, field.name);
    let plain = quote! { ::protocol::codec::Wire::read(reader, version).map_err(|error| error.at(#path))? };
    let Some(nullable) = field.nullable else { return plain };
    let maybe = quote! { ::protocol::codec::Nullable::read_nullable(reader, version).map_err(|error| error.at(#path))? };
    let (maybe, plain) = if field.is_option() {
        (maybe, quote! { ::core::option::Option::Some(#plain) })
    } else {
        (quote! { ::core::option::Option::unwrap_or_default(#maybe) }, plain)
    };
    match within(nullable) {
        Some(condition) => quote! { if #condition { #maybe } else { #plain } },
        None => maybe,
    }
}

/// A statement that writes the field's value to `writer`.
fn write(field: &FieldRules) -> TokenStream {
    let name = &field.name;
    let nullable = match field.nullable {
        Some(nullable) if field.is_option() => nullable,
        _ => return quote! { ::protocol::codec::Wire::write(&self.#name, writer, version); },
    };
    let maybe = quote! { ::protocol::codec::Nullable::write_nullable(self.#name.as_ref(), writer, version); };
    match within(nullable) {
        Some(condition) => quote! {
            if #condition { #maybe } else {
                ::protocol::codec::write_or_default(self.#name.as_ref(), writer, version);
            }
        },
        None => maybe,
    }
}

/// A statement that names the field's error codes to `_each`.
fn errors(field: &FieldRules) -> TokenStream {
    let name = &field.name;
    if name.to_string().ends_with("error_code") {
        quote! { _each(self.#name); }
    } else if field.is_option() {
        quote! {
            if let ::core::option::Option::Some(value) = &self.#name {
                ::protocol::codec::Wire::errors(value, _each);
            }
        }
    } else {
        quote! { ::protocol::codec::Wire::errors(&self.#name, _each); }
    }
}

fn read_tags(input: &DeriveInput, fields: &[FieldRules]) -> TokenStream {
    let arms = fields.iter().filter_map(|field| {
        let (tag, place, read) = (field.tag?, &field.name, read(input, field));
        let guard = within(field.versions).map(|condition| quote! { if #condition });
        Some(quote! { #tag #guard => value.#place = #read, })
    });
    let name = input.ident.to_string();
    quote! {
        if version.flexible {
            reader.tags(|reader, tag| {
                match tag {
                    #(#arms)*
                    _ => return ::core::result::Result::Ok(false),
                }
                #[allow(unreachable_code, reason = "a struct without tags skips all of them")]
                ::core::result::Result::Ok(true)
            }).map_err(|error| error.at(#name))?;
        }
    }
}

fn write_tags(fields: &[FieldRules]) -> TokenStream {
    let mut tagged: Vec<_> = fields.iter().filter_map(|field| Some((field.tag?, field))).collect();
    tagged.sort_by_key(|(tag, _)| *tag);
    let writes = tagged.iter().map(|(tag, field)| {
        let (name, ty, default, write) = (&field.name, &field.ty, default(field), write(field));
        let present = quote! {
            let default: #ty = #default;
            if self.#name != default {
                tags.push(#tag, |writer| { #write });
            }
        };
        when(field.versions, present)
    });
    quote! {
        if version.flexible {
            #[allow(unused_mut, reason = "a struct without tags pushes none")]
            let mut tags = ::protocol::codec::Tags::default();
            #(#writes)*
            writer.tags(tags);
        }
    }
}

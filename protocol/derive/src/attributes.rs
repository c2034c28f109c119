//! Parses `#[field(...)]` and `#[message(...)]`.

use syn::{Attribute, DeriveInput, Error, Expr, Field, Ident, LitInt, LitStr, Path, Result, Type};

/// An inclusive range of versions.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Versions {
    pub(crate) first: i16,
    pub(crate) last: i16,
}

impl Versions {
    pub(crate) const ALL: Self = Self { first: 0, last: i16::MAX };

    /// Parses `"3..=12"`, `"3.."`, `"..=12"` or `"3"`.
    fn parse(text: &LitStr) -> Result<Self> {
        let wrong =
            || Error::new(text.span(), "expected versions like \"3..=12\", \"3..\", \"..=12\" or \"3\"");
        let value = text.value();
        let number = |part: &str| part.parse::<i16>().map_err(|_| wrong());
        let versions = match value.split_once("..") {
            None => Self { first: number(&value)?, last: number(&value)? },
            Some((first, last)) => Self {
                first: if first.is_empty() { 0 } else { number(first)? },
                last: match last.strip_prefix('=') {
                    Some(last) => number(last)?,
                    None if last.is_empty() => i16::MAX,
                    None => return Err(wrong()),
                },
            },
        };
        if versions.first > versions.last { Err(wrong()) } else { Ok(versions) }
    }
}

/// What `#[field(...)]` says of one field.
pub(crate) struct FieldRules {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    pub(crate) versions: Versions,
    pub(crate) nullable: Option<Versions>,
    pub(crate) tag: Option<u32>,
    pub(crate) default: Option<Expr>,
}

impl FieldRules {
    pub(crate) fn parse(field: &Field) -> Result<Self> {
        let name = field.ident.clone().ok_or_else(|| Error::new_spanned(field, "fields need names"))?;
        let ty = field.ty.clone();
        let mut rules = Self { name, ty, versions: Versions::ALL, nullable: None, tag: None, default: None };
        for attribute in named(&field.attrs, "field") {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("versions") {
                    rules.versions = Versions::parse(&meta.value()?.parse()?)?;
                } else if meta.path.is_ident("nullable") {
                    rules.nullable = Some(Versions::parse(&meta.value()?.parse()?)?);
                } else if meta.path.is_ident("tag") {
                    rules.tag = Some(meta.value()?.parse::<LitInt>()?.base10_parse()?);
                } else if meta.path.is_ident("default") {
                    rules.default = Some(meta.value()?.parse::<LitStr>()?.parse()?);
                } else {
                    return Err(meta.error("expected `versions`, `nullable`, `tag` or `default`"));
                }
                Ok(())
            })?;
        }
        if rules.is_option() && rules.nullable.is_none() {
            return Err(Error::new_spanned(&rules.ty, "an `Option` needs `nullable`"));
        }
        Ok(rules)
    }

    /// Whether the field's type is written `Option<...>`.
    pub(crate) fn is_option(&self) -> bool {
        match &self.ty {
            Type::Path(path) => path.path.segments.last().is_some_and(|segment| segment.ident == "Option"),
            _ => false,
        }
    }
}

/// What `#[message(...)]` says of a request or response.
pub(crate) struct MessageRules {
    pub(crate) key: Ident,
    pub(crate) versions: Versions,
    pub(crate) flexible: Option<i16>,
    pub(crate) response: Option<Path>,
}

impl MessageRules {
    pub(crate) fn parse(input: &DeriveInput) -> Result<Self> {
        let (mut key, mut versions, mut flexible, mut response) = (None, None, None, None);
        for attribute in named(&input.attrs, "message") {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("key") {
                    key = Some(meta.value()?.parse()?);
                } else if meta.path.is_ident("versions") {
                    versions = Some(Versions::parse(&meta.value()?.parse()?)?);
                } else if meta.path.is_ident("flexible") {
                    flexible = Some(Versions::parse(&meta.value()?.parse()?)?.first);
                } else if meta.path.is_ident("response") {
                    response = Some(meta.value()?.parse()?);
                } else {
                    return Err(meta.error("expected `key`, `versions`, `flexible` or `response`"));
                }
                Ok(())
            })?;
        }
        match (key, versions) {
            (Some(key), Some(versions)) => Ok(Self { key, versions, flexible, response }),
            _ => Err(Error::new_spanned(&input.ident, "expected #[message(key = ..., versions = ...)]")),
        }
    }
}

fn named<'a>(attributes: &'a [Attribute], name: &'a str) -> impl Iterator<Item = &'a Attribute> {
    attributes.iter().filter(move |attribute| attribute.path().is_ident(name))
}

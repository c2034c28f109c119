//! A record as one line of JSON, as kcat writes it: what `consume --json` prints and `produce --format json`
//! takes.
//!
//! Bytes that are not UTF-8 would be damaged as a string; they go to a field with the suffix `_hex`.

use serde::{Deserialize, Serialize};

/// A record in JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Record {
    /// The topic; not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) topic: Option<String>,
    /// The partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) partition: Option<i32>,
    /// The offset; not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<i64>,
    /// `create` or `logappend`; not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tstype: Option<String>,
    /// Milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ts: Option<i64>,
    /// Names and values by turns; a value may be null.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) headers: Vec<Option<String>>,
    /// The key.
    pub(crate) key: Option<String>,
    /// The key, if it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_hex: Option<String>,
    /// The value.
    pub(crate) payload: Option<String>,
    /// The value, if it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payload_hex: Option<String>,
}

/// Bytes as text, or else as hexadecimal digits.
pub(crate) fn split(bytes: Option<&[u8]>) -> (Option<String>, Option<String>) {
    match bytes.map(|bytes| (std::str::from_utf8(bytes), bytes)) {
        None => (None, None),
        Some((Ok(text), _)) => (Some(text.to_owned()), None),
        Some((Err(_), bytes)) => (None, Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())),
    }
}

/// The inverse of [`split`]. None if the digits are not.
pub(crate) fn join(text: Option<String>, hex: Option<String>) -> Option<Option<Vec<u8>>> {
    match (text, hex) {
        (None, None) => Some(None),
        (Some(text), None) => Some(Some(text.into_bytes())),
        (None, Some(hex)) if hex.is_ascii() && hex.len().is_multiple_of(2) => {
            let digits =
                (0..hex.len() / 2).map(|place| u8::from_str_radix(&hex[place * 2..place * 2 + 2], 16));
            digits.collect::<Result<Vec<u8>, _>>().ok().map(Some)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive() {
        for bytes in [None, Some(&b"text \xc3\xa9"[..]), Some(b""), Some(b"\xff\x00\xfe")] {
            let (text, hex) = split(bytes);
            assert_eq!(join(text, hex), Some(bytes.map(<[u8]>::to_vec)));
        }
        assert_eq!(join(None, Some("f".into())), None);
        assert_eq!(join(None, Some("zz".into())), None);
        assert_eq!(join(Some(String::new()), Some(String::new())), None);
    }
}

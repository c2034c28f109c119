//! Sixteen-byte identifiers.

use std::fmt;
use std::str::FromStr;

/// A topic id or another identifier of sixteen bytes. Printed as Kafka prints it: URL-safe base64, 22 letters.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid([u8; 16]);

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Uuid {
    /// All zeros: no identifier.
    pub const ZERO: Self = Self([0; 16]);

    /// The identifier with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Whether this is no identifier.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

impl From<u128> for Uuid {
    fn from(value: u128) -> Self {
        Self(value.to_be_bytes())
    }
}

impl From<Uuid> for u128 {
    fn from(uuid: Uuid) -> Self {
        Self::from_be_bytes(uuid.0)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = u128::from(*self);
        let letter = |sextet: u128| char::from(ALPHABET[(sextet & 0x3f) as usize]);
        let mut text = String::with_capacity(22);
        text.extend((0..21).map(|place| letter(bits >> (122 - 6 * place))));
        text.push(letter(bits << 4));
        f.pad(&text)
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is no identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier: 22 letters of URL-safe base64 expected")]
pub struct NotUuid;

impl FromStr for Uuid {
    type Err = NotUuid;

    /// Parses what `Display` prints. Fails on anything else.
    fn from_str(text: &str) -> Result<Self, NotUuid> {
        if text.len() != 22 {
            return Err(NotUuid);
        }
        let mut bits = 0u128;
        for (place, byte) in text.bytes().enumerate() {
            let sextet = ALPHABET.iter().position(|letter| *letter == byte).ok_or(NotUuid)? as u128;
            bits = match place {
                21 if sextet & 0xf != 0 => return Err(NotUuid),
                21 => bits << 2 | sextet >> 4,
                _ => bits << 6 | sextet,
            };
        }
        Ok(bits.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_as_kafka_prints_it() {
        let known = [
            (1, "AAAAAAAAAAAAAAAAAAAAAQ"),
            (0x0123_4567_89ab_cdef_fedc_ba98_7654_3210, "ASNFZ4mrze_-3LqYdlQyEA"),
            (u128::MAX, "_____________________w"),
        ];
        for (value, text) in known {
            assert_eq!(Uuid::from(value).to_string(), text);
            assert_eq!(text.parse(), Ok(Uuid::from(value)));
        }
    }

    #[test]
    fn other_text_is_refused() {
        let long = "A".repeat(23);
        for text in ["", "A", &long, "AAAAAAAAAAAAAAAAAAAAA+", "AAAAAAAAAAAAAAAAAAAAAB"] {
            assert_eq!(text.parse::<Uuid>(), Err(NotUuid), "{text}");
        }
    }
}

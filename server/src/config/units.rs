//! Values with units, as they are written.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A number of bytes: `8MiB`, `64KiB`, `1GB`, or a plain number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ByteSize(pub(crate) u64);

const UNITS: [(&str, u64); 10] = [
    ("", 1),
    ("b", 1),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
];

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let digits = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim().to_ascii_lowercase();
        let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
        let size =
            number.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
        size.map(Self).ok_or_else(|| match (unit.as_str(), number) {
            ("k" | "m" | "g" | "t", number) => {
                let unit = unit.to_ascii_uppercase();
                format!("{text:?} is ambiguous: write {number}{unit}iB or {number}{unit}B")
            }
            _ => format!("{text:?} is no size: write a whole number and a unit, as in 64KiB, 8MiB or 1GiB"),
        })
    }
}

impl fmt::Display for ByteSize {
    /// The largest binary unit that leaves no rest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS[2..6].iter().rev().find(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor));
        match whole {
            Some((name, factor)) => {
                write!(f, "{}{}iB", self.0 / factor, name[..1].to_ascii_uppercase())
            }
            None => write!(f, "{}B", self.0),
        }
    }
}

/// A length of time: `250ms`, `10s`, `1h 30m`, or `0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(pub(crate) Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim() == "0" {
            return Ok(Self(Duration::ZERO));
        }
        humantime::parse_duration(text.trim()).map(Self).map_err(|_| match text.trim().parse::<f64>() {
            Ok(_) => format!("{text:?} has no unit: write {text}ms or {text}s"),
            Err(_) => format!("{text:?} is no length of time: write 250ms, 10s, 5m or 1h"),
        })
    }
}

/// A host and perhaps a port: `HOST`, `HOST:PORT`, `:PORT`, `[::1]:9092`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AddressSpec {
    /// A name or an address, without brackets; empty if none was given.
    pub(crate) host: String,
    /// The port, if one was given.
    pub(crate) port: Option<u16>,
}

impl FromStr for AddressSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no address: write HOST:PORT");
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or_else(wrong)?;
                let port =
                    if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or_else(wrong)?) };
                (host, port)
            }
            None if text.matches(':').count() > 1 => {
                return Err(format!(
                    "{text:?} is no address: write an IPv6 address in brackets, [ADDRESS]:PORT"
                ));
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        if (host.is_empty() && port.is_none()) || host.contains(['/', ' ', '@']) {
            return Err(wrong());
        }
        let port = port.map(|port| port.parse::<u16>().map_err(|_| wrong())).transpose()?;
        Ok(Self { host: host.to_owned(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("512B", 512),
            ("64KiB", 65_536),
            ("8MiB", 8_388_608),
            ("8 mib", 8_388_608),
            ("1GB", 1_000_000_000),
            ("2TiB", 2_199_023_255_552),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for text in ["", "MiB", "8M", "1.5GiB", "-1", "8 lightyears", "99999999999TiB"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
        assert_eq!("8M".parse::<ByteSize>(), Err("\"8M\" is ambiguous: write 8MiB or 8MB".to_owned()));
        for text in ["0B", "1000B", "3KiB", "100MiB", "1GiB"] {
            assert_eq!(text.parse::<ByteSize>().map(|size| size.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn spans() {
        assert_eq!("250ms".parse(), Ok(Span(Duration::from_millis(250))));
        assert_eq!("1m 30s".parse(), Ok(Span(Duration::from_secs(90))));
        assert_eq!("0".parse(), Ok(Span(Duration::ZERO)));
        assert_eq!("250".parse::<Span>(), Err("\"250\" has no unit: write 250ms or 250s".to_owned()));
        assert!("soon".parse::<Span>().is_err());
    }

    #[test]
    fn addresses() {
        let spec = |host: &str, port| Ok(AddressSpec { host: host.to_owned(), port });
        assert_eq!("broker:9092".parse(), spec("broker", Some(9092)));
        assert_eq!("broker".parse(), spec("broker", None));
        assert_eq!(":9092".parse(), spec("", Some(9092)));
        assert_eq!("[::1]:9092".parse(), spec("::1", Some(9092)));
        assert_eq!("[::1]".parse(), spec("::1", None));
        for text in ["", ":", "a:b", "a:70000", "::1", "[::1", "[::1]9092", "http://a:1", "a b:1"] {
            assert!(text.parse::<AddressSpec>().is_err(), "{text}");
        }
    }
}

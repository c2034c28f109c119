//! Store URLs: `file:///path`, `memory://`, `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use object_store::path::Path;

use super::error::OpenError;
use super::kind::StoreKind;

/// Where a cluster keeps everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// `memory://`: this process only.
    Memory,
    /// `file:///absolute` or `file://./relative`.
    File {
        /// The absolute directory.
        root: PathBuf,
    },
    /// `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.
    Bucket {
        /// Which cloud's protocol.
        kind: StoreKind,
        /// The bucket, or Azure's container.
        bucket: String,
        /// What stands before every key; may be empty.
        prefix: Path,
    },
}

impl StoreUrl {
    /// The kind of store that the URL names.
    pub fn kind(&self) -> StoreKind {
        match self {
            Self::Memory => StoreKind::Memory,
            Self::File { .. } => StoreKind::File,
            Self::Bucket { kind, .. } => *kind,
        }
    }
}

impl FromStr for StoreUrl {
    type Err = OpenError;

    /// Parses a URL; a relative directory is taken from the current one.
    fn from_str(text: &str) -> Result<Self, OpenError> {
        let invalid = |reason: &str| OpenError::InvalidUrl { url: text.into(), reason: reason.into() };
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(unknown(text, text.split(':').next().unwrap_or(text)));
        };
        match scheme {
            "memory" if rest.is_empty() || rest == "/" => Ok(Self::Memory),
            "memory" => Err(invalid("a store in memory has no name and no path; write memory://")),
            "file" => Ok(Self::File { root: directory(rest).map_err(|reason| invalid(&reason))? }),
            "s3" => bucket(StoreKind::S3, rest).map_err(|reason| invalid(&reason)),
            "gs" => bucket(StoreKind::Gcs, rest).map_err(|reason| invalid(&reason)),
            "az" => bucket(StoreKind::Azure, rest).map_err(|reason| invalid(&reason)),
            other => Err(unknown(text, other)),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory://"),
            Self::File { root } => write!(f, "file://{}", root.display()),
            Self::Bucket { kind, bucket, prefix } if prefix.is_root() => write!(f, "{kind}://{bucket}"),
            Self::Bucket { kind, bucket, prefix } => write!(f, "{kind}://{bucket}/{prefix}"),
        }
    }
}

fn directory(rest: &str) -> Result<PathBuf, String> {
    if rest.contains(['?', '#']) {
        return Err("a directory takes no query and no fragment".into());
    }
    let relative = rest == "." || rest == ".." || rest.starts_with("./") || rest.starts_with("../");
    if !relative && !rest.starts_with('/') {
        return Err(format!("write file:///{rest} (absolute) or file://./{rest} (relative)"));
    }
    let decoded = percent_decode(rest).ok_or("its percent encoding is broken")?;
    std::path::absolute(decoded).map_err(|error| error.to_string())
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'%' {
            let hex = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(hex, 16).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn bucket(kind: StoreKind, rest: &str) -> Result<StoreUrl, String> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(format!("names no bucket; write {kind}://bucket or {kind}://bucket/prefix"));
    }
    if !bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_$".contains(&byte)) {
        return Err(format!("{bucket:?} is not the name of a bucket"));
    }
    let prefix = Path::parse(prefix).map_err(|error| error.to_string())?;
    Ok(StoreUrl::Bucket { kind, bucket: bucket.into(), prefix })
}

/// What people write for a known scheme.
const ALIASES: [(&str, &str); 16] = [
    ("s3a", "s3"),
    ("s3n", "s3"),
    ("aws", "s3"),
    ("minio", "s3"),
    ("gcs", "gs"),
    ("google", "gs"),
    ("azure", "az"),
    ("abfs", "az"),
    ("abfss", "az"),
    ("wasb", "az"),
    ("adl", "az"),
    ("mem", "memory"),
    ("ram", "memory"),
    ("inmemory", "memory"),
    ("local", "file"),
    ("dir", "file"),
];

fn unknown(url: &str, scheme: &str) -> OpenError {
    let lower = scheme.to_ascii_lowercase();
    let shared = |known: &str| known.bytes().zip(lower.bytes()).take_while(|(a, b)| a == b).count();
    let nearest = ALIASES
        .iter()
        .find(|(alias, _)| *alias == lower)
        .map(|(_, known)| *known)
        .or_else(|| {
            let known = StoreKind::ALL.map(StoreKind::scheme);
            known.into_iter().filter(|known| shared(known) > 0).max_by_key(|known| shared(known))
        })
        .unwrap_or("file");
    let advice = match (nearest, url.contains("://")) {
        ("file", false) => format!(
            "for a directory, write file://{}",
            if url.starts_with('/') { url.into() } else { format!("./{url}") }
        ),
        (nearest, _) => format!("did you mean {nearest}://?"),
    };
    OpenError::UnknownScheme { url: url.into(), advice }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> String {
        match text.parse::<StoreUrl>() {
            Ok(url) => url.to_string(),
            Err(error) => format!("{error}"),
        }
    }

    #[test]
    fn known_urls() {
        assert_eq!(parse("memory://"), "memory://");
        assert_eq!(parse("memory:///"), "memory://");
        assert_eq!(parse("file:///var/lib/tidelog"), "file:///var/lib/tidelog");
        assert_eq!(parse("file:///with%20space"), "file:///with space");
        assert_eq!(parse("s3://bucket"), "s3://bucket");
        assert_eq!(parse("s3://bucket/a/b/"), "s3://bucket/a/b");
        assert_eq!(parse("gs://bucket/a"), "gs://bucket/a");
        assert_eq!(parse("az://container/"), "az://container");
        let here = std::env::current_dir().expect("a current directory");
        assert_eq!(parse("file://./data"), format!("file://{}", here.join("data").display()));
        for text in ["memory://", "file:///x", "s3://b/p", "gs://b", "az://c/p/q"] {
            let url: StoreUrl = text.parse().expect("valid");
            assert_eq!(url.to_string(), text);
            assert_eq!(Some(url.kind().scheme()), text.split(':').next());
        }
    }

    #[test]
    fn mistakes_are_answered_with_advice() {
        for (text, advice) in [
            ("s3a://bucket", "did you mean s3://?"),
            ("S3://bucket", "did you mean s3://?"),
            ("gcs://bucket", "did you mean gs://?"),
            ("azure://c", "did you mean az://?"),
            ("memry://", "did you mean memory://?"),
            ("fiel:///x", "did you mean file://?"),
            ("/var/lib", "write file:///var/lib"),
            ("data", "write file://./data"),
            ("file://data", "file:///data (absolute) or file://./data (relative)"),
            ("file:///x?y", "no query"),
            ("s3://", "names no bucket"),
            ("s3://a b", "not the name of a bucket"),
            ("s3://bucket/a//b", "empty path segment"),
            ("memory://name", "no name"),
            ("file:///%zz", "percent"),
            ("", "write file://./"),
        ] {
            let answer = parse(text);
            assert!(answer.contains(advice), "{text}: {answer}");
        }
        assert!(parse("ftp://x").contains("s3://bucket/prefix"));
    }
}

//! The kinds of store, and the defaults that follow from what their requests cost.

use std::fmt;
use std::time::Duration;

use super::Hedge;

/// What kind of store is behind a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreKind {
    /// Memory of this process; gone with it.
    Memory,
    /// A directory.
    File,
    /// S3, or a server that speaks its protocol.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

impl StoreKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Memory, Self::File, Self::S3, Self::Gcs, Self::Azure];

    /// The URL scheme.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::File => "file",
            Self::S3 => "s3",
            Self::Gcs => "gs",
            Self::Azure => "az",
        }
    }

    /// Whether requests cross a network and are paid for one by one.
    pub fn is_remote(self) -> bool {
        matches!(self, Self::S3 | Self::Gcs | Self::Azure)
    }

    /// What a PUT costs, in time.
    pub fn default_linger(self) -> Duration {
        match self {
            Self::Memory => Duration::ZERO,
            Self::File => Duration::from_millis(2),
            Self::S3 | Self::Gcs | Self::Azure => Duration::from_millis(100),
        }
    }

    /// How many slots may be in flight at once.
    pub fn default_window(self) -> usize {
        match self {
            Self::Memory | Self::File => 4,
            Self::S3 | Self::Gcs | Self::Azure => 16,
        }
    }

    /// When a PUT without an answer is sent a second time; never where there is no network to lose it.
    pub fn default_hedge(self) -> Hedge {
        if self.is_remote() { Hedge::Auto } else { Hedge::Off }
    }
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme())
    }
}

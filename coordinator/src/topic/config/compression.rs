//! How a topic's records are compressed in its log: `compression.type`, and the levels that go with some codecs.

/// How records are compressed when they are appended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoredCompression {
    /// As their producer did it.
    #[default]
    Producer,
    /// Not at all.
    Uncompressed,
    /// With gzip, at a level from 1 to 9; -1 is gzip's own default.
    Gzip(i32),
    /// With snappy.
    Snappy,
    /// With lz4.
    Lz4,
    /// With zstd, at a level from -131072 to 22.
    Zstd(i32),
}

/// The settings, until all have been read.
pub(super) struct Settings<'a> {
    pub(super) name: &'a str,
    pub(super) gzip: i32,
    pub(super) zstd: i32,
}

impl Default for Settings<'_> {
    fn default() -> Self {
        Self { name: "producer", gzip: -1, zstd: 3 }
    }
}

impl Settings<'_> {
    /// What they come to. The name has been checked.
    pub(super) fn read(&self) -> StoredCompression {
        match self.name {
            "uncompressed" => StoredCompression::Uncompressed,
            "gzip" => StoredCompression::Gzip(self.gzip),
            "snappy" => StoredCompression::Snappy,
            "lz4" => StoredCompression::Lz4,
            "zstd" => StoredCompression::Zstd(self.zstd),
            _ => StoredCompression::Producer,
        }
    }
}

//! Reading: one open, one read, one buffer, unless the object is very large.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;

use bytes::Bytes;
use chrono::DateTime;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    Attributes, Error, GetOptions, GetRange, GetResult, GetResultPayload, ObjectMeta, Result,
};

use super::settle::Settle;
use super::{Root, file_error, object_error};

/// Ranges up to this size are read in one piece.
const WHOLE: u64 = 16 << 20;

/// Pieces of larger ranges.
const PIECE: u64 = 4 << 20;

impl Root {
    pub(super) async fn get(&self, key: &Path, options: &GetOptions) -> Result<GetResult> {
        match options.extensions.get() {
            None => self.look(key, options),
            Some(Settle::Object) => {
                // What was seen to be there is what the sync after it settles.
                let found = self.look(key, options)?;
                self.settle(key).await?;
                Ok(found)
            }
            Some(Settle::Following) => {
                self.settle_from(key).await?;
                self.look(key, options)
            }
        }
    }

    fn look(&self, key: &Path, options: &GetOptions) -> Result<GetResult> {
        let target = self.locate(key)?;
        let absent = |error| read_error(key, error);
        let (file, found) = if options.head {
            (None, fs::metadata(target).map_err(absent)?)
        } else {
            let file = File::open(target).map_err(absent)?;
            let found = file.metadata().map_err(file_error)?;
            (Some(file), found)
        };
        if found.is_dir() {
            return Err(read_error(key, io::ErrorKind::NotFound.into()));
        }
        let meta = describe(key.clone(), &found);
        options.check_preconditions(&meta)?;
        let range = match &options.range {
            Some(range) => resolve(range, meta.size)?,
            None => 0..meta.size,
        };
        let body = match file {
            None => futures::stream::empty().boxed(),
            Some(mut file) if range.end - range.start <= WHOLE => {
                let bytes = read(&mut file, &range)?;
                futures::stream::iter([Ok(bytes)]).boxed()
            }
            Some(file) => pieces(file, range.clone()),
        };
        Ok(GetResult { payload: GetResultPayload::Stream(body), meta, range, attributes: Attributes::new() })
    }

    pub(super) fn get_ranges(&self, key: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let mut file = File::open(self.locate(key)?).map_err(|error| read_error(key, error))?;
        let size = file.metadata().map_err(file_error)?.len();
        ranges
            .iter()
            .map(|range| read(&mut file, &resolve(&GetRange::Bounded(range.clone()), size)?))
            .collect()
    }
}

/// What a listing or a HEAD says of an object.
pub(super) fn describe(location: Path, found: &Metadata) -> ObjectMeta {
    ObjectMeta {
        location,
        last_modified: DateTime::from_timestamp(found.mtime(), found.mtime_nsec() as u32).unwrap_or_default(),
        size: found.len(),
        e_tag: Some(e_tag(found)),
        version: None,
    }
}

pub(super) fn e_tag(found: &Metadata) -> String {
    format!("{:x}-{:x}.{:x}-{:x}", found.ino(), found.mtime(), found.mtime_nsec(), found.len())
}

/// Whether the error means that there is no such object; a key below another object's is absent too.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory
    )
}

fn read_error(key: &Path, error: io::Error) -> Error {
    match is_absent(&error) {
        true => Error::NotFound { path: key.to_string(), source: error.into() },
        false => object_error(key, error),
    }
}

fn resolve(range: &GetRange, size: u64) -> Result<Range<u64>> {
    range.as_range(size).map_err(|error| Error::Generic { store: "file", source: Box::new(error) })
}

fn read(file: &mut File, range: &Range<u64>) -> Result<Bytes> {
    let length = range.end - range.start;
    let mut buffer = Vec::with_capacity(length as usize);
    let read =
        file.seek(SeekFrom::Start(range.start)).and_then(|_| file.take(length).read_to_end(&mut buffer));
    match read.map_err(file_error)? as u64 {
        got if got == length => Ok(buffer.into()),
        _ => Err(file_error(io::ErrorKind::UnexpectedEof.into())),
    }
}

fn pieces(file: File, range: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
    futures::stream::try_unfold((file, range), |(mut file, rest)| async move {
        if rest.is_empty() {
            return Ok(None);
        }
        let middle = rest.end.min(rest.start + PIECE);
        let (piece, file) = tokio::task::spawn_blocking(move || {
            read(&mut file, &(rest.start..middle)).map(|piece| (piece, file))
        })
        .await??;
        Ok(Some((piece, (file, middle..rest.end))))
    })
    .boxed()
}

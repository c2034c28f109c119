//! Writing large files past the page cache.
//!
//! What a node writes, it keeps in memory itself for as long as it is read much. In the page cache it is a second time,
//! and most of what a large write costs there is the kernel making pages present and writing them back.

use std::fs::File;
use std::io::{self, Write};

use object_store::PutPayload;
use parking_lot::Mutex;

use super::disk::write_all;

/// Smaller files gain nothing.
const LEAST: usize = 2 << 20;

/// What is written in one call, at most. The disk takes such calls one after the other.
const BUFFER: usize = 1 << 20;

/// So many buffers are kept.
const KEPT: usize = 4;

/// What disks and filesystems want addresses, offsets and lengths to be multiples of.
const BLOCK: usize = 4096;

/// Memory that begins at a multiple of [`BLOCK`].
#[derive(Debug)]
struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

impl Buffer {
    fn new() -> Self {
        let bytes = vec![0; BUFFER + BLOCK];
        let start = bytes.as_ptr().align_offset(BLOCK);
        Self { bytes, start }
    }

    fn space(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + BUFFER]
    }
}

/// Writes files, and keeps what that takes.
#[derive(Debug, Default)]
pub(super) struct Direct {
    buffers: Mutex<Vec<Buffer>>,
}

impl Direct {
    /// Writes at the end of a file that is empty: whole blocks past the page cache, if the file is large and its filesystem
    /// can do that.
    pub(super) fn write(&self, file: &File, payload: &PutPayload) -> io::Result<()> {
        if payload.content_length() < LEAST || set(file, true).is_err() {
            return write_all(file, payload);
        }
        let mut buffer = self.buffers.lock().pop().unwrap_or_else(Buffer::new);
        let written = fill_and_write(file, payload, buffer.space());
        let mut buffers = self.buffers.lock();
        if buffers.len() < KEPT {
            buffers.push(buffer);
        }
        written
    }
}

fn fill_and_write(file: &File, payload: &PutPayload, space: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    let mut is_direct = true;
    for part in payload {
        let mut part = &part[..];
        while !part.is_empty() {
            let taken = part.len().min(space.len() - filled);
            space[filled..filled + taken].copy_from_slice(&part[..taken]);
            (filled, part) = (filled + taken, &part[taken..]);
            if filled == space.len() {
                write(file, space, &mut is_direct)?;
                filled = 0;
            }
        }
    }
    let whole = filled - filled % BLOCK;
    write(file, &space[..whole], &mut is_direct)?;
    if is_direct {
        set(file, false)?;
    }
    write(file, &space[whole..filled], &mut false)
}

/// Writes whole blocks; from where the system takes no more of them, through the page cache.
fn write(mut file: &File, mut bytes: &[u8], is_direct: &mut bool) -> io::Result<()> {
    while *is_direct && !bytes.is_empty() {
        match file.write(bytes) {
            // What is left over of a block can only be written otherwise.
            Ok(written) if written % BLOCK == 0 && written > 0 => bytes = &bytes[written..],
            Ok(written) => {
                bytes = &bytes[written..];
                (*is_direct, ()) = (false, set(file, false)?);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                (*is_direct, ()) = (false, set(file, false)?);
            }
            Err(error) => return Err(error),
        }
    }
    file.write_all(bytes)
}

/// Whether writes go past the page cache from now on.
#[cfg(target_os = "linux")]
fn set(file: &File, direct: bool) -> io::Result<()> {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    let mut flags = fcntl_getfl(file)?;
    flags.set(OFlags::DIRECT, direct);
    Ok(fcntl_setfl(file, flags)?)
}

#[cfg(not(target_os = "linux"))]
fn set(_: &File, _: bool) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn every_byte_is_in_the_file_whatever_its_length() {
        let directory = tempfile::tempdir().expect("a directory");
        let direct = Direct::default();
        for length in [
            0,
            1,
            LEAST - 1,
            LEAST,
            LEAST + 1,
            LEAST + BLOCK - 1,
            LEAST + BLOCK,
            LEAST + BUFFER,
            5 * BUFFER + 4097,
        ] {
            let bytes: Bytes = (0..length).map(|at| (at * 31 / 7) as u8).collect();
            let cuts = [length / 3, length / 2];
            let parts = [bytes.slice(..cuts[0]), bytes.slice(cuts[0]..cuts[1]), bytes.slice(cuts[1]..)];
            let path = directory.path().join(length.to_string());
            let file = File::create_new(&path).expect("a file");
            direct.write(&file, &PutPayload::from_iter(parts)).expect("it is written");
            file.sync_data().expect("it is synced");
            assert!(std::fs::read(&path).expect("it can be read") == bytes, "{length} bytes");
        }
        assert!(direct.buffers.lock().len() <= KEPT);
    }

    #[test]
    fn a_file_whose_blocks_are_not_taken_is_written_otherwise() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("file");
        let file = File::create_new(&path).expect("a file");
        // Not aligned: most systems refuse it, and some write it all the same.
        let bytes = vec![7; 10_000];
        let is_direct = set(&file, true).is_ok();
        write(&file, &bytes[1..9_000], &mut is_direct.clone()).expect("it is written");
        assert_eq!(std::fs::read(&path).expect("it can be read"), bytes[1..9_000]);
    }
}

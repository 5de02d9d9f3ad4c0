//! The table of contents of a zip archive, as numpy writes npz, and its entries as streams.
//!
//! Only what numpy makes is read: stored or deflated entries, plain or zip64. Sizes are believed as far
//! as the archive can bear them out, and the checksum of an entry is checked at its end.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::Crc;
use flate2::read::DeflateDecoder;

use crate::error::{Error, Result};

use super::npy::read_failed;

/// The bytes a zip archive starts with.
pub(super) const MAGIC: &[u8] = b"PK\x03\x04";

/// Longest table of contents that is read.
const DIRECTORY_LIMIT: u64 = 16 << 20;

/// Deflate makes at most 1032 bytes of one.
const DEFLATE_RATIO: u64 = 1032;

/// One file of the archive.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its name, `data.npy`.
    pub name: String,
    /// Its length when unpacked.
    pub size: u64,
    packed: u64,
    method: u16,
    flags: u16,
    checksum: u32,
    offset: u64,
}

/// An archive that is open for reading.
pub(super) struct Archive {
    path: PathBuf,
    length: u64,
    entries: Vec<Entry>,
}

impl Archive {
    /// Reads the table of contents.
    pub fn open(path: &Path) -> Result<Self> {
        let fail = |cause| Error::io("cannot open the file", cause).path(path);
        let mut file = File::open(path).map_err(fail)?;
        let length = file.metadata().map_err(fail)?.len();
        let entries = directory(&mut file, length).map_err(|cause| read_failed(cause, path))?;
        Ok(Archive { path: path.to_path_buf(), length, entries })
    }

    /// Length of the whole file in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The entry of an array: `name` or `name.npy`.
    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name.strip_suffix(".npy").unwrap_or(&entry.name) == name)
    }

    /// Names of the arrays, without `.npy`.
    pub fn names(&self) -> Vec<&str> {
        self.entries.iter().map(|entry| entry.name.strip_suffix(".npy").unwrap_or(&entry.name)).collect()
    }

    /// The entry's bytes as a stream that ends after `entry.size` bytes and checks the checksum there.
    pub fn reader(&self, entry: &Entry) -> Result<Box<dyn Read>> {
        self.stream(entry).map_err(|cause| read_failed(cause, &self.path))
    }

    fn stream(&self, entry: &Entry) -> io::Result<Box<dyn Read>> {
        if entry.flags & 1 != 0 {
            return Err(damaged(&format!("`{}` is encrypted", entry.name)));
        }
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(entry.offset))?;
        let mut local = [0; 30];
        file.read_exact(&mut local)?;
        if !local.starts_with(MAGIC) {
            return Err(damaged("an entry of the archive is not where its table of contents says"));
        }
        let skip = u64::from(u16_at(&local, 26)) + u64::from(u16_at(&local, 28));
        let start = entry.offset.saturating_add(30 + skip);
        if entry.packed > self.length.saturating_sub(start) {
            return Err(damaged(&format!("`{}` claims more bytes than the archive has", entry.name)));
        }
        file.seek(SeekFrom::Start(start))?;
        let packed = BufReader::with_capacity(256 << 10, file).take(entry.packed);
        let inner: Box<dyn Read> = match entry.method {
            0 if entry.size == entry.packed => Box::new(packed),
            8 if entry.size / DEFLATE_RATIO <= entry.packed => Box::new(DeflateDecoder::new(packed)),
            0 | 8 => return Err(damaged(&format!("`{}` claims a length it cannot have", entry.name))),
            method => {
                return Err(damaged(&format!(
                    "`{}` is packed by method {method}, expected stored or deflated",
                    entry.name
                )));
            }
        };
        Ok(Box::new(Checked { inner, left: entry.size, crc: Crc::new(), expected: entry.checksum }))
    }
}

/// Bytes of an entry, checked at the end.
struct Checked {
    inner: Box<dyn Read>,
    left: u64,
    crc: Crc,
    expected: u32,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let read = self.inner.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.crc.update(&buffer[..read]);
        self.left -= read as u64;
        if self.left == 0 && self.crc.sum() != self.expected {
            return Err(damaged("the checksum of an entry is wrong"));
        }
        Ok(read)
    }
}

fn damaged(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

fn directory(file: &mut File, length: u64) -> io::Result<Vec<Entry>> {
    let tail_length = length.min(22 + 65_535 + 20);
    let mut tail = vec![0; tail_length as usize];
    file.seek(SeekFrom::Start(length - tail_length))?;
    file.read_exact(&mut tail)?;
    let end = (0..tail.len().saturating_sub(21))
        .rev()
        .find(|&i| tail[i..].starts_with(b"PK\x05\x06"))
        .ok_or_else(|| damaged("the archive has no table of contents"))?;
    let mut size = u64::from(u32_at(&tail, end + 12));
    let mut start = u64::from(u32_at(&tail, end + 16));
    let locator = end.checked_sub(20).filter(|&i| tail[i..].starts_with(b"PK\x06\x07"));
    if let Some(locator) = locator.filter(|_| size == u64::from(u32::MAX) || start == u64::from(u32::MAX)) {
        let mut record = [0; 56];
        file.seek(SeekFrom::Start(u64_at(&tail, locator + 8)))?;
        file.read_exact(&mut record)?;
        (size, start) = (u64_at(&record, 40), u64_at(&record, 48));
    }
    if start.checked_add(size).is_none_or(|past| past > length) || size > DIRECTORY_LIMIT {
        return Err(damaged("the table of contents is not where the archive says"));
    }
    let mut table = vec![0; size as usize];
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut table)?;
    entries(&table)
}

fn entries(table: &[u8]) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut rest = table;
    while rest.len() >= 46 && rest.starts_with(b"PK\x01\x02") {
        let (name, extra, comment) =
            (u16_at(rest, 28) as usize, u16_at(rest, 30) as usize, u16_at(rest, 32) as usize);
        let whole = 46 + name + extra + comment;
        if whole > rest.len() {
            break;
        }
        let mut entry = Entry {
            name: String::from_utf8_lossy(&rest[46..46 + name]).into_owned(),
            flags: u16_at(rest, 8),
            method: u16_at(rest, 10),
            checksum: u32_at(rest, 16),
            packed: u64::from(u32_at(rest, 20)),
            size: u64::from(u32_at(rest, 24)),
            offset: u64::from(u32_at(rest, 42)),
        };
        widen(&mut entry, &rest[46 + name..46 + name + extra]);
        entries.push(entry);
        rest = &rest[whole..];
    }
    if rest.is_empty() { Ok(entries) } else { Err(damaged("the table of contents of the archive is broken")) }
}

/// Takes the 64-bit sizes from the extra field, in the order the format fixes.
fn widen(entry: &mut Entry, mut extra: &[u8]) {
    while extra.len() >= 4 {
        let (id, length) = (u16_at(extra, 0), u16_at(extra, 2) as usize);
        let Some(body) = extra.get(4..4 + length) else { return };
        if id == 1 {
            let mut words = body.chunks_exact(8).map(|word| u64_at(word, 0));
            for field in [&mut entry.size, &mut entry.packed, &mut entry.offset] {
                if *field == u64::from(u32::MAX) {
                    *field = words.next().unwrap_or(*field);
                }
            }
            return;
        }
        extra = &extra[4 + length..];
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u64_at(bytes, at) as u16
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u64_at(bytes, at) as u32
}

/// Up to eight little-endian bytes from `at`; what is past the end counts as zero.
fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    for (place, &byte) in word.iter_mut().zip(bytes.get(at..).unwrap_or_default()) {
        *place = byte;
    }
    u64::from_le_bytes(word)
}

//! Where rkyv writes to: a vector for records, a hashing file for objects.
//!
//! One type for both keeps [`Record`](super::Record)'s bounds short. Large slices pass through
//! without being copied: what an object costs in memory is its value and one buffer of 1 MiB.

use std::io;

use rkyv::api::serialize_using;
use rkyv::rancor::{self, Source};
use rkyv::ser::sharing::Share;
use rkyv::ser::{Positional, Serializer, Writer};
use rkyv::util::with_arena;

use super::record::{Record, serialising};
use crate::error::{Code, Error, Result};
use crate::fs::NewFile;

const BUFFER: usize = 1 << 20;

/// The writer that records are serialised into; an implementation detail of [`Record`](super::Record).
pub struct Sink {
    written: usize,
    buffer: Vec<u8>,
    file: Option<HashedFile>,
    /// The operating system's error, kept whole: rancor's error type would only carry its text.
    failure: Option<io::Error>,
}

struct HashedFile {
    file: Box<dyn NewFile>,
    hasher: blake3::Hasher,
}

impl Sink {
    pub(crate) fn memory() -> Self {
        Sink { written: 0, buffer: Vec::new(), file: None, failure: None }
    }

    /// Positions count from here on: `header` is written first and is no part of the archive.
    pub(crate) fn file(file: Box<dyn NewFile>, header: &[u8]) -> Self {
        let file = HashedFile { file, hasher: blake3::Hasher::new() };
        Sink { written: 0, buffer: header.to_vec(), file: Some(file), failure: None }
    }

    pub(crate) fn into_memory(self) -> Vec<u8> {
        self.buffer
    }

    /// Writes out what is buffered; gives the file, not yet synced, and the digest of all its bytes.
    pub(crate) fn finish(mut self) -> io::Result<(Box<dyn NewFile>, blake3::Hash)> {
        self.drain()?;
        match self.file {
            Some(HashedFile { file, hasher }) => Ok((file, hasher.finalize())),
            None => Err(io::Error::other("a sink in memory has no file")),
        }
    }

    /// Serialises a record into this sink; on failure nothing of the sink may be used.
    pub(crate) fn serialise<T: Record>(self, record: &T) -> Result<Sink> {
        with_arena(|arena| {
            let mut serializer = Serializer::new(self, arena.acquire(), Share::new());
            let outcome = serialize_using::<_, rancor::Error>(record, &mut serializer);
            let mut sink = serializer.into_writer();
            match (outcome, sink.failure.take()) {
                (Ok(_), _) => Ok(sink),
                (Err(_), Some(failure)) => Err(Error::io("writing an object", failure)),
                // Pointers in an archive are 32 bits wide.
                (Err(_), None) if sink.written > i32::MAX as usize => {
                    Err(Error::new(Code::Limit, "an object is longer than 2 GiB")
                        .help("keep the rows in several objects"))
                }
                (Err(cause), None) => Err(serialising(T::KIND, cause)),
            }
        })
    }

    fn drain(&mut self) -> io::Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        self.pass(&buffer)?;
        self.buffer = buffer;
        self.buffer.clear();
        Ok(())
    }

    fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(HashedFile { file, hasher }) = &mut self.file else { return Ok(()) };
        for piece in bytes.chunks(16 * BUFFER) {
            hasher.update_rayon(piece);
            file.write_all(piece)?;
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.file.is_some() && self.buffer.len() + bytes.len() > BUFFER {
            self.drain()?;
            if bytes.len() > BUFFER {
                return self.pass(bytes);
            }
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }
}

impl Positional for Sink {
    fn pos(&self) -> usize {
        self.written
    }
}

impl Writer<rancor::Error> for Sink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), rancor::Error> {
        if let Err(failure) = self.take(bytes) {
            let text = io::Error::from(failure.kind());
            self.failure = Some(failure);
            return Err(rancor::Error::new(text));
        }
        self.written += bytes.len();
        Ok(())
    }
}

//! Records: what a table or a block holds, and the envelope around it.
//!
//! Invariant: no archive is looked into before its magic, kind, schema version, length and checksum
//! were compared and rkyv's own validation passed. The envelope, all little-endian:
//!
//! ```text
//! 0   "SBR1"            magic
//! 4   kind              four bytes chosen by the record's type
//! 8   schema version    u16
//! 10  zero              u16
//! 12  archive length    u32
//! 16  checksum          first 16 bytes of BLAKE3 over bytes 0..16 and the archive
//! 32  archive           rkyv
//! ```

use std::fmt;

use rkyv::api::high::{HighDeserializer, HighSerializer, HighValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Deserialize, Serialize};

use super::sink::Sink;
use crate::error::{Code, Error, Result};

/// A type the store can keep, in a table, in a block or as an object.
///
/// Derive `rkyv::{Archive, Serialize, Deserialize}` and name the kind and the version of the schema:
///
/// ```
/// use seedbed::store::{Record, decode, encode};
///
/// #[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize, Debug, PartialEq)]
/// struct Count(u64);
///
/// impl Record for Count {
///     const KIND: [u8; 4] = *b"cnt ";
///     const VERSION: u16 = 1;
/// }
///
/// assert_eq!(decode::<Count>(&encode(&Count(7))?)?, Count(7));
/// # Ok::<(), seedbed::Error>(())
/// ```
pub trait Record:
    Archive<
        Archived: for<'a> CheckBytes<HighValidator<'a, rancor::Error>>
                      + Deserialize<Self, HighDeserializer<rancor::Error>>
                      + Send
                      + Sync,
    > + for<'a> Serialize<HighSerializer<Sink, ArenaHandle<'a>, rancor::Error>>
    + Sized
    + 'static
{
    /// Four bytes that tell this kind of record from all others.
    const KIND: [u8; 4];
    /// Raised with every change of the fields or of their meaning.
    const VERSION: u16;

    /// Reads an archive of an older schema version; `archive` is aligned to 16 bytes and its checksum
    /// was compared. A type that never changed need not implement it.
    fn upgrade(version: u16, archive: &[u8]) -> Result<Self> {
        let _ = archive;
        Err(Error::new(
            Code::Unsupported,
            format!("schema version {version} of {} can no longer be read", kind_text(Self::KIND)),
        )
        .help("open the store with the release that wrote it, export, and import again"))
    }
}

pub(crate) const HEADER: usize = 32;
const MAGIC: [u8; 4] = *b"SBR1";

/// What the bytes of an envelope say about themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub kind: [u8; 4],
    pub version: u16,
}

/// The bytes of a record: envelope and archive.
pub fn encode<T: Record>(record: &T) -> Result<Vec<u8>> {
    let archive = Sink::memory().serialise(record)?.into_memory();
    envelop(T::KIND, T::VERSION, &archive)
}

/// An archive in its envelope.
pub(crate) fn envelop(kind: [u8; 4], version: u16, archive: &[u8]) -> Result<Vec<u8>> {
    let length = u32::try_from(archive.len())
        .map_err(|_| Error::new(Code::Limit, format!("a {} record is longer than 4 GiB", kind_text(kind))))?;
    let mut bytes = Vec::with_capacity(HEADER + archive.len());
    bytes.extend(MAGIC);
    bytes.extend(kind);
    bytes.extend(version.to_le_bytes());
    bytes.extend([0; 2]);
    bytes.extend(length.to_le_bytes());
    let checksum = checksum(&bytes, archive);
    bytes.extend(checksum);
    bytes.extend(archive);
    Ok(bytes)
}

/// The record in `bytes`, after every check.
pub fn decode<T: Record>(bytes: &[u8]) -> Result<T> {
    decode_at(bytes, &format_args!("the {} record", kind_text(T::KIND)))
}

/// Like [`decode`], with `place` ("record `a` of table `pairs`") in the message of an error.
pub(crate) fn decode_at<T: Record>(bytes: &[u8], place: &dyn fmt::Display) -> Result<T> {
    let envelope = open_envelope(bytes, place)?;
    match_kind::<T>(envelope, place)?;
    // Values come at any alignment: the archive is copied to where rkyv may look at it.
    let mut archive = AlignedVec::<16>::with_capacity(bytes.len() - HEADER);
    archive.extend_from_slice(&bytes[HEADER..]);
    if envelope.version < T::VERSION {
        return T::upgrade(envelope.version, &archive);
    }
    rkyv::from_bytes::<T, rancor::Error>(&archive)
        .map_err(|cause| damaged(place, "its archive is malformed").because(cause))
}

/// Compares everything of an envelope that can be compared without knowing the record's type.
pub(crate) fn open_envelope(bytes: &[u8], place: &dyn fmt::Display) -> Result<Envelope> {
    let Some((header, archive)) = bytes.split_at_checked(HEADER) else {
        return Err(damaged(place, "it is shorter than its header"));
    };
    if header[..4] != MAGIC {
        return Err(damaged(place, "it does not begin with a record's mark"));
    }
    let length = u32::from_le_bytes([header[12], header[13], header[14], header[15]]);
    if length as usize != archive.len() {
        return Err(damaged(place, "its length is not the one written"));
    }
    if checksum(&header[..16], archive) != header[16..] {
        return Err(damaged(place, "its checksum differs"));
    }
    Ok(Envelope {
        kind: [header[4], header[5], header[6], header[7]],
        version: u16::from_le_bytes([header[8], header[9]]),
    })
}

/// Fails unless the envelope announces a `T` of a version this build knows.
pub(crate) fn match_kind<T: Record>(envelope: Envelope, place: &dyn fmt::Display) -> Result<()> {
    if envelope.kind != T::KIND {
        let (found, wanted) = (kind_text(envelope.kind), kind_text(T::KIND));
        return Err(damaged(place, &format!("expected kind {wanted}, found {found}")));
    }
    if envelope.version > T::VERSION {
        return Err(Error::new(
            Code::NewerFormat,
            format!("{place} has schema version {}, this build reads up to {}", envelope.version, T::VERSION),
        )
        .help("use the release of Seedbed that wrote the store, or a later one"));
    }
    Ok(())
}

pub(crate) fn damaged(place: &dyn fmt::Display, why: &str) -> Error {
    Error::new(Code::Corrupt, format!("{place} is damaged: {why}"))
        .help("run CHECK FULL to see how far the damage goes, and restore a backup")
}

pub(crate) fn serialising(kind: [u8; 4], cause: rancor::Error) -> Error {
    let name = kind_text(kind);
    Error::new(Code::Internal, format!("a {name} record could not be serialised: {cause}"))
}

/// A kind as text: its bytes without padding, others than printable ones escaped.
pub(crate) fn kind_text(kind: [u8; 4]) -> String {
    format!("`{}`", kind.escape_ascii()).replace(' ', "")
}

fn checksum(header: &[u8], archive: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(header).update(archive);
    let mut checksum = [0; 16];
    checksum.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    checksum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{Note, NoteV2, Other};

    #[test]
    fn a_record_reads_back_at_any_alignment() {
        let note = Note { text: "民族".repeat(40), weights: vec![1.5, -0.0, f32::MAX] };
        let bytes = encode(&note).unwrap();
        for shift in 0..16 {
            let mut moved = vec![0; shift];
            moved.extend(&bytes);
            assert_eq!(decode::<Note>(&moved[shift..]).unwrap(), note);
        }
    }

    #[test]
    fn every_flipped_bit_is_detected() {
        let bytes = encode(&Note { text: "abc".into(), weights: vec![1.0] }).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut wrong = bytes.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode::<Note>(&wrong).unwrap_err().code(), Code::Corrupt, "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert_eq!(decode::<Note>(&bytes[..length]).unwrap_err().code(), Code::Corrupt);
        }
    }

    #[test]
    fn another_kind_is_refused_and_a_newer_version_too() {
        let newer = encode(&NoteV2 { text: "a".into() }).unwrap();
        let error = decode::<Note>(&newer).unwrap_err();
        assert_eq!(error.code(), Code::NewerFormat);
        assert!(error.help_text().is_some());
        assert_eq!(decode::<Other>(&newer).unwrap_err().code(), Code::Corrupt);
    }

    #[test]
    fn an_older_version_is_upgraded() {
        let old = encode(&Note { text: "a".into(), weights: vec![] }).unwrap();
        assert_eq!(decode::<NoteV2>(&old).unwrap(), NoteV2 { text: "a".into() });
        let newer = encode(&Note { text: "a".into(), weights: vec![] }).unwrap();
        assert!(decode::<Note>(&newer).is_ok());
    }
}

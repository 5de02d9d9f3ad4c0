//! Text files line by line: plain, gzip or zstd, bounded in memory, with line numbers.
//!
//! A byte-order mark is dropped, LF and CRLF both end a line, and the text must be UTF-8. What a file
//! is goes by its first bytes; a name that ends in `.gz` or `.zst` must keep its promise.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::error::{Code, Error, Result};

/// The longest line that is read, in bytes.
pub const LINE_LIMIT: usize = 64 << 20;

/// The largest zstd window that is accepted, in bytes (`zstd --long=27`).
const WINDOW_LIMIT: u64 = 128 << 20;

const BUFFER: usize = 128 << 10;

/// The byte-order mark in UTF-8.
pub(super) const MARK: &[u8] = b"\xef\xbb\xbf";

/// Opens a file for reading and undoes gzip or zstd compression on the way.
///
/// Errors: [`Code::NotFound`], [`Code::Denied`]; [`Code::BadFile`] for a directory and for a name that
/// says `.gz` or `.zst` over other content.
pub fn open(path: &Path) -> Result<Box<dyn BufRead>> {
    let fail = |cause| Error::io("cannot open the file", cause).path(path);
    let file = File::open(path).map_err(fail)?;
    if file.metadata().map_err(fail)?.is_dir() {
        return Err(Error::new(Code::BadFile, "this is a directory, expected a file")
            .help("give the file itself, or move the directory out of the way")
            .path(path));
    }
    let mut reader = BufReader::with_capacity(BUFFER, file);
    let start = reader.fill_buf().map_err(fail)?;
    let gzip = start.starts_with(&[0x1f, 0x8b]);
    // Ordinary frames, and the skippable ones that may come first.
    let zstd = start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
        || (start.len() >= 4 && (0x50..=0x5f).contains(&start[0]) && start[1..4] == [0x2a, 0x4d, 0x18]);
    let extension = path.extension().and_then(|text| text.to_str()).map(str::to_ascii_lowercase);
    match extension.as_deref() {
        Some("gz") if !gzip => return Err(not_compressed(path, "gzip")),
        Some("zst") if !zstd => return Err(not_compressed(path, "zstd")),
        _ => {}
    }
    Ok(if gzip {
        Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(reader)))
    } else if zstd {
        Box::new(BufReader::with_capacity(BUFFER, Zstd::new(reader)))
    } else {
        Box::new(reader)
    })
}

/// Like [`open`], past a byte-order mark.
pub(super) fn open_text(path: &Path) -> Result<Box<dyn BufRead>> {
    let mut reader = open(path)?;
    if reader.fill_buf().map_err(|cause| read_failed(path, 0, cause))?.starts_with(MARK) {
        reader.consume(MARK.len());
    }
    Ok(reader)
}

fn not_compressed(path: &Path, what: &str) -> Error {
    Error::new(Code::BadFile, format!("the name promises {what} data, but the file does not start like them"))
        .help("rename the file if it is not compressed; copy it again if it is empty or damaged")
        .path(path)
}

/// The error for a failed read after `line` whole lines: damaged compression, or the operating system.
pub(super) fn read_failed(path: &Path, line: u64, cause: io::Error) -> Error {
    use io::ErrorKind as K;
    let error = match cause.kind() {
        K::UnexpectedEof => Error::new(Code::BadFile, "the compressed data end too early").because(cause),
        K::FileTooLarge | K::OutOfMemory => {
            return Error::new(Code::Limit, TOO_LONG)
                .help("this does not look like a file of that format")
                .file(path, line + 1, "");
        }
        K::InvalidData | K::InvalidInput | K::Other if cause.raw_os_error().is_none() => {
            Error::new(Code::BadFile, format!("the compressed data are damaged: {cause}")).because(cause)
        }
        _ => return Error::io("cannot read the file", cause).path(path),
    };
    error.help("copy the file again and compare its checksum").file(path, line + 1, "")
}

/// The lines of a file. [`advance`](Lines::advance) reads one, [`text`](Lines::text) gives it.
pub struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead>,
    buffer: Vec<u8>,
    number: u64,
    limit: usize,
}

impl Lines {
    /// Opens a file, compressed or not.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self::over(path, open(path)?))
    }

    /// The lines of a reader; `path` is for messages.
    pub fn over(path: &Path, reader: Box<dyn BufRead>) -> Self {
        Lines { path: path.to_path_buf(), reader, buffer: Vec::new(), number: 0, limit: LINE_LIMIT }
    }

    /// Reads the next line; `false` at the end. These errors end the reading.
    pub fn advance(&mut self) -> Result<bool> {
        self.buffer.clear();
        let read = (&mut self.reader)
            .take(self.limit as u64 + 1)
            .read_until(b'\n', &mut self.buffer)
            .map_err(|cause| read_failed(&self.path, self.number, cause))?;
        if read == 0 {
            return Ok(false);
        }
        self.number += 1;
        let ended = self.buffer.last() == Some(&b'\n');
        if ended {
            self.buffer.pop();
            if self.buffer.last() == Some(&b'\r') {
                self.buffer.pop();
            }
        } else if self.buffer.len() > self.limit {
            return Err(Error::new(Code::Limit, format!("the line is longer than {} bytes", self.limit))
                .help("this does not look like a text file with one record a line")
                .file(&self.path, self.number, &self.lossy()));
        }
        if self.number == 1 {
            self.check_start(ended)?;
        }
        Ok(true)
    }

    fn check_start(&mut self, ended: bool) -> Result<()> {
        let wide = self.buffer.starts_with(&[0xff, 0xfe]) || self.buffer.starts_with(&[0xfe, 0xff]);
        let (reason, help) = if wide {
            ("the file is UTF-16, expected UTF-8", "convert it to UTF-8")
        } else if !ended && self.buffer.contains(&b'\r') {
            (
                "the lines end in carriage returns only, expected line feeds",
                "convert the line ends, for example with `tr '\\r' '\\n'`",
            )
        } else {
            if self.buffer.starts_with(MARK) {
                self.buffer.drain(..MARK.len());
            }
            return Ok(());
        };
        Err(Error::new(Code::BadFile, reason).help(help).file(&self.path, 1, &self.lossy()))
    }

    /// The line that [`advance`](Lines::advance) read, without its end. The error concerns this line only.
    pub fn text(&self) -> Result<&str> {
        std::str::from_utf8(&self.buffer).map_err(|cause| {
            let at = cause.valid_up_to();
            let column = String::from_utf8_lossy(&self.buffer[..at]).chars().count() + 1;
            Error::new(
                Code::BadFile,
                format!("byte 0x{:02X} at column {column} is not UTF-8", self.buffer[at]),
            )
            .help("convert the file to UTF-8, for example with iconv")
            .file(&self.path, self.number, &self.lossy())
        })
    }

    /// Reads on to the end, which finds damage to compressed data that checksums tell only there.
    pub(super) fn drain(&mut self) -> Result<()> {
        io::copy(&mut self.reader, &mut io::sink())
            .map(drop)
            .map_err(|cause| read_failed(&self.path, self.number, cause))
    }

    /// Number of the current line, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The start of the current line for a message, whatever its bytes.
    pub(super) fn lossy(&self) -> String {
        String::from_utf8_lossy(&self.buffer[..self.buffer.len().min(600)]).into_owned()
    }
}

/// A reader that fails once a single record takes more than [`LINE_LIMIT`] bytes, for parsers that
/// have no bound of their own. Whoever takes a record out of the parser sets the counter back to 0.
pub(super) struct Bounded<R> {
    inner: R,
    since: Rc<Cell<usize>>,
}

/// What a [`Bounded`] reader says when its bound is passed.
const TOO_LONG: &str = "a record is longer than 64 MiB";

impl<R> Bounded<R> {
    /// A bounded reader and its counter.
    pub fn new(inner: R) -> (Self, Rc<Cell<usize>>) {
        let since = Rc::new(Cell::new(0));
        (Bounded { inner, since: since.clone() }, since)
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.since.get() > LINE_LIMIT {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, TOO_LONG));
        }
        let read = self.inner.read(buffer)?;
        self.since.set(self.since.get() + read);
        Ok(read)
    }
}

/// Reads a stream of zstd frames, one after the other, checking their checksums.
struct Zstd<R> {
    source: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: BufRead> Zstd<R> {
    fn new(source: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW_LIMIT);
        Zstd { source, decoder, in_frame: false }
    }

    /// Starts the next frame; `false` at the end of the file.
    fn next_frame(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.source) {
                Ok(()) => {
                    self.in_frame = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    io::copy(&mut (&mut self.source).take(length.into()), &mut io::sink())?;
                }
                Err(cause) => return Err(frame_error(cause)),
            }
        }
        Ok(false)
    }
}

/// Says apart a file that ends early and one that is damaged.
fn frame_error(cause: FrameDecoderError) -> io::Error {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&cause);
    while let Some(error) = source {
        if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::UnexpectedEof) {
            return io::ErrorKind::UnexpectedEof.into();
        }
        source = error.source();
    }
    // Not every error of the decoder gives its source, but its text does.
    match cause.to_string() {
        text if text.contains("UnexpectedEof") => io::ErrorKind::UnexpectedEof.into(),
        text => io::Error::new(io::ErrorKind::InvalidData, text),
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.in_frame && !self.next_frame()? {
                return Ok(0);
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decoder
                    .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(frame_error)?;
            }
            let read = self.decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let (stated, found) =
                (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum());
            if stated.is_some() && found.is_some() && stated != found {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the checksum of a frame is wrong"));
            }
            self.in_frame = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn lines(bytes: &[u8]) -> Result<Vec<String>> {
        let mut lines = Lines::over(Path::new("f"), Box::new(io::Cursor::new(bytes.to_vec())));
        lines.limit = 100;
        let mut found = Vec::new();
        while lines.advance()? {
            found.push(lines.text()?.to_string());
        }
        Ok(found)
    }

    fn message(bytes: &[u8]) -> String {
        lines(bytes).unwrap_err().to_string()
    }

    #[test]
    fn line_ends_and_byte_order_marks_are_dropped() {
        assert_eq!(lines(b"\xef\xbb\xbfa\r\nb\n\nc").unwrap(), ["a", "b", "", "c"]);
        assert_eq!(lines(b"").unwrap(), Vec::<String>::new());
        assert_eq!(lines(b"a\rb\nc").unwrap(), ["a\rb", "c"]);
    }

    #[test]
    fn what_is_no_text_is_named() {
        assert_eq!(message(b"ab\nc\xff"), "f:2: byte 0xFF at column 2 is not UTF-8");
        assert_eq!(message(b"a\rb\rc"), "f:1: the lines end in carriage returns only, expected line feeds");
        assert_eq!(message(b"\xff\xfea\0"), "f:1: the file is UTF-16, expected UTF-8");
        assert_eq!(message(&[b'x'; 200]), "f:1: the line is longer than 100 bytes");
        assert_eq!(lines(&[b'x'; 100]).unwrap().len(), 1);
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    fn read_file(name: &str, bytes: &[u8]) -> Result<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let mut lines = Lines::open(&path)?;
        let mut all = Vec::new();
        while lines.advance()? {
            all.extend_from_slice(lines.text()?.as_bytes());
            all.push(b'\n');
        }
        Ok(all)
    }

    #[test]
    fn compressed_files_are_read_by_their_content() {
        let text: Vec<u8> = (0..20_000).flat_map(|i| format!("line {i}\n").into_bytes()).collect();
        let half = text.len() / 2;
        let (a, b) = text.split_at(half);
        for name in ["x", "x.gz"] {
            assert_eq!(read_file(name, &[gzip(a), gzip(b)].concat()).unwrap(), text);
        }
        let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9][..]].concat();
        for name in ["x", "x.zst"] {
            assert_eq!(
                read_file(name, &[skippable.clone(), zstd(a), skippable.clone(), zstd(b)].concat()).unwrap(),
                text
            );
        }
    }

    #[test]
    fn damaged_compression_is_an_error_with_a_remedy() {
        let text: Vec<u8> = (0..2_000).flat_map(|i| format!("{}\n", i * 7919).into_bytes()).collect();
        for (name, packed) in [("x.gz", gzip(&text)), ("x.zst", zstd(&text))] {
            let cut = read_file(name, &packed[..packed.len() / 2]).unwrap_err();
            assert_eq!(cut.code(), Code::BadFile, "{cut}");
            assert!(cut.to_string().contains("compressed data"), "{cut}");
            assert!(cut.help_text().is_some());
            let plain = read_file(name, b"1\t2\n").unwrap_err();
            assert!(plain.to_string().contains("the name promises"), "{plain}");
        }
        let mut broken = gzip(&text);
        let middle = broken.len() / 2;
        broken[middle] ^= 0x55;
        assert_eq!(read_file("x.gz", &broken).unwrap_err().code(), Code::BadFile);
    }

    proptest::proptest! {
        #[test]
        fn flipped_bytes_never_panic(
            seed in 0u32..1000,
            flips in proptest::collection::vec((proptest::prelude::any::<proptest::sample::Index>(), 1..=255u8), 1..5),
            cut in proptest::prelude::any::<proptest::sample::Index>(),
        ) {
            let text: Vec<u8> =
                (0..600).flat_map(|i| format!("{}\t{}\n", i * seed % 9973, i % 13).into_bytes()).collect();
            for mut packed in [gzip(&text), zstd(&text)] {
                for (place, flip) in &flips {
                    let place = place.index(packed.len());
                    packed[place] ^= flip;
                }
                let _ = read_file("x", &packed);
                packed.truncate(cut.index(packed.len()));
                let _ = read_file("x", &packed);
            }
        }
    }
}

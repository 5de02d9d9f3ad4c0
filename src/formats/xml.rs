//! What an RDF/XML file passes through on its way to the parser: old encodings become UTF-8, lines are
//! counted, and entity declarations that could blow up are refused.

use std::cell::RefCell;
use std::io::{self, BufRead, Read};
use std::path::Path;
use std::rc::Rc;

use crate::error::{Code, Error, Result};

use super::lines::read_failed;

/// The longest entity declaration that is accepted, in bytes. Those of namespaces are short.
const DECLARATION: usize = 1024;

/// Windows-1252 from 0x80 to 0x9F; unassigned bytes stand for the control characters of Latin-1.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

#[derive(Clone, Copy, PartialEq)]
enum Encoding {
    Utf8,
    Windows1252,
    Latin1,
}

/// What the feed knows when the parser fails.
#[derive(Default)]
pub(super) struct Progress {
    /// Number of lines begun.
    pub line: u64,
    /// Why the feed itself stopped, if it did.
    pub refused: Option<&'static str>,
    text: Vec<u8>,
}

impl Progress {
    /// The start of the current line.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.text).trim_end().to_string()
    }
}

/// Reads a line at a time, so that the parser's last line is known when it fails.
pub(super) struct Feed {
    source: Box<dyn BufRead>,
    encoding: Encoding,
    progress: Rc<RefCell<Progress>>,
    /// Bytes made ready and how many of them were given out.
    ready: Vec<u8>,
    given: usize,
    line_ended: bool,
    guard: Guard,
}

impl Feed {
    /// Looks at the XML declaration of `source`. Fails on an encoding other than UTF-8, Windows-1252,
    /// Latin-1 and ASCII.
    pub fn new(path: &Path, mut source: Box<dyn BufRead>) -> Result<(Self, Rc<RefCell<Progress>>)> {
        let failed = |cause| read_failed(path, 0, cause);
        let start = source.fill_buf().map_err(failed)?;
        let mut encoding = Encoding::Utf8;
        let mut lines = 0;
        if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
            return Err(unsupported(path, "UTF-16"));
        }
        if start.starts_with(b"<?xml")
            && let Some(end) = start.windows(2).take(1000).position(|two| two == b"?>")
        {
            let declaration = String::from_utf8_lossy(&start[..end]).into_owned();
            let name = declared(&declaration);
            encoding = match name.to_ascii_lowercase().as_str() {
                "" | "utf-8" | "utf8" => Encoding::Utf8,
                "windows-1252" | "cp1252" => Encoding::Windows1252,
                "iso-8859-1" | "iso8859-1" | "latin1" | "latin-1" | "us-ascii" | "ascii" => Encoding::Latin1,
                _ => return Err(unsupported(path, name)),
            };
            // The parser takes UTF-8 without a declaration.
            lines = start[..end].iter().filter(|&&byte| byte == b'\n').count();
            source.consume(end + 2);
        }
        let progress = Rc::new(RefCell::new(Progress { line: lines as u64, ..Progress::default() }));
        let feed = Feed {
            source,
            encoding,
            progress: progress.clone(),
            ready: Vec::new(),
            given: 0,
            line_ended: true,
            guard: Guard::default(),
        };
        Ok((feed, progress))
    }

    fn refill(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.given = 0;
        let chunk = self.source.fill_buf()?;
        let end = chunk.iter().position(|&byte| byte == b'\n').map_or(chunk.len(), |at| at + 1);
        let chunk = &chunk[..end];
        match self.encoding {
            Encoding::Utf8 => self.ready.extend_from_slice(chunk),
            encoding => {
                let mut buffer = [0; 4];
                for &byte in chunk {
                    let character = match byte {
                        0x80..=0x9f if encoding == Encoding::Windows1252 => {
                            WINDOWS_1252[usize::from(byte - 0x80)]
                        }
                        _ => char::from(byte),
                    };
                    self.ready.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
                }
            }
        }
        self.source.consume(end);
        let mut progress = self.progress.borrow_mut();
        if self.line_ended && !self.ready.is_empty() {
            progress.line += 1;
            progress.text.clear();
        }
        let room = 600usize.saturating_sub(progress.text.len());
        progress.text.extend_from_slice(&self.ready[..self.ready.len().min(room)]);
        self.line_ended = self.ready.last() == Some(&b'\n');
        if let Err(reason) = self.guard.look(&self.ready) {
            progress.refused = Some(reason);
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        Ok(())
    }
}

impl Read for Feed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.ready.len() {
            self.refill()?;
        }
        let count = buffer.len().min(self.ready.len() - self.given);
        buffer[..count].copy_from_slice(&self.ready[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

fn unsupported(path: &Path, encoding: &str) -> Error {
    Error::new(Code::BadFile, format!("the encoding {encoding} is not supported, expected UTF-8"))
        .help("convert the file to UTF-8, for example with iconv, and change its XML declaration")
        .file(path, 1, "")
}

/// The encoding that an XML declaration names.
fn declared(declaration: &str) -> &str {
    let Some((_, rest)) = declaration.split_once("encoding") else { return "" };
    let rest = rest.trim_start().trim_start_matches('=').trim_start();
    match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => rest[1..].split(quote).next().unwrap_or(""),
        _ => "",
    }
}

/// Watches for entity declarations. One entity that refers to others may grow without bound when it
/// is expanded, and so may a long one; both are refused. Namespace abbreviations are neither.
#[derive(Default)]
struct Guard {
    matched: usize,
    declaration: Option<Vec<u8>>,
}

impl Guard {
    fn look(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        const START: &[u8] = b"<!ENTITY";
        for &byte in bytes {
            match &mut self.declaration {
                Some(text) if byte == b'>' => {
                    if refers(text) {
                        return Err("an entity declaration refers to other entities");
                    }
                    self.declaration = None;
                }
                Some(text) if text.len() >= DECLARATION => {
                    return Err("an entity declaration is longer than 1024 bytes");
                }
                Some(text) => text.push(byte),
                None if byte == START[self.matched] => {
                    self.matched += 1;
                    if self.matched == START.len() {
                        self.matched = 0;
                        self.declaration = Some(Vec::new());
                    }
                }
                None => self.matched = usize::from(byte == START[0]),
            }
        }
        Ok(())
    }
}

/// Whether a declaration holds a reference to an entity that is not built in.
fn refers(declaration: &[u8]) -> bool {
    let text = String::from_utf8_lossy(declaration);
    text.split('&').skip(1).any(|rest| {
        !rest.starts_with('#')
            && !["amp;", "lt;", "gt;", "quot;", "apos;"].iter().any(|built_in| rest.starts_with(built_in))
    })
}

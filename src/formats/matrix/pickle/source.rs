//! Bytes of a pickle, with the position, and the spans of it that strings and arrays refer to.

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

use crate::error::{Code, Error, Result};

/// Longest line of a text opcode that names or numbers something.
const LINE_LIMIT: u64 = 4096;

/// How the bytes of a span stand for the bytes or the text meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As they are.
    Raw,
    /// UTF-8 text whose characters are the bytes (latin1).
    Utf8Latin1,
    /// Text with `\u` escapes whose characters are the bytes (protocol 0).
    UnicodeEscape,
    /// A quoted Python string with `\x` escapes (protocol 0 of Python 2).
    Quoted,
}

/// A stretch of the file: strings and numbers stay there until they are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub start: u64,
    pub length: u64,
    pub form: Form,
}

/// A file that is read forwards, with glances back.
pub(super) struct Source<R> {
    reader: BufReader<R>,
    position: u64,
    length: u64,
}

impl<R: Read + Seek> Source<R> {
    /// From the start of a file of `length` bytes.
    pub fn new(reader: R, length: u64) -> Self {
        Source { reader: BufReader::with_capacity(256 << 10, reader), position: 0, length }
    }

    /// Bytes before the next one.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// An error at the last byte read.
    pub fn bad(&self, message: impl std::fmt::Display) -> Error {
        Error::new(Code::BadFile, format!("byte {}: {message}", self.position.saturating_sub(1)))
    }

    fn failed(&self, cause: std::io::Error) -> Error {
        if cause.kind() == std::io::ErrorKind::UnexpectedEof {
            return Error::new(Code::BadFile, "the pickle ends too early").help("copy the file again");
        }
        Error::io("cannot read the file", cause)
    }

    /// The next `N` bytes.
    pub fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).map_err(|cause| self.failed(cause))?;
        self.position += N as u64;
        Ok(bytes)
    }

    /// The next byte.
    pub fn byte(&mut self) -> Result<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    /// The next line, without its end, as a short text.
    pub fn line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        (&mut self.reader)
            .take(LINE_LIMIT)
            .read_until(b'\n', &mut line)
            .map_err(|cause| self.failed(cause))?;
        self.position += line.len() as u64;
        if line.pop() != Some(b'\n') {
            return Err(self.bad("a line without an end"));
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        String::from_utf8(line).map_err(|_| self.bad("a line that is not UTF-8"))
    }

    /// Passes over the next line, however long, and gives its span.
    pub fn skip_line(&mut self, form: Form) -> Result<Span> {
        let start = self.position;
        loop {
            let buffer = match self.reader.fill_buf() {
                Ok([]) => return Err(self.bad("a line without an end")),
                Ok(buffer) => buffer,
                Err(cause) => return Err(self.failed(cause)),
            };
            let end = buffer.iter().position(|&byte| byte == b'\n');
            let used = end.map_or(buffer.len(), |end| end + 1);
            self.reader.consume(used);
            self.position += used as u64;
            if end.is_some() {
                return Ok(Span { start, length: self.position - 1 - start, form });
            }
        }
    }

    /// Passes over `length` bytes and gives their span.
    pub fn skip(&mut self, length: u64, form: Form) -> Result<Span> {
        let left = self.length.saturating_sub(self.position);
        if length > left {
            return Err(self.bad(format!("a string claims {length} bytes, but {left} are left")));
        }
        let span = Span { start: self.position, length, form };
        self.seek(self.position + length)?;
        Ok(span)
    }

    fn seek(&mut self, to: u64) -> Result<()> {
        let outcome = match i64::try_from(i128::from(to) - i128::from(self.position)) {
            Ok(by) => self.reader.seek_relative(by),
            Err(_) => self.reader.seek(SeekFrom::Start(to)).map(|_| ()),
        };
        outcome.map_err(|cause| Error::io("cannot read the file", cause))?;
        self.position = to;
        Ok(())
    }

    /// The bytes that a span means, if they are at most `limit`; the position stays.
    pub fn fetch(&mut self, span: Span, limit: u64) -> Result<Vec<u8>> {
        // No form takes more than six bytes of the file for one that is meant ("\u00ff"), and two quotes.
        if span.length > limit.saturating_mul(6).saturating_add(2)
            || span.form == Form::Raw && span.length > limit
        {
            return Err(
                self.bad(format!("a string of {} bytes where at most {limit} are expected", span.length))
            );
        }
        let back = self.position;
        self.seek(span.start)?;
        let mut bytes = vec![0; span.length as usize];
        let read = self.reader.read_exact(&mut bytes);
        read.map_err(|cause| self.failed(cause))?;
        self.position += span.length;
        self.seek(back)?;
        let bytes = match span.form {
            Form::Raw => Some(bytes),
            Form::Utf8Latin1 => latin1(&bytes),
            Form::UnicodeEscape => unicode_escape(&bytes),
            Form::Quoted => quoted(&bytes),
        };
        bytes.ok_or_else(|| self.bad("a string whose characters are no bytes"))
    }
}

fn latin1(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}

/// Latin-1 with `\uXXXX` escapes, as opcode V writes it.
fn unicode_escape(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut found = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'\\' && tail.first() == Some(&b'u') {
            found.push(hex(tail.get(1..5)?)?);
            rest = &tail[5..];
        } else {
            found.push(byte);
        }
    }
    Some(found)
}

/// A quoted string with the escapes that Python's `repr` writes.
fn quoted(bytes: &[u8]) -> Option<Vec<u8>> {
    let (&quote, inner) = bytes.trim_ascii().split_first()?;
    let (&end, inner) = inner.split_last()?;
    if quote != end || !matches!(quote, b'\'' | b'"') {
        return None;
    }
    let mut found = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            found.push(byte);
            continue;
        }
        let (&kind, tail) = tail.split_first()?;
        rest = tail;
        found.push(match kind {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'\\' | b'\'' | b'"' => kind,
            b'x' => {
                rest = tail.get(2..)?;
                hex(&tail[..2])?
            }
            _ => return None,
        });
    }
    Some(found)
}

/// Hexadecimal digits that make a byte.
fn hex(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u8::try_from(u32::from_str_radix(text, 16).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_string_is_read() {
        for (form, file, meant) in [
            (Form::Raw, &b"a\xff"[..], Some(&b"a\xff"[..])),
            (Form::Utf8Latin1, "aÿ".as_bytes(), Some(b"a\xff")),
            (Form::Utf8Latin1, "ā".as_bytes(), None),
            (Form::UnicodeEscape, b"a\\u00ff\xe9", Some(b"a\xff\xe9")),
            (Form::UnicodeEscape, b"\\u12", None),
            (Form::Quoted, b"'a\\xff\\n\\''", Some(b"a\xff\n'")),
            (Form::Quoted, b"'a", None),
            (Form::Quoted, b"'\\x1'", None),
        ] {
            let mut source = Source::new(std::io::Cursor::new(file), file.len() as u64);
            let span = source.skip(file.len() as u64, form).unwrap();
            assert_eq!(source.fetch(span, 100).ok().as_deref(), meant, "{form:?} {file:?}");
            assert_eq!(source.position(), file.len() as u64);
        }
    }

    #[test]
    fn lengths_are_believed_as_far_as_the_file_goes() {
        let mut source = Source::new(std::io::Cursor::new(b"abc"), 3);
        assert!(
            source.skip(4, Form::Raw).unwrap_err().to_string().contains("claims 4 bytes, but 3 are left")
        );
        assert!(source.skip(u64::MAX, Form::Raw).is_err());
        let span = source.skip(3, Form::Raw).unwrap();
        assert!(source.fetch(span, 2).is_err());
    }
}

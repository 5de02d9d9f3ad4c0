//! The header of an npy array: what type, which shape, which order.
//!
//! The header is a Python dictionary literal of three keys; just that much of Python is understood.

use std::io::Read;
use std::path::Path;

use crate::error::{Code, Error, Result};

use super::number::Dtype;

/// The bytes an npy file starts with.
pub(in crate::formats) const MAGIC: &[u8] = b"\x93NUMPY";

/// Longest header that is read.
const HEADER_LIMIT: u64 = 64 << 10;

/// What an npy header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::formats) struct Header {
    /// The type in numpy's notation.
    pub descr: String,
    /// Whether the first axis varies fastest.
    pub fortran: bool,
    /// Length of each axis.
    pub shape: Vec<u64>,
    /// Bytes before the numbers.
    pub size: u64,
}

impl Header {
    /// Reads the header and leaves `reader` at the first number.
    pub fn read(reader: &mut dyn Read, path: &Path) -> Result<Self> {
        let bad = |message: String| {
            Error::new(Code::BadFile, message).help("save the array again with numpy.save").path(path)
        };
        let mut start = [0; 8];
        fill(reader, &mut start, path)?;
        if &start[..6] != MAGIC {
            return Err(bad("this is no npy array: it does not start with \\x93NUMPY".into()));
        }
        let (length, before) = match start[6] {
            1 => {
                let mut length = [0; 2];
                fill(reader, &mut length, path)?;
                (u64::from(u16::from_le_bytes(length)), 10)
            }
            2 | 3 => {
                let mut length = [0; 4];
                fill(reader, &mut length, path)?;
                (u64::from(u32::from_le_bytes(length)), 12)
            }
            version => return Err(bad(format!("npy version {version} is unknown, expected 1, 2 or 3"))),
        };
        if length > HEADER_LIMIT {
            return Err(bad(format!(
                "the npy header claims {length} bytes, expected at most {HEADER_LIMIT}"
            )));
        }
        let mut text = vec![0; length as usize];
        fill(reader, &mut text, path)?;
        let text = String::from_utf8_lossy(&text);
        let mut header = Literal { rest: &text }
            .header()
            .ok_or_else(|| bad(format!("the npy header `{}` cannot be understood", shorten(&text))))?;
        header.size = before + length;
        Ok(header)
    }

    /// The number type, or an error that names what the array holds instead.
    pub(super) fn dtype(&self, path: &Path) -> Result<Dtype> {
        Dtype::from_numpy(&self.descr).ok_or_else(|| not_numbers(&self.descr).path(path))
    }

    /// Number of elements; `None` when that overflows.
    pub fn elements(&self) -> Option<u64> {
        self.shape.iter().try_fold(1u64, |product, &n| product.checked_mul(n))
    }
}

/// The error for an array of something else than plain numbers.
pub(super) fn not_numbers(descr: &str) -> Error {
    let what = match descr.trim_start_matches(['<', '>', '=', '|']) {
        text if text.starts_with('O') => "Python objects".to_string(),
        text if text.starts_with(['U', 'S']) => "strings".to_string(),
        text if text.starts_with(['c', 'F']) => "complex numbers".to_string(),
        _ => format!("`{}`", shorten(descr)),
    };
    Error::new(Code::BadValue, format!("the array holds {what}, expected float16, float32 or float64"))
        .help("convert it with .astype('float32') and save it again")
}

/// Reads exactly, calling a short file what it is.
pub(super) fn fill(reader: &mut dyn Read, buffer: &mut [u8], path: &Path) -> Result<()> {
    reader.read_exact(buffer).map_err(|cause| read_failed(cause, path))
}

/// The error for a failed read of a binary file.
pub(super) fn read_failed(cause: std::io::Error, path: &Path) -> Error {
    use std::io::ErrorKind as K;
    let remedy = "copy the file again and compare its checksum";
    match cause.kind() {
        K::UnexpectedEof => Error::new(Code::BadFile, "the file ends too early").help(remedy).path(path),
        K::InvalidData | K::InvalidInput if cause.raw_os_error().is_none() => {
            Error::new(Code::BadFile, format!("the file is damaged: {cause}")).help(remedy).path(path)
        }
        _ => Error::io("cannot read the file", cause).path(path),
    }
}

fn shorten(text: &str) -> String {
    crate::error::shorten(text.trim(), 80)
}

/// A Python literal that is read from the left.
struct Literal<'a> {
    rest: &'a str,
}

impl Literal<'_> {
    fn header(mut self) -> Option<Header> {
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        self.expect('{')?;
        while !self.take('}') {
            let key = self.string()?;
            self.expect(':')?;
            match key.as_str() {
                // A structured type is a list; it is carried as text, so that the message can show it.
                "descr" if self.peek() == Some('[') => descr = Some(self.list()?),
                "descr" => descr = Some(self.string()?),
                "fortran_order" => fortran = Some(self.boolean()?),
                "shape" => shape = Some(self.tuple()?),
                _ => return None,
            }
            if !self.take(',') {
                self.expect('}')?;
                break;
            }
        }
        Some(Header { descr: descr?, fortran: fortran?, shape: shape?, size: 0 })
    }

    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.rest = &self.rest[wanted.len_utf8()..];
        }
        found
    }

    fn expect(&mut self, wanted: char) -> Option<()> {
        self.take(wanted).then_some(())
    }

    fn until(&mut self, end: char) -> Option<String> {
        let (text, rest) = self.rest.split_once(end)?;
        self.rest = rest;
        Some(text.to_string())
    }

    fn string(&mut self) -> Option<String> {
        let quote = self.peek().filter(|&c| c == '\'' || c == '"')?;
        self.expect(quote)?;
        self.until(quote)
    }

    fn list(&mut self) -> Option<String> {
        self.until(']').map(|text| format!("{text}]"))
    }

    fn boolean(&mut self) -> Option<bool> {
        self.peek();
        for (text, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.rest.strip_prefix(text) {
                self.rest = rest;
                return Some(value);
            }
        }
        None
    }

    fn tuple(&mut self) -> Option<Vec<u64>> {
        self.expect('(')?;
        let inner = self.until(')')?;
        let mut numbers = Vec::new();
        for part in inner.split(',').map(|part| part.trim().trim_end_matches('L')) {
            if !part.is_empty() {
                numbers.push(part.parse().ok()?);
            }
        }
        (numbers.len() <= 32).then_some(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Option<Header> {
        Literal { rest: text }.header()
    }

    #[test]
    fn headers_of_old_and_new_numpy_are_understood() {
        let found = header("{'descr': '<f2', 'fortran_order': False, 'shape': (38960, 256), }   \n").unwrap();
        assert_eq!((found.descr.as_str(), found.fortran, found.shape), ("<f2", false, vec![38960, 256]));
        let found = header("{\"shape\": (3L,), \"fortran_order\": True, \"descr\": \">f8\"}").unwrap();
        assert_eq!((found.shape, found.fortran), (vec![3], true));
        assert_eq!(
            header("{'descr':'|b1','fortran_order':False,'shape':()}").unwrap().shape,
            Vec::<u64>::new()
        );
        let found = header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,)}").unwrap();
        assert_eq!(found.descr, "[('a', '<f4')]");
    }

    #[test]
    fn what_is_no_header_is_refused() {
        for text in ["", "{", "{'descr': '<f2'}", "{'shape': (1, x)}", "{'shape': (1", "{'a': 1}", "{1: 2}"] {
            assert_eq!(header(text), None, "{text}");
        }
        assert_eq!(header("{'descr': '<f2', 'fortran_order': False, 'shape': (-1,)}"), None);
    }

    #[test]
    fn broken_files_are_named() {
        let read = |bytes: &[u8]| Header::read(&mut &*bytes, Path::new("x.npy")).unwrap_err().to_string();
        assert_eq!(read(b"\x93NUM"), "x.npy: the file ends too early");
        assert_eq!(
            read(b"\x93NUMPX\x01\0"),
            "x.npy: this is no npy array: it does not start with \\x93NUMPY"
        );
        assert_eq!(read(b"\x93NUMPY\x09\0"), "x.npy: npy version 9 is unknown, expected 1, 2 or 3");
        assert!(read(b"\x93NUMPY\x02\0\xff\xff\xff\xff").contains("claims 4294967295 bytes"));
        assert!(read(b"\x93NUMPY\x01\0\x02\0{}").contains("`{}` cannot be understood"));
    }
}

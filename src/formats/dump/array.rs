//! Arrays of numbers as `.npy` files, version 1.0, in C order.

use std::fs::File;
use std::io::{BufReader, Read};

use super::folder::{Folder, REMEDY};
use crate::error::{Code, Error, Result};
use crate::formats::matrix::npy;
use crate::formats::new_folder::NewFolder;

/// Bytes that are converted at once.
const PIECE: usize = 1 << 20;

/// A number as an array holds it.
pub trait Number: Copy {
    /// The type in numpy's notation.
    const DESCR: &'static str;
    /// Its length.
    const BYTES: usize;

    /// Appends its bytes.
    fn put(self, out: &mut Vec<u8>);

    /// Reads so many bytes; nothing where they are no such number.
    fn get(bytes: &[u8]) -> Option<Self>;
}

macro_rules! numbers {
    ($($type:ty, $descr:literal;)*) => {
        $(impl Number for $type {
            const DESCR: &'static str = $descr;
            const BYTES: usize = size_of::<$type>();

            fn put(self, out: &mut Vec<u8>) {
                out.extend(self.to_le_bytes());
            }

            fn get(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(<$type>::from_le_bytes)
            }
        })*
    };
}
numbers! {
    f32, "<f4";
    u32, "<u4";
    u64, "<u8";
}

impl Number for bool {
    const DESCR: &'static str = "|b1";
    const BYTES: usize = 1;

    fn put(self, out: &mut Vec<u8>) {
        out.push(u8::from(self));
    }

    fn get(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }
}

impl NewFolder<'_> {
    /// Writes an array of as many numbers as its shape says.
    pub fn array<T: Number>(
        &mut self,
        path: &str,
        shape: &[usize],
        numbers: impl IntoIterator<Item = T>,
    ) -> Result<()> {
        let task = self.task();
        let mut file = self.file(path)?;
        file.write(&header(T::DESCR, shape))?;
        let mut piece = Vec::with_capacity(PIECE + 8);
        for number in numbers {
            number.put(&mut piece);
            if piece.len() >= PIECE {
                task.check()?;
                file.write(&piece)?;
                piece.clear();
            }
        }
        file.write(&piece)?;
        self.close(file, None)
    }
}

/// The bytes before the numbers, filled up with blanks so that those begin at a multiple of 64.
fn header(descr: &str, shape: &[usize]) -> Vec<u8> {
    let axes: Vec<String> = shape.iter().map(usize::to_string).collect();
    // A tuple of one has a comma in Python.
    let axes = axes.join(", ") + if shape.len() == 1 { "," } else { "" };
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({axes}), }}");
    let before = npy::MAGIC.len() + 4;
    let length = (before + text.len() + 1).next_multiple_of(64) - before;
    let mut bytes = npy::MAGIC.to_vec();
    bytes.extend([1, 0]);
    bytes.extend((length as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.resize(before + length - 1, b' ');
    bytes.push(b'\n');
    bytes
}

impl Folder<'_> {
    /// Reads an array of so many axes: its shape and its numbers.
    pub fn array<T: Number, const AXES: usize>(&self, path: &str) -> Result<([usize; AXES], Vec<T>)> {
        let (place, listed) = self.open(path)?;
        let failed = |cause| Error::io("reading the dump", cause).path(&place);
        let bad = |message: String| Error::new(Code::BadFile, message).help(REMEDY).path(&place);
        let file = File::open(&place).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let mut reader = BufReader::with_capacity(PIECE, file);
        let header = npy::Header::read(&mut reader, &place)?;
        if header.descr != T::DESCR || header.fortran {
            let message = format!("expected an array of {} in C order, found {}", T::DESCR, header.descr);
            return Err(bad(message));
        }
        let shape: Vec<usize> = header.shape.iter().map(|&axis| axis as usize).collect();
        let Ok(shape) = <[usize; AXES]>::try_from(shape) else {
            return Err(bad(format!("expected {AXES} axes, found {}", header.shape.len())));
        };
        let bytes = header.elements().and_then(|count| count.checked_mul(T::BYTES as u64));
        // Before memory is taken for what the header claims.
        if bytes.and_then(|bytes| bytes.checked_add(header.size)) != Some(length) {
            return Err(bad(format!("the array of shape {:?} does not fill {length} bytes", header.shape)));
        }
        let mut numbers = Vec::with_capacity(shape.iter().product());
        let mut piece = vec![0; PIECE];
        let mut left = length - header.size;
        while left > 0 {
            self.task().check()?;
            let piece = &mut piece[..left.min(PIECE as u64) as usize];
            reader.read_exact(piece).map_err(failed)?;
            for bytes in piece.chunks_exact(T::BYTES) {
                let wrong = || bad(format!("number {} is no {}", numbers.len(), T::DESCR));
                let number = T::get(bytes).ok_or_else(wrong)?;
                numbers.push(number);
            }
            left -= piece.len() as u64;
        }
        self.verify(&place, listed)?;
        Ok((shape, numbers))
    }
}

//! Number types of array files and how their bytes become `f64`.

use half::{bf16, f16};

/// A type of number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    F16,
    Bf16,
    F32,
    F64,
    Bool,
    Signed(u8),
    Unsigned(u8),
}

/// A type of number with its byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dtype {
    pub number: Number,
    pub big_endian: bool,
}

impl Dtype {
    /// A little-endian type.
    pub fn little(number: Number) -> Self {
        Dtype { number, big_endian: false }
    }

    /// From numpy's short notation: `<f2`, `>f4`, `|b1`, `i8`; `None` for what is no plain number.
    pub fn from_numpy(text: &str) -> Option<Self> {
        let (order, rest) = match text.as_bytes().first()? {
            b'<' | b'>' | b'=' | b'|' => (text.as_bytes()[0], &text[1..]),
            _ => (b'=', text),
        };
        let number = match rest {
            "f2" => Number::F16,
            "f4" => Number::F32,
            "f8" => Number::F64,
            "b1" | "?" => Number::Bool,
            "i1" => Number::Signed(1),
            "i2" => Number::Signed(2),
            "i4" => Number::Signed(4),
            "i8" => Number::Signed(8),
            "u1" => Number::Unsigned(1),
            "u2" => Number::Unsigned(2),
            "u4" => Number::Unsigned(4),
            "u8" => Number::Unsigned(8),
            _ => return None,
        };
        Some(Dtype { number, big_endian: order == b'>' || order == b'=' && cfg!(target_endian = "big") })
    }

    /// Bytes a number takes.
    pub fn size(self) -> usize {
        match self.number {
            Number::Bool => 1,
            Number::F16 | Number::Bf16 => 2,
            Number::F32 => 4,
            Number::F64 => 8,
            Number::Signed(size) | Number::Unsigned(size) => usize::from(size),
        }
    }

    /// Whether it is a floating-point type.
    pub fn is_float(self) -> bool {
        matches!(self.number, Number::F16 | Number::Bf16 | Number::F32 | Number::F64)
    }

    /// numpy's name: `float16`, `int64`, …
    pub fn name(self) -> String {
        match self.number {
            Number::F16 => "float16".into(),
            Number::Bf16 => "bfloat16".into(),
            Number::F32 => "float32".into(),
            Number::F64 => "float64".into(),
            Number::Bool => "bool".into(),
            Number::Signed(size) => format!("int{}", 8 * size),
            Number::Unsigned(size) => format!("uint{}", 8 * size),
        }
    }

    /// Appends the numbers in `bytes`; a rest that is no whole number is ignored. 64-bit integers past
    /// 2⁵³ are rounded; use [`integer`](Dtype::integer) where that matters.
    pub fn decode(self, bytes: &[u8], out: &mut Vec<f64>) {
        let size = self.size();
        let chunks = bytes.chunks_exact(size);
        match (self.number, self.big_endian) {
            (Number::F16, false) => {
                out.extend(chunks.map(|b| f64::from(f16::from_le_bytes([b[0], b[1]]))));
            }
            (Number::F32, false) => {
                out.extend(chunks.map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]]))));
            }
            _ => out.extend(chunks.map(|chunk| self.one(chunk))),
        }
    }

    fn one(self, chunk: &[u8]) -> f64 {
        let bits = self.bits(chunk);
        match self.number {
            Number::F16 => f64::from(f16::from_bits(bits as u16)),
            Number::Bf16 => f64::from(bf16::from_bits(bits as u16)),
            Number::F32 => f64::from(f32::from_bits(bits as u32)),
            Number::F64 => f64::from_bits(bits),
            Number::Bool | Number::Unsigned(_) => bits as f64,
            Number::Signed(_) => self.integer(chunk).unwrap_or_default() as f64,
        }
    }

    /// The integer in `chunk`; `None` for floating-point types and for what does not fit an `i64`.
    pub fn integer(self, chunk: &[u8]) -> Option<i64> {
        let bits = self.bits(chunk);
        match self.number {
            Number::Signed(size) => {
                let shift = 64 - 8 * u32::from(size);
                Some((bits << shift) as i64 >> shift)
            }
            Number::Unsigned(_) | Number::Bool => i64::try_from(bits).ok(),
            _ => None,
        }
    }

    fn bits(self, chunk: &[u8]) -> u64 {
        let mut bytes = [0u8; 8];
        for (i, &byte) in chunk.iter().take(8).enumerate() {
            let place = if self.big_endian { chunk.len().min(8) - 1 - i } else { i };
            bytes[place] = byte;
        }
        u64::from_le_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_numbers_in_either_order() {
        for (text, bytes, expected) in [
            ("<f2", vec![0, 0x3e, 0, 0xc0], vec![1.5, -2.0]),
            (">f2", vec![0x3e, 0], vec![1.5]),
            (">f4", vec![0x3f, 0xc0, 0, 0], vec![1.5]),
            ("<f8", 1e300f64.to_le_bytes().to_vec(), vec![1e300]),
            (">f8", (-0.25f64).to_be_bytes().to_vec(), vec![-0.25]),
            (">i2", vec![0xff, 0xfe], vec![-2.0]),
            ("|u1", vec![200, 7], vec![200.0, 7.0]),
            ("|b1", vec![1, 0], vec![1.0, 0.0]),
        ] {
            let mut found = Vec::new();
            Dtype::from_numpy(text).unwrap().decode(&bytes, &mut found);
            assert_eq!(found, expected, "{text}");
        }
        assert_eq!(Dtype::from_numpy("<f16"), None);
        assert_eq!(Dtype::from_numpy("|O"), None);
        assert_eq!(Dtype::from_numpy(""), None);
        assert_eq!(Dtype::from_numpy("<i8").unwrap().integer(&(-3i64).to_le_bytes()), Some(-3));
    }
}

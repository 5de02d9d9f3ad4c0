//! Cells of a sheet: values as text that gives back every bit.
//!
//! Texts have `\t`, `\n`, `\r` and `\\` for the characters that would end a cell or a line, and `\N`
//! stands for nothing at all. Floats are the shortest decimals that read back the same; of what is not
//! a number the sign and the payload are kept, since digests are taken over bits.

use std::fmt::Write as _;

use crate::store::Digest;

/// A value that a cell can hold.
pub trait Cell: Sized {
    /// What is expected, for messages.
    const FORM: &'static str;

    /// Appends the text.
    fn write(&self, out: &mut String);

    /// Reads the text back; nothing where it is no such value.
    fn read(text: &str) -> Option<Self>;
}

/// Stands for nothing.
const ABSENT: &str = "\\N";

macro_rules! integers {
    ($($type:ty)*) => {
        $(impl Cell for $type {
            const FORM: &'static str = "a whole number";

            fn write(&self, out: &mut String) {
                let _ = write!(out, "{self}");
            }

            fn read(text: &str) -> Option<Self> {
                text.parse().ok().filter(|_| text.bytes().all(|c| c.is_ascii_digit()))
            }
        })*
    };
}
integers!(u16 u32 u64 usize);

macro_rules! floats {
    ($($type:ty, $bits:ty, $quiet:literal;)*) => {
        $(impl Cell for $type {
            const FORM: &'static str = "a number";

            fn write(&self, out: &mut String) {
                const SIGN: $bits = 1 << (<$bits>::BITS - 1);
                let _ = match self.to_bits() {
                    _ if !self.is_nan() => write!(out, "{self:?}"),
                    $quiet => write!(out, "nan"),
                    bits if bits == $quiet | SIGN => write!(out, "-nan"),
                    bits => write!(out, "nan:{bits:x}"),
                };
            }

            fn read(text: &str) -> Option<Self> {
                const SIGN: $bits = 1 << (<$bits>::BITS - 1);
                match text {
                    "nan" => Some(<$type>::from_bits($quiet)),
                    "-nan" => Some(<$type>::from_bits($quiet | SIGN)),
                    _ => match text.strip_prefix("nan:") {
                        Some(bits) => {
                            let bits = <$bits>::from_str_radix(bits, 16).ok()?;
                            Some(<$type>::from_bits(bits)).filter(|number| number.is_nan())
                        }
                        None => text.parse().ok().filter(|number: &$type| !number.is_nan()),
                    },
                }
            }
        })*
    };
}
floats! {
    f32, u32, 0x7fc0_0000;
    f64, u64, 0x7ff8_0000_0000_0000;
}

impl Cell for bool {
    const FORM: &'static str = "0 or 1";

    fn write(&self, out: &mut String) {
        out.push(if *self { '1' } else { '0' });
    }

    fn read(text: &str) -> Option<Self> {
        match text {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        }
    }
}

impl Cell for String {
    const FORM: &'static str = "a text";

    fn write(&self, out: &mut String) {
        for c in self.chars() {
            match c {
                '\t' => out.push_str("\\t"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\\' => out.push_str("\\\\"),
                _ => out.push(c),
            }
        }
    }

    fn read(text: &str) -> Option<Self> {
        if !text.contains('\\') {
            return Some(text.to_string());
        }
        let mut plain = String::with_capacity(text.len());
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            plain.push(match c {
                '\\' => match chars.next()? {
                    't' => '\t',
                    'n' => '\n',
                    'r' => '\r',
                    '\\' => '\\',
                    _ => return None,
                },
                c => c,
            });
        }
        Some(plain)
    }
}

impl Cell for Digest {
    const FORM: &'static str = "64 hexadecimal digits";

    fn write(&self, out: &mut String) {
        let _ = write!(out, "{self}");
    }

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl<T: Cell> Cell for Option<T> {
    const FORM: &'static str = T::FORM;

    fn write(&self, out: &mut String) {
        match self {
            Some(value) => value.write(out),
            None => out.push_str(ABSENT),
        }
    }

    fn read(text: &str) -> Option<Self> {
        if text == ABSENT { Some(None) } else { T::read(text).map(Some) }
    }
}

/// Numbers, parted by commas.
impl<T: Cell + Copy> Cell for Vec<T> {
    const FORM: &'static str = "numbers parted by commas";

    fn write(&self, out: &mut String) {
        for (at, number) in self.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            number.write(out);
        }
    }

    fn read(text: &str) -> Option<Self> {
        if text.is_empty() { Some(Vec::new()) } else { text.split(',').map(T::read).collect() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn there_and_back<T: Cell>(value: &T) -> T {
        let mut text = String::new();
        value.write(&mut text);
        assert!(!text.contains(['\t', '\n', '\r']), "{text:?}");
        T::read(&text).unwrap_or_else(|| panic!("{text:?}"))
    }

    proptest! {
        #[test]
        fn every_float_comes_back_bit_by_bit(single: u32, double: u64) {
            prop_assert_eq!(there_and_back(&f32::from_bits(single)).to_bits(), single);
            prop_assert_eq!(there_and_back(&f64::from_bits(double)).to_bits(), double);
        }

        #[test]
        fn every_text_comes_back(text in any::<String>(), some: bool) {
            let text = some.then_some(text);
            prop_assert_eq!(there_and_back(&text), text);
        }
    }

    #[test]
    fn what_looks_like_nothing_is_not_nothing() {
        for text in ["", "\\N", "\\", "a\tb\r\nc\\t"] {
            assert_eq!(there_and_back(&Some(text.to_string())).as_deref(), Some(text));
        }
        assert_eq!(there_and_back::<Option<u32>>(&None), None);
        assert_eq!(there_and_back(&vec![1.5f32, -0.0]), [1.5, -0.0]);
        assert!(there_and_back::<Vec<f32>>(&Vec::new()).is_empty());
    }

    #[test]
    fn what_is_no_such_value_is_refused() {
        assert_eq!(String::read("a\\x"), None);
        assert_eq!(String::read("a\\"), None);
        assert_eq!(u32::read("4294967296"), None);
        assert_eq!(u32::read("+1"), None);
        assert_eq!(f32::read("NaN"), None);
        assert_eq!(f32::read("nan:3f800000"), None);
        assert_eq!(bool::read("true"), None);
        assert_eq!(Vec::<f32>::read("1,,2"), None);
    }
}

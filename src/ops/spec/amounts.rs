//! Sizes and durations as people write them.

use std::time::Duration;

use crate::error::{Code, Error, Result};

const SIZES: [(&str, u64); 9] = [
    ("b", 1),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
];

const TIMES: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// Reads `2GiB`, `512 MB`, or `none`: bytes.
pub fn size(text: &str) -> Result<Option<u64>> {
    quantity(text, &SIZES).ok_or_else(|| {
        Error::new(Code::OutOfRange, format!("`{text}` is no size"))
            .help("write a number and a unit, such as '2GiB' or '512MB'; 'none' lifts the limit")
    })
}

/// Reads `90s`, `10m`, `1.5h`, or `none`.
pub fn duration(text: &str) -> Result<Option<Duration>> {
    let found = quantity(text, &TIMES).ok_or_else(|| {
        Error::new(Code::OutOfRange, format!("`{text}` is no duration"))
            .help("write a number and a unit, such as '90s', '10m' or '2h'; 'none' lifts the limit")
    });
    Ok(found?.map(Duration::from_millis))
}

/// `Some(None)` for no limit; `None` for what cannot be read.
fn quantity(text: &str, units: &[(&str, u64)]) -> Option<Option<u64>> {
    let text = text.trim().to_ascii_lowercase();
    if ["none", "0"].contains(&&*text) {
        return Some(None);
    }
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    let number: f64 = number.trim().parse().ok()?;
    let amount = number * *scale as f64;
    (amount >= 1.0 && amount <= (1u64 << 53) as f64).then_some(Some(amount as u64))
}

/// A size as [`size`] reads it, exactly.
pub fn size_text(bytes: Option<u64>) -> String {
    let Some(bytes) = bytes else { return "none".to_string() };
    let binary = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match binary.into_iter().find(|(_, shift)| bytes.is_multiple_of(1 << shift)) {
        Some((unit, shift)) => format!("{}{unit}", bytes >> shift),
        None => format!("{bytes}B"),
    }
}

/// A duration as [`duration`] reads it, exactly.
pub fn duration_text(limit: Option<Duration>) -> String {
    let Some(limit) = limit else { return "none".to_string() };
    let millis = limit.as_millis() as u64;
    match TIMES.iter().rev().find(|(_, scale)| millis.is_multiple_of(*scale)) {
        Some((unit, scale)) => format!("{}{unit}", millis / scale),
        None => format!("{millis}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_are_read_as_they_are_written() {
        for (text, bytes) in [("2GiB", 2 << 30), ("512 MB", 512_000_000), ("1.5kib", 1536), ("7b", 7)] {
            let found = size(text).unwrap();
            assert_eq!(found, Some(bytes), "{text}");
            assert_eq!(size(&size_text(found)).unwrap(), found);
        }
        for (text, millis) in [("90s", 90_000), ("10m", 600_000), ("1.5h", 5_400_000), ("20ms", 20)] {
            let found = duration(text).unwrap();
            assert_eq!(found, Some(Duration::from_millis(millis)), "{text}");
            assert_eq!(duration(&duration_text(found)).unwrap(), found);
        }
        assert_eq!((size("none").unwrap(), duration("NONE").unwrap()), (None, None));
        for wrong in ["", "2", "GiB", "-1GiB", "2 gigs", "1e300TiB", "nan s", "0.1b"] {
            assert_eq!(size(wrong).unwrap_err().code(), Code::OutOfRange, "{wrong}");
            assert_eq!(duration(wrong).unwrap_err().code(), Code::OutOfRange, "{wrong}");
        }
    }
}

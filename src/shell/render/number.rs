//! Numbers as text: four significant digits for people, the shortest exact form for programs.

/// Four significant digits: `0.6671`, `12.35`, `12346`, `1.235e-7`.
pub fn four_digits(value: f64) -> String {
    if !value.is_finite() {
        return exact(value);
    }
    if value == 0.0 {
        return "0".to_string();
    }
    // The exponent after rounding to four digits, so that 9.9996 counts as 10.00.
    let scientific = format!("{value:.3e}");
    let exponent: i32 = scientific.split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0);
    match exponent {
        -4..=3 => format!("{value:.*}", (3 - exponent) as usize),
        4..=14 => format!("{value:.0}"),
        _ => scientific,
    }
}

/// The shortest text that reads back as the same number; `NaN`, `inf` and `-inf` as such.
pub fn exact(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    format!("{value:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_four_digits() {
        for (value, text) in [
            (0.667123, "0.6671"),
            (1.0, "1.000"),
            (-12.3456, "-12.35"),
            (9.99996, "10.00"),
            (999.96, "1000"),
            (12345.6, "12346"),
            (0.00012347, "0.0001235"),
            (0.000012347, "1.235e-5"),
            (1e20, "1.000e20"),
            (0.0, "0"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(four_digits(value), text, "{value:e}");
        }
    }

    #[test]
    fn programs_get_what_reads_back() {
        for value in [0.1, 1.0, 1.0 / 3.0, 1e300, 5e-324, -2.5e-9] {
            assert_eq!(exact(value).parse::<f64>().unwrap(), value);
        }
        assert_eq!(exact(0.9), "0.9");
        assert_eq!(exact(1e300), "1e300");
    }
}

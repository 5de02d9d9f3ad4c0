//! Literals as numbers on one axis.

use crate::kg::Literal;

/// The number a literal stands for, or `None` where it is a text.
///
/// Integers, decimals and doubles are themselves; groups of three digits may be set off by commas.
/// Dates, times and years are years with their fraction: `1948` (`gYear`) is 1948, the first of July
/// of 1948 some 1948.5; a zone is applied, unknown parts (`1948-##-##`) count as the first. So a year
/// told as an integer, a `gYear` and a date of that year lie close together. Datatypes are not
/// believed, as sources get them wrong, save that a literal with a language or of datatype string is
/// a text. Not finite: `None`.
pub fn quantity(literal: &Literal) -> Option<f64> {
    let datatype = literal.datatype.rsplit(['#', '/', ':']).next().unwrap_or("");
    if !literal.language.is_empty() || matches!(datatype, "string" | "langString" | "anyURI") {
        return None;
    }
    let text = literal.value.trim();
    if text.len() > 64 {
        return None;
    }
    number(text).or_else(|| date(text)).filter(|value| value.is_finite())
}

fn number(text: &str) -> Option<f64> {
    let digit = |c: char| c.is_ascii_digit();
    // `inf` and `nan` parse as numbers too; nothing without a digit is one here.
    if !text.contains(digit) {
        return None;
    }
    if !text.contains(',') {
        return text.parse().ok();
    }
    let (whole, _) = text.split_once('.').unwrap_or((text, ""));
    let mut groups = whole.trim_start_matches(['+', '-']).split(',');
    let first = groups.next()?;
    let grouped = (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
    if grouped { text.replace(',', "").parse().ok() } else { None }
}

/// `[-]YYYY[-MM[-DD[Thh:mm:ss[.fff]]]][Z|±hh:mm]` as a year with its fraction.
fn date(text: &str) -> Option<f64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (day, time) = match rest.split_once(['T', ' ']) {
        Some((day, time)) => (day, Some(time)),
        None => (rest, None),
    };
    let day = day.trim_end_matches('Z');
    let mut parts = day.splitn(4, '-');
    let year = parts.next()?;
    if !(3..=9).contains(&year.len()) || !year.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let year = sign * year.parse::<i64>().ok()?;
    let month = part(parts.next(), 1, 12)?;
    let day = part(parts.next(), 1, DAYS[month as usize - 1] + i64::from(month == 2 && leap(year)))?;
    if let Some(zone) = parts.next() {
        // A date with a zone west of Greenwich, such as 1948-05-03-05:00.
        clock(zone)?;
    }
    let seconds = time.map_or(Some(0.0), of_day)?;
    let before: i64 = DAYS[..month as usize - 1].iter().sum::<i64>() + i64::from(month > 2 && leap(year));
    let length = if leap(year) { 366.0 } else { 365.0 };
    Some(year as f64 + ((before + day - 1) as f64 + seconds / 86_400.0) / length)
}

const DAYS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// A month or a day: absent, `##` or `00` count as 1. A zone `+01:00` after it is dropped.
fn part(text: Option<&str>, low: i64, high: i64) -> Option<i64> {
    let Some(text) = text else { return Some(1) };
    let text = text.split('+').next().unwrap_or(text);
    if matches!(text, "##" | "00" | "XX" | "xx") {
        return Some(1);
    }
    if text.len() != 2 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|value| (low..=high).contains(value))
}

/// `hh:mm` in minutes.
fn clock(text: &str) -> Option<f64> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 24 && minutes < 60).then(|| f64::from(hours * 60 + minutes))
}

/// Seconds of the day in universal time; past either end of the day where a zone says so.
fn of_day(text: &str) -> Option<f64> {
    let text = text.trim_end_matches('Z');
    let (local, zone) = match text.rfind(['+', '-']) {
        Some(at) => {
            let minutes = clock(&text[at + 1..])?;
            (&text[..at], if text[at..].starts_with('-') { minutes } else { -minutes })
        }
        None => (text, 0.0),
    };
    let mut parts = local.splitn(3, ':');
    let clock = clock(&format!("{}:{}", parts.next()?, parts.next()?))?;
    let seconds: f64 = parts.next().map_or(Ok(0.0), str::parse).ok()?;
    (0.0..61.0).contains(&seconds).then_some((clock + zone) * 60.0 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn q(value: &str) -> Option<f64> {
        quantity(&Literal { value: value.into(), ..Literal::default() })
    }

    #[test]
    fn numbers_years_and_dates_lie_on_one_axis() {
        let cases = [
            ("42", 42.0),
            (" -1.5e3 ", -1500.0),
            ("+7", 7.0),
            ("1,234,567.5", 1_234_567.5),
            ("3.0E7", 3e7),
            ("1948-01-01", 1948.0),
            ("1948-##-##", 1948.0),
            ("1948Z", 1948.0),
            ("1948-07", 1948.0 + 182.0 / 366.0),
            ("2001-12-31T12:00:00Z", 2001.0 + 364.5 / 365.0),
            ("2001-01-01T01:00:00+01:00", 2001.0),
            ("2001-01-02-05:00", 2001.0 + 1.0 / 365.0),
            ("-0044-03-15", -44.0 + 74.0 / 366.0),
        ];
        for (text, expected) in cases {
            let got = q(text).unwrap_or(f64::NAN);
            assert!((got - expected).abs() < 1e-9, "{text}: {got}, expected {expected}");
        }
    }

    #[test]
    fn texts_are_no_numbers() {
        for text in ["", "abc", "nan", "inf", "1e999", "12,34", "1948-13-01", "1948-02-30", "5 m", "1.2.3"] {
            assert_eq!(q(text), None, "{text}");
        }
        let tagged = Literal { value: "1984".into(), language: "en".into(), ..Literal::default() };
        assert_eq!(quantity(&tagged), None);
        let typed = Literal {
            value: "1984".into(),
            datatype: "http://www.w3.org/2001/XMLSchema#string".into(),
            ..Literal::default()
        };
        assert_eq!(quantity(&typed), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[-+0-9T:Z#., eÉ]{0,24}") {
            prop_assert!(q(&text).is_none_or(f64::is_finite));
        }
    }
}

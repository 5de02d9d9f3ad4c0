//! Dates as years with their fraction.

const DAYS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// A time as precisely as it was told, in years of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::features) struct Moment {
    /// Its beginning, a year with its fraction.
    pub start: f64,
    /// How long what was named lasts: a year, a month, a day; 0 for a time of day.
    pub length: f64,
}

impl Moment {
    /// A year, told as a number; `None` where that is not whole or too far away to be a year.
    pub(super) fn year(year: f64) -> Option<Moment> {
        (year.fract() == 0.0 && year.abs() < 1e9).then_some(Moment { start: year, length: 1.0 })
    }

    /// The middle of it.
    pub fn middle(&self) -> f64 {
        self.start + self.length / 2.0
    }
}

/// `[-]YYYY[-MM[-DD[Thh:mm:ss[.fff]]]][Z|±hh:mm]`.
pub(super) fn date(text: &str) -> Option<Moment> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (day, time) = match rest.split_once(['T', ' ']) {
        Some((day, time)) => (day, Some(time)),
        None => (rest, None),
    };
    let mut parts = without_zone(day).splitn(4, '-');
    let year = parts.next()?;
    if !(3..=9).contains(&year.len()) || !year.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let year = sign * year.parse::<i64>().ok()?;
    let days = if leap(year) { 366.0 } else { 365.0 };
    let told_month = part(parts.next(), 1, 12)?;
    let month = told_month.unwrap_or(1);
    let of_month = DAYS[month as usize - 1] + i64::from(month == 2 && leap(year));
    let told_day = part(parts.next(), 1, of_month)?;
    if let Some(zone) = parts.next() {
        // A zone west of Greenwich in another spelling, such as 1948-05-03-5:00.
        clock(zone)?;
    }
    let seconds = time.map_or(Some(0.0), of_day)?;
    let before: i64 = DAYS[..month as usize - 1].iter().sum::<i64>() + i64::from(month > 2 && leap(year));
    let passed = (before + told_day.unwrap_or(1) - 1) as f64 + seconds / 86_400.0;
    let length = match (told_month, told_day, time) {
        (None, ..) => 1.0,
        (_, None, _) => of_month as f64 / days,
        (.., None) => 1.0 / days,
        (.., Some(_)) => 0.0,
    };
    Some(Moment { start: year as f64 + passed / days, length })
}

/// `--MM[-DD]` as a fraction of a leap year, so that each day of a year has its place.
pub(super) fn of_year(text: &str) -> Option<f64> {
    let rest = text.strip_prefix("--")?;
    // A leap year whose number is zero.
    Some(date(&format!("0000-{}", rest.trim_end_matches('-')))?.start)
}

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// A year, month or day without the zone behind it, which moves it by less than it lasts.
fn without_zone(text: &str) -> &str {
    let text = text.trim_end_matches('Z');
    match text.rfind(['+', '-']) {
        Some(at) if text.len() - at == 6 && clock(&text[at + 1..]).is_some() => &text[..at],
        _ => text,
    }
}

/// A month or a day; `Some(None)` where it is absent, `##` or `00`.
fn part(text: Option<&str>, low: i64, high: i64) -> Option<Option<i64>> {
    let Some(text) = text else { return Some(None) };
    let text = text.split('+').next().unwrap_or(text);
    if matches!(text, "##" | "00" | "XX" | "xx") {
        return Some(None);
    }
    if text.len() != 2 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|value| (low..=high).contains(value)).map(Some)
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

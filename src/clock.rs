//! The time of day, as records and people want it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

/// A time in seconds since 1970 as UTC: `2026-11-21 13:37:00Z`.
pub(crate) fn utc(seconds: u64) -> String {
    // Days to a civil date: years are counted from March, so that the leap day comes last.
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{:02}Z", second % 60)
}

/// Seconds since 1970 at the beginning of a day written as `2026-11-21`; `None` for anything else.
pub(crate) fn seconds(day: &str) -> Option<u64> {
    let mut parts = day.get(..10)?.split('-').map(|part| part.parse::<u64>().ok());
    let (year, month, date) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&date) {
        return None;
    }
    // Years begin in March, so that the leap day comes last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * month + 2) / 5 + date - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    Some((days - 719_468) * 86_400)
}

/// The UTC day of a time in seconds since 1970: `2026-11-21`.
pub(crate) fn day(seconds: u64) -> String {
    utc(seconds).chars().take_while(|c| *c != ' ').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_civil() {
        assert_eq!(utc(0), "1970-01-01 00:00:00Z");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00:00Z");
        assert_eq!(utc(1_798_761_599), "2026-12-31 23:59:59Z");
        assert_eq!(day(1_795_219_200), "2026-11-21");
        assert_eq!(seconds("2026-11-21"), Some(1_795_219_200));
        assert_eq!((seconds("2000-02-29"), seconds("1970-01-01")), (Some(951_782_400), Some(0)));
        assert_eq!((seconds("yesterday"), seconds("2026-13-01"), seconds("")), (None, None, None));
    }
}

//! XSD durations as seconds.

/// Seconds of a day.
pub(super) const DAY: f64 = 86_400.0;
/// Seconds of a month: the twelfth part of 365.25 days.
pub(super) const MONTH: f64 = 30.4375 * DAY;

/// `[-]PnYnMnDTnHnMnS` in seconds: parts in that order, at least one of them, and one behind a `T`; only
/// seconds may have a fraction (XML Schema 1.1 part 2, 3.3.6). `None` for what is otherwise.
pub(super) fn seconds(text: &str) -> Option<f64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    let rest = rest.strip_prefix('P')?;
    let (days, time) = match rest.split_once('T') {
        Some((_, "")) => return None,
        Some((days, time)) => (days, time),
        None => (rest, ""),
    };
    if rest.is_empty() {
        return None;
    }
    let days = sum(days, &[('Y', 12.0 * MONTH), ('M', MONTH), ('D', DAY)])?;
    Some(sign * (days + sum(time, &[('H', 3600.0), ('M', 60.0), ('S', 1.0)])?))
}

/// Numbers, each with a letter behind it, in the order of the letters.
fn sum(mut text: &str, letters: &[(char, f64)]) -> Option<f64> {
    let (mut total, mut left) = (0.0, letters.iter());
    while !text.is_empty() {
        let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let letter = text[end..].chars().next()?;
        let (_, seconds) = left.find(|(known, _)| *known == letter)?;
        let (whole, fraction) = text[..end].split_once('.').unwrap_or((&text[..end], "0"));
        if whole.is_empty() || fraction.is_empty() || (letter != 'S' && text[..end].contains('.')) {
            return None;
        }
        total += text[..end].parse::<f64>().ok()? * seconds;
        text = &text[end + 1..];
    }
    Some(total)
}

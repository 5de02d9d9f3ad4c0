//! Literals as numbers on one axis.

mod date;
mod duration;
mod unit;

pub(super) use date::Moment;

use crate::kg::Literal;

/// Characters beyond which a literal is a text.
const LONGEST: usize = 64;

/// The number a literal stands for, or `None` where it is a text.
///
/// - Integers, decimals and doubles are themselves; groups of three digits may be set off by commas. A
///   comma is never taken for a decimal point: `1,234` would be two numbers.
/// - Dates, times and years are years with their fraction: `1948` (`gYear`) is 1948, the first of July
///   of 1948 some 1948.5; a zone is applied to a time, unknown parts (`1948-##-##`) count as the first. So
///   a year told as an integer, a `gYear` and a date of that year lie close together. `--05-03`
///   (`gMonthDay`) and `--05` (`gMonth`) are fractions of a leap year.
/// - Durations (`P1Y2M3DT4H5M6S`) are seconds, a month having 30.4375 days.
/// - A number with a unit, behind it (`5 km`, `70kg`, `12 °C`) or as its datatype
///   (`http://dbpedia.org/datatype/kilometre`), is told in the SI unit of its dimension. Behind a number
///   that nobody wrote as a quantity stands a word that is no unit (`12 Monkeys`): that is a text.
///
/// Datatypes are otherwise not believed, as sources get them wrong, save that a literal with a language
/// or of datatype string is a text. Not finite: `None`.
pub fn quantity(literal: &Literal) -> Option<f64> {
    let (text, datatype) = told(literal)?;
    let plain = || match (number(text)?, unit::named(datatype)) {
        (value, Some(unit)) => Some(unit.applied(value)),
        (value, None) => Some(value),
    };
    let found = plain()
        .or_else(|| date::date(text).map(|moment| moment.start))
        .or_else(|| date::of_year(text))
        .or_else(|| duration::seconds(text))
        .or_else(|| measured(text));
    found.filter(|value| value.is_finite())
}

/// The time a literal names, or `None` where it names none: what has the form of a date, and integers of
/// the datatype `gYear`. Any other integer is a number.
pub(super) fn moment(literal: &Literal) -> Option<Moment> {
    let (text, datatype) = told(literal)?;
    match number(text) {
        Some(year) if datatype == "gYear" => Moment::year(year),
        Some(_) => None,
        None => date::date(text),
    }
}

/// What a literal says, trimmed, and the last part of its datatype, if it is short and not declared a
/// text.
fn told(literal: &Literal) -> Option<(&str, &str)> {
    let datatype = literal.datatype.rsplit(['#', '/', ':']).next().unwrap_or("");
    if !literal.language.is_empty() || matches!(datatype, "string" | "langString" | "anyURI") {
        return None;
    }
    let text = literal.value.trim();
    (text.len() <= LONGEST).then_some((text, datatype))
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
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut groups = whole.trim_start_matches(['+', '-']).split(',');
    let first = groups.next()?;
    let grouped = (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
    if grouped && !fraction.contains(',') { text.replace(',', "").parse().ok() } else { None }
}

/// A number with a unit behind it.
fn measured(text: &str) -> Option<f64> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || "+-.,".contains(c)))?;
    let (value, unit) = text.split_at(end);
    Some(unit::written(unit.trim())?.applied(number(value)?))
}

#[cfg(test)]
mod tests;

//! Units of measure, told in SI.

use super::duration::{DAY, MONTH};

/// What a unit makes of a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Unit {
    factor: f64,
    offset: f64,
}

impl Unit {
    /// A number of this unit in that of SI. Rounded to twelve digits, so that 57 cm and 0.57 m are equal
    /// although a hundredth is no binary fraction.
    pub(super) fn applied(&self, value: f64) -> f64 {
        let exact = value * self.factor + self.offset;
        format!("{exact:.11e}").parse().unwrap_or(exact)
    }
}

const PREFIXES: [(&str, &str, f64); 11] = [
    ("giga", "G", 1e9),
    ("mega", "M", 1e6),
    ("kilo", "k", 1e3),
    ("hecto", "h", 1e2),
    ("deca", "da", 1e1),
    ("deci", "d", 1e-1),
    ("centi", "c", 1e-2),
    ("milli", "m", 1e-3),
    ("micro", "µ", 1e-6),
    ("micro", "μ", 1e-6),
    ("nano", "n", 1e-9),
];

/// Units that take prefixes: name, sign, factor. The sign of a newton or a watt stands for a unit only
/// behind a prefix, as `51.5 N` and `0.1 W` are places.
const METRIC: [(&str, &str, f64); 15] = [
    ("metre", "m", 1.0),
    ("meter", "m", 1.0),
    ("gram", "g", 1e-3),
    ("gramme", "g", 1e-3),
    ("second", "s", 1.0),
    ("litre", "l", 1e-3),
    ("liter", "L", 1e-3),
    ("hertz", "Hz", 1.0),
    ("newton", "N", 1.0),
    ("watt", "W", 1.0),
    ("joule", "J", 1.0),
    ("pascal", "Pa", 1.0),
    ("volt", "V", 1.0),
    ("bar", "bar", 1e5),
    ("calorie", "cal", 4.184),
];

/// Units that take none: name, further name or sign, factor.
const OTHERS: [(&str, &str, f64); 29] = [
    ("minute", "min", 60.0),
    ("hour", "h", 3600.0),
    ("hour", "hr", 3600.0),
    ("day", "d", DAY),
    ("week", "wk", 7.0 * DAY),
    ("month", "mo", MONTH),
    ("year", "yr", 12.0 * MONTH),
    ("inch", "in", 0.0254),
    ("inches", "″", 0.0254),
    ("foot", "ft", 0.3048),
    ("feet", "′", 0.3048),
    ("yard", "yd", 0.9144),
    ("mile", "mi", 1609.344),
    ("nauticalmile", "nmi", 1852.0),
    ("tonne", "t", 1000.0),
    ("pound", "lb", 0.453_592_37),
    ("pound", "lbs", 0.453_592_37),
    ("ounce", "oz", 0.028_349_523_125),
    ("stone", "stones", 6.350_293_18),
    ("hectare", "ha", 1e4),
    ("acre", "ac", 4_046.856_422_4),
    ("gallon", "gal", 0.003_785_411_784),
    ("knot", "kn", 1852.0 / 3600.0),
    ("milesperhour", "mph", 0.447_04),
    ("kilometresperhour", "kmh", 1.0 / 3.6),
    ("horsepower", "hp", 745.699_871_582_270_2),
    ("percent", "%", 0.01),
    ("kelvin", "K", 1.0),
    ("inhabitants", "inhabitant", 1.0),
];

/// Degrees with another zero than the kelvin: name, sign, kelvins of a degree, kelvins at zero.
const TEMPERATURES: [(&str, &str, f64, f64); 2] =
    [("celsius", "°C", 1.0, 273.15), ("fahrenheit", "°F", 5.0 / 9.0, 459.67 * 5.0 / 9.0)];

/// The unit a datatype names, as DBpedia spells them: `kilometre`, `squareKilometre`,
/// `inhabitantsPerSquareKilometre`, `degreeCelsius`.
pub(super) fn named(datatype: &str) -> Option<Unit> {
    // XSD's types are no units; most literals have one of them or none.
    match datatype {
        "" | "integer" | "decimal" | "double" | "float" | "gYear" | "date" | "dateTime" => None,
        _ => word(datatype),
    }
}

/// The unit that is written behind a number: a sign (`km`, `m²`, `km/h`, `°C`) or a word
/// (`kilometres`, `square miles`).
pub(super) fn written(text: &str) -> Option<Unit> {
    if let Some((_, _, factor, offset)) = TEMPERATURES.iter().find(|(_, sign, ..)| *sign == text) {
        return Some(Unit { factor: *factor, offset: *offset });
    }
    let sign = match text.split_once('/') {
        Some((above, below)) => sign(above).zip(sign(below)).map(|(above, below)| above / below),
        None => sign(text),
    };
    sign.map(|factor| Unit { factor, offset: 0.0 }).or_else(|| word(text))
}

/// A sign with its power behind it.
fn sign(text: &str) -> Option<f64> {
    let text = text.trim();
    for (ending, power) in [("²", 2), ("^2", 2), ("2", 2), ("³", 3), ("^3", 3), ("3", 3)] {
        if let Some(plain) = text.strip_suffix(ending) {
            return Some(sign_alone(plain)?.powi(power));
        }
    }
    sign_alone(text)
}

fn sign_alone(text: &str) -> Option<f64> {
    let other = || OTHERS.iter().find(|(_, sign, _)| *sign == text).map(|(.., factor)| *factor);
    let metric = |sign: &str| METRIC.iter().find(|(_, known, _)| *known == sign).map(|(.., factor)| *factor);
    let alone = || metric(text).filter(|_| !matches!(text, "N" | "W"));
    let prefixed =
        || PREFIXES.iter().find_map(|(_, prefix, times)| Some(metric(text.strip_prefix(prefix)?)? * times));
    other().or_else(alone).or_else(prefixed)
}

/// A unit by its name, in camel case or of several words.
fn word(text: &str) -> Option<Unit> {
    let name: String = text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
    let degrees = name.strip_prefix("degrees").or(name.strip_prefix("degree")).unwrap_or(&name);
    if let Some((_, _, factor, offset)) = TEMPERATURES.iter().find(|(known, ..)| *known == degrees) {
        return Some(Unit { factor: *factor, offset: *offset });
    }
    let factor = one(&name).or_else(|| {
        let (above, below) = name.split_once("per")?;
        Some(one(above)? / one(below)?)
    })?;
    Some(Unit { factor, offset: 0.0 })
}

/// One unit by its name, with its power before it.
fn one(name: &str) -> Option<f64> {
    for (beginning, power) in [("square", 2), ("cubic", 3)] {
        if let Some(plain) = name.strip_prefix(beginning) {
            return Some(singular(plain)?.powi(power));
        }
    }
    singular(name)
}

fn singular(name: &str) -> Option<f64> {
    let exact = |name: &str| {
        let other = OTHERS.iter().find(|(known, ..)| *known == name).map(|(.., factor)| *factor);
        let metric =
            |name: &str| METRIC.iter().find(|(known, ..)| *known == name).map(|(.., factor)| *factor);
        let prefixed = || {
            PREFIXES.iter().find_map(|(prefix, _, times)| Some(metric(name.strip_prefix(prefix)?)? * times))
        };
        other.or_else(|| metric(name)).or_else(prefixed)
    };
    exact(name).or_else(|| exact(name.strip_suffix('s')?))
}

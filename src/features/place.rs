//! Literals as places on Earth.

use crate::kg::Literal;

/// Characters beyond which a literal is a text.
const LONGEST: usize = 256;

/// A place on Earth, in degrees (WGS 84).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    /// From -90 (south) to 90.
    pub latitude: f64,
    /// From -180 (west) to 180.
    pub longitude: f64,
}

impl Place {
    /// `None` where there is no such place.
    pub fn new(latitude: f64, longitude: f64) -> Option<Place> {
        let there = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        there.then_some(Place { latitude, longitude })
    }

    /// The place a literal tells by its form, whatever its datatype: a point in WKT, degrees with
    /// hemispheres (`51.5 N 0.1 W`, `51°30′26″N 0°7′39″W`), or latitude and longitude, both with a decimal
    /// point, as two whole numbers may be anything.
    pub fn of(literal: &Literal) -> Option<Place> {
        let text = text(literal)?;
        let decimal = || pair(text).filter(|_| text.matches('.').count() == 2);
        well_known(text).or_else(decimal).or_else(|| hemispheres(text))
    }

    /// The same of an attribute that is known to tell places: latitude and longitude may be whole.
    pub fn told(literal: &Literal) -> Option<Place> {
        Place::of(literal).or_else(|| pair(text(literal)?))
    }
}

fn text(literal: &Literal) -> Option<&str> {
    let text = literal.value.trim();
    (text.len() <= LONGEST).then_some(text)
}

/// A decimal number, without the exponents, infinities and blanks that floats may have.
fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+'));
    text.parse().ok().filter(|_| plain)
}

/// `latitude longitude`, with a blank, a comma or a semicolon between.
fn pair(text: &str) -> Option<Place> {
    let between = |c: char| c.is_whitespace() || matches!(c, ',' | ';');
    let mut parts = text.split(between).filter(|part| !part.is_empty());
    let (latitude, longitude) = (number(parts.next()?)?, number(parts.next()?)?);
    if parts.next().is_some() { None } else { Place::new(latitude, longitude) }
}

/// `POINT(longitude latitude)` with an optional height, behind the reference system that it may name:
/// as an IRI (GeoSPARQL 1.1, 8.5.1; EPSG 4326 has the latitude first, as the standard wants, without one it
/// is CRS 84) or as `SRID=4326;` (PostGIS, longitude first). Other systems are other planets, or grids of
/// metres.
fn well_known(text: &str) -> Option<Place> {
    let mut text = text.to_ascii_lowercase();
    let mut latitude_first = false;
    if let Some((system, rest)) = text.strip_prefix('<').and_then(|text| text.split_once('>')) {
        latitude_first = system.ends_with("/4326");
        if !latitude_first && !system.ends_with("/crs84") {
            return None;
        }
        text = rest.trim().to_string();
    }
    let text = text.strip_prefix("srid=4326;").unwrap_or(&text).trim_start();
    let inner = text.strip_prefix("point")?.trim_start().trim_start_matches(['z', 'm']).trim_start();
    let inner = inner.strip_prefix('(')?.strip_suffix(')')?;
    let numbers: Option<Vec<f64>> = inner.split_whitespace().map(number).collect();
    match numbers?.as_slice() {
        [latitude, longitude, ..] if latitude_first => Place::new(*latitude, *longitude),
        [longitude, latitude, ..] => Place::new(*latitude, *longitude),
        _ => None,
    }
}

/// Degrees, and perhaps minutes and seconds, each followed by its hemisphere, in either order.
fn hemispheres(text: &str) -> Option<Place> {
    let (mut latitude, mut longitude) = (None, None);
    for piece in text.split_inclusive(['N', 'S', 'E', 'W']) {
        let hemisphere = piece.chars().next_back()?;
        let body = piece.strip_suffix(hemisphere)?;
        let known = |c: char| c.is_ascii_digit() || c.is_whitespace() || ".,°º'′’\"″”".contains(c);
        if !body.chars().all(known) {
            return None;
        }
        let parts = body.split(|c: char| !(c.is_ascii_digit() || c == '.')).filter(|part| !part.is_empty());
        let parts: Option<Vec<f64>> = parts.map(number).collect();
        let degrees = match parts?.as_slice() {
            [degrees] => *degrees,
            [degrees, minutes] if *minutes < 60.0 => degrees + minutes / 60.0,
            [degrees, minutes, seconds] if *minutes < 60.0 && *seconds < 60.0 => {
                degrees + minutes / 60.0 + seconds / 3600.0
            }
            _ => return None,
        };
        let earlier = match hemisphere {
            'N' => latitude.replace(degrees),
            'S' => latitude.replace(-degrees),
            'E' => longitude.replace(degrees),
            'W' => longitude.replace(-degrees),
            _ => return None,
        };
        if earlier.is_some() {
            return None;
        }
    }
    Place::new(latitude?, longitude?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Option<(f64, f64)> {
        let literal = Literal { value: text.into(), ..Literal::default() };
        Place::of(&literal).map(|place| (place.latitude, place.longitude))
    }

    #[test]
    fn places_have_many_forms() {
        let forms = [
            "POINT(-0.125 51.5)",
            "Point (-0.125 51.5)",
            "point z(-0.125 51.5 35)",
            "POINTZ (-0.125 51.5 35)",
            "<http://www.opengis.net/def/crs/OGC/1.3/CRS84> POINT(-0.125 51.5)",
            "<http://www.opengis.net/def/crs/EPSG/0/4326> POINT(51.5 -0.125)",
            "SRID=4326;POINT(-0.125 51.5)",
            "51.5 -0.125",
            "51.5, -0.125",
            "+51.5;-0.125",
            "51.5 N 0.125 W",
            "0.125W, 51.5N",
            "51°30′N 0°7′30″W",
            "51° 30' 0.0\" N, 0° 7' 30.0\" W",
        ];
        for form in forms {
            assert_eq!(of(form), Some((51.5, -0.125)), "{form}");
        }
    }

    #[test]
    fn what_is_out_of_range_or_of_another_form_is_no_place() {
        let texts = [
            "",
            "POINT EMPTY",
            "POINT(181.0 0.0)",
            "POINT(0.0 91.0)",
            "POINT(1.0)",
            "POLYGON((0 0,1 1,1 0,0 0))",
            "<http://www.wikidata.org/entity/Q405> Point(1.5 2.5)",
            "SRID=27700;POINT(530000 180000)",
            "91.5 0.5",
            "51 0",
            "51.5",
            "51.5 0.1 3.5",
            "inf nan",
            "1.5e0 2.5e0",
            "51.5 N",
            "51.5 N 0.1 N",
            "51 61 0 N 0 1 0 W",
            "x51.5 N 0.1 W",
            "51.5 N 0.1 W north",
        ];
        for text in texts {
            assert_eq!(of(text), None, "{text}");
        }
        let whole = Literal { value: "51 0".into(), ..Literal::default() };
        assert_eq!(Place::told(&whole), Place::new(51.0, 0.0));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(POINT|point ?Z?)?[-+0-9. ,;()NSEW°′é]{0,24}") {
            let found = of(&text);
            prop_assert!(found.is_none_or(|(lat, long)| lat.abs() <= 90.0 && long.abs() <= 180.0));
        }
    }
}

//! The modality `geo`: where on Earth entities are.

use std::collections::BTreeMap;

use super::axis::{self, Row};
use super::place::Place;
use super::{OwnedFeature, quantity, text};
use crate::error::{Code, Error, Result};
use crate::kg::{AttributeTriple, Graph};
use crate::task::Task;

/// Mean radius of the Earth (IUGG), in kilometres.
const RADIUS: f64 = 6371.0088;

/// Kilometres of a cell in the coarsest grid; each further one has cells of a third of that.
const COARSEST: f64 = 2000.0;

/// Number of grids; the finest has cells of 914 m.
const GRIDS: u32 = 8;

/// Coordinates of entities, as sparse unit rows.
///
/// Places are read from literals of a telling form (points in WKT, `51.5, -0.1`, `51.5 N 0.1 W`), from
/// latitudes and longitudes without a decimal point in attributes named after places (`georss:point`), and
/// from pairs of attributes of an entity whose names end in `lat` or `latitude` and in `long`, `lng`, `lon` or
/// `longitude` and begin alike (`wgs84_pos#lat` and `wgs84_pos#long`). Names of attributes play no other
/// part.
///
/// A place is a point of the unit sphere in space, so that neither the poles nor the date line are
/// seams. Space is seen through eight cubic grids of cells from 2,000 km to 914 m, as
/// [`numeric`](super::numeric()) sees an axis: each of the eight corners of the cell around the point
/// holds the product of what the three axes give it. The cosine of two places thus is the mean of what
/// the grids say, which falls from 1, where they are equal, by about an eighth each time their distance is
/// tripled from half a kilometre on, to 0. (Cells are not round: the distance at which it has fallen by so
/// much differs with the direction, by up to √3.) Several places of an entity are added up. Entities without
/// a place are missing.
///
/// Fails with [`Code::MissingData`] if a side has no places.
pub fn geo(left: &Graph, right: &Graph, task: &Task) -> Result<(OwnedFeature, OwnedFeature)> {
    task.phase("reading coordinates", None);
    let rows = [rows(left, "left", task)?, rows(right, "right", task)?];
    axis::numbered(rows, task)
}

type Rows = Vec<Vec<(u64, f32)>>;

fn rows(graph: &Graph, side: &str, task: &Task) -> Result<Rows> {
    let roles: Vec<Role> = graph.attributes.iter().map(Role::of).collect();
    let mut rows = Rows::with_capacity(graph.len());
    let found = axis::by_entity(graph, &graph.attribute_triples, |triple| triple.entity);
    for (i, triples) in found.enumerate() {
        if i % (1 << 14) == 0 {
            task.check()?;
        }
        rows.push(encode(&places(triples, &roles)));
    }
    if rows.iter().all(Vec::is_empty) {
        let message = format!("the {side} graph has no coordinates");
        return Err(Error::new(Code::MissingData, message).help(
            "they are read from points in WKT, `latitude longitude`, and attributes named lat and long",
        ));
    }
    Ok(rows)
}

/// What an attribute tells of places, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Role {
    /// A latitude; what stands before that word.
    Latitude(String),
    /// A longitude likewise.
    Longitude(String),
    /// Both.
    Place,
    /// Nothing, unless its values do.
    Other,
}

impl Role {
    fn of(iri: &str) -> Role {
        let term = text::term(iri);
        let (before, last) = term.rsplit_once(' ').unwrap_or(("", &term));
        let begun = |word: &str| Some(format!("{before} {}", last.strip_suffix(word)?));
        let alone = |words: &[&str]| words.contains(&last).then(|| format!("{before} "));
        if let Some(before) = alone(&["lat"]).or_else(|| begun("latitude")) {
            return Role::Latitude(before);
        }
        if let Some(before) = alone(&["long", "lng", "lon"]).or_else(|| begun("longitude")) {
            return Role::Longitude(before);
        }
        let told = ["point", "coordinate", "coordinates", "coord", "coords", "geo", "location", "position"];
        if term.split(' ').any(|word| told.contains(&word)) { Role::Place } else { Role::Other }
    }
}

/// The places of an entity.
fn places(triples: &[AttributeTriple], roles: &[Role]) -> Vec<Place> {
    let mut places = Vec::new();
    let mut halves: BTreeMap<&str, [Vec<f64>; 2]> = BTreeMap::new();
    for triple in triples {
        let Some(literal) = &triple.literal else { continue };
        let mut half = |before, which: usize| {
            if let Some(value) = quantity(literal) {
                halves.entry(before).or_default()[which].push(value);
            }
        };
        match &roles[triple.attribute as usize] {
            Role::Latitude(before) => half(before.as_str(), 0),
            Role::Longitude(before) => half(before.as_str(), 1),
            Role::Place => places.extend(Place::told(literal)),
            Role::Other => places.extend(Place::of(literal)),
        }
    }
    for [latitudes, longitudes] in halves.into_values() {
        // Several are as a rule one place told twice, with more digits or fewer; which belong together
        // is not known.
        let most = |values: &[f64]| values.len().min(3);
        for latitude in &latitudes[..most(&latitudes)] {
            let pairs = longitudes[..most(&longitudes)].iter();
            places.extend(pairs.filter_map(|longitude| Place::new(*latitude, *longitude)));
        }
    }
    places
}

/// The row of an entity with such places.
fn encode(places: &[Place]) -> Vec<(u64, f32)> {
    let mut row = Row::default();
    for place in places {
        let (latitude, longitude) = (place.latitude.to_radians(), place.longitude.to_radians());
        let point = [latitude.cos() * longitude.cos(), latitude.cos() * longitude.sin(), latitude.sin()];
        for grid in 0..GRIDS {
            let cell = COARSEST / 3f64.powi(grid as i32) / RADIUS;
            // From 0 up: at most 14,000 cells on an axis.
            let at = point.map(|x| (x + 1.0) / cell);
            let seen = at.map(|at| axis::seen(at.fract()));
            for corner in 0..8usize {
                let end = [corner & 1, corner >> 1 & 1, corner >> 2];
                let weight: f64 = (0..3).map(|axis| seen[axis][end[axis]]).product();
                let column = (0..3).fold(u64::from(grid), |column, axis| {
                    column << 16 | (at[axis] as u64 + end[axis] as u64)
                });
                row.add(column, weight);
            }
        }
    }
    row.close();
    row.unit()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::features::sparse::cosine;
    use crate::kg::{GraphBuilder, Literal};

    fn graph(values: &[(&str, &str, &str)]) -> Graph {
        let mut builder = GraphBuilder::new();
        for &(entity, attribute, value) in values {
            let (entity, attribute) = (builder.entity(entity), builder.attribute(attribute));
            let literal = Literal { value: value.into(), ..Literal::default() };
            builder.attribute_triple(entity, attribute, Some(literal));
        }
        builder.finish().0
    }

    fn alike(a: (f64, f64), b: (f64, f64)) -> f64 {
        let row = |(latitude, longitude)| encode(&[Place::new(latitude, longitude).unwrap()]);
        let (a, b) = (row(a), row(b));
        let value = |column| b.binary_search_by_key(&column, |(c, _)| *c).map_or(0.0, |at| b[at].1);
        a.iter().map(|&(column, x)| f64::from(x) * f64::from(value(column))).sum()
    }

    /// The place so many kilometres from another in a direction.
    fn away((latitude, longitude): (f64, f64), kilometres: f64, bearing: f64) -> (f64, f64) {
        let (lat, long, d, by) =
            (latitude.to_radians(), longitude.to_radians(), kilometres / RADIUS, bearing.to_radians());
        let there = (lat.sin() * d.cos() + lat.cos() * d.sin() * by.cos()).clamp(-1.0, 1.0).asin();
        let turn = (by.sin() * d.sin() * lat.cos()).atan2(d.cos() - lat.sin() * there.sin());
        let east = (long + turn).to_degrees();
        (there.to_degrees(), (east + 540.0).rem_euclid(360.0) - 180.0)
    }

    proptest! {
        #[test]
        fn likeness_falls_with_distance(
            latitude in -90.0..90.0f64,
            longitude in -180.0..180.0f64,
            bearing in 0.0..360.0f64,
        ) {
            let from = (latitude, longitude);
            prop_assert!((alike(from, from) - 1.0).abs() < 1e-5);
            let mut before = 1.0;
            for step in 0..60 {
                let now = alike(from, away(from, 0.1 * 1.2f64.powi(step), bearing));
                prop_assert!(now <= before + 1e-4, "step {step}: {now} after {before}");
                before = now;
            }
            prop_assert_eq!(alike(from, away(from, 9000.0, bearing)), 0.0);
        }
    }

    #[test]
    fn poles_and_the_date_line_are_no_seams() {
        assert!(alike((10.0, 179.9999), (10.0, -179.9999)) > 0.95);
        assert!((alike((10.0, 180.0), (10.0, -180.0)) - 1.0).abs() < 1e-5);
        assert!((alike((90.0, 0.0), (90.0, 123.0)) - 1.0).abs() < 1e-5);
        assert!(alike((-89.9999, 0.0), (-89.9999, 180.0)) > 0.95);
    }

    #[test]
    fn one_place_told_in_four_ways_is_one() {
        let left = graph(&[
            ("a", "http://www.w3.org/2003/01/geo/wgs84_pos#lat", "51.5"),
            ("a", "http://www.w3.org/2003/01/geo/wgs84_pos#long", "-0.125"),
            ("b", "http://www.opengis.net/ont/geosparql#asWKT", "POINT(13 52)"),
            ("c", "label", "nowhere"),
        ]);
        let right = graph(&[
            ("x", "http://www.georss.org/georss/point", "51.5 -0.125"),
            ("y", "http://x.org/mapLatitude", "52"),
            ("y", "http://x.org/mapLongitude", "13"),
            ("z", "http://www.georss.org/georss/point", "52 13"),
        ]);
        let (l, r) = geo(&left, &right, &Task::quiet()).unwrap();
        assert!((cosine(&l, 0, &r, 0) - 1.0).abs() < 1e-5);
        assert!((cosine(&l, 1, &r, 1) - 1.0).abs() < 1e-5);
        assert!((cosine(&l, 1, &r, 2) - 1.0).abs() < 1e-5);
        assert!(cosine(&l, 0, &r, 1) < 0.3 && !l.present.get(2));
    }

    #[test]
    fn halves_of_different_places_are_not_put_together() {
        let left = graph(&[
            ("a", "birthLat", "51.5"),
            ("a", "deathLong", "-0.1"),
            ("b", "lat", "91"),
            ("b", "long", "0"),
        ]);
        let error = geo(&left, &left, &Task::quiet()).unwrap_err();
        assert_eq!((error.code(), error.message()), (Code::MissingData, "the left graph has no coordinates"));
        assert_eq!(Role::of("http://x.org/flat"), Role::Other);
    }
}

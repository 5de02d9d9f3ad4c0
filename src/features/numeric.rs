//! The modality `numeric`: numbers and dates of an entity, each measured against all that share the
//! attribute.

use super::axis::{self, Row};
use super::bow::{Terms, Vocabulary};
use super::place::Place;
use super::{OwnedFeature, quantity, sparse};
use crate::error::{Code, Error, Result};
use crate::kg::Graph;
use crate::task::Task;

/// Grids an attribute's axis is seen through, as numbers of cells: from coarse to fine.
const GRIDS: [u32; 5] = [4, 16, 64, 512, 4096];

/// Columns of one attribute: a grid of `n` cells has `n + 1` points.
const WIDTH: u32 = GRIDS[0] + GRIDS[1] + GRIDS[2] + GRIDS[3] + GRIDS[4] + GRIDS.len() as u32;

/// Numeric literals ([`quantity`]) of the attributes that both sides have, as sparse unit rows.
///
/// Each attribute's values of both sides together are normalised to their mid-rank `z` in `[0, 1]`
/// (so neither units nor outliers matter; equal values have equal `z`). `z` is then seen through five
/// grids of 4 to 4,096 cells: between grid points `i` and `i + 1`, at the share `t` of the way, the
/// columns of the two points hold `cos(πt/2)` and `sin(πt/2)`. Two equal values thus agree in all
/// grids, near ones in the coarse grids, far ones in none. An entity's values of one attribute are
/// added and the block made unit length, then the whole row: the cosine of two entities is the mean
/// agreement over attributes, √(attributes of one × attributes of the other) being the count.
/// Attributes are matched by `vocabulary`. A place (a WKT point, `51.5, -0.1`) is no number, but two:
/// those of all attributes together are one attribute of latitudes and one of longitudes. Entities
/// without such a value are missing.
pub fn numeric(
    left: &Graph,
    right: &Graph,
    vocabulary: Vocabulary,
    task: &Task,
) -> Result<(OwnedFeature, OwnedFeature)> {
    let Shared { values, blocks, pools } = Shared::new(left, right, vocabulary, task)?;
    let cols = match (pools.len() as u32).checked_mul(WIDTH) {
        None => {
            let message = format!("{} numeric attributes are too many", pools.len());
            return Err(Error::new(Code::Limit, message));
        }
        Some(0) => {
            return Err(Error::new(Code::MissingData, "no attribute has numbers in both graphs")
                .help("attributes are matched by name; embed names or relations instead"));
        }
        Some(cols) => cols,
    };

    let side = |graph: &Graph, values: &[(u32, u32, f64)]| {
        let rows = axis::by_entity(graph, values, |value| value.0);
        sparse::from_rows(rows.map(|values| encode(values, &blocks, &pools)), cols as usize)
    };
    Ok((side(left, &values[0]), side(right, &values[1])))
}

/// `(entity, attribute, value)` of one side.
pub type Quantities = Vec<(u32, u32, f32)>;

/// Numeric literals of the attributes that both sides have: for each side `(entity, attribute, value)`,
/// sorted, attributes numbered from 0; and how many attributes there are, which may be none.
///
/// Each attribute's values of both sides together are normalised to their mid-rank in `[-1, 1]`.
pub fn quantities(
    left: &Graph,
    right: &Graph,
    vocabulary: Vocabulary,
    task: &Task,
) -> Result<([Quantities; 2], usize)> {
    let Shared { values, blocks, pools } = Shared::new(left, right, vocabulary, task)?;
    let shared = |&(entity, word, value): &(u32, u32, f64)| {
        let block = blocks[word as usize];
        let pool = pools.get(block as usize)?;
        Some((entity, block, (2.0 * mid_rank(pool, value) - 1.0) as f32))
    };
    let values = values.each_ref().map(|values| values.iter().filter_map(shared).collect());
    Ok((values, pools.len()))
}

/// Numbers of both sides by the attributes that both have.
struct Shared {
    /// `(entity, word, value)` of each side, sorted, no duplicates.
    values: [Vec<(u32, u32, f64)>; 2],
    /// The attribute of a word, `u32::MAX` where not both sides have it.
    blocks: Vec<u32>,
    /// The values of each attribute on both sides, sorted.
    pools: Vec<Vec<f64>>,
}

impl Shared {
    fn new(left: &Graph, right: &Graph, vocabulary: Vocabulary, task: &Task) -> Result<Shared> {
        task.phase("reading numbers", None);
        let terms = Terms::new(&left.attributes, &right.attributes, vocabulary);
        // Behind the words of the attributes come the latitude and the longitude of places.
        let places = terms.len as u32;
        let values =
            [values(left, &terms.words[0], places, task)?, values(right, &terms.words[1], places, task)?];
        let mut has = vec![[false; 2]; terms.len + 2];
        for (side, values) in values.iter().enumerate() {
            values.iter().for_each(|&(_, word, _)| has[word as usize][side] = true);
        }
        let mut blocks = vec![u32::MAX; has.len()];
        let shared = blocks.iter_mut().zip(&has).filter(|(_, has)| **has == [true; 2]);
        let count = shared.zip(0..).map(|((block, _), number)| *block = number).count();
        let mut pools: Vec<Vec<f64>> = vec![Vec::new(); count];
        for &(_, word, value) in values.iter().flatten() {
            if let Some(pool) = pools.get_mut(blocks[word as usize] as usize) {
                pool.push(value);
            }
        }
        pools.iter_mut().for_each(|pool| pool.sort_unstable_by(f64::total_cmp));
        task.check()?;
        Ok(Shared { values, blocks, pools })
    }
}

/// The place of a value among sorted ones, in `[0, 1]`; equal values share the middle of theirs.
fn mid_rank(pool: &[f64], value: f64) -> f64 {
    let below = pool.partition_point(|x| *x < value);
    let up_to = pool.partition_point(|x| *x <= value);
    (below + up_to) as f64 / (2 * pool.len()) as f64
}

/// `(entity, word, value)` of every numeric literal, sorted, no duplicates; the words of a place's
/// latitude and longitude are `places` and the one after it.
fn values(graph: &Graph, words: &[u32], places: u32, task: &Task) -> Result<Vec<(u32, u32, f64)>> {
    let mut values = Vec::new();
    for (i, triple) in graph.attribute_triples.iter().enumerate() {
        if i % (1 << 16) == 0 {
            task.check()?;
        }
        let Some(literal) = &triple.literal else { continue };
        // Adding zero makes -0 and 0 one value.
        if let Some(value) = quantity(literal) {
            values.push((triple.entity, words[triple.attribute as usize], value + 0.0));
        } else if let Some(place) = Place::of(literal) {
            values.push((triple.entity, places, place.latitude + 0.0));
            values.push((triple.entity, places + 1, place.longitude + 0.0));
        }
    }
    values.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)));
    values.dedup();
    Ok(values)
}

/// The row of one entity from its values, sorted by attribute.
fn encode(values: &[(u32, u32, f64)], blocks: &[u32], pools: &[Vec<f64>]) -> Vec<(u32, f32)> {
    let mut row = Row::default();
    for same in values.chunk_by(|a, b| a.1 == b.1) {
        let block = blocks[same[0].1 as usize];
        let Some(pool) = pools.get(block as usize) else { continue };
        for &(_, _, value) in same {
            let z = mid_rank(pool, value);
            let mut base = block * WIDTH;
            for cells in GRIDS {
                let at = z * f64::from(cells);
                let point = (at.floor() as u32).min(cells - 1);
                let [low, high] = axis::seen(at - f64::from(point));
                row.add(base + point, low);
                row.add(base + point + 1, high);
                base += cells + 1;
            }
        }
        row.close();
    }
    row.unit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::sparse::{cosine, tests::row};
    use crate::kg::{GraphBuilder, Literal};

    fn graph(base: &str, values: &[(&str, &str, &str)]) -> Graph {
        let mut builder = GraphBuilder::new();
        for &(entity, attribute, value) in values {
            let (entity, attribute) =
                (builder.entity(entity), builder.attribute(&format!("{base}{attribute}")));
            let literal = Literal { value: value.into(), ..Literal::default() };
            builder.attribute_triple(entity, attribute, Some(literal));
        }
        builder.finish().0
    }

    #[test]
    fn equal_values_agree_near_ones_a_little_far_ones_not() {
        let numbers: Vec<String> = (0..100).map(|i| (1000 * i).to_string()).collect();
        let names: Vec<String> = (0..100).map(|i| format!("e{i}")).collect();
        let rows: Vec<_> =
            names.iter().zip(&numbers).map(|(n, v)| (n.as_str(), "population", v.as_str())).collect();
        let (l, r) =
            numeric(&graph("http://l/", &rows), &graph("http://r/", &rows), Vocabulary::Name, &Task::quiet())
                .unwrap();
        let to = |j| cosine(&l, 50, &r, j);
        assert!((to(50) - 1.0).abs() < 1e-6);
        assert!(to(50) > to(51) && to(51) > to(56) && to(56) > to(80), "{} {} {}", to(51), to(56), to(80));
        assert_eq!(to(5), 0.0);
    }

    #[test]
    fn a_place_is_a_latitude_and_a_longitude() {
        let left = graph("http://l/", &[("a", "wkt", "POINT(-0.1 51.5)"), ("b", "wkt", "POINT(13.4 52.5)")]);
        let right = graph("http://r/", &[("x", "point", "51.5 -0.1"), ("y", "point", "-33.9 151.2")]);
        let (l, r) = numeric(&left, &right, Vocabulary::Name, &Task::quiet()).unwrap();
        assert_eq!(l.rows.view().cols(), 2 * WIDTH as usize);
        assert!((cosine(&l, 0, &r, 0) - 1.0).abs() < 1e-6);
        assert!(cosine(&l, 1, &r, 0) < 0.9 && cosine(&l, 0, &r, 1) < cosine(&l, 0, &r, 0));
    }

    #[test]
    fn attributes_of_one_side_only_do_not_count() {
        let left = graph("http://l/", &[("a", "height", "1.8"), ("b", "weight", "70"), ("c", "height", "x")]);
        let right = graph("http://r/", &[("y", "height", "1.80"), ("z", "depth", "3")]);
        let (l, r) = numeric(&left, &right, Vocabulary::Name, &Task::quiet()).unwrap();
        assert_eq!((l.present.count(), r.present.count()), (1, 1));
        assert!((cosine(&l, 0, &r, 0) - 1.0).abs() < 1e-6);
        let none = numeric(&left, &right, Vocabulary::Iri, &Task::quiet()).unwrap_err();
        assert_eq!(none.code(), Code::MissingData);
    }

    #[test]
    fn rows_are_unit_length_and_several_values_share_their_attribute() {
        let rows =
            [("a", "year", "1948"), ("a", "year", "1950-02-01"), ("a", "size", "3"), ("b", "year", "1948")];
        let g = graph("", &rows);
        let (l, r) = numeric(&g, &g, Vocabulary::Name, &Task::quiet()).unwrap();
        for i in 0..2 {
            let norm: f32 = row(&l, i).1.iter().map(|x| x * x).sum();
            assert!((norm - 1.0).abs() < 1e-5);
        }
        assert!(cosine(&l, 0, &r, 1) > 0.3 && cosine(&l, 0, &r, 1) < 0.9);
    }
}

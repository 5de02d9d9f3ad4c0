//! The modality `temporal`: when things of an entity were, on one calendar.

use super::OwnedFeature;
use super::axis::{self, Row};
use super::bow::{Terms, Vocabulary};
use super::quantity::{Moment, moment};
use crate::error::{Code, Error, Result};
use crate::kg::Graph;
use crate::task::Task;

/// Years in a cell of each grid the calendar is seen through: a century to a day.
const GRIDS: [f64; 6] = [100.0, 25.0, 5.0, 1.0, 1.0 / 12.0, 1.0 / 365.2425];

/// How much longer than a cell a time may last and still be seen through the grid: months have up to
/// 31 days.
const SLACK: f64 = 1.1;

/// The block that attributes without a partner on the other side share.
const COMMON: u32 = u32::MAX;

/// Block, grid, and point of the grid.
type Column = (u32, u8, i64);

/// Dates of entities ([`quantity`](super::quantity()) tells their forms), as sparse unit rows.
///
/// A literal counts if it has the form of a date, or is an integer of datatype `gYear`; any other
/// integer may be anything. A time is seen through six grids of cells of 100, 25, 5 and 1 years, a month
/// and a day, as [`numeric`](super::numeric()) sees ranks, here on the calendar itself: a year through the
/// first four only, at its middle, so that it is near all dates in it. Equal dates thus agree in all
/// grids, near ones in the coarse grids, and dates centuries apart in none.
///
/// Attributes are matched by `vocabulary`, each a block as in `numeric`; those that have dates on one
/// side only share a block, so that `birthDate` and `dateOfBirth` meet. Entities without a date that the
/// other side could answer are missing.
///
/// Fails with [`Code::MissingData`] if a side has no dates.
pub fn temporal(
    left: &Graph,
    right: &Graph,
    vocabulary: Vocabulary,
    task: &Task,
) -> Result<(OwnedFeature, OwnedFeature)> {
    task.phase("reading dates", None);
    let terms = Terms::new(&left.attributes, &right.attributes, vocabulary);
    let graphs = [left, right];
    let mut dates = [dates(left, &terms.words[0], task)?, dates(right, &terms.words[1], task)?];
    if let Some(side) = dates.iter().position(Vec::is_empty) {
        let message = format!("the {} graph has no dates", ["left", "right"][side]);
        return Err(Error::new(Code::MissingData, message)
            .help("years count as dates if their datatype is gYear; EMBED numeric takes them as numbers"));
    }
    let mut has = vec![[false; 2]; terms.len];
    for (side, dates) in dates.iter().enumerate() {
        dates.iter().for_each(|&(_, word, _)| has[word as usize][side] = true);
    }
    for dates in &mut dates {
        dates.iter_mut().filter(|date| has[date.1 as usize] != [true; 2]).for_each(|date| date.1 = COMMON);
        let key = |date: &(u32, u32, Moment)| (date.0, date.1);
        dates.sort_unstable_by(|a, b| {
            let times = a.2.start.total_cmp(&b.2.start).then(a.2.length.total_cmp(&b.2.length));
            key(a).cmp(&key(b)).then(times)
        });
        dates.dedup();
    }
    // A block that one side alone has tells nothing.
    if dates.iter().any(|dates| dates.iter().all(|date| date.1 != COMMON)) {
        dates.iter_mut().for_each(|dates| dates.retain(|date| date.1 != COMMON));
    }
    task.check()?;
    let rows = [0, 1].map(|side| {
        let found = axis::by_entity(graphs[side], &dates[side], |date| date.0);
        found.map(encode).collect::<Vec<_>>()
    });
    axis::numbered(rows, task)
}

/// `(entity, word, time)` of every date.
fn dates(graph: &Graph, words: &[u32], task: &Task) -> Result<Vec<(u32, u32, Moment)>> {
    let mut dates = Vec::new();
    for (i, triple) in graph.attribute_triples.iter().enumerate() {
        if i % (1 << 16) == 0 {
            task.check()?;
        }
        if let Some(moment) = triple.literal.as_ref().and_then(moment) {
            dates.push((triple.entity, words[triple.attribute as usize], moment));
        }
    }
    Ok(dates)
}

/// The row of one entity from its dates, sorted by block.
fn encode(dates: &[(u32, u32, Moment)]) -> Vec<(Column, f32)> {
    let mut row = Row::default();
    for block in dates.chunk_by(|a, b| a.1 == b.1) {
        for (_, number, moment) in block {
            for (grid, cell) in (0..).zip(GRIDS) {
                if moment.length > SLACK * cell {
                    break;
                }
                let at = moment.middle() / cell;
                let [low, high] = axis::seen(at - at.floor());
                row.add((*number, grid, at.floor() as i64), low);
                row.add((*number, grid, at.floor() as i64 + 1), high);
            }
        }
        row.close();
    }
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
            let (value, datatype) = value.split_once("^^").unwrap_or((value, ""));
            let (entity, attribute) = (builder.entity(entity), builder.attribute(attribute));
            let literal = Literal { value: value.into(), datatype: datatype.into(), ..Literal::default() };
            builder.attribute_triple(entity, attribute, Some(literal));
        }
        builder.finish().0
    }

    /// How alike two values of the attributes are.
    fn alike(left: (&str, &str), right: (&str, &str)) -> f32 {
        let (left, right) = (graph(&[("a", left.0, left.1)]), graph(&[("b", right.0, right.1)]));
        let (l, r) = temporal(&left, &right, Vocabulary::Name, &Task::quiet()).unwrap();
        cosine(&l, 0, &r, 0)
    }

    #[test]
    fn equal_dates_agree_and_near_ones_more_than_far_ones() {
        let to = |other| alike(("born", "1948-05-03"), ("born", other));
        assert!((to("1948-05-03") - 1.0).abs() < 1e-6);
        let later = ["1948-05-03", "1948-05-04", "1948-05-20", "1948-11-03", "1951-01-01", "1970-01-01"];
        let falling: Vec<f32> = later.iter().map(|other| to(other)).collect();
        assert!(falling.windows(2).all(|two| two[0] > two[1] + 0.01), "{falling:?}");
        assert_eq!(to("1748-05-03"), 0.0);
        // A zone and a time of day move little.
        assert!(to("1948-05-03T12:00:00Z") > 0.999 && to("1948-05-03Z") > 0.999);
    }

    #[test]
    fn a_year_is_near_every_date_in_it() {
        let year = |date| alike(("born", "1948^^http://www.w3.org/2001/XMLSchema#gYear"), ("born", date));
        for date in ["1948-01-01", "1948-07-02", "1948-12-31"] {
            assert!(year(date) > 0.7 && year(date) > year("1949-12-31"), "{date}: {}", year(date));
        }
        assert!((year("1948^^gYear") - 1.0).abs() < 1e-6);
        assert!(year("1948-05^^gYearMonth") > year("1948-05-03"));
    }

    #[test]
    fn attributes_without_a_partner_meet_and_others_keep_apart() {
        assert!((alike(("birthDate", "1948-05-03"), ("dateOfBirth", "1948-05-03")) - 1.0).abs() < 1e-6);
        let left = graph(&[
            ("a", "born", "1900-01-01"),
            ("a", "died", "1950-01-01"),
            ("c", "founded", "1900-01-01"),
        ]);
        let right =
            graph(&[("b", "born", "1900-01-01"), ("b", "died", "1950-01-01"), ("d", "died", "1900-01-01")]);
        let (l, r) = temporal(&left, &right, Vocabulary::Name, &Task::quiet()).unwrap();
        assert!((cosine(&l, 0, &r, 0) - 1.0).abs() < 1e-6);
        assert!(cosine(&l, 0, &r, 1) < 0.6, "born and died are two blocks");
        assert!(!l.present.get(1), "nothing on the right answers founded");
    }

    #[test]
    fn integers_and_quantities_are_no_dates() {
        let (dates, numbers) =
            (graph(&[("a", "x", "1948-05-03")]), graph(&[("b", "x", "1948"), ("b", "y", "5 km")]));
        for (left, right, side) in [(&dates, &numbers, "right"), (&numbers, &dates, "left")] {
            let error = temporal(left, right, Vocabulary::Name, &Task::quiet()).unwrap_err();
            assert_eq!(
                (error.code(), error.message()),
                (Code::MissingData, &*format!("the {side} graph has no dates"))
            );
        }
    }

    proptest! {
        #[test]
        fn likeness_lies_between_nothing_and_all(year in -9000i64..9000, other in -9000i64..9000) {
            let of = |year: i64| format!("{}{:04}-03-01", if year < 0 { "-" } else { "" }, year.abs());
            let found = alike(("x", &of(year)), ("x", &of(other)));
            prop_assert!((0.0..=1.0 + 1e-6).contains(&found));
            prop_assert_eq!(found > 0.999, year == other);
        }
    }
}

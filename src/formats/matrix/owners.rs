//! Which row is whose.

use std::collections::HashMap;
use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::formats::lines::Lines;
use crate::formats::lookup::Lookup;
use crate::kg::{Graph, Side};

use super::{MatrixReport, PairIds, RowOrder};

/// An entity of the pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Owner {
    pub side: Side,
    pub entity: u32,
}

/// The rule that gives the rows of one file to entities.
pub(super) struct Owners {
    pub order: RowOrder,
    rule: Rule,
    /// One bit a row: whether it is real. Rows past the end are.
    real: Option<Vec<bool>>,
}

enum Rule {
    /// The row number is an id; the second is the largest id.
    Ids(HashMap<u32, Owner>, u32),
    /// Line i names the owner of row i, or somebody unknown.
    Lines(Vec<Result<Owner, String>>),
    /// The entities of one side in order.
    Side(Side, usize),
    /// The left entities, then the right.
    Both(usize, usize),
}

impl Owners {
    /// The rule for a file over both sides.
    pub fn of_both(pair: &PairIds<'_>, ids: Option<&Path>) -> Result<Self> {
        let (order, rule) = if let Some(path) = ids {
            (RowOrder::Companion, Rule::Lines(companion(pair, path)?))
        } else if let Some((map, last)) = source_ids(pair, &Side::BOTH) {
            (RowOrder::SourceIds, Rule::Ids(map, last))
        } else {
            (RowOrder::LeftThenRight, Rule::Both(pair.left.len(), pair.right.len()))
        };
        Ok(Owners { order, rule, real: None })
    }

    /// The rule for the file of one side. Keys of a dictionary are source ids where there are any.
    pub fn of_side(pair: &PairIds<'_>, side: Side, keyed: bool) -> Self {
        let (order, rule) = match source_ids(pair, &[side]).filter(|_| keyed) {
            Some((map, last)) => (RowOrder::SourceIds, Rule::Ids(map, last)),
            None => (RowOrder::EntityOrder, Rule::Side(side, pair.side(side).len())),
        };
        Owners { order, rule, real: None }
    }

    /// Marks rows as real or not.
    pub fn mark(&mut self, real: Vec<bool>) {
        self.real = Some(real);
    }

    /// Whether row `row` is real as far as the presence array says.
    pub fn is_real(&self, row: u64) -> bool {
        let real = self.real.as_ref();
        real.is_none_or(|real| usize::try_from(row).ok().and_then(|i| real.get(i)).copied().unwrap_or(true))
    }

    /// The owner of a row, real or not.
    pub fn owner(&self, row: u64) -> Option<Owner> {
        let entity = u32::try_from(row).ok()?;
        let index = entity as usize;
        match &self.rule {
            Rule::Ids(map, _) => map.get(&entity).copied(),
            Rule::Lines(lines) => lines.get(index)?.as_ref().ok().copied(),
            Rule::Side(side, count) => (index < *count).then_some(Owner { side: *side, entity }),
            Rule::Both(left, _) if index < *left => Some(Owner { side: Side::Left, entity }),
            Rule::Both(left, right) if index - left < *right => {
                Some(Owner { side: Side::Right, entity: (index - left) as u32 })
            }
            Rule::Both(..) => None,
        }
    }

    /// Counts a row into the report and gives its owner if it is to be read.
    pub fn take(&self, row: u64, report: &mut MatrixReport) -> Option<Owner> {
        let Some(owner) = self.owner(row) else {
            report.unknown += 1;
            if report.unknown_first.len() < 5 {
                let name = match &self.rule {
                    Rule::Lines(lines) => lines.get(row as usize).and_then(|line| line.as_ref().err()),
                    _ => None,
                };
                report.unknown_first.push(name.map_or_else(|| row.to_string(), String::clone));
            }
            return None;
        };
        if !self.is_real(row) {
            report.marked_missing += 1;
            return None;
        }
        Some(owner)
    }

    /// Whether a matrix of `rows` rows fits the rule.
    pub fn check_count(&self, rows: u64) -> Result<()> {
        let (expected, why) = match &self.rule {
            Rule::Ids(_, last) => {
                (u64::from(*last) + 1, format!("the ids of the pair run from 0 to {last}, a row each"))
            }
            Rule::Lines(lines) => (lines.len() as u64, "the file of ids has that many lines".to_string()),
            Rule::Side(side, count) => {
                (*count as u64, format!("the {} graph has that many entities", side.as_str()))
            }
            Rule::Both(left, right) => (
                (left + right) as u64,
                format!("the pair has {left} + {right} entities and no ids of its own"),
            ),
        };
        if rows == expected {
            return Ok(());
        }
        let help = match &self.rule {
            Rule::Lines(_) => "the file given by ids= names the entity of row i on line i, an IRI or an id",
            Rule::Ids(..) => "is the matrix of another pair? else say whose row is whose with ids='file'",
            Rule::Side(..) => "give the left graph's file first, rows in the order of its entities",
            Rule::Both(..) => "say whose row is whose with ids='file', or give two files, left and right",
        };
        Err(Error::new(Code::BadValue, format!("the matrix has {rows} rows, expected {expected}: {why}"))
            .help(help))
    }
}

/// Source ids of the given sides, if every entity that came with the source has one and none is there twice.
fn source_ids(pair: &PairIds<'_>, sides: &[Side]) -> Option<(HashMap<u32, Owner>, u32)> {
    let mut map = HashMap::new();
    let mut last = 0;
    for &side in sides {
        let graph = pair.side(side);
        if graph.is_empty() || graph.source_ids.len() != graph.len() {
            return None;
        }
        for (entity, &id) in graph.source_ids.iter().enumerate() {
            if id == Graph::NO_SOURCE_ID {
                continue;
            }
            last = last.max(id);
            if map.insert(id, Owner { side, entity: entity as u32 }).is_some() {
                return None;
            }
        }
    }
    Some((map, last))
}

/// Reads the companion file: an IRI or an id a line.
fn companion(pair: &PairIds<'_>, path: &Path) -> Result<Vec<Result<Owner, String>>> {
    let lookups = Side::BOTH.map(|side| (side, Lookup::new(pair.side(side))));
    let mut lines = Lines::open(path)?;
    let mut owners: Vec<Result<Owner, String>> = Vec::new();
    let mut seen: HashMap<Owner, u64> = HashMap::new();
    while lines.advance()? {
        let text = lines.text()?.trim();
        let name = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
        let bad = |message: String| Err(Error::new(Code::BadFile, message).file(path, lines.number(), text));
        if name.is_empty() {
            return bad("the line is empty, expected the IRI or id of a row's entity".into());
        }
        let mut found = lookups.iter().filter_map(|(side, lookup)| {
            lookup.find(name).map(|found| Owner { side: *side, entity: found.entity })
        });
        let first = found.next();
        if first.is_some() && found.next().is_some() {
            return bad(format!("`{name}` is an entity of both graphs"))
                .map_err(|error: Error| error.help("give two files, one a side, instead of ids="));
        }
        if let Some(owner) = first
            && let Some(line) = seen.insert(owner, lines.number())
        {
            return bad(format!("`{name}` has a row already, by line {line}"))
                .map_err(|error: Error| error.help("leave one of the two rows out"));
        }
        owners.push(first.ok_or_else(|| name.to_string()));
    }
    if !owners.is_empty() && seen.is_empty() {
        return Err(Error::new(Code::BadFile, "no line names an entity of the pair")
            .help("each line is the IRI or the source's id of one entity, in the order of the rows")
            .path(path));
    }
    Ok(owners)
}

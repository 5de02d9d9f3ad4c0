//! Where all pairs are too many to compare: those of entities in a cell together, with what that costs.

use std::sync::Arc;

use super::basis::Basis;
use super::engine::{Context, Engine};
use super::make::Made;
use super::spec::{Missing, Search};
use crate::error::{Code, Error, Result};
use crate::linalg::{Parted, PartitionOptions, partition};
use crate::psqe::Evidence;
use crate::psqe::weights::Resolved;

/// Up to so many pairs all are compared: minutes on a few cores, and nothing is lost.
pub(crate) const AFFORDABLE: u64 = 20_000_000_000;

/// The fact that says which pairs were compared, where they were not all.
pub(crate) const SEARCH: &str = "search";

/// Cells kept in memory.
pub(crate) const CACHED: usize = 2;

/// Whether cells are looked at for so many pairs.
pub(crate) fn wanted(search: &Search, pairs: u64) -> bool {
    match search.exact {
        Some(exact) => !exact,
        None => pairs > AFFORDABLE,
    }
}

/// What entities are compared by, with weights; [`within`] cells where that is called for.
pub(crate) fn compared<'b>(
    engine: &Engine,
    basis: &'b Basis<'_>,
    search: &Search,
    context: &Context,
) -> Result<(Evidence<'b>, Resolved, Option<String>)> {
    let evidence = basis.evidence()?;
    let resolved = basis.resolve(engine, &evidence, context)?;
    let (evidence, told) = within(engine, basis, evidence, &resolved.factors(), search, context)?;
    Ok((evidence, resolved, told))
}

/// The evidence, to be searched within cells if that is asked for, or if all pairs are too many; and then what
/// there is to tell of it. Cells that keep less than the asked recall, or that spare nothing, are not used.
pub(crate) fn within<'e>(
    engine: &Engine,
    basis: &Basis<'_>,
    evidence: Evidence<'e>,
    factors: &[f32],
    search: &Search,
    context: &Context,
) -> Result<(Evidence<'e>, Option<String>)> {
    if !(0.0..=1.0).contains(&search.recall) {
        return Err(Error::new(Code::OutOfRange, format!("recall={} is no share", search.recall))
            .help("give a number from 0 to 1"));
    }
    let pairs = evidence.left_len() as u64 * evidence.right_len() as u64;
    if !wanted(search, pairs) {
        return Ok((evidence, None));
    }
    let key = basis.stamp(factors, search.recall);
    let known = key.and_then(|key| engine.cells.get(&key));
    let found = match known {
        Some(found) => found,
        None => {
            // A random seed of its own: the cells are the same for every stage over the same rows.
            let options = PartitionOptions { recall: search.recall, cells: None, seed: 0 };
            let channels = evidence.channels(factors);
            let found = partition(&channels, &evidence.options(), &options, context.task)?;
            let found = Arc::new(Parted::new(found));
            if let Some(key) = key {
                engine.cells.put(key, found.clone());
            }
            found
        }
    };
    let partition = &found.partition;
    let compared = partition.cells.pairs();
    let met = format!(
        "{:.1} % of the ten best partners and {:.1} % of the best of {} entities, by fused cosine",
        100.0 * partition.recall,
        100.0 * partition.best,
        partition.judged
    );
    if partition.recall < search.recall {
        let (asked, kept) = (search.recall, (100.0 * partition.recall).floor() / 100.0);
        let text = format!(
            "all pairs, for cells would keep {met}: less than recall={asked}; recall={kept} would go by cells"
        );
        return Ok((evidence, Some(text)));
    }
    if compared >= pairs {
        return Ok((evidence, Some("all pairs, for cells would spare nothing".to_string())));
    }
    let text = format!(
        "{:.3} % of all pairs: {} cells, each entity in {} of them, which keep {met}",
        100.0 * compared as f64 / pairs as f64,
        partition.cells.len(),
        partition.nearest
    );
    Ok((evidence.within(found), Some(text)))
}

impl Made {
    /// Notes which pairs were compared, if not simply all.
    pub fn searched(&mut self, text: Option<String>) {
        self.facts.extend(text.map(|text| (SEARCH.to_string(), text)));
    }
}

impl Basis<'_> {
    /// Tells rows, weights and recall apart; `None` where some rows are drawn at random.
    fn stamp(&self, factors: &[f32], recall: f64) -> Option<[u8; 32]> {
        if self.missing() == Missing::Random {
            return None;
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.rows_digest(factors).0).update(&recall.to_le_bytes());
        hasher.update(self.missing().as_str().as_bytes());
        Some(*hasher.finalize().as_bytes())
    }
}

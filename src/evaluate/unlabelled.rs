//! What can be said of an alignment without reference links.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::features::Modality;
use crate::linalg::{Neighbours, TopKOptions, top_k};
use crate::matching::Links;
use crate::psqe::Evidence;
use crate::psqe::weights::Resolved;
use crate::task::Task;

/// Figures that need no links. None of them is a precision.
#[derive(Clone, Debug, PartialEq)]
pub struct Unlabelled {
    /// Links.
    pub links: usize,
    /// Share of the links whose ends are each other's nearest under the fused similarity.
    pub mutual: f64,
    /// Quartiles of the margins (25, 50, 75 %), of links that have one.
    pub margin_quartiles: [f64; 3],
    /// Per modality: links in which both ends have it, and in how many of them the right end is the
    /// left's nearest by this modality alone.
    pub agreement: Vec<(Modality, usize, usize)>,
    /// Links by the number of modalities that agree with them, from 0.
    pub supported_by: Vec<usize>,
}

/// Figures of `links` that need no labels: nearest under the fused similarity (without CSLS), nearest
/// by each modality alone (of weight 0 as well), margins as they stand.
pub fn unlabelled(
    evidence: &Evidence<'_>,
    weights: &Resolved,
    links: &Links,
    task: &Task,
) -> Result<Unlabelled> {
    let count = links.left.len();
    let lefts: Vec<u32> = links.left.iter().copied().collect::<BTreeSet<u32>>().into_iter().collect();
    let rights: Vec<u32> = links.right.iter().copied().collect::<BTreeSet<u32>>().into_iter().collect();
    let mut mutual = 0;
    let mut agreement = Vec::with_capacity(evidence.len());
    let mut support = vec![0usize; count];
    task.phase("agreement between modalities", Some(evidence.len() as u64));
    if count > 0 {
        let channels = evidence.channels(&weights.factors());
        let base = TopKOptions { k: 1, ..evidence.options() };
        let near = top_k(&channels, &TopKOptions { left_rows: Some(&lefts), ..base }, task)?.left;
        let back = TopKOptions { right_rows: Some(&rights), both: true, ..base };
        let back = top_k(&channels, &back, task)?.right.unwrap_or_default();
        mutual = (0..count)
            .filter(|&link| {
                best(&near, &lefts, links.left[link]) == Some(links.right[link])
                    && best(&back, &rights, links.right[link]) == Some(links.left[link])
            })
            .count();
    }
    for (number, modality) in evidence.modalities().enumerate() {
        let (left, right) = evidence.known(number);
        let both =
            |&link: &usize| left.get(links.left[link] as usize) && right.get(links.right[link] as usize);
        let known: Vec<usize> = (0..count).filter(both).collect();
        let mut agreeing = 0;
        if !known.is_empty() {
            let mut alone = vec![0.0; evidence.len()];
            alone[number] = 1.0;
            let options = TopKOptions { k: 1, left_rows: Some(&lefts), ..evidence.options() };
            let near = top_k(&evidence.channels(&alone), &options, task)?.left;
            for &link in &known {
                if best(&near, &lefts, links.left[link]) == Some(links.right[link]) {
                    agreeing += 1;
                    support[link] += 1;
                }
            }
        }
        agreement.push((modality.clone(), known.len(), agreeing));
        task.advance(number as u64 + 1);
    }
    let mut supported_by = vec![0; evidence.len() + 1];
    support.iter().for_each(|&votes| supported_by[votes] += 1);
    Ok(Unlabelled {
        links: count,
        mutual: super::share(mutual, count),
        margin_quartiles: quartiles(&links.margin),
        agreement,
        supported_by,
    })
}

/// The nearest partner of a row, looked up by its place among the sorted `rows`.
fn best(near: &Neighbours, rows: &[u32], row: u32) -> Option<u32> {
    near.best(rows.binary_search(&row).ok()?).map(|(id, _)| id)
}

/// Quartiles by the nearest rank; NaN if there are no numbers.
fn quartiles(values: &[f32]) -> [f64; 3] {
    let mut sorted: Vec<f32> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_by(f32::total_cmp);
    [1, 2, 3].map(|quarter| match sorted.len() {
        0 => f64::NAN,
        len => f64::from(sorted[(len * quarter).div_ceil(4).max(1) - 1]),
    })
}

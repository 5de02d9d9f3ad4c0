//! How well an index finds, and at what cost: measured after a build, kept with it.

use rayon::prelude::*;
use rkyv::{Archive, Deserialize, Serialize};

use super::changes::Changes;
use super::embedding::Embedding;
use super::graph::Walk;
use super::search::{Index, rescored};
use crate::error::Result;
use crate::linalg::{Channel, TopKOptions, top_k};
use crate::task::Task;

/// Partners that recall is measured over.
pub(crate) const RECALL_AT: usize = 10;
/// Rows that are searched to measure it.
const SAMPLE: usize = 200;
/// The narrowest walk that is tried.
const NARROWEST: usize = 16;
/// The widest walk that is tried.
pub(crate) const WIDEST: usize = 4096;
/// A walk that finds so many is not widened.
const ENOUGH: f32 = 0.999;

/// What walks of one width find.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Points kept during the walk.
    pub ef: u32,
    /// Share of the exact ten best that it finds; partners of equal score count as one another.
    pub recall: f32,
    /// Points that it compares, on average.
    pub visited: u32,
    /// Partners that were looked for.
    pub wanted: u32,
}

impl Measured {
    /// The recall less its standard error.
    pub fn assured(&self) -> f32 {
        self.recall - (self.recall * (1.0 - self.recall) / self.wanted.max(1) as f32).max(0.0).sqrt()
    }
}

/// Searches a sample of left rows, evenly spaced, at rising widths: until nearly everything is found or
/// half of all points are compared.
pub(crate) fn measure(index: &Index<'_>, channels: &[Channel<'_>], task: &Task) -> Result<Vec<Measured>> {
    let queries = Embedding::new(channels.iter().map(|channel| (channel.weight, channel.left)))?;
    let rows = Embedding::new(channels.iter().map(|channel| (channel.weight, channel.right)))?;
    let mut sample = Vec::new();
    for at in 0..SAMPLE.min(queries.len()) {
        let row = (at * queries.len() / SAMPLE.min(queries.len())) as u32;
        if let Some(query) = queries.query(row)? {
            sample.push((row, query));
        }
    }
    let ids: Vec<u32> = sample.iter().map(|&(row, _)| row).collect();
    let options =
        TopKOptions { k: RECALL_AT, left_rows: Some(&ids), renormalise: false, ..TopKOptions::default() };
    let exact = top_k(channels, &options, task)?.left;
    let mut measured = Vec::new();
    let mut ef = NARROWEST;
    while !sample.is_empty() && index.points() > 0 && ef <= WIDEST {
        task.check()?;
        let found = sample.par_iter().enumerate().map_init(Walk::default, |walk, (place, (row, query))| {
            let candidates =
                index.walk(walk, &rows, query, (ef, index.indexed()), &Changes::default(), |_| true);
            let found = rescored(channels, *row, &candidates, RECALL_AT)?;
            let wanted: Vec<f32> = exact.row(place).map(|(_, score)| score).collect();
            let least = wanted.last().copied().unwrap_or(f32::INFINITY);
            let hits = found.iter().filter(|&&(_, score)| score >= least).count();
            Ok((hits, wanted.len(), walk.visited))
        });
        let found = found.collect::<Result<Vec<(usize, usize, usize)>>>()?;
        let sum = |of: fn(&(usize, usize, usize)) -> usize| found.iter().map(of).sum::<usize>();
        let (hits, wanted, visited) = (sum(|f| f.0), sum(|f| f.1), sum(|f| f.2) / found.len());
        let recall = if wanted == 0 { 1.0 } else { (hits as f64 / wanted as f64) as f32 };
        measured.push(Measured { ef: ef as u32, recall, visited: visited as u32, wanted: wanted as u32 });
        if recall >= ENOUGH || visited > index.points() / 2 {
            break;
        }
        ef *= 2;
    }
    Ok(measured)
}

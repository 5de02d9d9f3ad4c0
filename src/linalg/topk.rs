//! The k best partners of every row, in both directions, in one pass over the pairs.

use std::sync::{Mutex, PoisonError};

use crate::error::Result;
use crate::linalg::kernel::Kernel;
use crate::linalg::lists::Lists;
use crate::linalg::score::Scorer;
use crate::linalg::tiles::{Products, Shape, Tile, for_each_tile};
use crate::linalg::{Cells, Channel, Mask, Similarity};
use crate::task::Task;

/// Right rows whose lists share a lock.
const STRIP: usize = 512;

/// What [`top_k`] and [`ranks`](crate::linalg::ranks) compute.
///
/// The score of a pair is Σ w·sim over the channels in which both rows are present, divided by Σ w over
/// the same channels if `renormalise`, plus both biases. A pair without a common channel (of positive
/// weight) is never a candidate.
#[derive(Clone, Copy, Debug)]
pub struct TopKOptions<'a> {
    /// Partners wanted for each row; fewer are given where there are fewer.
    pub k: usize,
    /// Cosine or dot product.
    pub similarity: Similarity,
    /// Whether the weights are renormalised per pair over the channels both rows have.
    pub renormalise: bool,
    /// Only these left rows take part (ids of the full side); all of them without.
    pub left_rows: Option<&'a [u32]>,
    /// Only these right rows take part (ids of the full side); all of them without.
    pub right_rows: Option<&'a [u32]>,
    /// Added to the score, by left row of the full side.
    pub left_bias: Option<&'a [f32]>,
    /// Added to the score, by right row of the full side.
    pub right_bias: Option<&'a [f32]>,
    /// Pairs that are no candidates, by rows of the full sides.
    pub mask: Option<&'a Mask>,
    /// Only rows that are in a cell together are compared; all pairs without.
    pub cells: Option<&'a Cells>,
    /// Also give, for every row and column, the mean of so many of its largest scores.
    pub means: Option<usize>,
    /// Also give the neighbours of the right rows.
    pub both: bool,
}

impl Default for TopKOptions<'_> {
    fn default() -> Self {
        TopKOptions {
            k: 10,
            similarity: Similarity::Cosine,
            renormalise: true,
            left_rows: None,
            right_rows: None,
            left_bias: None,
            right_bias: None,
            mask: None,
            cells: None,
            means: None,
            both: false,
        }
    }
}

/// The best partners of rows: `k` places for each, best first, equal scores by rising id.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Neighbours {
    /// Places for each row.
    pub k: usize,
    /// Ids on the other (full) side, `rows × k`; `u32::MAX` in places left empty.
    pub ids: Vec<u32>,
    /// Scores, `rows × k`; −∞ in places left empty.
    pub scores: Vec<f32>,
}

impl Neighbours {
    /// Number of rows: the subset's if one was asked for, in its order.
    pub fn len(&self) -> usize {
        self.ids.len().checked_div(self.k).unwrap_or(0)
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Partners of row `i` and their scores, best first.
    pub fn row(&self, i: usize) -> impl Iterator<Item = (u32, f32)> + '_ {
        let range = i * self.k..(i + 1) * self.k;
        let places = self.ids[range.clone()].iter().copied().zip(self.scores[range].iter().copied());
        places.take_while(|&(id, _)| id != u32::MAX)
    }

    /// The best partner of row `i`, if it has any.
    pub fn best(&self, i: usize) -> Option<(u32, f32)> {
        self.row(i).next()
    }
}

/// What one pass of [`top_k`] found.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct TopK {
    /// Partners of the left rows.
    pub left: Neighbours,
    /// Partners of the right rows, if both directions were asked for.
    pub right: Option<Neighbours>,
    /// Mean of the largest scores of each left row (0 for a row without candidates), if asked for.
    pub left_means: Option<Vec<f32>>,
    /// Mean of the largest scores of each right row, if asked for.
    pub right_means: Option<Vec<f32>>,
}

/// The `k` best right rows of every left row and, if `both`, the reverse: exactly over all pairs, or over
/// the pairs of [`Cells`].
///
/// Rows of the result are those of the full side, or of the subset in its order. Fails on ill-formed
/// channels, ids out of range, biases that are too few or not numbers, and when the task is cancelled.
pub fn top_k(channels: &[Channel<'_>], options: &TopKOptions<'_>, task: &Task) -> Result<TopK> {
    let scorer = Scorer::new(channels, options)?;
    let kernel = Kernel::best();
    match options.cells {
        Some(cells) => cells.search(&scorer, options, &kernel, task),
        None => pass(&scorer, options, &kernel, Shape::new(&scorer, &kernel), task),
    }
}

/// Places of every left and of every right list that `options` ask for.
pub(super) fn depths(options: &TopKOptions<'_>, (n, m): (usize, usize)) -> (usize, usize) {
    let wanted = options.k.max(options.means.unwrap_or(0));
    let columns = options.both || options.means.is_some();
    (wanted.min(m), if columns { wanted.min(n) } else { 0 })
}

/// [`top_k`] with the sizes of tiles chosen by the caller; they change nothing in the result.
pub(crate) fn pass(
    scorer: &Scorer<'_>,
    options: &TopKOptions<'_>,
    kernel: &Kernel,
    shape: Shape,
    task: &Task,
) -> Result<TopK> {
    let (n, m) = (scorer.left_ids.len(), scorer.right_ids.len());
    let depths = depths(options, (n, m));
    // A score and an id a place.
    task.afford(((n * depths.0 + m * depths.1) * 8) as u64, "the lists of best partners")?;
    let found = lists(scorer, depths, kernel, shape, task)?;
    Ok(best(found, options))
}

/// What [`top_k`] gives of lists.
fn best((lefts, rights): (Vec<Lists>, Vec<Lists>), options: &TopKOptions<'_>) -> TopK {
    TopK {
        left: table(rows(&lefts), options.k),
        right: options.both.then(|| table(rows(&rights), options.k)),
        left_means: options.means.map(|count| means(rows(&lefts), count)),
        right_means: options.means.map(|count| means(rows(&rights), count)),
    }
}

/// What scores of some rows must at least be to be listed, by place; rows that are not named take anything.
#[derive(Clone, Copy, Default)]
pub(super) struct Floors<'a> {
    pub left: &'a [f32],
    pub right: &'a [f32],
}

/// [`top_k`] over all pairs, without what scores less than the floors: by what is known of these rows under no
/// biases, or recording it if asked to.
pub(super) fn top_k_above(
    channels: &[Channel<'_>],
    options: &TopKOptions<'_>,
    floors: Floors<'_>,
    (known, record): (&mut Option<Products>, bool),
    task: &Task,
) -> Result<TopK> {
    /// More scores are not recorded: 128 MiB.
    const MOST: usize = 1 << 25;
    let scorer = Scorer::new(channels, options)?;
    let kernel = Kernel::best();
    let shape = known.as_ref().map_or_else(|| Shape::new(&scorer, &kernel), Products::shape);
    let lengths = (scorer.left_ids.len(), scorer.right_ids.len());
    let found = BothSides::new(lengths, depths(options, lengths), floors, shape);
    match known {
        Some(known) => known.for_each_tile(&scorer, task, |tile| found.take(&scorer, tile))?,
        None if !record || lengths.0.saturating_mul(lengths.1) > MOST => {
            for_each_tile(&scorer, &kernel, shape, task, |tile| found.take(&scorer, tile))?;
        }
        None => {
            let new = Products::new(&scorer, shape);
            for_each_tile(&scorer, &kernel, shape, task, |tile| {
                new.take(tile);
                found.take(&scorer, tile);
            })?;
            *known = Some(new);
        }
    }
    Ok(best(found.into_lists(), options))
}

/// The best of all pairs: so many places for every left and for every right row (none if 0).
pub(super) fn lists(
    scorer: &Scorer<'_>,
    depths: (usize, usize),
    kernel: &Kernel,
    shape: Shape,
    task: &Task,
) -> Result<(Vec<Lists>, Vec<Lists>)> {
    let lengths = (scorer.left_ids.len(), scorer.right_ids.len());
    let found = BothSides::new(lengths, depths, Floors::default(), shape);
    for_each_tile(scorer, kernel, shape, task, |tile| found.take(scorer, tile))?;
    Ok(found.into_lists())
}

/// Lists of both sides while tiles come in: of left rows by band, of right rows by strips.
struct BothSides {
    lefts: Vec<Mutex<Lists>>,
    rights: Vec<Mutex<Lists>>,
    right_depth: usize,
}

impl BothSides {
    fn new(
        (lefts, rights): (usize, usize),
        (left_depth, right_depth): (usize, usize),
        floors: Floors<'_>,
        shape: Shape,
    ) -> Self {
        let empty = |rows: usize, step: usize, depth: usize, floors: &[f32]| -> Vec<Mutex<Lists>> {
            let floors = |start: usize| floors.get(start..).unwrap_or_default();
            let lists = |start: usize| Lists::new(step.min(rows - start), depth).above(floors(start));
            (0..rows).step_by(step).map(|start| Mutex::new(lists(start))).collect()
        };
        BothSides {
            lefts: empty(lefts, shape.band, left_depth, floors.left),
            rights: empty(rights, STRIP, right_depth, floors.right),
            right_depth,
        }
    }

    fn take(&self, scorer: &Scorer<'_>, tile: &Tile<'_>) {
        let ids = &scorer.right_ids[tile.cols.clone()];
        let mut lists = self.lefts[tile.band].lock().unwrap_or_else(PoisonError::into_inner);
        for r in 0..tile.rows.len() {
            lists.offer_row(r, tile.row(r), ids);
        }
        drop(lists);
        if self.right_depth == 0 {
            return;
        }
        let mut start = tile.cols.start;
        while start < tile.cols.end {
            let strip = start / STRIP;
            let end = ((strip + 1) * STRIP).min(tile.cols.end);
            let within = start - tile.cols.start..end - tile.cols.start;
            let mut lists = self.rights[strip].lock().unwrap_or_else(PoisonError::into_inner);
            for (r, &id) in scorer.left_ids[tile.rows.clone()].iter().enumerate() {
                lists.offer_column(start - strip * STRIP, &tile.row(r)[within.clone()], id);
            }
            start = end;
        }
    }

    fn into_lists(self) -> (Vec<Lists>, Vec<Lists>) {
        let open = |lists: Vec<Mutex<Lists>>| -> Vec<Lists> {
            lists
                .into_iter()
                .map(|lists| lists.into_inner().unwrap_or_else(PoisonError::into_inner))
                .collect()
        };
        (open(self.lefts), open(self.rights))
    }
}

/// Every row of all lists, in order: partners and scores, best first.
pub(super) fn rows(lists: &[Lists]) -> impl Iterator<Item = impl Iterator<Item = (u32, f32)>> {
    let all = lists.iter().flat_map(|lists| (0..lists.len()).map(move |row| lists.row(row)));
    all.map(|(scores, ids)| ids.iter().copied().zip(scores.iter().copied()))
}

/// The first `k` places of each list.
pub(super) fn table(lists: impl Iterator<Item = impl Iterator<Item = (u32, f32)>>, k: usize) -> Neighbours {
    let mut table = Neighbours { k, ..Neighbours::default() };
    for (row, list) in lists.enumerate() {
        for (id, score) in list.take(k) {
            table.ids.push(id);
            table.scores.push(score);
        }
        table.ids.resize((row + 1) * k, u32::MAX);
        table.scores.resize((row + 1) * k, f32::NEG_INFINITY);
    }
    table
}

/// The mean of the first `count` scores of each list; 0 for an empty one.
pub(super) fn means(lists: impl Iterator<Item = impl Iterator<Item = (u32, f32)>>, count: usize) -> Vec<f32> {
    let mean = |list: &mut dyn Iterator<Item = (u32, f32)>| {
        let mut met = 0;
        let sum: f64 = list.take(count).inspect(|_| met += 1).map(|(_, score)| f64::from(score)).sum();
        if met == 0 { 0.0 } else { (sum / met as f64) as f32 }
    };
    lists.map(|mut list| mean(&mut list)).collect()
}

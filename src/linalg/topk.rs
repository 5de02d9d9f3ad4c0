//! The k best partners of every row, in both directions, in one pass over the pairs.

use crate::error::Result;
use crate::linalg::pairs::{dot, dot_self};
use crate::linalg::{Channel, Similarity, check_channels, check_ids};
use crate::task::Task;

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

/// The `k` best right rows of every left row and, if `both`, the reverse, exactly.
///
/// Rows of the result are those of the full side, or of the subset in its order. Fails on ill-formed
/// channels, ids out of range, biases of the wrong length, and when the task is cancelled.
pub fn top_k(channels: &[Channel<'_>], options: &TopKOptions<'_>, task: &Task) -> Result<TopK> {
    let (n, m) = check_channels(channels)?;
    let all = |rows: Option<&[u32]>, n: usize| rows.map_or_else(|| (0..n as u32).collect(), <[u32]>::to_vec);
    let (rows, cols) = (all(options.left_rows, n), all(options.right_rows, m));
    check_ids(&rows, n, "left")?;
    check_ids(&cols, m, "right")?;
    let mut out: Vec<Vec<(f32, u32)>> = vec![Vec::new(); rows.len()];
    let mut back: Vec<Vec<(f32, u32)>> = vec![Vec::new(); cols.len()];
    for (a, &i) in rows.iter().enumerate() {
        task.check()?;
        for (b, &j) in cols.iter().enumerate() {
            let s = score(channels, options, i as usize, j as usize);
            if s > f32::NEG_INFINITY {
                out[a].push((s, j));
                back[b].push((s, i));
            }
        }
    }
    let means = |lists: &mut [Vec<(f32, u32)>]| {
        for list in lists.iter_mut() {
            list.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        }
        options.means.map(|k| {
            let mean = |list: &Vec<(f32, u32)>| {
                let top = &list[..k.min(list.len())];
                if top.is_empty() {
                    return 0.0;
                }
                (top.iter().map(|x| f64::from(x.0)).sum::<f64>() / top.len() as f64) as f32
            };
            lists.iter().map(mean).collect::<Vec<f32>>()
        })
    };
    let (left_means, right_means) = (means(&mut out), means(&mut back));
    let table = |lists: &[Vec<(f32, u32)>]| {
        let place =
            |list: &Vec<(f32, u32)>, c: usize| list.get(c).copied().unwrap_or((f32::NEG_INFINITY, u32::MAX));
        let places: Vec<_> = lists.iter().flat_map(|l| (0..options.k).map(move |c| place(l, c))).collect();
        Neighbours {
            k: options.k,
            ids: places.iter().map(|p| p.1).collect(),
            scores: places.iter().map(|p| p.0).collect(),
        }
    };
    Ok(TopK { left: table(&out), right: options.both.then(|| table(&back)), left_means, right_means })
}

pub(crate) fn score(channels: &[Channel<'_>], options: &TopKOptions<'_>, i: usize, j: usize) -> f32 {
    let (mut sum, mut weight) = (0.0, 0.0);
    for channel in channels {
        if channel.weight == 0.0 || !channel.left.present.get(i) || !channel.right.present.get(j) {
            continue;
        }
        let mut s = dot(&channel.left.rows, i, &channel.right.rows, j);
        if options.similarity == Similarity::Cosine {
            let (a, b) = (dot_self(&channel.left.rows, i), dot_self(&channel.right.rows, j));
            if a == 0.0 || b == 0.0 {
                continue;
            }
            s /= (a * b).sqrt();
        }
        sum += f64::from(channel.weight) * s;
        weight += f64::from(channel.weight);
    }
    if weight == 0.0 {
        return f32::NEG_INFINITY;
    }
    let bias = |bias: Option<&[f32]>, i: usize| bias.map_or(0.0, |bias| f64::from(bias[i]));
    let scale = if options.renormalise { weight } else { 1.0 };
    (sum / scale + bias(options.left_bias, i) + bias(options.right_bias, j)) as f32
}

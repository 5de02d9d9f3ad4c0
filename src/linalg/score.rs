//! What the score of a pair is: scales, presence patterns, biases.
//!
//! A [`Scorer`] holds what depends on single rows, so that a tile of products becomes a tile of scores
//! by one multiplication and one addition a pair: `score = Σ (x·a)(y·b) · factor + offset`, where `a` is
//! 1/‖x‖, `b` is w/‖y‖, and factor and offset depend on the right row and on which modalities the left
//! row has.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Code, Error, Result};
use crate::features::{Feature, Rows};
use crate::linalg::kernel::{DEPTH, Part};
use crate::linalg::{Channel, Mask, Similarity, TopKOptions, check_channels, check_ids};

/// Rows whose norm is below this count as zero.
pub(crate) const SMALLEST_NORM: f64 = 1e-30;

/// Most channels of one score.
const MOST_CHANNELS: usize = 64;

/// One side of one channel: its rows, and the factor of each (0 for a missing row).
pub(crate) struct Scaled<'a> {
    pub rows: Rows<'a>,
    pub scales: Vec<f32>,
}

impl Scaled<'_> {
    /// Row `i` and its factor; `None` if it is missing.
    fn scale(&self, i: u32) -> Option<f32> {
        Some(self.scales[i as usize]).filter(|&scale| scale != 0.0)
    }

    /// Columns `start..end` of dense row `i`, unscaled.
    pub fn dense_part(&self, i: u32, start: usize, end: usize) -> Part<'_> {
        let scale = self.scale(i)?;
        let i = i as usize;
        let part = match &self.rows {
            Rows::Dense(rows) => Cow::Borrowed(&rows.data[i * rows.cols + start..i * rows.cols + end]),
            Rows::Sparse(rows) => {
                let mut part = vec![0f32; end - start];
                for e in rows.indptr[i] as usize..rows.indptr[i + 1] as usize {
                    let column = rows.indices[e] as usize;
                    if (start..end).contains(&column) {
                        part[column - start] += rows.values[e];
                    }
                }
                Cow::Owned(part)
            }
        };
        Some((part, scale))
    }

    /// Columns and scaled numbers of sparse row `i`; none if it is missing or stored densely.
    pub fn sparse_part(&self, i: u32) -> impl Iterator<Item = (u32, f32)> + '_ {
        let (indices, values): (&[u32], &[f32]) = match (&self.rows, self.scale(i)) {
            (Rows::Sparse(rows), Some(_)) => {
                let range = rows.indptr[i as usize] as usize..rows.indptr[i as usize + 1] as usize;
                (&rows.indices[range.clone()], &rows.values[range])
            }
            _ => (&[], &[]),
        };
        let scale = self.scales[i as usize];
        indices.iter().zip(values).map(move |(&column, x)| (column, x * scale))
    }
}

/// One channel, ready to be multiplied.
pub(crate) struct Prepared<'a> {
    pub left: Scaled<'a>,
    pub right: Scaled<'a>,
    /// Whether both sides are sparse, so that the inverted form serves.
    pub sparse: bool,
}

impl<'a> Prepared<'a> {
    /// The side of a row, and the other.
    fn sides(&self, is_left: bool) -> (&Scaled<'a>, &Scaled<'a>) {
        if is_left { (&self.left, &self.right) } else { (&self.right, &self.left) }
    }

    /// The stretches of columns that are multiplied one after the other.
    pub fn depths(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let cols = if self.sparse { 0 } else { self.left.rows.cols() };
        (0..cols).step_by(DEPTH).map(move |start| (start, (start + DEPTH).min(cols)))
    }
}

/// Everything needed to score any pair of the chosen rows.
pub(crate) struct Scorer<'a> {
    pub channels: Arc<[Prepared<'a>]>,
    /// Ids of the left rows that take part.
    pub left_ids: Cow<'a, [u32]>,
    /// Ids of the right rows that take part.
    pub right_ids: Cow<'a, [u32]>,
    left_bias: Option<&'a [f32]>,
    right_bias: Option<&'a [f32]>,
    /// Pairs that are no candidates.
    pub mask: Option<&'a Mask>,
    /// Number of the presence pattern of each row of the full side.
    left_pattern: Arc<[u32]>,
    right_pattern: Arc<[u32]>,
    /// Factor for a left and a right pattern; 0 where they have nothing in common.
    factors: Arc<[Vec<f32>]>,
}

impl<'a> Scorer<'a> {
    /// Checks the arguments and computes norms and patterns.
    pub fn new(channels: &[Channel<'a>], options: &TopKOptions<'a>) -> Result<Self> {
        let (left, right) = check_channels(channels)?;
        if channels.len() > MOST_CHANNELS {
            return Err(Error::new(
                Code::Limit,
                format!("{} modalities in one score; at most {MOST_CHANNELS} are possible", channels.len()),
            ));
        }
        let all = |rows: Option<&'a [u32]>, count: usize| match rows {
            Some(rows) => Cow::Borrowed(rows),
            None => Cow::Owned((0..count as u32).collect()),
        };
        let (left_ids, right_ids) = (all(options.left_rows, left), all(options.right_rows, right));
        check_ids(&left_ids, left, "left")?;
        check_ids(&right_ids, right, "right")?;
        check_bias(options.left_bias, left, "left")?;
        check_bias(options.right_bias, right, "right")?;

        let channels: Vec<(f32, Prepared<'a>)> = channels
            .iter()
            .filter(|channel| channel.weight > 0.0)
            .map(|channel| {
                let sparse =
                    matches!((channel.left.rows, channel.right.rows), (Rows::Sparse(_), Rows::Sparse(_)));
                let left = scaled(&channel.left, options.similarity, 1.0);
                let right = scaled(&channel.right, options.similarity, channel.weight);
                (channel.weight, Prepared { left, right, sparse })
            })
            .collect();
        let (left_pattern, left_masks) = patterns(&channels, left, |channel| &channel.left);
        let (right_pattern, right_masks) = patterns(&channels, right, |channel| &channel.right);
        let factor = |common: u64| {
            let shared = channels.iter().enumerate().filter(|(c, _)| common >> c & 1 == 1);
            let weight: f64 = shared.map(|(_, (weight, _))| f64::from(*weight)).sum();
            match (common, options.renormalise) {
                (0, _) => 0.0,
                (_, true) => (1.0 / weight) as f32,
                (_, false) => 1.0,
            }
        };
        let factors =
            left_masks.iter().map(|a| right_masks.iter().map(|b| factor(a & b)).collect()).collect();
        Ok(Scorer {
            channels: channels.into_iter().map(|(_, channel)| channel).collect(),
            left_ids,
            right_ids,
            left_bias: options.left_bias,
            right_bias: options.right_bias,
            mask: options.mask.filter(|mask| !mask.is_empty()),
            left_pattern: left_pattern.into(),
            right_pattern: right_pattern.into(),
            factors,
        })
    }

    /// The same for some of the rows only.
    pub fn among(&self, left_ids: Vec<u32>, right_ids: Vec<u32>) -> Scorer<'a> {
        Scorer {
            channels: self.channels.clone(),
            left_ids: left_ids.into(),
            right_ids: right_ids.into(),
            left_bias: self.left_bias,
            right_bias: self.right_bias,
            mask: self.mask,
            left_pattern: self.left_pattern.clone(),
            right_pattern: self.right_pattern.clone(),
            factors: self.factors.clone(),
        }
    }

    /// Number of the presence pattern of left row `i`.
    pub fn pattern(&self, i: u32) -> usize {
        self.left_pattern[i as usize] as usize
    }

    /// Factor and offset of right row `j` beside left rows of a pattern.
    pub fn finish(&self, pattern: usize, j: u32) -> (f32, f32) {
        let factor = self.factors[pattern][self.right_pattern[j as usize] as usize];
        let bias = self.right_bias.map_or(0.0, |bias| bias[j as usize]);
        (factor, if factor == 0.0 { f32::NEG_INFINITY } else { bias })
    }

    /// What is added to all scores of each of the right rows that take part.
    pub fn right_biases(&self) -> Vec<f32> {
        let bias = |&j: &u32| self.right_bias.map_or(0.0, |bias| bias[j as usize]);
        self.right_ids.iter().map(bias).collect()
    }

    /// What is added to all scores of left row `i`.
    pub fn left_bias(&self, i: u32) -> f32 {
        self.left_bias.map_or(0.0, |bias| bias[i as usize])
    }

    /// The score of one pair: the same bits that a tile gives.
    pub fn score(&self, i: u32, j: u32) -> f32 {
        self.scores(i, true, &[j])[0]
    }

    /// The scores of one row, a left one or a right one, with others of the other side: the same bits that a
    /// tile gives.
    pub fn scores(&self, row: u32, is_left: bool, others: &[u32]) -> Vec<f32> {
        if others.is_empty() {
            return Vec::new();
        }
        let mut sums = vec![0f32; others.len()];
        for channel in self.channels.iter() {
            let (own, other) = channel.sides(is_left);
            for (start, end) in channel.depths() {
                let Some((x, a)) = own.dense_part(row, start, end) else { continue };
                let x: Vec<f32> = x.iter().map(|x| x * a).collect();
                for (others, sums) in others.chunks(CHAINS).zip(sums.chunks_mut(CHAINS)) {
                    let parts: Vec<Part<'_>> =
                        others.iter().map(|&other_row| other.dense_part(other_row, start, end)).collect();
                    chains(&x, &parts, sums);
                }
            }
        }
        for channel in self.channels.iter().filter(|channel| channel.sparse) {
            let (own, other) = channel.sides(is_left);
            for (sum, &other_row) in sums.iter_mut().zip(others) {
                let mut right = other.sparse_part(other_row).peekable();
                for (column, x) in own.sparse_part(row) {
                    while right.next_if(|&(other, _)| other < column).is_some() {}
                    if let Some(&(other, y)) = right.peek()
                        && other == column
                    {
                        *sum += x * y;
                    }
                }
            }
        }
        let finish = |(sum, &other): (f32, &u32)| {
            let (i, j) = if is_left { (row, other) } else { (other, row) };
            if self.mask.is_some_and(|mask| mask.bars(i, j)) {
                return f32::NEG_INFINITY;
            }
            let (factor, offset) = self.finish(self.pattern(i), j);
            sum * factor + offset + self.left_bias(i)
        };
        sums.into_iter().zip(others).map(finish).collect()
    }
}

/// Pairs that are summed side by side.
const CHAINS: usize = 8;

/// Adds the products of `x` with each of up to eight rows to its sum, number by number as a tile does; eight at
/// once, for each waits for itself.
fn chains(x: &[f32], rows: &[Part<'_>], sums: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("fma") {
        // SAFETY: the processor has it.
        return unsafe { chains_fast(x, rows, sums) };
    }
    chains_body(x, rows, sums);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "fma")]
fn chains_fast(x: &[f32], rows: &[Part<'_>], sums: &mut [f32]) {
    chains_body(x, rows, sums);
}

#[inline(always)]
fn chains_body(x: &[f32], rows: &[Part<'_>], sums: &mut [f32]) {
    // A row that is missing adds nothing; it stands there as any other and is not taken.
    let mut places = [0usize; CHAINS];
    let mut ys: [&[f32]; CHAINS] = [x; CHAINS];
    let (mut scales, mut totals, mut count) = ([0f32; CHAINS], [0f32; CHAINS], 0);
    for (place, row) in rows.iter().enumerate() {
        if let Some((y, b)) = row {
            (places[count], ys[count], scales[count], totals[count]) = (place, &y[..x.len()], *b, 0.0);
            count += 1;
        }
    }
    if count == 0 {
        return;
    }
    for (at, x) in x.iter().enumerate() {
        for chain in 0..CHAINS {
            totals[chain] = x.mul_add(ys[chain][at] * scales[chain], totals[chain]);
        }
    }
    for chain in 0..count {
        sums[places[chain]] += totals[chain];
    }
}

pub(crate) fn check_bias(bias: Option<&[f32]>, rows: usize, side: &str) -> Result<()> {
    let Some(bias) = bias else { return Ok(()) };
    if bias.len() != rows {
        return Err(Error::new(Code::Internal, format!("{} {side} biases for {rows} rows", bias.len())));
    }
    match bias.iter().find(|x| x.is_nan() || **x == f32::INFINITY) {
        Some(x) => Err(Error::new(Code::BadValue, format!("a {side} bias is {x}"))),
        None => Ok(()),
    }
}

fn scaled<'a>(feature: &Feature<'a>, similarity: Similarity, weight: f32) -> Scaled<'a> {
    let squares = (similarity == Similarity::Cosine).then(|| feature.squares());
    let scale = |i: usize| {
        let norm = squares.as_ref().map_or(1.0, |squares| squares[i].sqrt());
        if !feature.present.get(i) || norm < SMALLEST_NORM {
            return 0.0;
        }
        (f64::from(weight) / norm) as f32
    };
    Scaled { rows: feature.rows, scales: (0..feature.present.len()).map(scale).collect() }
}

/// For every row the number of its pattern, and the patterns as masks over the channels.
fn patterns<'a, 'b>(
    channels: &'b [(f32, Prepared<'a>)],
    rows: usize,
    side: impl Fn(&'b Prepared<'a>) -> &'b Scaled<'a>,
) -> (Vec<u32>, Vec<u64>) {
    let mut numbers = HashMap::new();
    let mut masks = Vec::new();
    let pattern = (0..rows)
        .map(|i| {
            let has = |(c, (_, channel)): (usize, &'b (f32, Prepared<'a>))| {
                u64::from(side(channel).scales[i] != 0.0) << c
            };
            let mask = channels.iter().enumerate().map(has).fold(0, |mask, bit| mask | bit);
            *numbers.entry(mask).or_insert_with(|| {
                masks.push(mask);
                masks.len() as u32 - 1
            })
        })
        .collect();
    (pattern, masks)
}

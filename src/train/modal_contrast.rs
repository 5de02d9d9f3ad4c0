//! Contrastive losses of several modalities and of their weighted concatenation, in one pass.
//!
//! With unit rows z of B pairs stacked as 2B rows in spaces m, s^m_ij = z_i·z_j within space m and weights
//! v_i of length 1, the joint similarity is s^J_ij = Σ_m v_im v_jm s^m_ij. The losses are
//!
//! - ICL (intra-modal contrastive loss, MCLEA eq. 7), of each space and of the joint one:
//!   1/2B Σ_i ( log Σ_{j≠i} exp(s_ij/τ) − s_ip(i)/τ ), p(i) = i ± B. With `inversion` a row's candidates
//!   within its own side are those of its partner.
//! - IAL (inter-modal alignment loss, MCLEA eq. 9), of each space: 1/4B² Σ_i KL(Q_i ‖ P_i), where P and Q
//!   are the softmax over j ≠ i of s^m/τₐ and of s^J/τₐ; Q has no gradient.
//!
//! A pair of which a side lacks a modality is no query and no candidate in that space, and B counts the
//! others. Rows are unit, so that similarities are at most 1 and one power exp((s − 1)/τ) serves both of
//! its rows. Time is one product a space; memory one strip of tiles.

use std::sync::Arc;

use super::exp::exp;
use super::spaces::{BLOCK, Spaces, TILE, Walk};
use super::wide::wide;
use crate::error::{Code, Error, Result};
use crate::task::Task;

/// The least temperature: below it exp(−2/τ) is no normal number.
pub const LEAST_TAU: f32 = 0.025;
/// In the place of a row's similarity with itself: its power is 0.
pub(super) const NEVER: f32 = -1e30;

/// Which losses are computed; see the module.
#[derive(Clone, Debug)]
pub struct ModalContrast {
    /// Widths of the spaces, side by side in a row.
    pub widths: Vec<usize>,
    /// Temperature τ of the ICL.
    pub tau: f32,
    /// Whether candidates within a side are the partner's.
    pub inversion: bool,
    /// Whether the joint space has a loss too.
    pub joint: bool,
    /// Temperature τₐ of the IAL, if it is wanted; it needs the joint space.
    pub alignment: Option<f32>,
    /// `pairs × spaces`: whether both sides of a pair have the modality; `None` where all have all.
    pub present: Option<Arc<[bool]>>,
}

/// What the forward pass leaves: for each sum over candidates its reciprocal, by padded row.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Of each slot; 0 in rows that are not there.
    pub inverse: Vec<Vec<f32>>,
    /// Pairs of each space, then of the joint one.
    pub counts: Vec<f64>,
}

/// Gradients of a weighted sum of the losses.
#[derive(Clone, Debug, PartialEq)]
pub struct Slopes {
    /// By `z`.
    pub z: Vec<f32>,
    /// By `v`; zeros without a joint space.
    pub v: Vec<f32>,
}

/// The arguments of one call, with what does not change from tile to tile.
pub(super) struct Call<'a> {
    pub options: &'a ModalContrast,
    pub spaces: Spaces<'a>,
    /// Weights by space and padded row.
    pub v: Vec<Vec<f32>>,
    /// 1 where a row takes part, by space and padded row; the last entry is the joint space's.
    pub mask: Vec<Vec<f32>>,
}

/// Places of the sums of a tile: ICL of each space and of the joint one, then three of each IAL.
pub(super) struct Slots {
    spaces: usize,
    count: usize,
}

impl Slots {
    /// Σ F^m, Σ F^J and Σ F^J(s^J − s^m) of space `m`, where F = exp((s − 1)/τₐ).
    pub fn alignment(&self, m: usize) -> [usize; 3] {
        let first = self.spaces + 1 + 3 * m;
        [first, first + 1, first + 2]
    }
}

/// Adds `value(x)` of a tile's numbers to the sums of its rows and columns, each under the other's
/// mask.
#[inline(always)]
fn reduce(tile: &[f32], masks: [&[f32]; 2], sums: &mut [f32], value: impl Fn(f32) -> f32) {
    let (rows, columns) = sums.split_at_mut(BLOCK);
    for (r, line) in tile.chunks_exact(BLOCK).enumerate() {
        let (mut lanes, own) = ([0f32; 16], masks[0][r]);
        let others = masks[1].as_chunks::<16>().0.iter().zip(columns.as_chunks_mut::<16>().0);
        for (chunk, (others, columns)) in line.as_chunks::<16>().0.iter().zip(others) {
            for k in 0..16 {
                let x = value(chunk[k]);
                lanes[k] += x * others[k];
                columns[k] += x * own;
            }
        }
        rows[r] += lanes.iter().sum::<f32>();
    }
}

impl<'a> Call<'a> {
    pub fn new(options: &'a ModalContrast, z: &'a [f32], v: &[f32]) -> Result<Self> {
        for tau in [Some(options.tau), options.alignment].into_iter().flatten() {
            if !(tau.is_finite() && tau >= LEAST_TAU) {
                let message = format!("temperature {tau} is not a number from {LEAST_TAU} up");
                return Err(Error::new(Code::OutOfRange, message));
            }
        }
        let spaces = Spaces::new(z, &options.widths, Walk::All)?;
        let (count, pairs) = (spaces.len(), spaces.pairs);
        let fits = v.len() == 2 * pairs * count
            && options.present.as_ref().is_none_or(|present| present.len() == pairs * count)
            && (options.joint || options.alignment.is_none());
        if !fits {
            return Err(Error::new(Code::Internal, "modal contrast: arguments that do not fit each other"));
        }
        let by_place = |number: &dyn Fn(usize) -> f32| -> Vec<f32> {
            (0..spaces.padded()).map(|place| spaces.real(place).map_or(0.0, number)).collect()
        };
        let weights = (0..count).map(|m| by_place(&|row| v[row * count + m])).collect();
        let there = |row: usize, m: usize| {
            options.present.as_ref().is_none_or(|present| present[row % pairs * count + m])
        };
        let mut mask: Vec<Vec<f32>> =
            (0..count).map(|m| by_place(&|row| if there(row, m) { 1.0 } else { 0.0 })).collect();
        let any = |row: usize| v[row * count..(row + 1) * count].iter().any(|&v| v != 0.0);
        mask.push(by_place(&|row| if any(row % pairs) && any(row % pairs + pairs) { 1.0 } else { 0.0 }));
        Ok(Call { options, spaces, v: weights, mask })
    }

    pub fn slots(&self) -> Slots {
        let spaces = self.spaces.len();
        let alignment = if self.options.alignment.is_some() { 3 * spaces } else { 0 };
        Slots { spaces, count: spaces + 1 + alignment }
    }

    pub fn masks(&self, m: usize, i: usize, j: usize) -> [&[f32]; 2] {
        [i, j].map(|block| &self.mask[m][block * BLOCK..(block + 1) * BLOCK])
    }

    /// The joint similarities of a tile.
    #[inline(always)]
    pub fn joint(&self, i: usize, j: usize, tiles: &[f32], out: &mut [f32]) {
        out.fill(0.0);
        for (tile, v) in tiles.chunks_exact(TILE).zip(&self.v) {
            let columns = &v[j * BLOCK..(j + 1) * BLOCK];
            let lines = out.chunks_exact_mut(BLOCK).zip(tile.chunks_exact(BLOCK));
            for ((out, line), &row) in lines.zip(&v[i * BLOCK..(i + 1) * BLOCK]) {
                for ((out, &x), &column) in out.iter_mut().zip(line).zip(columns) {
                    *out += row * column * x;
                }
            }
        }
        if i == j {
            (0..BLOCK).for_each(|r| out[r * BLOCK + r] = NEVER);
        }
    }

    /// Leaves a row's similarity with itself out, where block `i` meets block `j`.
    pub fn leave_out_own(i: usize, j: usize, tiles: &mut [f32]) {
        if i == j {
            let lines = tiles.chunks_exact_mut(TILE);
            lines.for_each(|tile| tile.iter_mut().step_by(BLOCK + 1).for_each(|x| *x = NEVER));
        }
    }

    /// Sums of a tile's rows and columns for every slot, `slots × 2 × BLOCK`.
    #[inline(always)]
    fn sums(&self, i: usize, j: usize, tiles: &[f32]) -> Vec<f32> {
        let (slots, count) = (self.slots(), self.spaces.len());
        let mut sums = vec![0.0; slots.count * 2 * BLOCK];
        let of = |slot: usize| slot * 2 * BLOCK..(slot + 1) * 2 * BLOCK;
        let scale = 1.0 / self.options.tau;
        for (m, tile) in tiles.chunks_exact(TILE).enumerate() {
            reduce(tile, self.masks(m, i, j), &mut sums[of(m)], |x| exp((x - 1.0) * scale));
        }
        if !self.options.joint {
            return sums;
        }
        let mut joint = vec![0.0; TILE];
        self.joint(i, j, tiles, &mut joint);
        reduce(&joint, self.masks(count, i, j), &mut sums[of(count)], |x| exp((x - 1.0) * scale));
        let Some(tau) = self.options.alignment else { return sums };
        let scale = 1.0 / tau;
        let powers: Vec<f32> = joint.iter().map(|x| exp((x - 1.0) * scale)).collect();
        let mut gaps = vec![0.0; TILE];
        for (m, tile) in tiles.chunks_exact(TILE).enumerate() {
            let [own_sum, joint_sum, gap] = slots.alignment(m);
            let masks = self.masks(m, i, j);
            reduce(tile, masks, &mut sums[of(own_sum)], |x| exp((x - 1.0) * scale));
            reduce(&powers, masks, &mut sums[of(joint_sum)], |power| power);
            for ((gap, x), (power, joint)) in gaps.iter_mut().zip(tile).zip(powers.iter().zip(&joint)) {
                *gap = power * (joint - x);
            }
            reduce(&gaps, masks, &mut sums[of(gap)], |gap| gap);
        }
        sums
    }

    /// All losses, and what the backward pass needs.
    pub fn forward(&self, task: &Task) -> Result<(Vec<f64>, Kept)> {
        let (spaces, slots, count) = (&self.spaces, self.slots(), self.spaces.len());
        let padded = spaces.padded();
        // Sums across the sides and within them, which `inversion` treats differently.
        let mut totals = vec![[vec![0f64; padded], vec![0f64; padded]]; slots.count];
        let mut positives = vec![vec![0f32; padded]; count + 1];
        let visit = |i: usize, j: usize, tiles: &mut [f32]| {
            Self::leave_out_own(i, j, tiles);
            let sums = wide(|| self.sums(i, j, tiles));
            let mut found = Vec::new();
            if j == i + spaces.side {
                let mut joint = vec![0.0; TILE];
                wide(|| self.joint(i, j, tiles, &mut joint));
                for tile in tiles.chunks_exact(TILE).chain([joint.as_slice()]) {
                    found.extend(tile.iter().step_by(BLOCK + 1));
                }
            }
            (sums, found)
        };
        spaces.forward(task, visit, |i, j, (sums, found)| {
            let kind = usize::from((i < spaces.side) == (j < spaces.side));
            for (total, sums) in totals.iter_mut().zip(sums.chunks_exact(2 * BLOCK)) {
                let (rows, columns) = sums.split_at(BLOCK);
                let mut add = |block: usize, sums: &[f32]| {
                    let into = &mut total[kind][block * BLOCK..(block + 1) * BLOCK];
                    into.iter_mut().zip(sums).for_each(|(into, &sum)| *into += f64::from(sum));
                };
                add(i, rows);
                if i != j {
                    add(j, columns);
                }
            }
            for (positive, found) in positives.iter_mut().zip(found.chunks_exact(BLOCK)) {
                for block in [i, j] {
                    positive[block * BLOCK..(block + 1) * BLOCK].copy_from_slice(found);
                }
            }
        })?;
        let half = padded / 2;
        let sum = |slot: usize, row: usize| {
            let within = if self.options.inversion { (row + half) % padded } else { row };
            totals[slot][0][row] + totals[slot][1][within]
        };
        let counts: Vec<f64> =
            self.mask.iter().map(|mask| mask.iter().map(|&a| f64::from(a)).sum::<f64>() / 2.0).collect();
        let rows = |m: usize| (0..padded).filter(move |&row| self.mask[m][row] > 0.0);
        let mut losses = Vec::new();
        let scale = f64::from(self.options.tau).recip();
        let wanted = (self.options.joint.then_some(count)).into_iter().chain(0..count);
        for m in wanted {
            let one = |row: usize| sum(m, row).ln() + scale * (1.0 - f64::from(positives[m][row]));
            losses.push(rows(m).map(one).sum::<f64>() / (2.0 * counts[m]).max(1.0));
        }
        if let Some(tau) = self.options.alignment {
            for (m, pairs) in counts[..count].iter().enumerate() {
                let [own, joint, gap] = slots.alignment(m);
                let one = |row: usize| {
                    let all = sum(joint, row);
                    sum(gap, row) / (all * f64::from(tau)) - all.ln() + sum(own, row).ln()
                };
                losses.push(rows(m).map(one).sum::<f64>() / (4.0 * pairs * pairs).max(1.0));
            }
        }
        let inverse = (0..slots.count)
            .map(|slot| {
                let mask = &self.mask[if slot <= count { slot } else { (slot - count - 1) / 3 }];
                let one = |row: usize| if mask[row] > 0.0 { sum(slot, row).recip() as f32 } else { 0.0 };
                (0..padded).map(one).collect()
            })
            .collect();
        Ok((losses, Kept { inverse, counts }))
    }
}

impl ModalContrast {
    /// Number of losses: the joint ICL, the ICL of each space, the IAL of each space.
    pub fn losses(&self) -> usize {
        let alignment = if self.alignment.is_some() { self.widths.len() } else { 0 };
        usize::from(self.joint) + self.widths.len() + alignment
    }

    /// The losses of unit rows `z` (`2B × Σ widths`) and weights `v` (`2B × spaces`), in the order of
    /// [`ModalContrast::losses`], with their gradients where Σ upstream⊙losses is differentiated.
    ///
    /// Fails with [`Code::Internal`] on shapes that do not fit, [`Code::OutOfRange`] on a temperature
    /// below [`LEAST_TAU`], [`Code::Cancelled`].
    pub fn run(
        &self,
        z: &[f32],
        v: &[f32],
        upstream: Option<&[f32]>,
        task: &Task,
    ) -> Result<(Vec<f64>, Option<Slopes>)> {
        let call = Call::new(self, z, v)?;
        let (losses, kept) = call.forward(task)?;
        let slopes = upstream.map(|upstream| call.backward(&kept, upstream, task)).transpose()?;
        Ok((losses, slopes))
    }
}

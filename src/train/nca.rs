//! The neighbourhood component analysis loss of EVA, of several modalities and their weighted
//! concatenation in one pass.
//!
//! With unit rows of B pairs and S_ij = exp(α s_ij), S_ii = 0, where s_ij compares left row i with right
//! row j (EVA eq. 5, as its code has it):
//!
//! L = 1/B Σ_i ( log(1 + Σ_j S_ji)/α + log(1 + Σ_j S_ij)/α − β log(1 + max(s_ii, 0)) ).
//!
//! The joint similarity is s^J_ij = Σ_m v_im v_jm s^m_ij with weights v of length 1; as in EVA the vectors
//! enter it without gradient, so that it trains the weights alone. A pair of which a side lacks a modality
//! takes no part in that space. Memory is one strip of tiles.

use std::sync::{Arc, OnceLock};

use candle_core::{CpuStorage, CustomOp2, Layout, Result as Candle, Shape, Tensor};

use super::exp::exp;
use super::spaces::{BLOCK, Spaces, TILE, Walk};
use super::tape;
use super::wide::wide;
use crate::error::{Code, Error, Result};
use crate::task::Task;

/// The largest α: beyond it exp α is no finite number.
pub const MOST_ALPHA: f32 = 80.0;

/// Which losses are computed; see the module.
#[derive(Clone, Debug)]
pub struct Nca {
    /// Widths of the spaces, side by side in a row.
    pub widths: Vec<usize>,
    /// α of each space.
    pub alpha: Vec<f32>,
    /// α of the joint space, if it has a loss.
    pub joint: Option<f32>,
    /// β.
    pub beta: f32,
    /// `pairs × spaces`: whether both sides of a pair have the modality; `None` where all have all.
    pub present: Option<Arc<[bool]>>,
}

/// By space, the joint one last: 1 + the sums of rows and of columns, and the similarities of the pairs.
#[derive(Debug)]
struct Kept {
    sums: Vec<Vec<f64>>,
    positives: Vec<Vec<f32>>,
}

struct Call<'a> {
    options: &'a Nca,
    spaces: Spaces<'a>,
    v: Vec<Vec<f32>>,
    /// 1 where a pair takes part, by space and padded place on a side.
    mask: Vec<Vec<f32>>,
    /// α by space.
    alpha: Vec<f32>,
}

impl<'a> Call<'a> {
    fn new(options: &'a Nca, z: &'a [f32], v: &[f32]) -> Result<Self> {
        let spaces = Spaces::new(z, &options.widths, Walk::Across)?;
        let (count, pairs) = (spaces.len(), spaces.pairs);
        let alpha: Vec<f32> = options.alpha.iter().copied().chain(options.joint).collect();
        if let Some(alpha) = alpha.iter().find(|alpha| !(**alpha > 0.0 && **alpha <= MOST_ALPHA)) {
            let message = format!("alpha {alpha} is not above 0 and at most {MOST_ALPHA}");
            return Err(Error::new(Code::OutOfRange, message));
        }
        let fits = v.len() == 2 * pairs * count
            && options.alpha.len() == count
            && options.present.as_ref().is_none_or(|present| present.len() == pairs * count);
        if !fits {
            return Err(Error::new(Code::Internal, "nca: arguments that do not fit each other"));
        }
        let weight = |place: usize, m: usize| spaces.real(place).map_or(0.0, |row| v[row * count + m]);
        let v: Vec<Vec<f32>> =
            (0..count).map(|m| (0..spaces.padded()).map(|place| weight(place, m)).collect()).collect();
        let half = spaces.padded() / 2;
        let there = |place: usize, m: usize| {
            let both = |present: &Arc<[bool]>| present[place * count + m];
            let joint = || [place, place + half].iter().all(|&at| v.iter().any(|v| v[at] != 0.0));
            let yes = || if m < count { options.present.as_ref().is_none_or(both) } else { joint() };
            if place < pairs && yes() { 1.0 } else { 0.0 }
        };
        let mask = (0..alpha.len()).map(|m| (0..half).map(|place| there(place, m)).collect()).collect();
        Ok(Call { options, spaces, v, mask, alpha })
    }

    /// The masks of the rows of block `i` and of the columns of block `j`.
    fn masks(&self, m: usize, i: usize, j: usize) -> [&[f32]; 2] {
        [i, j - self.spaces.side].map(|block| &self.mask[m][block * BLOCK..(block + 1) * BLOCK])
    }

    #[inline(always)]
    fn joint(&self, i: usize, j: usize, tiles: &[f32], out: &mut [f32]) {
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
    }

    /// From similarities to masked powers S.
    #[inline(always)]
    fn powers(&self, m: usize, i: usize, j: usize, tile: &mut [f32]) {
        let [own, others] = self.masks(m, i, j);
        for (line, &own) in tile.chunks_exact_mut(BLOCK).zip(own) {
            for (x, &other) in line.iter_mut().zip(others) {
                *x = exp(*x * self.alpha[m]) * own * other;
            }
        }
        if j == i + self.spaces.side {
            tile.iter_mut().step_by(BLOCK + 1).for_each(|x| *x = 0.0);
        }
    }

    fn forward(&self, task: &Task) -> Result<(Vec<f64>, Kept)> {
        let (spaces, all) = (&self.spaces, self.alpha.len());
        let mut kept = Kept {
            sums: vec![vec![1.0; spaces.padded()]; all],
            positives: vec![vec![0.0; spaces.padded() / 2]; all],
        };
        let visit = |i: usize, j: usize, tiles: &mut [f32]| {
            let (mut sums, mut positives) = (vec![0f32; all * 2 * BLOCK], Vec::new());
            wide(|| {
                let mut tile = vec![0.0; TILE];
                for m in 0..all {
                    match tiles.chunks_exact(TILE).nth(m) {
                        Some(product) => tile.copy_from_slice(product),
                        None => self.joint(i, j, tiles, &mut tile),
                    }
                    if j == i + spaces.side {
                        positives.extend(tile.iter().step_by(BLOCK + 1));
                    }
                    self.powers(m, i, j, &mut tile);
                    let (rows, columns) = sums[2 * m * BLOCK..][..2 * BLOCK].split_at_mut(BLOCK);
                    for (row, line) in rows.iter_mut().zip(tile.chunks_exact(BLOCK)) {
                        *row = line.iter().sum();
                        columns.iter_mut().zip(line).for_each(|(column, x)| *column += x);
                    }
                }
            });
            (sums, positives)
        };
        spaces.forward(task, visit, |i, j, (sums, positives): (Vec<f32>, Vec<f32>)| {
            for (into, sums) in kept.sums.iter_mut().zip(sums.chunks_exact(2 * BLOCK)) {
                for (block, sums) in [i, j].into_iter().zip(sums.chunks_exact(BLOCK)) {
                    let into = &mut into[block * BLOCK..(block + 1) * BLOCK];
                    into.iter_mut().zip(sums).for_each(|(into, &sum)| *into += f64::from(sum));
                }
            }
            for (into, positives) in kept.positives.iter_mut().zip(positives.chunks_exact(BLOCK)) {
                into[i * BLOCK..(i + 1) * BLOCK].copy_from_slice(positives);
            }
        })?;
        let half = spaces.padded() / 2;
        let loss = |m: usize| {
            let one = |place: usize| {
                let sums = kept.sums[m][place].ln() + kept.sums[m][half + place].ln();
                let hit = f64::from(kept.positives[m][place].max(0.0)).ln_1p();
                sums / f64::from(self.alpha[m]) - f64::from(self.options.beta) * hit
            };
            let there = (0..half).filter(|&place| self.mask[m][place] > 0.0);
            there.map(one).sum::<f64>() / self.pairs(m)
        };
        Ok((self.order().map(loss).collect(), kept))
    }

    fn pairs(&self, m: usize) -> f64 {
        self.mask[m].iter().map(|&there| f64::from(there)).sum::<f64>().max(1.0)
    }

    /// Spaces in the order of the losses: the joint one first.
    fn order(&self) -> impl Iterator<Item = usize> + use<> {
        let count = self.options.alpha.len();
        self.options.joint.map(|_| count).into_iter().chain(0..count)
    }

    /// Gradients of Σ upstream⊙losses by `z` and `v`.
    fn backward(&self, kept: &Kept, upstream: &[f32], task: &Task) -> Result<[Vec<f32>; 2]> {
        let (spaces, all, count) = (&self.spaces, self.alpha.len(), self.options.alpha.len());
        let half = spaces.padded() / 2;
        let mut gains = vec![0.0; all];
        self.order().zip(upstream).for_each(|(m, &g)| gains[m] = g / self.pairs(m) as f32);
        // dL/ds = gain·(S/(1 + row sum) + S/(1 + column sum)); of a pair −gain·β/(1 + s) where s > 0.
        let pull = |m: usize, i: usize, j: usize, tile: &mut [f32]| {
            self.powers(m, i, j, tile);
            let inverse = |block: usize| -> Vec<f32> {
                let sums = &kept.sums[m][block * BLOCK..(block + 1) * BLOCK];
                sums.iter().map(|&sum| sum.recip() as f32 * gains[m]).collect()
            };
            let (rows, columns) = (inverse(i), inverse(j));
            for (line, row) in tile.chunks_exact_mut(BLOCK).zip(rows) {
                line.iter_mut().zip(&columns).for_each(|(x, column)| *x *= row + column);
            }
            if j == i + spaces.side {
                let pairs = kept.positives[m][i * BLOCK..].iter().zip(&self.mask[m][i * BLOCK..]);
                for (x, (&s, there)) in tile.iter_mut().step_by(BLOCK + 1).zip(pairs) {
                    if s > 0.0 {
                        *x -= there * gains[m] * self.options.beta / (1.0 + s);
                    }
                }
            }
        };
        let weigh = |i: usize, j: usize, tiles: &mut [f32]| {
            let mut by_v = Vec::new();
            wide(|| {
                if all > count {
                    let mut along = vec![0.0; TILE];
                    self.joint(i, j, tiles, &mut along);
                    pull(count, i, j, &mut along);
                    by_v.resize(2 * count * BLOCK, 0f32);
                    for (m, tile) in tiles.chunks_exact(TILE).enumerate() {
                        let (rows, columns) = by_v[2 * m * BLOCK..][..2 * BLOCK].split_at_mut(BLOCK);
                        let (own, others) =
                            (&self.v[m][i * BLOCK..][..BLOCK], &self.v[m][j * BLOCK..][..BLOCK]);
                        for (r, place) in (0..BLOCK).zip((0..TILE).step_by(BLOCK)) {
                            for c in 0..BLOCK {
                                let x = along[place + c] * tile[place + c];
                                rows[r] += x * others[c];
                                columns[c] += x * own[r];
                            }
                        }
                    }
                }
                tiles.chunks_exact_mut(TILE).enumerate().for_each(|(m, tile)| pull(m, i, j, tile));
            });
            by_v
        };
        let mut slope = vec![vec![0f64; 2 * half]; count];
        let z = spaces.backward(task, weigh, |i, j, by_v: Vec<f32>| {
            for (slope, sums) in slope.iter_mut().zip(by_v.chunks_exact(2 * BLOCK)) {
                for (block, sums) in [i, j].into_iter().zip(sums.chunks_exact(BLOCK)) {
                    let into = &mut slope[block * BLOCK..(block + 1) * BLOCK];
                    into.iter_mut().zip(sums).for_each(|(into, &sum)| *into += f64::from(sum));
                }
            }
        })?;
        let mut v = vec![0.0; 2 * spaces.pairs * count];
        for (place, row) in (0..2 * half).filter_map(|place| Some((place, spaces.real(place)?))) {
            (0..count).for_each(|m| v[row * count + m] = slope[m][place] as f32);
        }
        Ok([z, v])
    }
}

/// A call on the tape, with what its forward pass leaves.
struct OnTape {
    options: Nca,
    task: Task,
    kept: OnceLock<Kept>,
}

impl Nca {
    /// The losses on the tape, the joint one first: unit rows `z` `[2B, Σ widths]` and weights `v`
    /// `[2B, spaces]`, f32.
    ///
    /// Fails on shapes that do not fit and on an α above [`MOST_ALPHA`].
    pub fn apply(&self, z: &Tensor, v: &Tensor, task: &Task) -> Candle<Tensor> {
        let op = OnTape { options: self.clone(), task: task.clone(), kept: OnceLock::new() };
        tape::on_cpu(z)?.apply_op2(&tape::on_cpu(v)?, op)?.to_device(z.device())
    }
}

impl CustomOp2 for OnTape {
    fn name(&self) -> &'static str {
        "nca"
    }

    fn cpu_fwd(
        &self,
        z: &CpuStorage,
        lz: &Layout,
        v: &CpuStorage,
        lv: &Layout,
    ) -> Candle<(CpuStorage, Shape)> {
        let (z, v) = (tape::slice::<f32>(self.name(), z, lz)?, tape::slice::<f32>(self.name(), v, lv)?);
        let call = Call::new(&self.options, z, v).map_err(candle_core::Error::wrap)?;
        let (losses, kept) = call.forward(&self.task).map_err(candle_core::Error::wrap)?;
        let _ = self.kept.set(kept);
        let count = losses.len();
        Ok((CpuStorage::F32(losses.into_iter().map(|loss| loss as f32).collect()), Shape::from(count)))
    }

    fn bwd(
        &self,
        z: &Tensor,
        v: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Candle<(Option<Tensor>, Option<Tensor>)> {
        let Some(kept) = self.kept.get() else {
            candle_core::bail!("nca: the backward pass came before the forward pass")
        };
        let [dz, dv] = tape::lend([z, v, grad], |[z, v, upstream]| {
            let turn = || Call::new(&self.options, z, v)?.backward(kept, upstream, &self.task);
            turn().map_err(candle_core::Error::wrap)
        })?;
        Ok((Some(tape::tensor(dz, z.dims(), z)?), Some(tape::tensor(dv, v.dims(), v)?)))
    }
}

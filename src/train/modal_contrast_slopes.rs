//! The gradients of [`super::modal_contrast`].

use super::exp::exp;
use super::modal_contrast::{Call, Kept, Slopes};
use super::spaces::{BLOCK, TILE};
use super::wide::wide;
use crate::error::Result;
use crate::task::Task;

impl Call<'_> {
    /// Gradients of Σ upstream⊙losses.
    pub fn backward(&self, kept: &Kept, upstream: &[f32], task: &Task) -> Result<Slopes> {
        let (spaces, slots, count) = (&self.spaces, self.slots(), self.spaces.len());
        let (padded, joint) = (spaces.padded(), self.options.joint);
        let first = usize::from(joint);
        let pairs = |m: usize| kept.counts[m].max(1.0) as f32;
        let share = |m: usize, gain: f32| gain / (2.0 * pairs(m) * self.options.tau);
        let align = self.options.alignment.map(|tau| {
            let gain = |m: usize| upstream[first + count + m] / (4.0 * pairs(m) * pairs(m) * tau);
            (1.0 / tau, (0..count).map(gain).collect::<Vec<f32>>())
        });
        let of =
            |list: &'_ [f32], block: usize| -> Vec<f32> { list[block * BLOCK..(block + 1) * BLOCK].to_vec() };
        let scale = 1.0 / self.options.tau;
        // exp((s − 1)·scale)·(own inverse sum of either row), under masks: P_ij + P_ji.
        let weigh = |i: usize, j: usize, tiles: &mut [f32]| {
            let same = (i < spaces.side) == (j < spaces.side);
            let inverse = |slot: usize, block: usize| {
                let turned = self.options.inversion && same;
                let block = if turned { (block + spaces.side) % (2 * spaces.side) } else { block };
                of(&kept.inverse[slot], block)
            };
            Self::leave_out_own(i, j, tiles);
            let both = |slot: usize, m: usize| {
                let [own, others] = self.masks(m, i, j);
                (inverse(slot, i), inverse(slot, j), own, others)
            };
            let mut by_v = vec![0.0; if joint { 2 * count * BLOCK } else { 0 }];
            let (mut similar, mut pull, mut powers) = (Vec::new(), Vec::new(), Vec::new());
            wide(|| {
                if joint {
                    similar.resize(TILE, 0.0);
                    self.joint(i, j, tiles, &mut similar);
                    pull.clone_from(&similar);
                    slopes(&mut pull, both(count, count), scale, share(count, upstream[0]));
                    if j == i + spaces.side {
                        drop_partners(&mut pull, &self.mask[count][i * BLOCK..], share(count, upstream[0]));
                    }
                }
                if let Some((scale, _)) = &align {
                    powers.clone_from(&similar);
                    powers.iter_mut().for_each(|x| *x = exp((*x - 1.0) * scale));
                }
                for (m, tile) in tiles.chunks_exact_mut(TILE).enumerate() {
                    let before = joint.then(|| tile.to_vec());
                    let gain = share(m, upstream[first + m]);
                    slopes(tile, both(m, m), scale, gain);
                    if j == i + spaces.side {
                        drop_partners(tile, &self.mask[m][i * BLOCK..], gain);
                    }
                    let Some(before) = before else { continue };
                    if let Some((scale, gains)) = &align {
                        let [own, all, _] = slots.alignment(m);
                        let mut own_slope = before.clone();
                        slopes(&mut own_slope, both(own, m), *scale, gains[m]);
                        let (r, c, a, b) = both(all, m);
                        for (line, place) in (0..BLOCK).zip((0..TILE).step_by(BLOCK)) {
                            let q = &powers[place..place + BLOCK];
                            let lines = tile[place..place + BLOCK].iter_mut().zip(&own_slope[place..]);
                            for (((x, p), q), (c, b)) in lines.zip(q).zip(c.iter().zip(b)) {
                                *x += p - gains[m] * q * (r[line] * b + c * a[line]);
                            }
                        }
                    }
                    let (rows, columns) = by_v[2 * m * BLOCK..][..2 * BLOCK].split_at_mut(BLOCK);
                    let (own, others) = (&self.v[m][i * BLOCK..][..BLOCK], &self.v[m][j * BLOCK..][..BLOCK]);
                    let lines = tile.chunks_exact_mut(BLOCK).zip(before.chunks_exact(BLOCK));
                    for ((r, pull), (line, before)) in pull.chunks_exact(BLOCK).enumerate().zip(lines) {
                        let (mut lanes, own) = ([0f32; 16], own[r]);
                        let known = pull.as_chunks::<16>().0.iter().zip(before.as_chunks::<16>().0);
                        let sides = others.as_chunks::<16>().0.iter().zip(columns.as_chunks_mut::<16>().0);
                        let chunks = line.as_chunks_mut::<16>().0.iter_mut().zip(known).zip(sides);
                        for ((line, (pull, before)), (others, columns)) in chunks {
                            for k in 0..16 {
                                let along = pull[k] * before[k];
                                lanes[k] += along * others[k];
                                columns[k] += along * own;
                                line[k] += pull[k] * own * others[k];
                            }
                        }
                        rows[r] += lanes.iter().sum::<f32>();
                    }
                }
            });
            by_v
        };
        let mut slope = vec![vec![0f64; padded]; count];
        let z = spaces.backward(task, weigh, |i, j, by_v| {
            for (slope, sums) in slope.iter_mut().zip(by_v.chunks_exact(2 * BLOCK)) {
                let (rows, columns) = sums.split_at(BLOCK);
                let mut add = |block: usize, sums: &[f32]| {
                    let into = &mut slope[block * BLOCK..(block + 1) * BLOCK];
                    into.iter_mut().zip(sums).for_each(|(into, &sum)| *into += f64::from(sum));
                };
                add(i, rows);
                if i != j {
                    add(j, columns);
                }
            }
        })?;
        let mut v = vec![0.0; 2 * spaces.pairs * count];
        for (place, row) in (0..padded).filter_map(|place| Some((place, spaces.real(place)?))) {
            (0..count).for_each(|m| v[row * count + m] = slope[m][place] as f32);
        }
        Ok(Slopes { z, v })
    }
}

/// From similarities to gain·(P_ij + P_ji).
#[inline(always)]
fn slopes(tile: &mut [f32], sides: (Vec<f32>, Vec<f32>, &[f32], &[f32]), scale: f32, gain: f32) {
    let (rows, columns, own, others) = sides;
    for ((line, &row), &own) in tile.chunks_exact_mut(BLOCK).zip(&rows).zip(own) {
        for ((x, &column), &other) in line.iter_mut().zip(&columns).zip(others) {
            *x = gain * exp((*x - 1.0) * scale) * (row * other + column * own);
        }
    }
}

/// Takes the pull of partners off the diagonal of a tile of both sides.
fn drop_partners(tile: &mut [f32], mask: &[f32], gain: f32) {
    for (x, mask) in tile.iter_mut().step_by(BLOCK + 1).zip(mask) {
        *x -= 2.0 * gain * mask;
    }
}

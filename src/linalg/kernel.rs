//! The inner product engine: packed panels and register tiles, chosen at run time.
//!
//! A block of rows is packed into panels of `width` rows, interleaved column by column and padded with
//! zero rows; a register kernel multiplies one left with one right panel. Every number of a product is
//! the same chain of fused multiply-adds over the columns in every kernel, so products are the same
//! bits on every machine and in every tile.

use std::borrow::Cow;

/// Columns multiplied between two visits of the tile: a right panel of so many stays in the first-level
/// cache, a left block in the second.
pub(crate) const DEPTH: usize = 256;

/// One register kernel.
#[derive(Clone, Copy)]
pub(crate) struct Kernel {
    /// Rows of a left panel.
    pub left: usize,
    /// Rows of a right panel.
    pub right: usize,
    /// `tile += left panel · right panelᵀ` over `depth` columns; `stride` is the tile's row length.
    run: unsafe fn(depth: usize, left: *const f32, right: *const f32, tile: *mut f32, stride: usize),
}

impl Kernel {
    /// The widest kernel this processor runs.
    pub fn best() -> Kernel {
        #[cfg(target_arch = "x86_64")]
        {
            if std::arch::is_x86_feature_detected!("avx512f") {
                return Kernel { left: 12, right: 32, run: x86::avx512 };
            }
            if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
                return Kernel { left: 6, right: 16, run: x86::avx2 };
            }
        }
        Kernel::plain()
    }

    /// The kernel without special instructions.
    pub fn plain() -> Kernel {
        Kernel { left: 4, right: 8, run: plain }
    }

    /// `tile += left · rightᵀ` over `depth` columns, where both are packed blocks of whole panels and
    /// the tile is `left rows × right rows`, row by row.
    pub fn multiply(&self, depth: usize, left: &[f32], right: &[f32], tile: &mut [f32], stride: usize) {
        if depth == 0 {
            return;
        }
        let (lefts, rights) = (left.len() / (depth * self.left), right.len() / (depth * self.right));
        assert!(rights * self.right <= stride && lefts * self.left * stride <= tile.len());
        for r in 0..rights {
            for l in 0..lefts {
                // SAFETY: the panels lie inside their blocks by the counts above, the register tile
                // inside the tile by the assertion; `best` chose a kernel that the processor runs.
                unsafe {
                    (self.run)(
                        depth,
                        left.as_ptr().add(l * depth * self.left),
                        right.as_ptr().add(r * depth * self.right),
                        tile.as_mut_ptr().add(l * self.left * stride + r * self.right),
                        stride,
                    );
                }
            }
        }
    }
}

/// Some columns of a row and its factor; `None` for a row of zeros.
pub(crate) type Part<'a> = Option<(Cow<'a, [f32]>, f32)>;

/// Writes `depth` columns of `rows`, scaled, as panels of `width` rows.
///
/// `panels` holds `rows.len()` rounded up to whole panels, times `depth`.
pub(crate) fn pack(rows: &[Part<'_>], width: usize, depth: usize, panels: &mut [f32]) {
    for (panel, rows) in panels.chunks_exact_mut(width * depth).zip(rows.chunks(width)) {
        if rows.len() < width || rows.iter().any(Option::is_none) {
            panel.fill(0.0);
        }
        // Eight columns at a time: whole cache lines of every row are used while they are near.
        for start in (0..depth).step_by(8) {
            let end = (start + 8).min(depth);
            for (r, row) in rows.iter().enumerate() {
                let Some((row, scale)) = row else { continue };
                let places = panel[start * width + r..].iter_mut().step_by(width);
                for (place, x) in places.zip(&row[start..end]) {
                    *place = x * scale;
                }
            }
        }
    }
}

unsafe fn plain(depth: usize, left: *const f32, right: *const f32, tile: *mut f32, stride: usize) {
    let mut sums = [[0f32; 8]; 4];
    for p in 0..depth {
        // SAFETY: the caller gives whole panels of `depth` columns.
        let (a, b) = unsafe { (*left.add(p * 4).cast::<[f32; 4]>(), *right.add(p * 8).cast::<[f32; 8]>()) };
        for (row, a) in sums.iter_mut().zip(a) {
            for (sum, b) in row.iter_mut().zip(b) {
                *sum = a.mul_add(b, *sum);
            }
        }
    }
    for (r, row) in sums.iter().enumerate() {
        for (c, sum) in row.iter().enumerate() {
            // SAFETY: the caller gives a tile of at least 4 × 8 at this stride.
            unsafe { *tile.add(r * stride + c) += sum };
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn avx2(
        depth: usize,
        left: *const f32,
        right: *const f32,
        tile: *mut f32,
        stride: usize,
    ) {
        // SAFETY: the caller gives whole panels of `depth` columns and a tile of 6 × 16 at this stride.
        unsafe {
            let mut sums = [[_mm256_setzero_ps(); 2]; 6];
            for r in 0..6 {
                _mm_prefetch::<_MM_HINT_T0>(tile.add(r * stride).cast());
                _mm_prefetch::<_MM_HINT_T0>(tile.add(r * stride + 15).cast());
            }
            let (mut a, mut b) = (left, right);
            for _ in 0..depth {
                let b0 = _mm256_loadu_ps(b);
                let b1 = _mm256_loadu_ps(b.add(8));
                for (r, sum) in sums.iter_mut().enumerate() {
                    let x = _mm256_broadcast_ss(&*a.add(r));
                    sum[0] = _mm256_fmadd_ps(x, b0, sum[0]);
                    sum[1] = _mm256_fmadd_ps(x, b1, sum[1]);
                }
                a = a.add(6);
                b = b.add(16);
            }
            for (r, sum) in sums.iter().enumerate() {
                for (half, sum) in sum.iter().enumerate() {
                    let place = tile.add(r * stride + half * 8);
                    _mm256_storeu_ps(place, _mm256_add_ps(_mm256_loadu_ps(place), *sum));
                }
            }
        }
    }

    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn avx512(
        depth: usize,
        left: *const f32,
        right: *const f32,
        tile: *mut f32,
        stride: usize,
    ) {
        // SAFETY: the caller gives whole panels of `depth` columns and a tile of 12 × 32 at this stride.
        unsafe {
            let mut sums = [[_mm512_setzero_ps(); 2]; 12];
            for r in 0..12 {
                _mm_prefetch::<_MM_HINT_T0>(tile.add(r * stride).cast());
                _mm_prefetch::<_MM_HINT_T0>(tile.add(r * stride + 16).cast());
            }
            let (mut a, mut b) = (left, right);
            for _ in 0..depth {
                let b0 = _mm512_loadu_ps(b);
                let b1 = _mm512_loadu_ps(b.add(16));
                for (r, sum) in sums.iter_mut().enumerate() {
                    let x = _mm512_set1_ps(*a.add(r));
                    sum[0] = _mm512_fmadd_ps(x, b0, sum[0]);
                    sum[1] = _mm512_fmadd_ps(x, b1, sum[1]);
                }
                a = a.add(12);
                b = b.add(32);
            }
            for (r, sum) in sums.iter().enumerate() {
                for (half, sum) in sum.iter().enumerate() {
                    let place = tile.add(r * stride + half * 16);
                    _mm512_storeu_ps(place, _mm512_add_ps(_mm512_loadu_ps(place), *sum));
                }
            }
        }
    }
}

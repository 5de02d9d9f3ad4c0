//! Pictures in another size, as Pillow's `Image.resize` makes them, bit for bit.
//!
//! A pixel of the result is a weighted mean of those that the filter covers, wider when a picture shrinks, so that
//! nothing is lost between samples. Weights are whole numbers of 2⁻²²; rows are made first and rounded to 8 bits, then
//! columns. Source: the description of the method in Pillow's documentation ("Concepts, Filters") and its results,
//! which the tests hold ours to.

use super::Picture;

/// Bits after the point of a weight: 32, less 8 for the pixel and 2 for sums and signs.
const BITS: u32 = 22;

/// How a pixel between pixels is had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Filter {
    /// A triangle, one pixel to either side.
    Bilinear,
    /// Keys' cubic with a = −½, two pixels to either side.
    Bicubic,
}

impl Filter {
    /// Pixels to either side that have a weight.
    fn reach(self) -> f64 {
        match self {
            Filter::Bilinear => 1.0,
            Filter::Bicubic => 2.0,
        }
    }

    /// The weight of a pixel at a distance.
    fn at(self, x: f64) -> f64 {
        const A: f64 = -0.5;
        let x = x.abs();
        match self {
            Filter::Bilinear => (1.0 - x).max(0.0),
            Filter::Bicubic if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
            Filter::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
            Filter::Bicubic => 0.0,
        }
    }
}

/// Some pixels of one axis: from the `start`th, `len` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub start: u32,
    pub len: u32,
}

/// What every pixel of a stretch of the result takes from one axis of the source.
struct Weights {
    /// First source pixel and place of the first weight, for each pixel of the result, and once more for the end.
    places: Vec<(usize, usize)>,
    weights: Vec<i32>,
}

impl Weights {
    /// Weights of the pixels `out` when an axis of `from` pixels gets `to`.
    fn new(filter: Filter, from: u32, to: u32, out: Span) -> Weights {
        let scale = f64::from(from) / f64::from(to);
        let wider = scale.max(1.0);
        let (reach, narrower) = (filter.reach() * wider, 1.0 / wider);
        let (mut places, mut weights) = (Vec::with_capacity(out.len as usize + 1), Vec::new());
        let mut exact = Vec::new();
        for pixel in out.start..out.start + out.len {
            // The weights would say the same, with neighbours that weigh nothing.
            if from == to {
                places.push((pixel as usize, weights.len()));
                weights.push(1 << BITS);
                continue;
            }
            let centre = (f64::from(pixel) + 0.5) * scale;
            let first = (centre - reach + 0.5).max(0.0) as u32;
            let end = ((centre + reach + 0.5) as u32).min(from);
            exact.clear();
            exact.extend((first..end).map(|x| filter.at((f64::from(x) - centre + 0.5) * narrower)));
            let total: f64 = exact.iter().sum();
            places.push((first as usize, weights.len()));
            let whole = |weight: &f64| {
                let weight = if total == 0.0 { *weight } else { weight / total };
                (weight * f64::from(1 << BITS) + 0.5f64.copysign(weight)) as i32
            };
            weights.extend(exact.iter().map(whole));
        }
        places.push((0, weights.len()));
        Weights { places, weights }
    }

    /// First source pixel and weights of each pixel of the result.
    fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> + Clone {
        self.places.windows(2).map(|pair| (pair[0].0, &self.weights[pair[0].1..pair[1].1]))
    }
}

/// The part `columns × rows` of what a picture is in `width × height` pixels: rows of `3 · columns.len` bytes.
///
/// The picture is gone through once, row by row, so that besides the result only sums of its size are held, however
/// large the picture is.
pub(super) fn resample(
    picture: &Picture,
    filter: Filter,
    (width, height): (u32, u32),
    columns: Span,
    rows: Span,
) -> Vec<u8> {
    let across = Weights::new(filter, picture.width(), width, columns);
    let down = Weights::new(filter, picture.height(), height, rows);
    let stride = 3 * columns.len as usize;
    let half = 1i32 << (BITS - 1);
    let mut line = vec![0u8; stride];
    let mut sums = vec![half; stride * rows.len as usize];
    let needs: Vec<(usize, &[i32])> = down.iter().collect();
    let mut first = 0;
    for y in 0..picture.height() as usize {
        // Rows of the result begin and end in order, as those they take from do.
        while first < needs.len() && needs[first].0 + needs[first].1.len() <= y {
            first += 1;
        }
        let taking = needs[first..].iter().take_while(|(start, _)| *start <= y).count();
        if taking == 0 {
            continue;
        }
        shrink_row(picture.row(y), &across, &mut line);
        for (i, (start, weights)) in needs.iter().enumerate().skip(first).take(taking) {
            let weight = weights[y - start];
            let sums = &mut sums[i * stride..(i + 1) * stride];
            sums.iter_mut().zip(&line).for_each(|(sum, &x)| *sum += weight * i32::from(x));
        }
    }
    sums.into_iter().map(byte).collect()
}

fn shrink_row(row: &[u8], across: &Weights, line: &mut [u8]) {
    let (pixels, _) = row.as_chunks::<3>();
    for (out, (start, weights)) in line.as_chunks_mut::<3>().0.iter_mut().zip(across.iter()) {
        let mut sums = [1i32 << (BITS - 1); 3];
        for (pixel, &weight) in pixels[start..].iter().zip(weights) {
            for (sum, &x) in sums.iter_mut().zip(pixel) {
                *sum += weight * i32::from(x);
            }
        }
        *out = sums.map(byte);
    }
}

fn byte(sum: i32) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}

//! A vector of a picture without a network: layout, colours and edges.
//!
//! It tells pictures of the same thing from others where they are much alike (the same photograph in other sizes,
//! drawings, flags, posters), not what is in them. Four blocks of unit length each, or of zeros where a picture has
//! nothing to say (a grey one of colour):
//!
//! | numbers | what |
//! |---|---|
//! | 64 | lightness of 8 × 8 fields, less its mean |
//! | 128 | two opponent colours (red against green, yellow against blue) of 8 × 8 fields |
//! | 64 | how much of each of 4 × 4 × 4 colours, as square roots |
//! | 128 | how much edge in 8 directions in 4 × 4 fields, as square roots |
//!
//! Opponent colours as in van de Sande et al., Evaluating Color Descriptors for Object and Scene Recognition, 2010, of
//! colours by their share of the light; edges as in Dalal and Triggs, Histograms of Oriented Gradients for Human
//! Detection, 2005, but shared smoothly between directions and fields, so that a picture that moves a little keeps
//! most of its vector.

use super::Picture;
use super::resample::{Filter, Span, resample};

/// Width of a vector.
pub(super) const WIDTH: usize = 64 + 128 + 64 + 128;

/// Raised when the same picture gets other numbers than before.
pub(super) const VERSION: u32 = 1;

/// Fields of the layout in a row.
const FIELDS: usize = 8;
/// Pixels in a row of the small copy that colours and edges are taken from.
const SMALL: usize = 32;
/// Fields of edges in a row.
const EDGE_FIELDS: usize = 4;
/// Directions of an edge.
const DIRECTIONS: usize = 8;
/// Steps of a channel in the table of colours.
const STEPS: usize = 4;

/// The vector of a picture.
pub(super) fn pixels(picture: &Picture) -> Vec<f32> {
    let fields = small(picture, FIELDS);
    let pixels = small(picture, SMALL);
    let mut lightness: Vec<f32> = fields.iter().map(light).collect();
    let mean = lightness.iter().sum::<f32>() / lightness.len() as f32;
    lightness.iter_mut().for_each(|x| *x -= mean);
    let colours = fields.iter().flat_map(opponent).collect();
    let mut vector = Vec::with_capacity(WIDTH);
    for mut block in [lightness, colours, palette(&pixels), edges(&pixels)] {
        unit(&mut block);
        vector.extend(block);
    }
    vector
}

/// A copy of `side × side` pixels, from 0 to 1.
fn small(picture: &Picture, side: usize) -> Vec<[f32; 3]> {
    let size = side as u32;
    let all = Span { start: 0, len: size };
    let bytes = resample(picture, Filter::Bilinear, (size, size), all, all);
    bytes.as_chunks::<3>().0.iter().map(|pixel| pixel.map(|x| f32::from(x) / 255.0)).collect()
}

fn light([r, g, b]: &[f32; 3]) -> f32 {
    (r + g + b) / 3.0
}

/// Red against green and yellow against blue, by the share of the light: a darker picture has the same.
fn opponent(pixel @ [r, g, b]: &[f32; 3]) -> [f32; 2] {
    let all = light(pixel) + 0.1;
    [(r - g) / (all * std::f32::consts::SQRT_2), (r + g - 2.0 * b) / (all * 6f32.sqrt())]
}

/// How much of the picture each colour is, a pixel shared by the colours around its own.
fn palette(pixels: &[[f32; 3]]) -> Vec<f32> {
    let mut table = vec![0.0; STEPS * STEPS * STEPS];
    for pixel in pixels {
        let parts = pixel.map(|x| between(x * (STEPS - 1) as f32, STEPS));
        for (r, part_r) in parts[0] {
            for (g, part_g) in parts[1] {
                for (b, part_b) in parts[2] {
                    table[(r * STEPS + g) * STEPS + b] += part_r * part_g * part_b;
                }
            }
        }
    }
    table.into_iter().map(f32::sqrt).collect()
}

/// How much edge there is in each direction in each field. A field takes from those around it by nearness.
fn edges(pixels: &[[f32; 3]]) -> Vec<f32> {
    // Cosines of 0, 45, 90 … degrees; the sine is the cosine two places back.
    const DIAGONAL: f32 = std::f32::consts::FRAC_1_SQRT_2;
    const COSINES: [f32; DIRECTIONS] = [1.0, DIAGONAL, 0.0, -DIAGONAL, -1.0, -DIAGONAL, 0.0, DIAGONAL];
    let light: Vec<f32> = pixels.iter().map(light).collect();
    let mut table = vec![0.0; EDGE_FIELDS * EDGE_FIELDS * DIRECTIONS];
    let field = |at: usize| between((at as f32 + 0.5) * EDGE_FIELDS as f32 / SMALL as f32 - 0.5, EDGE_FIELDS);
    for y in 1..SMALL - 1 {
        for x in 1..SMALL - 1 {
            let at = y * SMALL + x;
            let (dx, dy) = (light[at + 1] - light[at - 1], light[at + SMALL] - light[at - SMALL]);
            for (row, part_y) in field(y) {
                for (col, part_x) in field(x) {
                    let cell = (row * EDGE_FIELDS + col) * DIRECTIONS;
                    for direction in 0..DIRECTIONS {
                        let sine = COSINES[(direction + DIRECTIONS - 2) % DIRECTIONS];
                        let along = dx * COSINES[direction] + dy * sine;
                        table[cell + direction] += part_y * part_x * along.max(0.0);
                    }
                }
            }
        }
    }
    table.into_iter().map(f32::sqrt).collect()
}

/// The two whole numbers below `steps` that are next to a number, and how much of it each gets.
fn between(x: f32, steps: usize) -> [(usize, f32); 2] {
    let x = x.clamp(0.0, (steps - 1) as f32);
    let low = (x as usize).min(steps - 2);
    let part = x - low as f32;
    [(low, 1.0 - part), (low + 1, part)]
}

fn unit(block: &mut [f32]) {
    let norm = block.iter().map(|x| x * x).sum::<f32>().sqrt();
    if norm > 1e-6 {
        block.iter_mut().for_each(|x| *x /= norm);
    } else {
        block.fill(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn blocks_have_unit_length_or_nothing_to_say() {
        let mut rng = Rng::new(1);
        let noise = (0..3 * 40 * 30).map(|_| rng.next_u64() as u8).collect();
        let norms = |vector: &[f32]| {
            let blocks = [0..64, 64..192, 192..256, 256..384];
            blocks.map(|block| vector[block].iter().map(|x| x * x).sum::<f32>().sqrt())
        };
        let noisy = pixels(&Picture::new(40, 30, noise).unwrap());
        assert_eq!(noisy.len(), WIDTH);
        assert!(norms(&noisy).iter().all(|norm| (norm - 1.0).abs() < 1e-5));
        let grey = pixels(&Picture::new(1, 1, vec![128; 3]).unwrap());
        assert_eq!(norms(&grey), [0.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn light_and_size_matter_less_than_what_is_seen() {
        let scene = |seed: u64, side: u32, gain: f32| {
            let mut rng = Rng::new(seed);
            let waves: Vec<[f32; 4]> = (0..3).map(|_| std::array::from_fn(|_| rng.f32() * 6.0)).collect();
            let pixel = |i: u32| {
                let (x, y) = ((i % side) as f32 / side as f32, (i / side) as f32 / side as f32);
                let wave = |w: &[f32; 4]| ((w[0] * x + w[1] * y + w[2]).sin() * 0.4 + 0.5) * w[3] / 6.0;
                waves.iter().map(|w| (255.0 * gain * wave(w)) as u8).collect::<Vec<u8>>()
            };
            pixels(&Picture::new(side, side, (0..side * side).flat_map(pixel).collect()).unwrap())
        };
        let alike = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>() / 4.0;
        let same = alike(&scene(1, 200, 1.0), &scene(1, 90, 0.85));
        let other =
            (2..12).map(|seed| alike(&scene(1, 200, 1.0), &scene(seed, 200, 1.0))).fold(0.0, f32::max);
        assert!(same > 0.93 && same > other + 0.05, "{same} {other}");
    }
}

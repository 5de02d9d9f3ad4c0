//! Pictures drawn from latents, for planted pairs whose pictures are files.
//!
//! A latent moves colours, shapes and a texture smoothly, so that latents near each other give pictures that look
//! alike; what is drawn besides is a photographer's: another crop, light and grain each time.

use std::io::Cursor;

use image::{ImageFormat, RgbImage};

use crate::error::{Code, Error, Result};
use crate::rng::Rng;

/// Width and height in pixels.
const SIDE: u32 = 96;
/// Shapes in a picture.
const SHAPES: usize = 4;
/// Colours of the background in a row, and rows of them.
const GRID: usize = 4;
/// Numbers that a background and its texture take, and a shape.
const GROUND: usize = 3 * GRID * GRID + 3;
const SHAPE: usize = 9;

/// A PNG of 96 × 96 pixels: what a thing with this latent (standard normal numbers, any how many) looks like, in a light
/// and from a place that `rng` draws.
///
/// # Errors
/// [`Code::Internal`] if the PNG cannot be written.
pub fn draw(latent: &[f32], rng: &mut Rng) -> Result<Vec<u8>> {
    let scene = Scene::of(latent);
    let mut offset = || (rng.f32() - 0.5) * 0.08;
    let (left, top, zoom) = (offset(), offset(), 1.0 + offset());
    let (gain, lift) = (1.0 + 3.0 * offset(), 0.6 * offset());
    let mut picture = RgbImage::new(SIDE, SIDE);
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        let place = |at: u32, start: f32| start + 0.5 + zoom * ((at as f32 + 0.5) / SIDE as f32 - 0.5);
        let colour = scene.at(place(x, left), place(y, top));
        let grain = (rng.f32() - 0.5) * 0.04;
        pixel.0 = colour.map(|c| ((c * gain + lift + grain).clamp(0.0, 1.0) * 255.0 + 0.5) as u8);
    }
    let mut bytes = Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(|cause| Error::new(Code::Internal, format!("a picture as PNG: {cause}")))?;
    Ok(bytes.into_inner())
}

/// What is to be seen; places run from 0 to 1.
struct Scene {
    /// Colours of the background, row by row, with all between them between them.
    ground: Vec<[f32; 3]>,
    /// Waves over the picture in x and y, and how strong they are.
    waves: [f32; 3],
    shapes: Vec<Shape>,
}

struct Shape {
    centre: [f32; 2],
    sizes: [f32; 2],
    turn: [f32; 2],
    colour: [f32; 3],
    round: f32,
}

impl Scene {
    /// Every trait is a mix of the whole latent, the same mix for all pictures, brought between 0 and 1.
    fn of(latent: &[f32]) -> Scene {
        let mut mix = Rng::stream(0, "pictures");
        let norm = (latent.len().max(1) as f32).sqrt();
        let mut traits = (0..GROUND + SHAPES * SHAPE).map(|_| {
            let sum: f32 = latent.iter().map(|x| x * mix.normal() as f32).sum();
            1.0 / (1.0 + (-1.7 * sum / norm).exp())
        });
        // There are as many as are taken.
        let mut next = || traits.next().unwrap_or(0.5);
        let ground = (0..GRID * GRID).map(|_| [(); 3].map(|()| next())).collect();
        let waves = [2.0 + 10.0 * next(), 2.0 + 10.0 * next(), 0.25 * next()];
        let shapes = (0..SHAPES).map(|_| {
            let centre = [next(), next()];
            let sizes = [0.05 + 0.14 * next(), 0.05 + 0.14 * next()];
            let turn = 3.0 * next();
            let colour = [(); 3].map(|()| next());
            Shape { centre, sizes, turn: [turn.cos(), turn.sin()], colour, round: 2.0 + 4.0 * next() }
        });
        Scene { ground, waves, shapes: shapes.collect() }
    }

    /// The colour of a place, later shapes over earlier ones.
    fn at(&self, x: f32, y: f32) -> [f32; 3] {
        let [(left, right), (above, below)] = [x, y].map(|at| {
            let at = at.clamp(0.0, 1.0) * (GRID - 1) as f32;
            let first = (at as usize).min(GRID - 2);
            ((first, 1.0 - at + first as f32), (first + 1, at - first as f32))
        });
        let wave = self.waves[2] * ((self.waves[0] * x).sin() * (self.waves[1] * y).cos());
        let mut colour = [wave; 3];
        for ((row, down), (col, across)) in [(above, left), (above, right), (below, left), (below, right)] {
            let own = self.ground[row * GRID + col];
            colour.iter_mut().zip(own).for_each(|(to, own)| *to += down * across * own);
        }
        for shape in &self.shapes {
            let covered = shape.covers(x, y);
            colour.iter_mut().zip(shape.colour).for_each(|(to, own)| *to += covered * (own - *to));
        }
        colour
    }
}

impl Shape {
    /// How much of a place it covers: all within, nothing without, and its edge is a few pixels soft.
    fn covers(&self, x: f32, y: f32) -> f32 {
        let (dx, dy) = (x - self.centre[0], y - self.centre[1]);
        let [cos, sin] = self.turn;
        let along = ((dx * cos + dy * sin) / self.sizes[0]).abs();
        let across = ((dy * cos - dx * sin) / self.sizes[1]).abs();
        // From an ellipse at 2 to nearly a rectangle at 6.
        let reach = along.powf(self.round) + across.powf(self.round);
        ((1.2 - reach) / 0.4).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoders::image::{Limits, Picture, PictureEncoder};
    use crate::task::Task;

    /// Share of `count` things whose two pictures are each other's nearest, when each picture's latent is the thing's
    /// and normal noise of this standard deviation.
    fn found(count: usize, noise: f32) -> f64 {
        let encoder = PictureEncoder::pixels();
        let sides: Vec<Vec<f32>> = (0..2u64)
            .map(|side| {
                let vectors = (0..count).flat_map(|thing| {
                    let mut own = Rng::new(1000 + thing as u64);
                    let mut taken = Rng::new(1_000_000 * (side + 1) + thing as u64);
                    let latent: Vec<f32> =
                        (0..32).map(|_| own.normal() as f32 + noise * taken.normal() as f32).collect();
                    let bytes = draw(&latent, &mut taken).unwrap();
                    let prepared = encoder.read(&bytes, &Task::quiet()).unwrap().unwrap();
                    encoder.encode(&[prepared], &Task::quiet()).unwrap()
                });
                vectors.collect()
            })
            .collect();
        let rows = |side: usize| sides[side].chunks(encoder.width());
        let near = |from: usize, to: usize| -> Vec<usize> {
            let nearest = |row: &[f32]| {
                let scores = rows(to).map(|other| row.iter().zip(other).map(|(a, b)| a * b).sum::<f32>());
                scores.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap().0
            };
            rows(from).map(nearest).collect()
        };
        let (there, back) = (near(0, 1), near(1, 0));
        (0..count).filter(|&thing| there[thing] == thing && back[thing] == thing).count() as f64
            / count as f64
    }

    #[test]
    fn pictures_of_a_thing_look_alike_and_others_do_not() {
        let clear = found(300, 0.1);
        let noisy = found(300, 2.0);
        eprintln!("{clear} {noisy}");
        assert!(clear > 0.9 && noisy < 0.3, "{clear} {noisy}");
    }

    #[test]
    #[ignore = "for a person: figures by noise, and pictures to look at where PICTURES names a folder"]
    fn figures_by_noise() {
        for noise in [0.1, 0.2, 0.3, 0.4, 0.5, 0.7] {
            eprintln!("noise {noise}: {:.3}", found(1000, noise));
        }
        let Ok(folder) = std::env::var("PICTURES") else { return };
        for thing in 0..6 {
            for side in 0..2 {
                let (mut own, mut taken) = (Rng::new(thing), Rng::new(100 * (side + 1) + thing));
                let latent: Vec<f32> =
                    (0..32).map(|_| own.normal() as f32 + 0.4 * taken.normal() as f32).collect();
                let path = format!("{folder}/{thing}_{side}.png");
                std::fs::write(path, draw(&latent, &mut taken).unwrap()).unwrap();
            }
        }
    }

    #[test]
    fn a_picture_is_the_same_each_time_whatever_the_latent() {
        for latent in [vec![], vec![1e30, -1e30], vec![0.5; 200]] {
            let once = draw(&latent, &mut Rng::new(1)).unwrap();
            assert_eq!(once, draw(&latent, &mut Rng::new(1)).unwrap());
            let picture = Picture::decode(&once, Limits::default()).unwrap();
            assert_eq!((picture.width(), picture.height()), (SIDE, SIDE));
        }
    }
}

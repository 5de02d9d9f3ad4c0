//! What an index is over: of one side the weighted concatenation of unit rows.
//!
//! With ŷₘ the unit row of modality m (zero where it is missing) and wₘ its weight, the score of a pair is
//! Σ wₘ x̂ₘ·ŷₘ, one inner product. Rows of entities that miss a modality are shorter than others, so that
//! the nearest by inner product is not the nearest in space. For building, a column is appended that brings
//! all rows to the norm √Σ wₘ (Bachrach and others, "Speeding up the Xbox recommender system using a
//! Euclidean transformation for inner-product spaces", 2014); queries have a zero there.

use rayon::prelude::*;

use crate::error::{Code, Error, Result};
use crate::features::{DenseRows, Feature, Presence, Rows};
use crate::linalg::dot::{Dot, prefetch};
use crate::linalg::{SMALLEST_NORM, check_feature};

/// One modality of one side.
#[derive(Clone, Copy, Debug)]
struct Part<'a> {
    weight: f32,
    rows: DenseRows<'a>,
    present: &'a Presence,
}

impl Part<'_> {
    fn row(&self, i: u32) -> &[f32] {
        let i = i as usize;
        &self.rows.data[i * self.rows.cols..(i + 1) * self.rows.cols]
    }

    /// 1/‖row‖; 0 for a row that is missing or has norm zero.
    fn scale(&self, i: u32) -> Result<f32> {
        if !self.present.get(i as usize) {
            return Ok(0.0);
        }
        let norm = Rows::Dense(self.rows).square(i as usize).sqrt();
        if !norm.is_finite() {
            return Err(Error::new(Code::BadValue, format!("row {i} holds a number that is not finite"))
                .help("rebuild the features of this modality"));
        }
        Ok(if norm < SMALLEST_NORM { 0.0 } else { (1.0 / norm) as f32 })
    }
}

/// Squared norms that 32 bits hold with all their digits.
const PLAIN: std::ops::Range<f32> = 1e-20..1e20;

/// The rows of one side, read where they are.
#[derive(Clone, Debug)]
pub(crate) struct Embedding<'a> {
    parts: Vec<Part<'a>>,
    rows: usize,
    dot: Dot,
}

impl<'a> Embedding<'a> {
    /// Modalities with their weights; those of weight 0 take no part.
    ///
    /// Fails where there is none, where features do not fit each other, and on sparse ones.
    pub fn new(features: impl IntoIterator<Item = (f32, Feature<'a>)>) -> Result<Self> {
        let features = features.into_iter().filter(|&(weight, _)| weight > 0.0).enumerate();
        let parts = features.map(|(number, (weight, feature))| {
            check_feature(&feature, feature.present.len(), number)?;
            match feature.rows {
                Rows::Dense(rows) => Ok(Part { weight, rows, present: feature.present }),
                Rows::Sparse(_) => Err(Error::new(
                    Code::Unsupported,
                    format!("modality {} is sparse, and an index is over dense ones", number + 1),
                )
                .help("index dense modalities, named with their weights, or the embeddings of a model")),
            }
        });
        let parts = parts.collect::<Result<Vec<Part<'a>>>>()?;
        let rows = parts.first().map_or(0, |part| part.present.len());
        if parts.is_empty() || parts.iter().any(|part| part.present.len() != rows) {
            return Err(Error::new(
                Code::MissingData,
                "no modality to index, or sides that differ in length",
            ));
        }
        Ok(Embedding { parts, rows, dot: Dot::best() })
    }

    /// Number of rows, those without any modality included.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Number of modalities.
    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    /// Columns of all modalities.
    pub fn columns(&self) -> usize {
        self.parts.iter().map(|part| part.rows.cols).sum()
    }

    /// Numbers in a row of [`Embedding::write`].
    pub fn width(&self) -> usize {
        self.columns() + 1
    }

    /// Σ wₘ: the squared norm of every row of [`Embedding::write`].
    pub fn total(&self) -> f32 {
        self.parts.iter().map(|part| part.weight).sum()
    }

    /// `rows × parts`: what each row of each modality is multiplied by; 0 where it is missing.
    ///
    /// Fails on a number that is not finite.
    pub fn scales(&self) -> Result<Vec<f32>> {
        let parts = self.parts.len();
        let mut scales = vec![0f32; self.rows * parts];
        let rows = scales.par_chunks_exact_mut(parts).enumerate();
        rows.try_for_each(|(i, scales)| self.scale(i as u32).map(|row| scales.copy_from_slice(&row)))?;
        Ok(scales)
    }

    /// The scales of one row.
    pub fn scale(&self, i: u32) -> Result<Vec<f32>> {
        self.parts.iter().map(|part| part.scale(i)).collect()
    }

    /// The scales of one row, but for the rounding of one more sum: what [`Embedding::doubt`] allows for.
    pub fn rough_scale(&self, i: u32) -> Result<Vec<f32>> {
        let rough = |part: &Part<'_>| match self.dot.of(part.row(i), part.row(i)) {
            square if part.present.get(i as usize) && PLAIN.contains(&square) => Ok(1.0 / square.sqrt()),
            _ => part.scale(i),
        };
        self.parts.iter().map(rough).collect()
    }

    /// Row `i` as the first numbers of `to`: √wₘ·ŷₘ one after the other, then what is missing to the norm.
    pub fn write(&self, i: u32, scales: &[f32], to: &mut [f32]) {
        let (mut at, mut missing) = (0, 0f32);
        for (part, &scale) in self.parts.iter().zip(scales) {
            let factor = scale * part.weight.sqrt();
            for (place, x) in to[at..].iter_mut().zip(part.row(i)) {
                *place = x * factor;
            }
            at += part.rows.cols;
            missing += if scale == 0.0 { part.weight } else { 0.0 };
        }
        to[at] = missing.sqrt();
    }

    /// The bits that decide whether two rows are the same, fed to `f` in order.
    pub fn bytes(&self, i: u32, scales: &[f32], mut f: impl FnMut(&[u8])) {
        for (part, &scale) in self.parts.iter().zip(scales) {
            f(&[u8::from(scale != 0.0)]);
            if scale != 0.0 {
                f(bytemuck::cast_slice(part.row(i)));
            }
        }
    }

    /// Row `i` as a query: wₘ·x̂ₘ; `None` if it has no modality.
    pub fn query(&self, i: u32) -> Result<Option<Query>> {
        let scales = self.scale(i)?;
        let part = |(part, &scale): (&Part<'_>, &f32)| {
            let factor = scale * part.weight;
            if scale == 0.0 { Vec::new() } else { part.row(i).iter().map(|x| x * factor).collect() }
        };
        let any = scales.iter().any(|&scale| scale != 0.0);
        Ok(any.then(|| Query {
            parts: self.parts.iter().zip(&scales).map(part).collect(),
            widths: self.parts.iter().map(|part| part.rows.cols).collect(),
            dot: self.dot,
        }))
    }

    /// How far apart two rows may be by one way of adding up and equal by another: twice what each of two
    /// sums may be off, one of them with a norm that is, and half of it to spare.
    pub fn doubt(&self) -> f32 {
        8.0 * (self.width() + 16) as f32 * (f32::EPSILON / 2.0) * self.total()
    }

    /// The inner product of row `i` with a query; −∞ if they share no modality.
    pub fn similarity(&self, i: u32, scales: &[f32], query: &Query) -> f32 {
        let parts = self.parts.iter().zip(scales).zip(&query.parts);
        let shared = parts.filter(|((_, scale), query)| **scale != 0.0 && !query.is_empty());
        let sum = |sum: Option<f32>, ((part, scale), query): ((&Part<'_>, &f32), &Vec<f32>)| {
            Some(sum.unwrap_or(0.0) + scale * self.dot.of(part.row(i), query))
        };
        shared.fold(None, sum).unwrap_or(f32::NEG_INFINITY)
    }

    /// Row `i` will soon be compared.
    pub fn prefetch(&self, i: u32) {
        self.parts.iter().for_each(|part| prefetch(part.row(i)));
    }
}

/// A row of the other side.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// Modality by modality; empty where it is missing.
    parts: Vec<Vec<f32>>,
    /// Columns of each modality.
    widths: Vec<usize>,
    dot: Dot,
}

impl Query {
    /// Columns of all modalities.
    pub fn columns(&self) -> usize {
        self.widths.iter().sum()
    }

    /// The inner product with unit rows of all modalities side by side, zeros for what is missing.
    pub fn of(&self, row: &[f32]) -> f32 {
        let (mut at, mut sum) = (0, 0.0);
        for (part, width) in self.parts.iter().zip(&self.widths) {
            if !part.is_empty() {
                sum += self.dot.of(&row[at..at + width], part);
            }
            at += width;
        }
        sum
    }
}

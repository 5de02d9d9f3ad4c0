//! One batch as one modality sees it: which rows it reads and where its pairs are among them.

use std::sync::OnceLock;

use crate::error::Result;
use crate::train::{Field, Neighbourhoods};

use super::device::Placed;
use super::encoder::Encoder;

/// A batch of one modality.
pub(crate) struct Plan {
    pub field: Field,
    /// Places among the rows the field writes: of all left rows, then of their partners.
    pub places: Vec<u32>,
    /// The same on a device, once it has been there.
    pub placed: OnceLock<Placed>,
}

impl Plan {
    /// The batch `pairs` (rows of the two sides, each counted from 0), less the pairs of which a side
    /// lacks the modality; `None` if none is left.
    pub fn new(encoder: &Encoder<'_>, graph: &Neighbourhoods, pairs: &[(u32, u32)]) -> Result<Option<Plan>> {
        let split = encoder.rows.split() as u32;
        let there = |row: &u32| encoder.rows.present(*row);
        let pairs = pairs.iter().map(|&(left, right)| (left, right + split));
        let (lefts, rights): (Vec<u32>, Vec<u32>) = pairs.filter(|(l, r)| there(l) && there(r)).unzip();
        if lefts.is_empty() {
            return Ok(None);
        }
        let rows = [lefts, rights].concat();
        let field = graph.field(&rows, encoder.layers)?;
        let places = rows.iter().filter_map(|&row| field.place(row)).map(|place| place as u32).collect();
        Ok(Some(Plan { field, places, placed: OnceLock::new() }))
    }

    /// Number of pairs.
    pub fn pairs(&self) -> usize {
        self.places.len() / 2
    }

    /// The rows of the pairs, stacked: left ones, then right ones.
    pub fn gather(&self, rows: &[f32], width: usize) -> Vec<f32> {
        let mut stacked = Vec::with_capacity(self.places.len() * width);
        for &place in &self.places {
            stacked.extend_from_slice(&rows[place as usize * width..(place as usize + 1) * width]);
        }
        stacked
    }

    /// The opposite of [`Plan::gather`]: each written row gets the sum of what stands at its places.
    pub fn scatter(&self, stacked: &[f32], width: usize) -> Vec<f32> {
        let mut rows = vec![0.0; self.field.written() * width];
        for (&place, from) in self.places.iter().zip(stacked.chunks_exact(width)) {
            let into = &mut rows[place as usize * width..(place as usize + 1) * width];
            into.iter_mut().zip(from).for_each(|(into, from)| *into += from);
        }
        rows
    }
}

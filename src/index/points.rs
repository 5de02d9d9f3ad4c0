//! The points of a graph: one for all rows that are the same, beside each other in memory.
//!
//! Rows that say the same of their entities (filler images, empty names) are one point. As points of their
//! own they would fill each other's lists and cut off what lies behind them.

use rayon::prelude::*;
use rkyv::{Archive, Deserialize, Serialize};

use super::embedding::Embedding;
use crate::linalg::dot::{Dot, prefetch};

/// Numbers of a cache line.
const LINE: usize = 16;

/// Which rows each point stands for.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub(crate) struct Groups {
    /// Where the rows of each point begin, and the end of the last.
    pub starts: Vec<u64>,
    /// Rows, ascending within a point; the first represents it. Points are in the order of these.
    pub rows: Vec<u32>,
}

impl Groups {
    /// Groups equal rows; rows without any modality are left out.
    pub fn new(embedding: &Embedding<'_>, scales: &[f32]) -> Self {
        let parts = embedding.parts();
        let of = |i: u32| &scales[i as usize * parts..(i as usize + 1) * parts];
        let digest = |i: u32| {
            let mut hasher = blake3::Hasher::new();
            embedding.bytes(i, of(i), |bytes| _ = hasher.update(bytes));
            *hasher.finalize().as_bytes()
        };
        let rows = (0..embedding.len() as u32).into_par_iter();
        let known = rows.filter(|&i| of(i).iter().any(|&scale| scale != 0.0));
        let mut digests: Vec<([u8; 32], u32)> = known.map(|i| (digest(i), i)).collect();
        digests.par_sort_unstable();
        let mut groups: Vec<&[([u8; 32], u32)]> = digests.chunk_by(|a, b| a.0 == b.0).collect();
        groups.par_sort_unstable_by_key(|group| group[0].1);
        let mut starts = vec![0];
        let mut rows = Vec::with_capacity(digests.len());
        for group in groups {
            rows.extend(group.iter().map(|&(_, row)| row));
            starts.push(rows.len() as u64);
        }
        Groups { starts, rows }
    }

    /// The row that represents each point.
    pub fn representatives(&self) -> Vec<u32> {
        let points = self.starts.len() - 1;
        self.starts[..points].iter().map(|&start| self.rows[start as usize]).collect()
    }
}

/// One row a point, all of one norm.
pub(crate) struct Points {
    data: Vec<f32>,
    stride: usize,
    len: usize,
    norm: f32,
    dot: Dot,
}

impl Points {
    /// The rows of an embedding, copied.
    pub fn new(embedding: &Embedding<'_>, scales: &[f32], rows: &[u32]) -> Self {
        let parts = embedding.parts();
        let stride = embedding.width().next_multiple_of(LINE);
        let mut data = vec![0f32; rows.len() * stride];
        data.par_chunks_exact_mut(stride).zip(rows).for_each(|(to, &row)| {
            embedding.write(row, &scales[row as usize * parts..(row as usize + 1) * parts], to);
        });
        Points { data, stride, len: rows.len(), norm: embedding.total(), dot: Dot::best() }
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.len
    }

    fn row(&self, point: u32) -> &[f32] {
        &self.data[point as usize * self.stride..(point as usize + 1) * self.stride]
    }

    /// Half the squared distance of two points; not negative.
    pub fn distance(&self, a: u32, b: u32) -> f32 {
        (self.norm - self.dot.of(self.row(a), self.row(b))).max(0.0)
    }

    /// The point will soon be compared.
    pub fn prefetch(&self, point: u32) {
        prefetch(self.row(point));
    }
}

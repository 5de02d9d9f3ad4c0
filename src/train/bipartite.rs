//! The edges of one attention layer, in both directions.

use crate::error::{Code, Error, Result};

/// Edges from the rows a layer reads to the rows it writes; written row `i` is read row `i`.
///
/// Kept by written row (for the forward pass) and by read row (for the backward pass), so that each
/// pass writes every number from one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bipartite {
    /// Rows written, the first of the rows read.
    pub written: usize,
    /// Rows read.
    pub read: usize,
    /// `written + 1` offsets into `sources`.
    pub indptr: Vec<u32>,
    /// For each edge the row it reads.
    pub sources: Vec<u32>,
    /// `read + 1` offsets into `targets` and `edges`.
    pub turned: Vec<u32>,
    /// For each edge, by read row, the row it writes.
    pub targets: Vec<u32>,
    /// For each edge, by read row, its place in `sources`.
    pub edges: Vec<u32>,
}

impl Bipartite {
    /// From the edges by written row.
    ///
    /// Fails with [`Code::Limit`] past 2³² edges and [`Code::Internal`] if the arrays do not fit.
    pub fn new(read: usize, indptr: Vec<u32>, sources: Vec<u32>) -> Result<Self> {
        let written = indptr.len().saturating_sub(1);
        let fits = indptr.first() == Some(&0)
            && indptr.last().is_some_and(|&end| end as usize == sources.len())
            && indptr.is_sorted()
            && written <= read
            && sources.iter().all(|&j| (j as usize) < read);
        if !fits {
            return Err(Error::new(Code::Internal, "the edges of a layer do not fit its rows"));
        }
        let mut turned = vec![0u32; read + 1];
        for &j in &sources {
            turned[j as usize + 1] += 1;
        }
        for j in 0..read {
            turned[j + 1] += turned[j];
        }
        let mut next = turned.clone();
        let (mut targets, mut edges) = (vec![0; sources.len()], vec![0; sources.len()]);
        for (i, ends) in (0u32..).zip(indptr.windows(2)) {
            for e in ends[0]..ends[1] {
                let place = &mut next[sources[e as usize] as usize];
                targets[*place as usize] = i;
                edges[*place as usize] = e;
                *place += 1;
            }
        }
        Ok(Bipartite { written, read, indptr, sources, turned, targets, edges })
    }

    /// Places in `sources` of the edges that write row `i`.
    pub(crate) fn of_written(&self, i: usize) -> std::ops::Range<usize> {
        self.indptr[i] as usize..self.indptr[i + 1] as usize
    }

    /// Places in `targets` and `edges` of the edges that read row `j`.
    pub(crate) fn of_read(&self, j: usize) -> std::ops::Range<usize> {
        self.turned[j] as usize..self.turned[j + 1] as usize
    }
}

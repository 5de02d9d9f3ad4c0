//! Which entities a loss can see: neighbourhoods, and the receptive field of some rows.

use std::sync::Arc;

use super::bipartite::Bipartite;
use crate::error::{Code, Error, Result};
use crate::kg::Triple;

/// For each entity of both graphs its neighbours and itself; left entities first, then right ones.
///
/// Undirected, without repetition, ascending; the relation of a triple is not looked at. (PSQE,
/// stage II: the adjacency is symmetric with self-loops and its weights are not used.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbourhoods {
    indptr: Vec<u32>,
    indices: Vec<u32>,
    /// For each edge how many triples it stands for, in either direction; 1 for an entity and itself.
    counts: Vec<u32>,
    /// For each row the sum of its counts.
    degrees: Vec<u32>,
}

impl Neighbourhoods {
    /// From the triples of each side, whose entities are numbered from 0.
    ///
    /// Fails with [`Code::BadValue`] if a triple names an entity its side does not have, and with
    /// [`Code::Limit`] if rows or edges do not fit 32 bits.
    pub fn new(left: &[Triple], left_rows: usize, right: &[Triple], right_rows: usize) -> Result<Self> {
        let rows = left_rows + right_rows;
        let bound = rows + 2 * (left.len() + right.len());
        if u32::try_from(bound).is_err() {
            return Err(Error::new(Code::Limit, format!("{bound} edges are more than attention can number")));
        }
        for (side, triples, count) in [("left", left, left_rows), ("right", right, right_rows)] {
            if let Some(bad) = triples.iter().find(|t| t.head.max(t.tail) as usize >= count) {
                return Err(Error::new(
                    Code::BadValue,
                    format!("a {side} triple names entity {} of {count}", bad.head.max(bad.tail)),
                ));
            }
        }
        let ends = || {
            let shifted = |triples: &'_ [Triple], by: usize| {
                let by = by as u32;
                triples.iter().map(move |t| (t.head + by, t.tail + by)).collect::<Vec<_>>().into_iter()
            };
            shifted(left, 0).chain(shifted(right, left_rows))
        };
        let mut starts = vec![0u32; rows + 1];
        (1..=rows).for_each(|i| starts[i] = 1);
        for (head, tail) in ends() {
            starts[head as usize + 1] += 1;
            starts[tail as usize + 1] += 1;
        }
        (0..rows).for_each(|i| starts[i + 1] += starts[i]);
        let mut next = starts.clone();
        let mut all = vec![0u32; bound];
        let mut put = |row: u32, neighbour: u32| {
            let place = &mut next[row as usize];
            all[*place as usize] = neighbour;
            *place += 1;
        };
        (0..rows as u32).for_each(|i| put(i, i));
        for (head, tail) in ends() {
            put(head, tail);
            put(tail, head);
        }
        let (mut indptr, mut indices) = (vec![0u32], Vec::with_capacity(bound));
        let (mut counts, mut degrees) = (Vec::with_capacity(bound), Vec::with_capacity(rows));
        for i in 0..rows {
            let row = &mut all[starts[i] as usize..starts[i + 1] as usize];
            row.sort_unstable();
            let begin = indices.len();
            for &j in row.iter() {
                if indices.len() == begin || indices.last() != Some(&j) {
                    indices.push(j);
                    counts.push(1);
                } else if j as usize != i
                    && let Some(count) = counts.last_mut()
                {
                    *count += 1;
                }
            }
            degrees.push(counts[begin..].iter().sum());
            indptr.push(indices.len() as u32);
        }
        Ok(Neighbourhoods { indptr, indices, counts, degrees })
    }

    /// Number of entities of both sides.
    pub fn rows(&self) -> usize {
        self.indptr.len() - 1
    }

    /// Number of directed edges, self-loops included.
    pub fn edges(&self) -> usize {
        self.indices.len()
    }

    /// The neighbours of an entity and itself, ascending.
    pub fn of(&self, row: u32) -> &[u32] {
        &self.indices[self.indptr[row as usize] as usize..self.indptr[row as usize + 1] as usize]
    }

    /// Weights of a layer's edges in the order of its sources, where it writes the first of `rows`.
    ///
    /// c_ij/√(D_i·D_j), where c counts parallel triples in both directions and an entity's loop to itself
    /// once, triples from an entity to itself not at all, and D sums c over a row: the matrix
    /// D^-½ A D^-½ of a graph convolution (Kipf and Welling).
    pub fn normalised(&self, rows: &[u32], layer: &Bipartite) -> Vec<f32> {
        let root = |row: u32| f64::from(self.degrees[row as usize]).sqrt();
        let of = |row: &u32| {
            let range = self.indptr[*row as usize] as usize..self.indptr[*row as usize + 1] as usize;
            let (row, edges) = (root(*row), self.indices[range.clone()].iter().zip(&self.counts[range]));
            edges.map(move |(&j, &count)| (f64::from(count) / (row * root(j))) as f32)
        };
        rows[..layer.written].iter().flat_map(of).collect()
    }

    /// The chain of layers that gives the rows `needed`; see [`Field`].
    ///
    /// Where the layers would read nearly all edges anyway, the whole graph is taken: it needs no copy
    /// of the feature rows in another order. Fails with [`Code::OutOfRange`] on a row that is not there.
    pub fn field(&self, needed: &[u32], layers: usize) -> Result<Field> {
        let mut rows = needed.to_vec();
        rows.sort_unstable();
        rows.dedup();
        if let Some(&last) = rows.last()
            && last as usize >= self.rows()
        {
            return Err(Error::new(
                Code::OutOfRange,
                format!("row {last} does not exist: there are {}", self.rows()),
            ));
        }
        let needed = rows.len();
        let mut place = vec![u32::MAX; self.rows()];
        (0u32..).zip(&rows).for_each(|(at, &row)| place[row as usize] = at);
        // The counts of rows after each hop; rows of a hop follow the earlier ones, ascending.
        let mut counts = vec![rows.len()];
        let (mut seen, mut edges) = (0, 0);
        for _ in 0..layers {
            let mut fresh: Vec<u32> = Vec::new();
            for &row in &rows[seen..] {
                for &j in self.of(row) {
                    if place[j as usize] == u32::MAX {
                        place[j as usize] = 0;
                        fresh.push(j);
                    }
                }
            }
            edges += rows.iter().map(|&row| self.of(row).len()).sum::<usize>();
            seen = rows.len();
            fresh.sort_unstable();
            (rows.len() as u32..).zip(&fresh).for_each(|(at, &row)| place[row as usize] = at);
            rows.extend(fresh);
            counts.push(rows.len());
        }
        if layers > 0 && edges * 20 >= self.edges() * layers * 19 {
            return self.whole(layers);
        }
        let mut chain = Vec::with_capacity(layers);
        for pair in counts.windows(2).rev() {
            let (written, read) = (pair[0], pair[1]);
            let (mut indptr, mut sources) = (vec![0u32], Vec::new());
            for &row in &rows[..written] {
                sources.extend(self.of(row).iter().map(|&j| place[j as usize]));
                indptr.push(sources.len() as u32);
            }
            chain.push(Arc::new(Bipartite::new(read, indptr, sources)?));
        }
        Ok(Field { rows, needed: Some(needed), layers: chain })
    }

    /// The field of all rows.
    pub fn whole(&self, layers: usize) -> Result<Field> {
        let layer = Arc::new(Bipartite::new(self.rows(), self.indptr.clone(), self.indices.clone())?);
        Ok(Field { rows: (0..self.rows() as u32).collect(), needed: None, layers: vec![layer; layers] })
    }
}

/// The rows and edges that some needed rows depend on through a number of layers.
///
/// The rows of each hop are a prefix of those of the next, so layer `l` reads its first
/// `layers[l].read` rows and writes the first `layers[l].written` of them.
#[derive(Clone, Debug)]
pub struct Field {
    /// Entities, in the order in which the first layer reads them.
    pub rows: Vec<u32>,
    /// How many of them were asked for, if not all.
    needed: Option<usize>,
    /// One for each layer, the first to run first.
    pub layers: Vec<Arc<Bipartite>>,
}

impl Field {
    /// The place of an entity among the rows the last layer writes.
    pub fn place(&self, row: u32) -> Option<usize> {
        match self.needed {
            None => ((row as usize) < self.rows.len()).then_some(row as usize),
            Some(needed) => self.rows[..needed].binary_search(&row).ok(),
        }
    }

    /// Number of rows the last layer writes.
    pub fn written(&self) -> usize {
        self.needed.unwrap_or(self.rows.len())
    }
}

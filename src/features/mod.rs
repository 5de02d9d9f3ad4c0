//! Modalities: for each entity of a pair a row of numbers, or none.
//!
//! A modality is a matrix over the entities of one side with a [`Presence`] bitmap; a missing row is
//! all zeros in memory and never looked at. Dense rows are C-order `f32`; sparse rows are CSR. This
//! layer knows graphs and numbers, no store and no query language.
//!
//! Features that need no model are made here too: [`ngrams`] of names, [`relation_bow`],
//! [`attribute_bow`], [`numeric`], [`temporal`] and [`geo`], which are sparse, [`walks`] over the triples,
//! and [`propagation`] of seeds over them.
//! All are the same for any number of threads, and state their formula where they are defined.

mod axis;
mod bow;
mod geo;
mod ngrams;
mod norms;
mod numeric;
mod persist;
mod phrases;
mod place;
mod presence;
mod propagation;
mod quantity;
#[cfg(test)]
mod real;
mod sparse;
mod temporal;
mod text;
mod walks;

pub use bow::{Vocabulary, attribute_bow, relation_bow};
pub use geo::geo;
pub use ngrams::{NgramOptions, ngrams};
pub use norms::Norms;
pub(crate) use norms::sum_of_products;
pub use numeric::{Quantities, numeric, quantities};
#[cfg(any(test, fuzzing))]
pub(crate) use persist::MatrixObject;
pub use persist::{StoredFeature, save_feature};
pub use phrases::{Phrases, Phrasing};
pub use presence::Presence;
pub use propagation::{PropagationOptions, propagation};
pub use quantity::quantity;
pub use temporal::temporal;
pub use text::fold;
pub use walks::{WalkOptions, walks};

use crate::error::{Code, Error, Result};

/// The name of a modality. The first six are the field's; others may be named freely.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Modality(String);

impl Modality {
    /// The names the field uses.
    pub const KNOWN: [&'static str; 6] = ["visual", "relation", "attribute", "numeric", "text", "structure"];

    /// Columns that stand beside the modalities' own in results.
    const RESERVED: [&'static str; 14] = [
        "left",
        "right",
        "score",
        "margin",
        "position",
        "stage",
        "left_name",
        "right_name",
        "entity",
        "name",
        "reason",
        "verdict",
        "id",
        "count",
    ];

    /// A modality by name: a letter, then letters, digits and underscores, at most 64.
    pub fn new(name: &str) -> Result<Self> {
        let lower = name.to_lowercase();
        let mut chars = lower.chars();
        let ok = chars.next().is_some_and(|c| c.is_ascii_lowercase())
            && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
            && lower.len() <= 64;
        if !ok {
            return Err(Error::new(Code::OutOfRange, format!("`{name}` cannot name a modality"))
                .help("use a letter followed by letters, digits and underscores, such as visual or text"));
        }
        if Self::RESERVED.contains(&lower.as_str()) {
            return Err(Error::new(
                Code::OutOfRange,
                format!("`{name}` cannot name a modality: results have a column of that name"),
            )
            .help("choose another name, such as visual2 or my_score"));
        }
        Ok(Modality(lower))
    }

    /// The name, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Modality {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Dense rows, C order: row `i` is `data[i * cols..(i + 1) * cols]`.
#[derive(Clone, Copy, Debug)]
pub struct DenseRows<'a> {
    /// Numbers, `rows × cols`.
    pub data: &'a [f32],
    /// Width of a row.
    pub cols: usize,
}

/// Sparse rows in CSR form: row `i` has columns `indices[indptr[i]..indptr[i + 1]]`, ascending.
#[derive(Clone, Copy, Debug)]
pub struct SparseRows<'a> {
    /// `rows + 1` offsets into the other two, starting at 0.
    pub indptr: &'a [u64],
    /// Column numbers.
    pub indices: &'a [u32],
    /// Values.
    pub values: &'a [f32],
    /// Width of a row.
    pub cols: usize,
}

/// Rows of one modality for the entities of one side.
#[derive(Clone, Copy, Debug)]
pub enum Rows<'a> {
    /// Every number is stored.
    Dense(DenseRows<'a>),
    /// Only numbers other than zero are stored.
    Sparse(SparseRows<'a>),
}

impl Rows<'_> {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Rows::Dense(rows) => rows.data.len().checked_div(rows.cols).unwrap_or(0),
            Rows::Sparse(rows) => rows.indptr.len().saturating_sub(1),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Hands the bytes that row `i` is stored as to `f`, in pieces.
    pub(crate) fn bytes(&self, i: usize, mut f: impl FnMut(&[u8])) {
        match self {
            Rows::Dense(rows) => f(bytemuck::cast_slice(&rows.data[i * rows.cols..(i + 1) * rows.cols])),
            Rows::Sparse(rows) => {
                let range = rows.indptr[i] as usize..rows.indptr[i + 1] as usize;
                f(bytemuck::cast_slice(&rows.indices[range.clone()]));
                f(bytemuck::cast_slice(&rows.values[range]));
            }
        }
    }

    /// Calls `f` with the column and the value of every stored number of row `i`.
    pub fn each(&self, i: usize, mut f: impl FnMut(usize, f32)) {
        match self {
            Rows::Dense(rows) => {
                let row = &rows.data[i * rows.cols..(i + 1) * rows.cols];
                row.iter().enumerate().for_each(|(column, &x)| f(column, x));
            }
            Rows::Sparse(rows) => {
                let range = rows.indptr[i] as usize..rows.indptr[i + 1] as usize;
                let stored = rows.indices[range.clone()].iter().zip(&rows.values[range]);
                stored.for_each(|(&column, &x)| f(column as usize, x));
            }
        }
    }

    /// Width of a row.
    pub fn cols(&self) -> usize {
        match self {
            Rows::Dense(rows) => rows.cols,
            Rows::Sparse(rows) => rows.cols,
        }
    }
}

/// Rows of one modality for one side, owned.
#[derive(Clone, Debug, PartialEq)]
pub enum Matrix {
    /// Dense, C order.
    Dense {
        /// `rows × cols` numbers.
        data: Vec<f32>,
        /// Width of a row.
        cols: usize,
    },
    /// CSR.
    Sparse {
        /// `rows + 1` offsets.
        indptr: Vec<u64>,
        /// Column numbers, ascending within a row.
        indices: Vec<u32>,
        /// Values.
        values: Vec<f32>,
        /// Width of a row.
        cols: usize,
    },
}

impl Matrix {
    /// A borrowed view.
    pub fn view(&self) -> Rows<'_> {
        match self {
            Matrix::Dense { data, cols } => Rows::Dense(DenseRows { data, cols: *cols }),
            Matrix::Sparse { indptr, indices, values, cols } => {
                Rows::Sparse(SparseRows { indptr, indices, values, cols: *cols })
            }
        }
    }
}

/// One side of one modality: its rows and which of them are real.
#[derive(Clone, Copy, Debug)]
pub struct Feature<'a> {
    /// The numbers.
    pub rows: Rows<'a>,
    /// Which rows are real.
    pub present: &'a Presence,
    /// Where the norms of its rows are kept, if they are.
    pub norms: Option<&'a Norms>,
}

impl Feature<'_> {
    /// Some of the rows, in that order.
    pub(crate) fn copied(&self, rows: &[u32]) -> OwnedFeature {
        gathered(&[(*self, rows)])
    }
}

/// One side of one modality, owned.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnedFeature {
    /// The numbers.
    pub rows: Matrix,
    /// Which rows are real.
    pub present: Presence,
}

impl OwnedFeature {
    /// A borrowed view.
    pub fn view(&self) -> Feature<'_> {
        Feature { rows: self.rows.view(), present: &self.present, norms: None }
    }
}

/// Some rows of several features of one width, one after the other; dense if any of them is.
pub(crate) fn gathered(parts: &[(Feature<'_>, &[u32])]) -> OwnedFeature {
    let each =
        || parts.iter().flat_map(|(feature, rows)| rows.iter().map(move |&row| (feature, row as usize)));
    let present = each().map(|(feature, row)| feature.present.get(row)).collect();
    let cols = parts.first().map_or(0, |(feature, _)| feature.rows.cols());
    let rows = if parts.iter().any(|(feature, _)| matches!(feature.rows, Rows::Dense(_))) {
        let mut data = vec![0f32; each().count() * cols];
        for ((feature, row), to) in each().zip(data.chunks_exact_mut(cols.max(1))) {
            feature.rows.each(row, |column, x| to[column] += x);
        }
        Matrix::Dense { data, cols }
    } else {
        let (mut indptr, mut indices, mut values) = (vec![0u64], Vec::new(), Vec::new());
        for (feature, row) in each() {
            feature.rows.each(row, |column, x| {
                indices.push(column as u32);
                values.push(x);
            });
            indptr.push(indices.len() as u64);
        }
        Matrix::Sparse { indptr, indices, values, cols }
    };
    OwnedFeature { rows, present }
}

/// The rows of `new` over those of `old`: where `new` has none, the old one stays.
///
/// Fails with [`Code::Conflict`] if they differ in width.
pub fn overlaid(old: Feature<'_>, new: OwnedFeature) -> Result<OwnedFeature> {
    let (was, is) = (old.rows.cols(), new.rows.view().cols());
    if was != is {
        return Err(Error::new(Code::Conflict, format!("the new rows are {is} wide, the modality is {was}"))
            .help("bring rows of the same kind, or replace the modality: IMPORT FEATURES"));
    }
    let rows = new.present.len();
    let present: Presence = (0..rows).map(|i| new.present.get(i) || old.present.get(i)).collect();
    let from = |i: usize| if new.present.get(i) { new.rows.view() } else { old.rows };
    let matrix = match old.rows {
        Rows::Dense(_) => {
            let mut data = vec![0f32; rows * is];
            for i in present.iter() {
                from(i).each(i, |column, x| data[i * is + column] = x);
            }
            Matrix::Dense { data, cols: is }
        }
        Rows::Sparse(_) => {
            let (mut indptr, mut indices, mut values) = (vec![0u64], Vec::new(), Vec::new());
            for i in 0..rows {
                if present.get(i) {
                    from(i).each(i, |column, x| {
                        if x != 0.0 {
                            indices.push(column as u32);
                            values.push(x);
                        }
                    });
                }
                indptr.push(indices.len() as u64);
            }
            Matrix::Sparse { indptr, indices, values, cols: is }
        }
    };
    Ok(OwnedFeature { rows: matrix, present })
}

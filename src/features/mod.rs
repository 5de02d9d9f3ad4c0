//! Modalities: for each entity of a pair a row of numbers, or none.
//!
//! A modality is a matrix over the entities of one side with a [`Presence`] bitmap; a missing row is
//! all zeros in memory and never looked at. Dense rows are C-order `f32`; sparse rows are CSR. This
//! layer knows graphs and numbers, no store and no query language.
//!
//! Features that need no model are made here too: [`ngrams`] of names, [`relation_bow`],
//! [`attribute_bow`] and [`numeric`], which are sparse, and [`propagation`] of seeds over the triples.
//! All are the same for any number of threads, and state their formula where they are defined.

mod bow;
mod ngrams;
mod numeric;
mod persist;
mod presence;
mod propagation;
mod quantity;
#[cfg(test)]
mod real;
mod sparse;
mod text;

pub use bow::{Vocabulary, attribute_bow, relation_bow};
pub use ngrams::{NgramOptions, ngrams};
pub use numeric::{Quantities, numeric, quantities};
pub use persist::{StoredFeature, save_feature};
pub use presence::Presence;
pub use propagation::{PropagationOptions, propagation};
pub use quantity::quantity;
pub use text::fold;

use crate::error::{Code, Error, Result};

/// The name of a modality. The first six are the field's; others may be named freely.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Modality(String);

impl Modality {
    /// The names the field uses.
    pub const KNOWN: [&'static str; 6] = ["visual", "relation", "attribute", "numeric", "text", "structure"];

    /// Columns that stand beside the modalities' own in results.
    const RESERVED: [&'static str; 12] = [
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
        Feature { rows: self.rows.view(), present: &self.present }
    }
}

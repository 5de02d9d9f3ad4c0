//! `BENCH`: aligners trained many times and judged alike.

use std::path::PathBuf;

use super::{Architecture, Lesson, Protocol, Train};

/// Trains models on pairs, several times each, and tells how good they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Bench {
    /// The pairs.
    pub pairs: Vec<String>,
    /// The aligners.
    pub models: Vec<Architecture>,
    /// What they learn from, each of these in turn. One with seed sets is for the pair of these only.
    pub seeds: Vec<Vec<Lesson>>,
    /// Trainings of each kind; the first has the random seed, each further one the next.
    pub runs: usize,
    /// Who the candidates are, each of these in turn.
    pub protocols: Vec<Protocol>,
    /// Neighbours of CSLS, which stands beside the plain similarity; `None` leaves it out.
    pub csls: Option<usize>,
    /// How all are trained: options, device and random seed. Model, pair, lessons and name are of no account.
    pub training: Train,
    /// Whose published figures stand beside.
    pub published: Published,
    /// A file to write the table to, besides giving it back.
    pub file: Option<TableFile>,
}

/// Which published figures are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// Those of the data set that a pair's name or origin tells.
    Auto,
    /// None.
    None,
    /// Those of the named data sets, one a pair in the order of the pairs; an empty name stands for none.
    Of(Vec<String>),
}

/// Where a table is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFile {
    /// The file.
    pub path: PathBuf,
    /// The format; `None` goes by the file name.
    pub format: Option<TableFormat>,
    /// Overwrite an existing file.
    pub overwrite: bool,
}

/// Format of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TableFormat {
    /// Comma-separated with a header, in full precision.
    Csv,
    /// A Markdown table.
    Markdown,
    /// A LaTeX `tabular` with rules of booktabs.
    Latex,
}

impl Bench {
    /// The bench with the defaults: five runs, both protocols, CSLS 10, each model's own settings.
    pub fn new(pairs: Vec<String>, models: Vec<Architecture>, seeds: Vec<Vec<Lesson>>) -> Self {
        Bench {
            pairs,
            models,
            seeds,
            runs: 5,
            protocols: vec![Protocol::Paper, Protocol::Strict],
            csls: Some(10),
            training: Train { lessons: Vec::new(), ..Train::new(Architecture::Eva, "", "", "") },
            published: Published::Auto,
            file: None,
        }
    }
}

//! Which pairs of entities are compared.

use super::RECALL;

/// Which pairs of entities a stage compares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// All of them, or those in a cell together; by their number where nothing is said.
    pub exact: Option<bool>,
    /// Share of the ten best partners that cells must be shown to keep; all pairs are compared if they do not.
    pub recall: f64,
}

impl Default for Search {
    fn default() -> Self {
        Search { exact: None, recall: RECALL }
    }
}

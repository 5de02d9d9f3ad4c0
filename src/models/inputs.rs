//! What an aligner reads: a graph over both sides and features of some modalities.

use std::sync::Arc;

use candle_core::{Device, Tensor};

use crate::error::{Code, Error, Result};
use crate::linalg::Mask;
use crate::task::Task;
use crate::train::{ConstantRows, FeaturePair, Field, Fill, Neighbourhoods};

/// One modality with constant features.
#[derive(Clone)]
pub struct ModalInput {
    /// Its name: the beginning of its parameters' names. Known ones have a place in the reference systems:
    /// `visual`, `attribute`, `relation`, `text`, `ngrams`; others follow.
    pub name: String,
    /// Rows of both sides.
    pub features: Arc<dyn FeaturePair>,
}

/// Numeric attributes of the entities of both sides, for MPSEA: `values[k]` of attribute
/// `attributes[k]` belongs to the row whose range in `indptr` has `k`.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    /// `rows + 1` offsets into the other two.
    pub indptr: Vec<u32>,
    /// Attributes, numbered through over both sides.
    pub attributes: Vec<u32>,
    /// Values, normalised by attribute.
    pub values: Vec<f32>,
    /// Number of attributes.
    pub count: usize,
}

/// All inputs; rows are entities, left ones first.
#[derive(Clone)]
pub struct Inputs {
    /// Neighbours of both sides.
    pub graph: Arc<Neighbourhoods>,
    /// Number of left rows.
    pub split: usize,
    /// Modalities with features.
    pub modalities: Vec<ModalInput>,
    /// Numeric attributes, if there are any (MPSEA).
    pub numbers: Option<Arc<Numbers>>,
    /// What people have said of pairs: the model finds none itself that they bar.
    pub decided: Mask,
    /// Rows of each side whose entities were deleted: no pair has them.
    pub deleted: [Vec<u32>; 2],
}

/// The place of a modality among the tokens of the reference systems.
fn rank(name: &str) -> usize {
    let known = ["visual", "attribute", "relation", "structure", "text", "ngrams"];
    known.iter().position(|known| *known == name).unwrap_or(known.len())
}

impl Inputs {
    /// Puts the modalities in the references' order and checks them.
    ///
    /// Fails with [`Code::BadValue`] on features that do not fit each other or the graph, and
    /// [`Code::Conflict`] on a name that is there twice or is `structure`.
    pub(super) fn check(&mut self) -> Result<()> {
        self.modalities.sort_by_key(|modality| rank(&modality.name));
        for (at, modality) in self.modalities.iter().enumerate() {
            let name = &modality.name;
            if name == "structure" || self.modalities[..at].iter().any(|other| other.name == *name) {
                return Err(Error::new(Code::Conflict, format!("modality {name} is named twice")));
            }
            let rows = ConstantRows::new(modality.features.left(), modality.features.right(), Fill::Zero)?;
            if rows.rows() != self.graph.rows() || rows.split() != self.split {
                let message = format!("{name} has {} rows, the graphs {}", rows.rows(), self.graph.rows());
                return Err(Error::new(Code::BadValue, message));
            }
        }
        let Some(numbers) = &self.numbers else { return Ok(()) };
        let fits = numbers.indptr.len() == self.graph.rows() + 1
            && numbers.indptr.is_sorted()
            && numbers.indptr.last().is_some_and(|&end| end as usize == numbers.values.len())
            && numbers.attributes.len() == numbers.values.len()
            && numbers.attributes.iter().all(|&attribute| (attribute as usize) < numbers.count)
            && numbers.values.iter().all(|value| value.is_finite());
        if fits { Ok(()) } else { Err(Error::new(Code::BadValue, "numeric attributes that do not fit")) }
    }

    /// Where `structure` stands among the modalities.
    pub(super) fn structure_place(&self) -> usize {
        self.modalities.iter().filter(|modality| rank(&modality.name) < rank("structure")).count()
    }
}

/// Some rows as a model sees them.
pub struct View<'a> {
    /// The inputs.
    pub inputs: &'a Inputs,
    /// The rows wanted; of a batch the left ends of its pairs, then the right ends.
    pub rows: Arc<[u32]>,
    /// What they depend on, for the graph layers.
    pub field: Field,
    /// Vectors of structure of all rows, where they have been made before.
    pub structure: Option<Tensor>,
    /// Where the tape is.
    pub device: &'a Device,
    /// The work, to be cancelled.
    pub task: &'a Task,
}

impl<'a> View<'a> {
    /// The rows with what they depend on through `layers` graph layers.
    ///
    /// Fails with [`Code::OutOfRange`] on a row that is not there.
    pub fn new(
        inputs: &'a Inputs,
        rows: Vec<u32>,
        layers: usize,
        device: &'a Device,
        task: &'a Task,
    ) -> Result<Self> {
        let field = inputs.graph.field(&rows, layers)?;
        Ok(View { inputs, rows: rows.into(), field, structure: None, device, task })
    }

    /// Places of the rows among those that the last graph layer writes.
    pub(super) fn places(&self) -> Vec<u32> {
        self.rows.iter().filter_map(|&row| self.field.place(row)).map(|place| place as u32).collect()
    }
}

//! What a trained model gives: vectors of all entities.

use candle_core::Tensor;

use super::encoders::{During, unit};
use super::fusion::joint;
use super::inputs::View;
use super::trainer::Trainer;
use super::{Vectors, refused};
use crate::error::Result;
use crate::task::Task;
use crate::train::Embedding;

/// Rows whose vectors are made at a time.
const TILE: usize = 4096;

/// Vectors of all rows of both sides, left rows first.
#[derive(Clone, Debug, PartialEq)]
pub struct Embeddings {
    /// Unit vectors of each modality times their weights, side by side: rows of length 1.
    pub joint: Embedding,
    /// The vectors of each modality, as they leave the network.
    pub modalities: Vec<Embedding>,
    /// `rows × modalities`: weights of the modalities in the joint vectors; each row has length 1, and 0
    /// where the entity lacks the modality.
    pub weights: Vec<f32>,
}

/// No rows yet.
fn empty(name: &str) -> Embedding {
    Embedding { name: name.to_owned(), values: Vec::new(), width: 0 }
}

/// The rows of a tile after those before.
fn append(into: &mut Embedding, rows: &Tensor, task: &Task) -> Result<()> {
    into.width = rows.dim(1).map_err(refused)?;
    into.values.extend(rows.flatten_all().and_then(|all| all.to_vec1::<f32>()).during(task)?);
    Ok(())
}

impl Trainer {
    /// Joint vectors of some rows, from their own field of the graph, in tiles of rows.
    pub(super) fn joint(&self, rows: &[u32], task: &Task) -> Result<Embedding> {
        let layers = self.model.encoders().layers();
        let mut all = empty("joint");
        for tile in rows.chunks(TILE) {
            task.check()?;
            let view = View::new(&self.inputs, tile.to_vec(), layers, &self.device, task)?;
            let Vectors { parts, weights } = self.model.vectors(&self.params, &view)?;
            let fused = unit(&parts).and_then(|(units, _)| joint(&units, &weights)).during(task)?;
            append(&mut all, &fused, task)?;
        }
        Ok(all)
    }

    /// Vectors of all rows of both sides.
    ///
    /// The graph layers run over the whole graph at once, all else in tiles of rows. Fails with
    /// [`Code::Cancelled`](crate::Code::Cancelled).
    pub fn embeddings(&self, task: &Task) -> Result<Embeddings> {
        let (rows, names) = (self.inputs.graph.rows(), self.modalities());
        let mut structure = None;
        if self.model.encoders().layers() > 0 {
            let layers = self.model.encoders().layers();
            let field = self.inputs.graph.whole(layers)?;
            let rows = (0..rows as u32).collect::<Vec<u32>>().into();
            let (inputs, device) = (&self.inputs, &self.device);
            let view = View { inputs, rows, field, structure: None, device, task };
            // Nothing here is differentiated: no tape is kept from tile to tile.
            structure = Some(self.model.encoders().structure(&self.params, &view)?.detach());
        }
        let mut modalities: Vec<Embedding> = names.iter().map(|name| empty(name)).collect();
        let (mut all, mut weights) = (empty("joint"), Vec::new());
        for start in (0..rows).step_by(TILE) {
            task.check()?;
            let tile: Vec<u32> = (start as u32..(start + TILE).min(rows) as u32).collect();
            let mut view = View::new(&self.inputs, tile, 0, &self.device, task)?;
            view.structure = structure.clone();
            let Vectors { parts, weights: v } = self.model.vectors(&self.params, &view)?;
            let fused = unit(&parts).and_then(|(units, _)| joint(&units, &v));
            append(&mut all, &fused.during(task)?, task)?;
            for (modality, part) in modalities.iter_mut().zip(&parts) {
                append(modality, part, task)?;
            }
            weights.extend(v.flatten_all().and_then(|v| v.to_vec1::<f32>()).during(task)?);
        }
        Ok(Embeddings { joint: all, modalities, weights })
    }
}

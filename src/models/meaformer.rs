//! MEAformer (Chen et al., ACM MM 2023, "Multi-modal Entity Alignment Transformer for Meta Modality Hybrid").
//!
//! Two layers of diagonal graph attention over learned entity vectors and one affine map a modality give
//! each entity a token a modality; one layer of BERT attends among them. The attention mass a token gets
//! is, softmaxed, this entity's weight for the modality. Losses: ICL of the joint vectors (weights times
//! the tokens *before* the layer), ICL of each modality before ("inner") and after the layer ("outer")
//! under learned uncertainty, one variance a modality for both.
//!
//! The reference stacks its tokens as image, attribute, relation, structure, … but numbers the variances
//! of the inner losses as structure, relation, attribute, image, …, so that one variance meets two
//! modalities; here it is so under [`Variant::Reference`](crate::ops::spec::Variant).

use candle_core::Tensor;

use super::encoders::{During, Encoded, Encoders, Graph, unit, units};
use super::fusion::{Block, Fused, both, row_weights, uncertain};
use super::inputs::{Inputs, View};
use super::{Aligner, Candle, Loss, Options, Step, Vectors, names};
use crate::error::Result;
use crate::train::{Init, ModalContrast, Parameter, Params};

/// The model.
pub(super) struct Meaformer {
    encoders: Encoders,
    block: Block,
    options: Options,
}

/// Weights of modalities by entity from the masses of their tokens: softmax, over those there are, to
/// length 1.
pub(super) fn entity_weights(mass: &Tensor, present: &[bool]) -> Candle<Tensor> {
    // A mass is at most √(tokens·heads): its power is far from the largest float.
    row_weights(&mass.exp()?, present)
}

impl Meaformer {
    pub fn new(inputs: &Inputs, options: &Options) -> Self {
        let encoders = Encoders::new(inputs, options, Graph::Diagonal, |_| true);
        let block = Block::new(options, encoders.names().len());
        Meaformer { encoders, block, options: options.clone() }
    }

    /// All losses from the tokens and what the block made of them.
    pub(super) fn contrast(
        &self,
        params: &Params,
        encoded: &Encoded,
        fused: &Fused,
        view: &View<'_>,
    ) -> Result<Loss> {
        let (variances, names) = (params.get("icl.log_variance")?, self.encoders.names());
        let run = || {
            let count = names.len();
            let (z, widths) = unit(&encoded.parts)?;
            let v = entity_weights(&fused.mass, &encoded.present)?;
            let op = ModalContrast {
                widths,
                tau: self.options.tau,
                inversion: false,
                joint: true,
                alignment: None,
                present: Some(both(&encoded.present).into()),
            };
            let inner = op.apply(&z, Some(&v), view.task)?;
            let outer =
                ModalContrast { joint: false, ..op }.apply(&units(&fused.hidden)?.0, None, view.task)?;
            let first = if self.options.quirks() {
                let places = Tensor::from_vec(names::loss_places(&names), count, view.device)?;
                variances.index_select(&places, 0)?
            } else {
                variances.as_tensor().clone()
            };
            let intra = uncertain(&inner.narrow(0, 1, count)?, &first)?;
            let total = inner.get(0)?.add(&intra)?.add(&uncertain(&outer, variances)?)?;
            Ok((total, inner, outer))
        };
        let (total, inner, outer) = run().during(view.task)?;
        Loss::new(total, &[&inner, &outer])
    }
}

impl Aligner for Meaformer {
    fn encoders(&self) -> &Encoders {
        &self.encoders
    }

    fn parameters(&self) -> Vec<Parameter> {
        let mut all = Vec::new();
        self.encoders.parameters(&mut all);
        self.block.parameters(&mut all);
        let count = self.encoders.names().len();
        all.push(Parameter::new("icl.log_variance", &[count], Init::Constant(0.0), self.options.seed));
        all
    }

    fn parts(&self) -> Vec<String> {
        let names = self.encoders.names();
        let outer = names.iter().map(|name| format!("{name}.outer"));
        std::iter::once("joint".to_owned()).chain(names.iter().cloned()).chain(outer).collect()
    }

    fn loss(&self, params: &Params, view: &View<'_>, _: &Step<'_>) -> Result<Loss> {
        let encoded = self.encoders.encode(params, view)?;
        let fused = self.block.run(params, &encoded.parts, &encoded.present, view.task)?;
        self.contrast(params, &encoded, &fused, view)
    }

    fn vectors(&self, params: &Params, view: &View<'_>) -> Result<Vectors> {
        let encoded = self.encoders.encode(params, view)?;
        let fused = self.block.run(params, &encoded.parts, &encoded.present, view.task)?;
        let weights = entity_weights(&fused.mass, &encoded.present).during(view.task)?;
        Ok(Vectors { parts: encoded.parts, weights })
    }
}

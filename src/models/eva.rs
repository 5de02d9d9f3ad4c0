//! EVA (Liu et al., AAAI 2021, "Visual Pivoting for (Unsupervised) Entity Alignment").
//!
//! Two graph convolutions over learned entity vectors, one affine map a modality, one learned weight a
//! modality (softmax); an NCA loss of each modality and of the weighted concatenation. The vectors enter
//! the joint loss without gradient, as in the authors' code, so that it trains the weights alone.
//! α = 5 for structure, 15 for the others and the joint loss; β = 10.

use super::encoders::{During, Encoders, Graph, unit};
use super::fusion::{both, row_weights, softmax};
use super::inputs::{Inputs, View};
use super::{Aligner, Loss, Options, Step, Vectors};
use crate::error::Result;
use crate::train::{Init, Nca, Parameter, Params};

const ALPHA_STRUCTURE: f32 = 5.0;
const ALPHA: f32 = 15.0;
const BETA: f32 = 10.0;

/// The model.
pub(super) struct Eva {
    encoders: Encoders,
    options: Options,
}

impl Eva {
    pub fn new(inputs: &Inputs, options: &Options) -> Self {
        let encoders = Encoders::new(inputs, options, Graph::Convolution, |_| true);
        Eva { encoders, options: options.clone() }
    }
}

impl Aligner for Eva {
    fn encoders(&self) -> &Encoders {
        &self.encoders
    }

    fn parameters(&self) -> Vec<Parameter> {
        let mut all = Vec::new();
        self.encoders.parameters(&mut all);
        let count = self.encoders.names().len();
        all.push(Parameter::new("fusion.weight", &[count], Init::Constant(1.0), self.options.seed));
        all
    }

    fn parts(&self) -> Vec<String> {
        std::iter::once("joint".to_owned()).chain(self.encoders.names()).collect()
    }

    fn loss(&self, params: &Params, view: &View<'_>, _: &Step<'_>) -> Result<Loss> {
        let encoded = self.encoders.encode(params, view)?;
        let names = self.encoders.names();
        let alpha = |name: &String| if name == "structure" { ALPHA_STRUCTURE } else { ALPHA };
        let raw = params.get("fusion.weight")?;
        let run = || {
            let (z, widths) = unit(&encoded.parts)?;
            let v = row_weights(&softmax(raw)?, &encoded.present)?;
            let present = Some(both(&encoded.present).into());
            let alpha = names.iter().map(alpha).collect();
            let losses =
                Nca { widths, alpha, joint: Some(ALPHA), beta: BETA, present }.apply(&z, &v, view.task)?;
            Ok((losses.sum_all()?, losses))
        };
        let (total, losses) = run().during(view.task)?;
        Loss::new(total, &[&losses])
    }

    fn vectors(&self, params: &Params, view: &View<'_>) -> Result<Vectors> {
        let encoded = self.encoders.encode(params, view)?;
        let raw = params.get("fusion.weight")?;
        let weights = softmax(raw).and_then(|soft| row_weights(&soft, &encoded.present)).during(view.task)?;
        Ok(Vectors { parts: encoded.parts, weights })
    }
}

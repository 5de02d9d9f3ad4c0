//! MCLEA (Lin et al., COLING 2022, "Multi-modal Contrastive Representation Learning for Entity Alignment").
//!
//! Two layers of diagonal graph attention over learned entity vectors, one affine map a modality, one
//! learned weight a modality (softmax). Losses: ICL of the joint vectors, ICL of each modality under
//! learned uncertainty, and the alignment loss IAL of each (the KL divergence of its similarities from the
//! joint ones', without gradient to these) under learned uncertainty, times 0.1.
//!
//! The reference multiplies the IAL by its zoom 0.1 inside the uncertainty weights and outside again;
//! here it is so under [`Variant::Reference`](crate::ops::spec::Variant), else it is done once, outside.

use candle_core::Tensor;

use super::encoders::{During, Encoded, Encoders, Graph, unit};
use super::fusion::{both, row_weights, softmax, uncertain};
use super::inputs::{Inputs, View};
use super::{Aligner, Candle, Loss, Options, Step, Vectors};
use crate::error::Result;
use crate::train::{Init, ModalContrast, Parameter, Params};

/// Factor of the alignment loss.
pub(super) const ZOOM: f64 = 0.1;

/// The model.
pub(super) struct Mclea {
    encoders: Encoders,
    options: Options,
}

impl Mclea {
    pub fn new(inputs: &Inputs, options: &Options) -> Self {
        let encoders = Encoders::new(inputs, options, Graph::Diagonal, |_| true);
        Mclea { encoders, options: options.clone() }
    }
}

/// The parameters of weights and losses over so many modalities.
pub(super) fn weights(count: usize, seed: u64) -> [Parameter; 3] {
    let add = |name, value| Parameter::new(name, &[count], Init::Constant(value), seed);
    [add("fusion.weight", 1.0), add("icl.log_variance", 0.0), add("ial.log_variance", 0.0)]
}

/// Unit vectors, weights and all losses of MCLEA.
pub(super) struct Contrasted {
    pub units: Tensor,
    pub widths: Vec<usize>,
    pub v: Tensor,
    pub total: Tensor,
    /// The joint ICL, then one a modality, then the IAL of each.
    pub losses: Tensor,
}

/// The losses of MCLEA over the vectors of a batch.
pub(super) fn contrast(
    params: &Params,
    encoded: &Encoded,
    view: &View<'_>,
    options: &Options,
) -> Result<Contrasted> {
    let (raw, icl) = (params.get("fusion.weight")?, params.get("icl.log_variance")?);
    let ial = params.get("ial.log_variance")?;
    let run = || -> Candle<Contrasted> {
        let (units, widths) = unit(&encoded.parts)?;
        let v = row_weights(&softmax(raw)?, &encoded.present)?;
        let op = ModalContrast {
            widths: widths.clone(),
            tau: options.tau,
            inversion: false,
            joint: true,
            alignment: Some(options.alignment_tau),
            present: Some(both(&encoded.present).into()),
        };
        let losses = op.apply(&units, Some(&v), view.task)?;
        let count = widths.len();
        let inside = if options.quirks() { ZOOM } else { 1.0 };
        let alignment = losses.narrow(0, 1 + count, count)?.affine(inside, 0.0)?;
        let intra = uncertain(&losses.narrow(0, 1, count)?, icl)?;
        let inter = uncertain(&alignment, ial)?.affine(ZOOM, 0.0)?;
        let total = losses.get(0)?.add(&intra)?.add(&inter)?;
        Ok(Contrasted { units, widths, v, total, losses })
    };
    run().during(view.task)
}

/// Names of [`Contrasted::losses`].
pub(super) fn parts(names: &[String]) -> Vec<String> {
    let aligned = names.iter().map(|name| format!("{name}.alignment"));
    std::iter::once("joint".to_owned()).chain(names.iter().cloned()).chain(aligned).collect()
}

impl Aligner for Mclea {
    fn encoders(&self) -> &Encoders {
        &self.encoders
    }

    fn parameters(&self) -> Vec<Parameter> {
        let mut all = Vec::new();
        self.encoders.parameters(&mut all);
        all.extend(weights(self.encoders.names().len(), self.options.seed));
        all
    }

    fn parts(&self) -> Vec<String> {
        parts(&self.encoders.names())
    }

    fn loss(&self, params: &Params, view: &View<'_>, _: &Step<'_>) -> Result<Loss> {
        let encoded = self.encoders.encode(params, view)?;
        let found = contrast(params, &encoded, view, &self.options)?;
        Loss::new(found.total, &[&found.losses])
    }

    fn vectors(&self, params: &Params, view: &View<'_>) -> Result<Vectors> {
        let encoded = self.encoders.encode(params, view)?;
        let raw = params.get("fusion.weight")?;
        let weights = softmax(raw).and_then(|soft| row_weights(&soft, &encoded.present)).during(view.task)?;
        Ok(Vectors { parts: encoded.parts, weights })
    }
}

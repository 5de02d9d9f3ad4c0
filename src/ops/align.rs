//! `ALIGN p USING features(…) AS a`: links straight from fused features.

use super::artifact::ArtifactRow;
use super::basis::Basis;
use super::engine::{Context, Engine};
use super::maintain::count;
use super::make::{Made, make};
use super::plan::Plan;
use super::rows::Outcome;
use super::seed::{stored, weight_facts, weights_note, weights_table};
use super::spec::{Align, Request};
use crate::error::Result;
use crate::features::Modality;
use crate::matching::{self, AlignOptions};

/// Aligns a pair.
pub(crate) fn align(engine: &Engine, spec: &Align, context: &Context) -> Result<Outcome> {
    let plan = Plan::new(engine, &Request::Align(spec.clone()), context)?;
    let product = make(engine, &plan.order, || {
        let pair = engine.load_pair(&plan.pair.name, context.task)?;
        let (modalities, seed) = (&plan.modalities, plan.order.seed);
        let basis = match &plan.model {
            Some(model) => Basis::model(engine, &pair, model, modalities, &spec.weights)?,
            None => Basis::features(&pair, modalities, &spec.weights, spec.missing, seed),
        };
        let evidence = basis.evidence()?;
        let resolved = basis.resolve(engine, &evidence, context)?;
        let options = AlignOptions {
            matching: spec.matching,
            csls: spec.csls,
            candidates: spec.candidates,
            threshold: spec.threshold,
        };
        let links = matching::align(&evidence, &resolved, &options, context.task)?;
        let mut made = Made {
            weights: resolved.factors(),
            facts: weight_facts(&resolved),
            modalities: links.modalities.iter().map(Modality::to_string).collect(),
            csls: spec.csls.unwrap_or(0) as u32,
            missing: spec.missing.as_str().to_string(),
            matching: spec.matching.as_str().to_string(),
            ..Made::default()
        };
        let source = match &plan.model {
            // It is judged and searched by the embeddings it was made by, whatever becomes of the model.
            Some(model) => {
                made.objects = model.embedding_objects();
                model.name.as_str()
            }
            None => "features",
        };
        let stage = made.stage(format!("{source}({})", spec.matching.as_str()));
        made.rows = (0..links.left.len())
            .map(|i| ArtifactRow {
                left: links.left[i],
                right: links.right[i],
                score: links.score[i],
                margin: links.margin[i],
                stage,
                modal: links.modal[i].clone(),
            })
            .collect();
        Ok(made)
    })?;
    let entry = &product.entry;
    let line = format!(
        "{}: {} between {} left and {} right entities",
        entry.name,
        count(entry.rows as usize, "link"),
        plan.pair.graphs[0].entities,
        plan.pair.graphs[1].entities
    ) + stored(&product);
    let mut outcome = Outcome::message("align", line).with_rows(weights_table(entry));
    outcome.notes = product.notes;
    outcome.notes.extend(weights_note(entry));
    Ok(outcome)
}

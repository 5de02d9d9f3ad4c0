//! `ALIGN p USING features(…) AS a`: links straight from fused features.

use super::artifact::ArtifactRow;
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
        let evidence = pair.evidence(&plan.modalities, spec.missing, plan.order.seed)?;
        let resolved = engine.weights(&pair, &spec.weights, spec.missing, &evidence, context)?;
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
        let stage = made.stage(format!("features({})", spec.matching.as_str()));
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

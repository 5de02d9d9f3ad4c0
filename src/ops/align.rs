//! `ALIGN p USING features(…) AS a`: links straight from fused features.

use super::artifact::{ArtifactRow, UnmatchedRow};
use super::basis::Basis;
use super::cells::{self, SEARCH};
use super::engine::{Context, Engine};
use super::maintain::count;
use super::make::{Made, make};
use super::plan::Plan;
use super::rows::Outcome;
use super::seed::{stored, weight_facts, weights_note, weights_table};
use super::seen::Seen;
use super::spec::{Align, Matching, Request, Rescale};
use crate::error::Result;
use crate::features::Modality;
use crate::matching::{self, AlignOptions, Alignment, Cut, Guarantee, SinkhornOptions, Unmatched, Why};
use crate::psqe::Stage;

/// The fact that says what scores measure.
pub(super) const MEASURE: &str = "score";
/// The fact that says how many entities are without a link; an artifact that has it has them in its table.
pub(super) const UNMATCHED: &str = "unmatched";
/// The facts that the outcome repeats as notes.
const NOTED: [&str; 2] = ["links", "threshold"];

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
        let (evidence, resolved, told) = cells::compared(engine, &basis, &spec.search, context)?;
        let found = matching::align(&evidence, &resolved, &spec.options(), context.task)?;
        let links = &found.links;
        let mut made = Made {
            weights: resolved.factors(),
            facts: weight_facts(&resolved),
            modalities: links.modalities.iter().map(Modality::to_string).collect(),
            csls: if let Rescale::Csls(k) = spec.rescale { k as u32 } else { 0 },
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
        let accepted = pair.verdicts.accepted();
        let accepted_stage =
            if accepted.is_empty() { stage } else { made.stage(Stage::Accepted.to_string()) };
        let is_accepted = |i: usize| accepted.binary_search(&(links.left[i], links.right[i])).is_ok();
        made.rows = (0..links.left.len())
            .map(|i| ArtifactRow {
                left: links.left[i],
                right: links.right[i],
                score: links.score[i],
                margin: links.margin[i],
                stage: if is_accepted(i) { accepted_stage } else { stage },
                modal: links.modal[i].clone(),
            })
            .collect();
        let sides = [(false, &pair.left), (true, &pair.right)];
        for ((right, graph), single) in sides.into_iter().zip(&found.unmatched) {
            let single = single.iter().filter(|single| graph.is_alive(single.entity));
            made.unmatched.extend(single.map(|single| row(right, single)));
        }
        made.searched(told);
        made.facts.extend(facts(spec, &made));
        made.facts.extend(found_facts(spec, &found));
        Seen::inherit(&engine.db, &plan, &pair, &mut made)?;
        Ok(made)
    })?;
    let entry = &product.entry;
    let [left, right] = plan.pair.graphs.each_ref().map(|graph| graph.entities - graph.deleted);
    let line = format!(
        "{}: {} between {left} left and {right} right entities; {} without a match",
        entry.name,
        count(entry.rows as usize, "link"),
        entry.fact(UNMATCHED).unwrap_or("none known"),
    ) + stored(&product);
    let mut outcome = Outcome::message("align", line).with_rows(weights_table(entry));
    outcome.notes = product.notes;
    outcome.notes.extend(weights_note(entry));
    let noted = NOTED.iter().filter_map(|name| Some(format!("{name}: {}", entry.fact(name)?)));
    outcome.notes.extend(noted);
    outcome.notes.extend(entry.fact(SEARCH).map(|text| format!("compared: {text}")));
    Ok(outcome)
}

impl Align {
    fn options(&self) -> AlignOptions {
        AlignOptions {
            matching: self.matching,
            one_to_one: self.is_one_to_one(),
            rescale: self.rescale,
            candidates: self.candidates,
            threshold: self.threshold,
            precision: self.precision,
            sinkhorn: SinkhornOptions { temperature: self.temperature, iterations: self.iterations },
        }
    }

    /// What the scores of its links measure.
    fn measure(&self) -> String {
        match (self.matching, self.rescale) {
            (Matching::Sinkhorn, _) => "share of the transport (Sinkhorn) over cosine similarity".to_string(),
            (_, Rescale::Rinf) => {
                "reciprocal mean rank of preference (RInf) by cosine similarity".to_string()
            }
            (_, Rescale::Csls(k)) => format!("cosine similarity, CSLS {k}"),
            (_, Rescale::None) => "cosine similarity".to_string(),
        }
    }
}

fn row(right: bool, single: &Unmatched) -> UnmatchedRow {
    let reason = match single.why {
        Why::NoCandidate => "it has no modality in common with any entity that it was compared with",
        Why::Below => "its best candidate scores too little",
        Why::Taken => "its best candidate is linked to another",
        Why::NotMutual => "its best candidate prefers another",
    };
    let (entity, candidate, score) = (single.entity, single.candidate, single.score);
    UnmatchedRow { right, entity, candidate, score, reason: reason.to_string() }
}

/// What is kept of how the links came about.
fn facts(spec: &Align, made: &Made) -> Vec<(String, String)> {
    let right = made.unmatched.iter().filter(|row| row.right).count();
    let left = made.unmatched.len() - right;
    vec![
        (MEASURE.to_string(), spec.measure()),
        (UNMATCHED.to_string(), format!("{left} left and {right} right")),
    ]
}

/// What is kept of how good they are.
fn found_facts(spec: &Align, found: &Alignment) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let candidates = format!("the {} candidates of each entity", spec.candidates);
    let links = match found.guarantee {
        Guarantee::AllPairs => None,
        Guarantee::Candidates => {
            Some(format!("as {candidates} give them; more candidates= may give better ones"))
        }
        Guarantee::Total { gap: 0.0, looks } => {
            let proof = match looks {
                0 => "all pairs were candidates".to_string(),
                looks => {
                    format!(
                        "proved over all pairs compared in {looks} pass{}",
                        if looks == 1 { "" } else { "es" }
                    )
                }
            };
            Some(format!("no one-to-one links have a greater total; {proof}"))
        }
        Guarantee::Total { gap, looks } => {
            Some(format!("their total is at most {gap:.6} below the greatest; given up after {looks} passes"))
        }
        Guarantee::Shares { all, iterations, converged } => Some(format!(
            "by shares over {}, {} {iterations} iterations",
            if all { "all pairs compared" } else { &candidates },
            if converged { "converged after" } else { "stopped after" },
        )),
    };
    facts.extend(links.map(|links| ("links".to_string(), links)));
    facts.extend(found.cut.as_ref().map(|cut| ("threshold".to_string(), cut_text(spec, cut))));
    facts
}

fn cut_text(spec: &Align, cut: &Cut) -> String {
    let similarity = match (spec.rescale, spec.matching) {
        (Rescale::Csls(_), _) => "CSLS score",
        (Rescale::Rinf, _) | (_, Matching::Sinkhorn) => "similarity",
        (Rescale::None, _) => "score",
    };
    match cut.kept {
        0 => format!("no link; none reaches an estimated precision of {}", spec.precision),
        _ => format!("{similarity} {:.4}, for an estimated precision of {:.3}", cut.threshold, cut.precision),
    }
}

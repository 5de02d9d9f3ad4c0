//! `EXPLAIN MODALITIES p`: what each modality is good for, without labels, and the weight it suggests.

use super::catalog::{FeatureEntry, PairEntry};
use super::engine::{Context, Engine};
use super::rows::{Column, ColumnKind, Outcome, Rows, Value};
use super::spec::{Missing, Weights};
use crate::error::Result;
use crate::psqe::weights::{AutoWeights, Diagnosis, LEAST_EXAMPLES};

/// Share of a side below which a modality is said to be missing there.
const THIN: f64 = 0.5;
/// Share of rows whose nearest partner is a hub above which that is worth a word.
const HUBS: f32 = 0.2;
/// Agreement that is shown.
const LEAST_AGREEMENT: f32 = 0.05;
/// Precision of its mutual pairs below which a modality is said to err mostly.
const DOUBTFUL: f32 = 0.5;

/// One row a modality, in the pair's order, and sentences on what deserves them.
pub(crate) fn explain(engine: &Engine, pair: &str, context: &Context) -> Result<Outcome> {
    let pair = engine.load_pair(pair, context.task)?;
    let names = pair.entry.all_modalities();
    let evidence = pair.evidence(&names, Missing::Neutral, 0)?;
    let resolved = engine.weights(&pair, &Weights::Auto, Missing::Neutral, &evidence, context)?;
    let found: Vec<(&FeatureEntry, &Diagnosis)> = match &resolved.auto {
        Some(found) => {
            let features = found.weights.iter().map(|(modality, _)| pair.entry.feature(modality.as_str()));
            features.zip(&found.diagnoses).filter_map(|(feature, seen)| Some((feature?, seen))).collect()
        }
        None => Vec::new(),
    };
    let columns = vec![
        Column::new("modality", ColumnKind::Text),
        Column::new("weight", ColumnKind::Float),
        Column::new("evidence", ColumnKind::Float),
        Column::new("precision", ColumnKind::Float),
        Column::new("agrees_with", ColumnKind::Text),
        Column::new("mutual", ColumnKind::Float),
        Column::new("margin", ColumnKind::Float),
        Column::new("hubness", ColumnKind::Float),
        Column::new("left", ColumnKind::Text),
        Column::new("right", ColumnKind::Text),
        Column::new("width", ColumnKind::Text),
        Column::new("made_by", ColumnKind::Text),
    ];
    let rows = found.iter().map(|(feature, seen)| row(&pair.entry, feature, seen)).collect();
    let mut outcome = Outcome::rows("explain", Rows::ready(columns, rows));
    for note in resolved.auto.iter().flat_map(|auto| notes(&pair.entry, auto, &found)) {
        outcome = outcome.note(note);
    }
    Ok(outcome)
}

/// Shares of the entities of each side that have the modality.
fn shares(pair: &PairEntry, feature: &FeatureEntry) -> [f64; 2] {
    [0, 1].map(|side| {
        let graph = &pair.graphs[side];
        feature.present[side] as f64 / (graph.entities - graph.deleted).max(1) as f64
    })
}

/// Share of its own nearest pairs that are right, if there are enough to tell.
fn precision(seen: &Diagnosis) -> Option<f32> {
    (seen.precision.is_finite() && seen.pairs >= LEAST_EXAMPLES).then_some(seen.precision)
}

/// What is known of one modality; in words where a number would need another beside it.
fn row(pair: &PairEntry, feature: &FeatureEntry, seen: &Diagnosis) -> Vec<Value> {
    let mut agreement: Vec<_> = seen.agreement.iter().collect();
    agreement.sort_by(|a, b| b.1.total_cmp(&a.1));
    let agreement = agreement.iter().filter(|(_, share)| *share >= LEAST_AGREEMENT);
    let agreement = agreement.map(|(other, share)| format!("{other} {share:.2}"));
    let [left, right] = shares(pair, feature);
    let there = |side: usize, share: f64| format!("{} ({:.1} %)", feature.present[side], 100.0 * share);
    vec![
        feature.modality.as_str().into(),
        seen.weight.into(),
        seen.gain.into(),
        precision(seen).into(),
        agreement.collect::<Vec<_>>().join(", ").into(),
        seen.mutual.into(),
        seen.margin.into(),
        seen.hubness.into(),
        there(0, left).into(),
        there(1, right).into(),
        format!("{} {}", feature.cols, if feature.sparse { "sparse" } else { "dense" }).into(),
        feature.made_by.as_str().into(),
    ]
}

/// What deserves a sentence, modality by modality.
fn notes(pair: &PairEntry, auto: &AutoWeights, found: &[(&FeatureEntry, &Diagnosis)]) -> Vec<String> {
    let mut notes = vec![format!(
        "weights are set without labels, from {} left rows: each modality is judged by pairs that the others choose",
        auto.sample
    )];
    if let [(only, _)] = found {
        notes.push(format!("`{}` is the only modality: there is nothing to judge it by", only.modality));
    } else if auto.fallback {
        notes.push("no two modalities agree: each weighs as its own nearest pairs stand out".to_string());
    }
    for (number, (feature, seen)) in found.iter().enumerate() {
        let name = &feature.modality;
        for (share, side) in shares(pair, feature).into_iter().zip(["left", "right"]) {
            if share == 0.0 {
                notes.push(format!("`{name}` is missing on the {side} side"));
            } else if share < THIN {
                notes.push(format!("`{name}` is there for {:.1} % of the {side} side only", 100.0 * share));
            }
        }
        if found.len() > 1 && !auto.fallback {
            if seen.witnesses < LEAST_EXAMPLES {
                notes.push(format!(
                    "`{name}` cannot be judged, and so has no weight: of the pairs that others choose, it has {} on \
                     both sides, and {LEAST_EXAMPLES} are needed",
                    seen.witnesses
                ));
            } else if seen.gain == 0.0 {
                notes.push(format!(
                    "`{name}` is useless: it tells the pairs that the others choose from all other pairs no better \
                     than chance"
                ));
                continue;
            } else if precision(seen).is_some_and(|precision| precision < DOUBTFUL) {
                notes.push(format!(
                    "`{name}` helps beside others, not alone: of its own nearest pairs about {:.0} % are right",
                    100.0 * seen.precision
                ));
            }
        }
        let later = found[number + 1..].iter().map(|(other, _)| &other.modality);
        let copies: Vec<String> = later
            .filter(|other| seen.copies.iter().any(|copy| copy.as_str() == other.as_str()))
            .map(|other| format!("`{other}`"))
            .collect();
        if !copies.is_empty() {
            notes.push(format!(
                "`{name}` and {} go together as copies do: they do not vouch for each other, and share a weight",
                copies.join(", ")
            ));
        }
        if seen.hubness > HUBS {
            notes.push(format!(
                "`{name}` has hubs: {:.0} % of its rows have a nearest partner that more than ten others have, which \
                 csls= corrects",
                100.0 * seen.hubness
            ));
        }
    }
    notes
}

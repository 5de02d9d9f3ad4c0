//! `SEED …` and `CORRECT …`: stages that give seed sets.

use super::artifact::{self, ArtifactRow, DroppedRow};
use super::canonical::canonical;
use super::catalog::{self, ArtifactEntry, ArtifactKind, Input};
use super::engine::{Context, Engine, LoadedPair};
use super::lineage;
use super::maintain::count;
use super::make::{Made, Order, Product, make};
use super::rows::{Column, ColumnKind, Outcome, Rows};
use super::spec::{Correct, Request, Seed, SeedMethod, Weights};
use crate::error::{Code, Error, Result};
use crate::features::Modality;
use crate::psqe::weights::{AutoWeights, Resolved};
use crate::psqe::{self, ClusterOptions, Clustering, CorrectOptions, Reason, SeedSet, Stage};

/// `SEED … FROM p AS s`.
pub(crate) fn seed(engine: &Engine, spec: &Seed, context: &Context) -> Result<Outcome> {
    let spec = Seed { seed: Some(spec.seed.unwrap_or(context.settings.seed)), ..spec.clone() };
    let seed = spec.seed.unwrap_or_default();
    let pair = engine.load_pair(&spec.pair, context.task)?;
    // Pivots are chosen by one modality, but bear the scores of all.
    let weights = match &spec.method {
        SeedMethod::Pivots(modality) => {
            pair.check_modality(modality)?;
            Weights::Equal
        }
        SeedMethod::Cluster { .. } => spec.weights.clone(),
    };
    let modalities = pair.wanted(&weights)?;
    let order = Order {
        name: &spec.name,
        pair: &spec.pair,
        kind: ArtifactKind::Seeds,
        statement: canonical(&Request::Seed(spec.clone())),
        recipe: canonical(&Request::Seed(Seed { name: String::new(), ..spec.clone() })),
        inputs: pair.inputs(&weights, &modalities),
        seed,
    };
    let product = make(engine, order, || {
        let evidence = pair.evidence(&modalities, spec.missing, seed)?;
        let mut made = Made { missing: spec.missing.as_str().to_string(), ..Made::default() };
        match &spec.method {
            SeedMethod::Pivots(modality) => {
                let set = psqe::pivots(&evidence, modality, spec.count, context.task)?;
                let weight = |m: &Modality| if m == modality { 1.0 } else { 0.0 };
                made.weights = evidence.modalities().map(weight).collect();
                fill(&mut made, &set);
            }
            SeedMethod::Cluster { k, variant } => {
                let resolved = engine.weights(&pair, &spec.weights, spec.missing, &evidence, context)?;
                let options =
                    ClusterOptions { k: *k, count: spec.count, variant: *variant, seed, init: None };
                let (set, clustering) = psqe::cluster(&evidence, &resolved, &options, context.task)?;
                made.weights = resolved.factors();
                made.facts = weight_facts(&resolved);
                made.facts.extend(cluster_facts(&clustering));
                fill(&mut made, &set);
            }
        }
        Ok(made)
    })?;
    let mut outcome = summary("seed", &product);
    if product.entry.rows < spec.count as u64 {
        let found = product.entry.rows;
        outcome = outcome.note(format!("{} were asked for; {found} pairs could be found", spec.count));
    }
    Ok(outcome)
}

/// `CORRECT s AS s2`.
pub(crate) fn correct(engine: &Engine, spec: &Correct, context: &Context) -> Result<Outcome> {
    let spec = Correct { seed: Some(spec.seed.unwrap_or(context.settings.seed)), ..spec.clone() };
    let seed = spec.seed.unwrap_or_default();
    let source = catalog::artifact(&engine.db, &spec.seeds, Some(ArtifactKind::Seeds))?;
    let pair = engine.load_pair(&source.pair, context.task)?;
    let modalities = pair.wanted(&spec.weights)?;
    let mut inputs = vec![lineage::artifact_input(&source)];
    inputs.extend(pair.inputs(&spec.weights, &modalities));
    let order = Order {
        name: &spec.name,
        pair: &source.pair,
        kind: ArtifactKind::Seeds,
        statement: canonical(&Request::Correct(spec.clone())),
        recipe: canonical(&Request::Correct(Correct { name: String::new(), ..spec.clone() })),
        inputs,
        seed,
    };
    let product = make(engine, order, || {
        let evidence = pair.evidence(&modalities, spec.missing, seed)?;
        let set = load(engine, &source, &pair)?;
        let resolved = engine.weights(&pair, &spec.weights, spec.missing, &evidence, context)?;
        let options = CorrectOptions {
            direction: spec.direction,
            iterate: spec.iterate,
            all_rivals: spec.all_rivals,
            variant: spec.variant,
        };
        let corrected = psqe::correct(&set, &evidence, &resolved, &options, context.task)?;
        let mut made = Made { missing: spec.missing.as_str().to_string(), ..Made::default() };
        made.weights = resolved.factors();
        made.facts = weight_facts(&resolved);
        fill(&mut made, &corrected);
        describe_dropped(&mut made, &corrected, &pair);
        Ok(made)
    })?;
    let mut outcome = summary("correct", &product);
    outcome.message = format!(
        "{}: kept {} of {}, dropped {}",
        product.entry.name,
        product.entry.rows,
        count((product.entry.rows + product.entry.dropped) as usize, "seed"),
        product.entry.dropped,
    ) + stored(&product);
    Ok(outcome)
}

/// The seed set of an artifact.
pub(crate) fn load(engine: &Engine, entry: &ArtifactEntry, pair: &LoadedPair) -> Result<SeedSet> {
    let stages = entry.stages.iter().map(|text| parse_stage(text)).collect::<Result<Vec<Stage>>>()?;
    let mut set = SeedSet::default();
    for modality in &entry.modalities {
        set.modalities.push(Modality::new(modality)?);
    }
    for row in artifact::rows(&engine.db, entry, (pair.left.len(), pair.right.len())) {
        let row = row?;
        let stage = stages.get(usize::from(row.stage)).cloned().ok_or_else(|| damaged(entry))?;
        set.seeds.push(psqe::Seed {
            left: row.left,
            right: row.right,
            score: row.score,
            stage,
            modal: row.modal,
        });
    }
    Ok(set)
}

fn damaged(entry: &ArtifactEntry) -> Error {
    Error::new(Code::Corrupt, format!("seed set `{}` names a stage that it does not list", entry.name))
        .help("run CHECK FULL; make the seed set again or restore a backup")
}

fn parse_stage(text: &str) -> Result<Stage> {
    text.parse().map_err(|_| Error::new(Code::Corrupt, format!("`{text}` is no stage that this build knows")))
}

/// Takes a seed set's rows over.
fn fill(made: &mut Made, set: &SeedSet) {
    made.modalities = set.modalities.iter().map(Modality::to_string).collect();
    for seed in &set.seeds {
        let row = row(made, seed);
        made.rows.push(row);
    }
}

fn row(made: &mut Made, seed: &psqe::Seed) -> ArtifactRow {
    let stage = made.stage(seed.stage.to_string());
    let modal = seed.modal.clone();
    ArtifactRow { left: seed.left, right: seed.right, score: seed.score, margin: f32::NAN, stage, modal }
}

fn describe_dropped(made: &mut Made, set: &SeedSet, pair: &LoadedPair) {
    for dropped in &set.dropped {
        let row = row(made, &dropped.seed);
        let (end, rival) = match dropped.reason {
            Reason::Row => (pair.left.label(dropped.seed.left), pair.right.label(dropped.rival)),
            Reason::Column => (pair.right.label(dropped.seed.right), pair.left.label(dropped.rival)),
        };
        let reason = format!(
            "{end} is more similar to {rival} ({:.4}) than to its partner ({:.4}), round {}",
            dropped.rival_score, dropped.score, dropped.round
        );
        made.dropped.push(DroppedRow { row, reason, rival: Some(dropped.rival) });
    }
}

/// The line and the little table that every seeding statement answers with.
fn summary(verb: &'static str, product: &Product) -> Outcome {
    let entry = &product.entry;
    let line = format!("{}: {}", entry.name, count(entry.rows as usize, "seed")) + stored(product);
    let mut outcome = Outcome::message(verb, line).with_rows(weights_table(entry));
    outcome.notes = product.notes.clone();
    outcome
}

/// What is said of a result that was there already.
pub(crate) fn stored(product: &Product) -> &'static str {
    if product.stored { " (stored result: nothing it was made from has changed)" } else { "" }
}

/// Modalities with their weights.
pub(crate) fn weights_table(entry: &ArtifactEntry) -> Rows {
    let columns = vec![Column::new("modality", ColumnKind::Text), Column::new("weight", ColumnKind::Float)];
    let pairs = entry.modalities.iter().zip(&entry.weights);
    Rows::ready(
        columns,
        pairs.map(|(modality, &weight)| vec![modality.as_str().into(), weight.into()]).collect(),
    )
}

/// What automatic weighting found, as facts of the artifact.
pub(crate) fn weight_facts(resolved: &Resolved) -> Vec<(String, String)> {
    let Some(AutoWeights { diagnoses, sample, fallback, .. }) = &resolved.auto else { return Vec::new() };
    let mut facts = vec![("weights".to_string(), format!("set without labels from {sample} rows"))];
    if *fallback {
        facts.push(("weights note".to_string(), "no two modalities agree; they weigh the same".to_string()));
    }
    for ((modality, _), seen) in resolved.weights.iter().zip(diagnoses) {
        facts.push((
            format!("diagnosis of {modality}"),
            format!(
                "present {:.1} %, mutual nearest {:.1} %, margin {:.4}, hubs {:.2} %, estimated precision {:.1} %",
                100.0 * seen.presence,
                100.0 * seen.mutual,
                seen.margin,
                100.0 * seen.hubness,
                100.0 * seen.precision
            ),
        ));
    }
    facts
}

fn cluster_facts(clustering: &Clustering) -> Vec<(String, String)> {
    let mut facts = vec![
        ("clusters".to_string(), clustering.k.to_string()),
        ("k-means iterations".to_string(), clustering.iterations.to_string()),
    ];
    for (k, silhouette) in &clustering.silhouettes {
        facts.push((format!("silhouette at k={k}"), format!("{silhouette:.4}")));
    }
    for (i, (left, right, quota, found)) in clustering.clusters.iter().enumerate() {
        facts.push((
            format!("cluster {i}"),
            format!("{left} left and {right} right entities, quota {quota}, {found} seeds"),
        ));
    }
    facts
}

impl LoadedPair {
    /// The modalities as inputs: those named, or all there are.
    pub fn inputs(&self, weights: &Weights, modalities: &[String]) -> Vec<Input> {
        match weights {
            Weights::Named(_) => lineage::feature_inputs(&self.entry, modalities),
            Weights::Auto | Weights::Equal => lineage::all_feature_inputs(&self.entry, modalities),
        }
    }

    /// Names of all modalities of the pair.
    pub fn all_modalities(&self) -> Vec<String> {
        self.features.iter().map(|(modality, ..)| modality.to_string()).collect()
    }

    /// Fails unless the pair has the modality.
    pub fn check_modality(&self, modality: &Modality) -> Result<()> {
        if self.features.iter().any(|(known, ..)| known == modality) {
            return Ok(());
        }
        let name = &self.entry.name;
        let known = self.all_modalities();
        let error = Error::new(Code::UnknownName, format!("pair `{name}` has no modality `{modality}`"));
        Err(if known.is_empty() {
            error.help(format!(
                "it has none yet; EMBED name USING ngrams INTO {name} makes one from names, \
                 IMPORT FEATURES {modality} FROM 'file' INTO {name} reads one"
            ))
        } else {
            error.help(format!("it has {}", known.join(", ")))
        })
    }

    /// Names of the modalities that weights ask for: those named, else all.
    pub fn wanted(&self, weights: &Weights) -> Result<Vec<String>> {
        match weights {
            Weights::Named(named) => {
                for (modality, _) in named {
                    self.check_modality(modality)?;
                }
                Ok(self
                    .all_modalities()
                    .into_iter()
                    .filter(|m| named.iter().any(|(n, _)| n.as_str() == m))
                    .collect())
            }
            Weights::Auto | Weights::Equal => Ok(self.all_modalities()),
        }
    }
}

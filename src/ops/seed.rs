//! `SEED …`, `CORRECT …` and `EXPAND …`: stages that give seed sets.

use super::artifact::{self, ArtifactRow, DroppedRow};
use super::basis::Basis;
use super::catalog::{ArtifactEntry, PairEntry};
use super::cells::{self, SEARCH};
use super::engine::{Context, Engine, LoadedPair};
use super::maintain::count;
use super::make::{Made, Product, make};
use super::plan::Plan;
use super::rows::{Column, ColumnKind, Outcome, Rows};
use super::seen::Seen;
use super::spec::{Auto, Correct, Expand, Request, Seed, SeedMethod, Variant};
use crate::error::{Code, Error, Result};
use crate::features::{self, Matrix, Modality, OwnedFeature, Presence, StoredFeature, save_feature};
use crate::psqe::weights::{AutoWeights, Resolved};
use crate::psqe::{
    self, ClusterOptions, Clustering, CorrectOptions, Evidence, NeighbourOptions, Reason, SeedSet, Stage,
    Wanted,
};

/// The object that holds the centres of the clusters that seeds were drawn from.
pub(crate) const CENTRES: &str = "centres";

/// `SEED … FROM p AS s`.
pub(crate) fn seed(engine: &Engine, spec: &Seed, context: &Context) -> Result<Outcome> {
    let plan = Plan::new(engine, &Request::Seed(spec.clone()), context)?;
    let seed = plan.order.seed;
    let product = make(engine, &plan.order, || {
        let pair = engine.load_pair(&plan.pair.name, context.task)?;
        let (modalities, weights, missing) = (&plan.modalities, &spec.weights, spec.missing);
        let basis = match &plan.model {
            Some(model) => Basis::model(engine, &pair, model, modalities, weights)?,
            None => Basis::features(&pair, modalities, weights, missing, seed),
        };
        let evidence = basis.evidence()?;
        let mut made = Made { missing: spec.missing.as_str().to_string(), ..Made::default() };
        let within = |evidence, factors: &[f32]| {
            cells::within(engine, &basis, evidence, factors, &spec.search, context)
        };
        let count = |evidence: &Evidence<'_>, resolved: &Resolved| match spec.count {
            Auto::Fixed(count) => Ok(count),
            Auto::Auto => match psqe::carried(evidence, resolved, spec.precision, context.task)? {
                0 => Err(too_weak(spec.precision)),
                count => Ok(count),
            },
        };
        let set = match &spec.method {
            SeedMethod::Pivots(modality) => {
                let weight = |m: &Modality| if m == modality { 1.0 } else { 0.0 };
                made.weights = evidence.modalities().map(weight).collect();
                let weights = evidence.modalities().cloned().zip(made.weights.iter().copied()).collect();
                let (evidence, told) = within(evidence, &made.weights)?;
                made.searched(told);
                let count = count(&evidence, &Resolved::given(weights))?;
                let mut set = psqe::pivots(&evidence, modality, count, context.task)?;
                set.decide(&evidence, &made.weights)?;
                set
            }
            SeedMethod::Cluster { k, variant } => {
                let resolved = basis.resolve(engine, &evidence, context)?;
                let (evidence, told) = within(evidence, &resolved.factors())?;
                let count = count(&evidence, &resolved)?;
                let former = plan.centres(engine)?;
                let view = former.as_ref().map(StoredFeature::view);
                let init = view.as_ref().and_then(|view| match view.rows {
                    features::Rows::Dense(rows) => {
                        psqe::fits(&evidence, &resolved, rows).then_some(rows.data)
                    }
                    features::Rows::Sparse(_) => None,
                });
                let k = init.and(view.as_ref()).map_or(*k, |view| Auto::Fixed(view.present.len()));
                let options = ClusterOptions { k, count, variant: *variant, seed, init };
                let (mut set, clustering) = psqe::cluster(&evidence, &resolved, &options, context.task)?;
                set.decide(&evidence, &resolved.factors())?;
                made.weigh(&resolved);
                made.searched(told);
                made.facts.extend(cluster_facts(&clustering));
                let (data, k) = (clustering.centres, clustering.k);
                let rows = Matrix::Dense { cols: data.len() / k.max(1), data };
                let centres = OwnedFeature { rows, present: Presence::filled(k, true) };
                made.objects.push((CENTRES.to_string(), save_feature(&engine.db, centres)?.0));
                set
            }
            SeedMethod::Global { variant } => {
                let resolved = basis.resolve(engine, &evidence, context)?;
                let (evidence, told) = within(evidence, &resolved.factors())?;
                made.weigh(&resolved);
                made.searched(told);
                let set = plan.seeds(engine, &pair)?;
                let mut sampled = if *variant == Variant::Seedbed {
                    let wanted = Wanted { count: spec.count, precision: spec.precision };
                    psqe::resample(&set, &evidence, pair.neighbourhoods(), &resolved, wanted, context.task)?
                } else {
                    let count = match spec.count {
                        Auto::Fixed(count) => count,
                        Auto::Auto => psqe::carried(&evidence, &resolved, spec.precision, context.task)?,
                    };
                    psqe::sample(&set, &evidence, &resolved, count, *variant, context.task)?
                };
                sampled.decide(&evidence, &resolved.factors())?;
                sampled
            }
        };
        made.take(&set);
        Seen::inherit(&engine.db, &plan, &pair, &mut made)?;
        Ok(made)
    })?;
    let mut outcome = summary("seed", &product);
    if let Auto::Fixed(count) = spec.count
        && product.entry.rows < count as u64
    {
        let found = product.entry.rows;
        outcome = outcome.note(format!("{count} were asked for; {found} pairs could be found"));
    }
    Ok(outcome)
}

/// `CORRECT s AS s2`.
pub(crate) fn correct(engine: &Engine, spec: &Correct, context: &Context) -> Result<Outcome> {
    let plan = Plan::new(engine, &Request::Correct(spec.clone()), context)?;
    let product = make(engine, &plan.order, || {
        let pair = engine.load_pair(&plan.pair.name, context.task)?;
        let seed = plan.order.seed;
        let basis = Basis::features(&pair, &plan.modalities, &spec.weights, spec.missing, seed);
        let (evidence, resolved, told) = cells::compared(engine, &basis, &spec.search, context)?;
        let set = plan.seeds(engine, &pair)?;
        let mut corrected = if spec.variant == Variant::Seedbed {
            psqe::agreed(&set, &evidence, pair.neighbourhoods(), &resolved, context.task)?
        } else {
            let options = CorrectOptions {
                direction: spec.direction,
                iterate: spec.iterate,
                all_rivals: spec.all_rivals,
                variant: spec.variant,
            };
            psqe::correct(&set, &evidence, &resolved, &options, context.task)?
        };
        let mut made = Made { missing: spec.missing.as_str().to_string(), ..Made::default() };
        made.weigh(&resolved);
        made.searched(told);
        if let Some(most) = spec.count {
            let left_out = corrected.keep_best(most);
            made.facts.push(("left out beyond n".to_string(), left_out.to_string()));
        }
        corrected.decide(&evidence, &resolved.factors())?;
        made.take(&corrected);
        describe_dropped(&mut made, &corrected, &pair);
        Seen::inherit(&engine.db, &plan, &pair, &mut made)?;
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

/// `EXPAND s USING t AS s3`.
pub(crate) fn expand(engine: &Engine, spec: &Expand, context: &Context) -> Result<Outcome> {
    let plan = Plan::new(engine, &Request::Expand(spec.clone()), context)?;
    let product = make(engine, &plan.order, || {
        let pair = engine.load_pair(&plan.pair.name, context.task)?;
        let seed = plan.order.seed;
        let basis = Basis::features(&pair, &plan.modalities, &spec.weights, spec.missing, seed);
        let (evidence, resolved, told) = cells::compared(engine, &basis, &spec.search, context)?;
        let (set, graphs, task) = (plan.seeds(engine, &pair)?, pair.neighbourhoods(), context.task);
        let mut expanded = if spec.variant == Variant::Seedbed {
            let wanted = Wanted { count: spec.count, precision: spec.precision };
            psqe::expand(&set, &evidence, graphs, &resolved, wanted, task)?
        } else {
            let tuned = plan.model.as_ref().map(|model| engine.embeddings(&pair, model)).transpose()?;
            let tuned = tuned.as_ref().map(|e| e.evidence(&plan.modalities)).transpose()?;
            let options = NeighbourOptions {
                threshold: spec.threshold,
                ramp: spec.ramp,
                cap: spec.cap,
                variant: spec.variant,
            };
            psqe::neighbours(&set, &evidence, tuned.as_ref(), graphs, &resolved, &options, task)?
        };
        let mut made = Made { missing: spec.missing.as_str().to_string(), ..Made::default() };
        made.weigh(&resolved);
        made.searched(told);
        expanded.decide(&evidence, &resolved.factors())?;
        made.take(&expanded);
        Seen::inherit(&engine.db, &plan, &pair, &mut made)?;
        Ok(made)
    })?;
    Ok(summary("expand", &product))
}

/// The seed set of an artifact.
pub(crate) fn load(engine: &Engine, entry: &ArtifactEntry, pair: &PairEntry) -> Result<SeedSet> {
    let stages = entry.stages.iter().map(|text| parse_stage(text)).collect::<Result<Vec<Stage>>>()?;
    let mut set = SeedSet::default();
    for modality in &entry.modalities {
        set.modalities.push(Modality::new(modality)?);
    }
    let [left, right] = pair.graphs.each_ref().map(|graph| graph.entities as usize);
    for row in artifact::rows(&engine.db, entry, (left, right)) {
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

/// What stands of it: without seeds of entities that were deleted since, and without what people bar.
pub(crate) fn load_standing(engine: &Engine, entry: &ArtifactEntry, pair: &LoadedPair) -> Result<SeedSet> {
    let mut set = load(engine, entry, &pair.entry)?;
    let decided = pair.mask();
    set.seeds.retain(|seed| {
        let alive = pair.left.is_alive(seed.left) && pair.right.is_alive(seed.right);
        alive && !decided.bars(seed.left, seed.right)
    });
    Ok(set)
}

fn damaged(entry: &ArtifactEntry) -> Error {
    Error::new(Code::Corrupt, format!("seed set `{}` names a stage that it does not list", entry.name))
        .help("run CHECK FULL; make the seed set again or restore a backup")
}

fn parse_stage(text: &str) -> Result<Stage> {
    text.parse().map_err(|_| Error::new(Code::Corrupt, format!("`{text}` is no stage that this build knows")))
}

impl Made {
    /// Takes a seed set's rows over.
    pub fn take(&mut self, set: &SeedSet) {
        self.modalities = set.modalities.iter().map(Modality::to_string).collect();
        for seed in &set.seeds {
            let row = row(self, seed);
            self.rows.push(row);
        }
    }

    /// Notes the weights that were used.
    pub fn weigh(&mut self, resolved: &Resolved) {
        self.weights = resolved.factors();
        self.facts = weight_facts(resolved);
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
        let (left, right) = (pair.left.label(dropped.seed.left), pair.right.label(dropped.seed.right));
        let contradicted = |end: String, rival: String| {
            format!(
                "{end} is more similar to {rival} ({:.4}) than to its partner ({:.4}), round {}",
                dropped.rival_score, dropped.score, dropped.round
            )
        };
        let reason = match dropped.reason {
            Reason::Row => contradicted(left, pair.right.label(dropped.rival)),
            Reason::Column => contradicted(right, pair.left.label(dropped.rival)),
            Reason::Votes(votes, kinds) => format!(
                "{left} and {right} stay each other's best without {votes} of {kinds} kinds of evidence only, \
                 each left out alone"
            ),
        };
        made.dropped.push(DroppedRow { row, reason, rival: Some(dropped.rival) });
    }
}

fn too_weak(precision: f64) -> Error {
    let message = format!("the modalities carry no seed at an estimated precision of {precision}");
    Error::new(Code::MissingData, message)
        .help("bring another modality, lower precision=, or say how many with n=")
}

/// The line and the little table that every seeding statement answers with.
fn summary(verb: &'static str, product: &Product) -> Outcome {
    let entry = &product.entry;
    let line = format!("{}: {}", entry.name, count(entry.rows as usize, "seed")) + stored(product);
    let mut outcome = Outcome::message(verb, line).with_rows(weights_table(entry));
    outcome.notes = product.notes.clone();
    outcome.notes.extend(weights_note(entry));
    outcome.notes.extend(entry.fact(SEARCH).map(|text| format!("compared: {text}")));
    outcome
}

/// The fact that automatic weights had nothing to go by.
const WEIGHTS_NOTE: &str = "weights note";

/// What a person should know of the weights, if anything.
pub(crate) fn weights_note(entry: &ArtifactEntry) -> Option<String> {
    let note = entry.facts.iter().find(|(name, _)| name == WEIGHTS_NOTE);
    note.map(|(_, note)| format!("{note}; weights(…) sets them by hand"))
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
        facts.push((
            WEIGHTS_NOTE.to_string(),
            "no two modalities agree: each weighs as its own nearest pairs stand out".to_string(),
        ));
    }
    for ((modality, _), seen) in resolved.weights.iter().zip(diagnoses) {
        facts.push((
            format!("diagnosis of {modality}"),
            format!(
                "present {:.1} %, mutual nearest {:.1} %, margin {:.4}, hubs {:.2} %, estimated precision {}",
                100.0 * seen.presence,
                100.0 * seen.mutual,
                seen.margin,
                100.0 * seen.hubness,
                if seen.precision.is_nan() {
                    "unknown".to_string()
                } else {
                    format!("{:.1} %", 100.0 * seen.precision)
                }
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

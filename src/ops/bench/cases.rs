//! What is to be trained: pairs and lessons that go together, checked before anything long begins.

use crate::error::{Code, Error, Result};
use crate::ops::canonical::lessons_text;
use crate::ops::catalog::{self, ArtifactKind};
use crate::ops::engine::{Context, Engine};
use crate::ops::evaluate::unseen;
use crate::ops::lineage::{self, Arithmetic};
use crate::ops::plan::Plan;
use crate::ops::spec::{Architecture, Bench, Lesson, Request, Train};
use crate::ops::train::will_see;

/// A pair with what its models learn from.
pub(super) struct Case {
    /// Its place among the cases.
    pub number: usize,
    /// The pair.
    pub pair: String,
    /// The lessons as one writes them.
    pub seeds: String,
    lessons: Vec<Lesson>,
    /// The models, each once.
    pub models: Vec<Architecture>,
    /// What each of them learns from and is judged by.
    pub bases: Vec<[u8; 32]>,
    /// What should be known of where they are trained.
    pub notes: Vec<String>,
}

impl Case {
    /// The training of a run. Runs have random seeds one after the other.
    pub fn training(&self, spec: &Bench, model: Architecture, run: usize, default_seed: u64) -> Train {
        let first = spec.training.seed.unwrap_or(default_seed);
        Train {
            model,
            pair: self.pair.clone(),
            lessons: self.lessons.clone(),
            name: String::new(),
            seed: Some(first.wrapping_add(run as u64)),
            ..spec.training.clone()
        }
    }
}

/// The cases in the order of the request, each choice of lessons once.
///
/// Fails on whatever would fail later: names that are not there, seeds of other pairs, options that a model
/// does not take, pairs with no links that are left to judge by.
pub(super) fn all(engine: &Engine, spec: &Bench, context: &Context) -> Result<Vec<Case>> {
    check(spec)?;
    let (pairs, models, seeds) = (&spec.pairs, distinct(&spec.models), distinct(&spec.seeds));
    let owners: Vec<Option<(String, String)>> =
        seeds.iter().map(|lessons| owner(engine, lessons)).collect::<Result<_>>()?;
    if let Some((set, pair)) = owners.iter().flatten().find(|(_, pair)| !pairs.contains(pair)) {
        let message = format!("`{set}` is of the pair `{pair}`, which is not among PAIRS");
        return Err(Error::new(Code::Conflict, message)
            .help(format!("name {pair} after PAIRS as well, or leave {set} out")));
    }
    let mut cases = Vec::new();
    for pair in pairs {
        let before = cases.len();
        for (lessons, owner) in seeds.iter().zip(&owners) {
            if owner.as_ref().is_none_or(|(_, owner)| owner == pair) {
                let (number, seeds) = (cases.len(), lessons_text(lessons));
                let (lessons, models) = (lessons.clone(), models.clone());
                cases.push(Case {
                    number,
                    pair: pair.clone(),
                    seeds,
                    lessons,
                    models,
                    bases: Vec::new(),
                    notes: Vec::new(),
                });
            }
        }
        if cases.len() == before {
            catalog::pair(&engine.db, pair)?;
            let message = format!("SEEDS names nothing that models of the pair `{pair}` can learn from");
            return Err(Error::new(Code::MissingData, message)
                .help("name a seed set of that pair, or a share of links such as split '20%'"));
        }
    }
    for case in &mut cases {
        check_case(engine, spec, case, context)?;
    }
    Ok(cases)
}

fn check(spec: &Bench) -> Result<()> {
    let lacking = |what: &str| Error::new(Code::MissingData, format!("no {what} is named"));
    if spec.runs == 0 {
        return Err(Error::new(Code::OutOfRange, "runs=0 trains nothing").help("give at least 1"));
    }
    if spec.csls == Some(0) {
        return Err(
            Error::new(Code::OutOfRange, "csls=0 has no neighbours").help("give 10, or leave CSLS out")
        );
    }
    if spec.seeds.is_empty() || spec.seeds.iter().any(Vec::is_empty) {
        return Err(lacking("seed set").help("name seeds, a split or a share of links to learn from"));
    }
    for (what, is_empty) in [
        ("pair", spec.pairs.is_empty()),
        ("model", spec.models.is_empty()),
        ("protocol", spec.protocols.is_empty()),
    ] {
        if is_empty {
            return Err(lacking(what).help(format!("name at least one {what}")));
        }
    }
    let twice = |(at, pair): &(usize, &String)| spec.pairs[..*at].contains(pair);
    if let Some((_, pair)) = spec.pairs.iter().enumerate().find(twice) {
        return Err(Error::new(Code::Conflict, format!("the pair `{pair}` is named twice"))
            .help("name each pair once"));
    }
    Ok(())
}

/// A seed set among the lessons and the pair it is of, if there is any; all must be of the same.
fn owner(engine: &Engine, lessons: &[Lesson]) -> Result<Option<(String, String)>> {
    let mut owner: Option<(String, String)> = None;
    for lesson in lessons {
        let Lesson::Seeds(name) = lesson else { continue };
        let set = catalog::artifact(&engine.db, name, Some(ArtifactKind::Seeds))?;
        owner = match owner {
            Some((first, pair)) => set.of_pair(&pair).map(|_| Some((first, pair)))?,
            None => Some((set.name, set.pair)),
        };
    }
    Ok(owner)
}

/// A digest of what a training reads and of the links that judge it.
pub(super) fn basis(plan: &Plan) -> [u8; 32] {
    let inputs = lineage::key("", &plan.order.inputs, Arithmetic::Cpu);
    *blake3::hash(&[inputs, lineage::links_digest(&plan.pair)].concat()).as_bytes()
}

/// Fails unless all of a case can be trained and judged; notes what its plans tell.
fn check_case(engine: &Engine, spec: &Bench, case: &mut Case, context: &Context) -> Result<()> {
    for model in case.models.clone() {
        let training = case.training(spec, model, 0, context.settings.seed);
        let plan = Plan::new(engine, &Request::Train(training.clone()), context)?;
        let pair = engine.load_pair(&plan.pair.name, context.task)?;
        let links = &pair.links;
        let seen = will_see(engine, &training, &plan, &pair)?;
        if unseen(links, &seen.set()).is_empty() {
            let why =
                if links.is_empty() { "has no reference links" } else { "has no links but those learned" };
            let message = format!("pair `{}` {why}, so that nothing can be judged", case.pair);
            return Err(Error::new(Code::MissingData, message).help(format!(
                "import some: IMPORT LINKS … INTO {}; or learn from a smaller share of them",
                case.pair
            )));
        }
        case.bases.push(basis(&plan));
        case.notes.extend(plan.notes);
    }
    Ok(())
}

/// The items without repetitions, in order.
pub(super) fn distinct<T: Clone + PartialEq>(items: &[T]) -> Vec<T> {
    let mut kept: Vec<T> = Vec::with_capacity(items.len());
    for item in items {
        if !kept.contains(item) {
            kept.push(item.clone());
        }
    }
    kept
}

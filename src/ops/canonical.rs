//! A request as one line of SeedQL with every option spelled out.
//!
//! It serves twice: people read it in lineage and journal, and operation keys are taken over it, so
//! two requests that mean the same must print the same. Parsing the line gives the request back.

mod edits;

use std::fmt::Write;
use std::path::Path;

use super::spec::*;

/// The request in SeedQL. Only requests that change the store are printed in full.
pub fn canonical(request: &Request) -> String {
    match request {
        Request::Import(import) => import_text(import),
        Request::ImportLinks(import) => {
            let format = import.format.map_or(String::new(), |format| format!("{} ", format.as_str()));
            let mut text = format!("IMPORT LINKS {format}{}", quoted_path(&import.path));
            option(&mut text, "split", import.split.map(|split| split.as_str()));
            flag(&mut text, "lenient", import.lenient);
            text + &format!(" INTO {}", identifier(&import.pair))
        }
        Request::ImportFeatures(import) => features_text("IMPORT", import),
        Request::UpdateFeatures(import) => features_text("UPDATE", import),
        Request::Edit(edit) => edits::edit_text(edit),
        Request::ApplyDiff(diff) => edits::diff_text(diff),
        Request::ImportInto(import) => edits::import_text(import),
        Request::Judge(judge) => edits::judge_text(judge),
        Request::Undo(undo) => edits::undo_text(undo),
        Request::ImportVerdicts(import) => edits::verdicts_text(import),
        Request::Embed(embed) => {
            let mut text = format!("EMBED {} USING {}", embed.source.as_str(), embed.encoder.as_str());
            if let Some(weights) = &embed.weights {
                let _ = write!(text, " {}", quoted(&weights.to_string_lossy()));
            }
            if embed.encoder == Encoder::Ngrams {
                option(&mut text, "min_n", Some(embed.min_n));
                option(&mut text, "max_n", Some(embed.max_n));
            }
            option(&mut text, "dims", embed.dims);
            if let Some(seeds) = &embed.seeds {
                let _ = write!(text, " FROM {}", identifier(seeds));
            }
            if !embed.pictures.is_empty() {
                let _ = write!(text, " FROM {}", quoted_paths(&embed.pictures));
                option(
                    &mut text,
                    "folder",
                    embed.folder.as_ref().map(|path| quoted(&path.to_string_lossy())),
                );
            }
            if matches!(embed.encoder, Encoder::Propagation | Encoder::Walks) {
                option(&mut text, "hops", Some(embed.hops));
                option(&mut text, "seed", embed.seed);
            }
            let modality = embed.modality.as_ref().map_or(String::new(), |m| format!(" AS {m}"));
            text + &format!(" INTO {}{modality}", identifier(&embed.pair))
        }
        Request::Generate(generate) => generate_text(generate),
        Request::Seed(seed) => seed_text(seed),
        Request::Tune(tune) => tune_text(tune),
        Request::Train(train) => train_text(train),
        Request::Correct(correct) => correct_text(correct),
        Request::Expand(expand) => expand_text(expand),
        Request::Psqe(psqe) => psqe_text(psqe),
        Request::Align(align) => align_text(align),
        Request::CreateIndex(index) => {
            let mut text = format!("CREATE INDEX {} ON {}", identifier(&index.name), identifier(&index.on));
            let _ = write!(text, " {}", weights_text(&index.weights));
            option(&mut text, "m", Some(index.m));
            option(&mut text, "ef", Some(index.ef));
            text
        }
        Request::Drop(name) => format!("DROP {}", identifier(name)),
        Request::Compact => "COMPACT".to_string(),
        // The rest changes nothing that is kept, so that nobody reads it in a lineage.
        _ => String::new(),
    }
}

fn features_text(verb: &str, import: &ImportFeatures) -> String {
    let mut text = format!("{verb} FEATURES {} FROM {}", import.modality, quoted_paths(&import.paths));
    option(&mut text, "ids", import.ids.as_deref().map(quoted_path));
    option(&mut text, "present", import.present.as_deref().map(quoted_path));
    option(&mut text, "tensor", import.tensor.as_deref().map(quoted));
    text + &format!(" INTO {}", identifier(&import.pair))
}

fn import_text(import: &Import) -> String {
    let mut text = format!("IMPORT {} {}", import.format.as_str(), quoted_paths(&import.paths));
    flag(&mut text, "lenient", import.lenient);
    flag(&mut text, "remap_ids", import.remap_ids);
    option(&mut text, "links", import.links.as_deref().map(quoted_path));
    option(&mut text, "fold", import.fold);
    text + &format!(" AS {}", identifier(&import.name))
}

fn generate_text(g: &Generate) -> String {
    let mut text = format!("GENERATE PAIR {} entities={}", identifier(&g.name), g.entities);
    option(&mut text, "relations", Some(g.relations));
    option(&mut text, "attributes", Some(g.attributes));
    option(&mut text, "visual_dims", Some(g.visual_dims));
    let shares = [
        ("overlap", g.overlap),
        ("degree", g.degree),
        ("exponent", g.exponent),
        ("edge_noise", g.edge_noise),
        ("name_noise", g.name_noise),
        ("visual_noise", g.visual_noise),
        ("missing_visual", g.missing_visual),
        ("missing_names", g.missing_names),
        ("test", g.test),
        ("missing_attributes", g.missing_attributes),
    ];
    for (name, value) in shares {
        option(&mut text, name, Some(value));
    }
    option(&mut text, "pictures", g.pictures.as_ref().map(|path| quoted(&path.to_string_lossy())));
    option(&mut text, "seed", g.seed);
    text
}

fn seed_text(seed: &Seed) -> String {
    let mut text = "SEED ".to_string();
    match &seed.method {
        SeedMethod::Pivots(modality) => {
            let _ = write!(text, "{modality}");
        }
        SeedMethod::Cluster { k, variant } => {
            text.push_str("cluster");
            auto(&mut text, "k", *k);
            option(&mut text, "variant", Some(variant.as_str()));
            let _ = write!(text, " {}", weights_text(&seed.weights));
        }
        SeedMethod::Global { variant } => {
            text.push_str("global");
            option(&mut text, "variant", Some(variant.as_str()));
            let _ = write!(text, " {}", weights_text(&seed.weights));
        }
    }
    count(&mut text, seed.count, seed.precision);
    option(&mut text, "missing", Some(seed.missing.as_str()));
    search(&mut text, &seed.search);
    option(&mut text, "seed", seed.seed);
    text + &format!(" FROM {} AS {}", identifier(&seed.from), identifier(&seed.name))
}

fn tune_text(tune: &Tune) -> String {
    let mut text = format!("TUNE {}", identifier(&tune.seeds));
    option(&mut text, "epochs", Some(tune.epochs));
    option(&mut text, "lr", Some(tune.lr));
    option(&mut text, "batch", Some(tune.batch));
    option(&mut text, "dims", Some(tune.dims));
    option(&mut text, "temperature", (tune.variant != Variant::Reference).then_some(tune.temperature));
    match tune.patience {
        Some(patience) => option(&mut text, "patience", Some(patience)),
        None => option(&mut text, "patience", Some("none")),
    }
    option(&mut text, "variant", Some(tune.variant.as_str()));
    if let Weights::Named(_) = tune.weights {
        let _ = write!(text, " {}", weights_text(&tune.weights));
    }
    option(&mut text, "missing", Some(tune.missing.as_str()));
    option(&mut text, "device", (!tune.device.is_empty()).then(|| quoted(&tune.device)));
    option(&mut text, "dtype", Some(tune.dtype.as_str()));
    option(&mut text, "seed", tune.seed);
    text + &format!(" AS {}", identifier(&tune.name))
}

fn train_text(train: &Train) -> String {
    let lessons = lessons_text(&train.lessons);
    let mut text = format!("TRAIN {} ON {} USING {lessons}", train.model.as_str(), identifier(&train.pair));
    option(&mut text, "epochs", train.epochs);
    option(&mut text, "lr", train.lr);
    option(&mut text, "batch", train.batch);
    option(&mut text, "dims", train.dims);
    option(&mut text, "temperature", train.temperature);
    flag(&mut text, "iterative", train.iterative);
    match train.patience {
        Some(patience) => option(&mut text, "patience", Some(patience)),
        None => option(&mut text, "patience", Some("none")),
    }
    option(&mut text, "without", (!train.without.is_empty()).then(|| quoted(&train.without.join(", "))));
    option(&mut text, "init", train.init.as_ref().map(|path| quoted(&path.to_string_lossy())));
    option(&mut text, "variant", Some(train.variant.as_str()));
    if let Weights::Named(_) = train.weights {
        let _ = write!(text, " {}", weights_text(&train.weights));
    }
    option(&mut text, "device", (!train.device.is_empty()).then(|| quoted(&train.device)));
    option(&mut text, "seed", train.seed);
    text + &format!(" AS {}", identifier(&train.name))
}

/// Lessons as one writes them.
pub(crate) fn lessons_text(lessons: &[Lesson]) -> String {
    let text = |lesson: &Lesson| match lesson {
        Lesson::Seeds(seeds) => identifier(seeds),
        Lesson::Split(split) => format!("split '{}'", split.as_str()),
        Lesson::Share(share) => format!("split '{}%'", (share * 1e8).round() / 1e6),
    };
    lessons.iter().map(text).collect::<Vec<_>>().join(" + ")
}

fn expand_text(expand: &Expand) -> String {
    let mut text = format!("EXPAND {}", identifier(&expand.seeds));
    if let Some(model) = &expand.model {
        let _ = write!(text, " USING {}", identifier(model));
    }
    count(&mut text, expand.count, expand.precision);
    if expand.variant != Variant::Seedbed {
        option(&mut text, "threshold", Some(expand.threshold));
    }
    if expand.variant == Variant::Reference {
        option(&mut text, "ramp", Some(expand.ramp));
        option(&mut text, "cap", Some(expand.cap));
    }
    option(&mut text, "variant", Some(expand.variant.as_str()));
    let _ = write!(text, " {}", weights_text(&expand.weights));
    option(&mut text, "missing", Some(expand.missing.as_str()));
    search(&mut text, &expand.search);
    option(&mut text, "seed", expand.seed);
    text + &format!(" AS {}", identifier(&expand.name))
}

fn psqe_text(psqe: &Psqe) -> String {
    let mut text = "PSQE".to_string();
    auto(&mut text, "k", psqe.k);
    count(&mut text, psqe.count, psqe.precision);
    flag(&mut text, "tune", psqe.tune);
    option(&mut text, "epochs", Some(psqe.epochs));
    option(&mut text, "lr", Some(psqe.lr));
    option(&mut text, "batch", Some(psqe.batch));
    option(&mut text, "variant", Some(psqe.variant.as_str()));
    let _ = write!(text, " {}", weights_text(&psqe.weights));
    option(&mut text, "missing", Some(psqe.missing.as_str()));
    search(&mut text, &psqe.search);
    option(&mut text, "device", (!psqe.device.is_empty()).then(|| quoted(&psqe.device)));
    option(&mut text, "dtype", Some(psqe.dtype.as_str()));
    option(&mut text, "seed", psqe.seed);
    text + &format!(" FROM {} AS {}", identifier(&psqe.pair), identifier(&psqe.name))
}

/// Which pairs are compared, where that is not left to their number.
fn search(text: &mut String, search: &Search) {
    option(text, "exact", search.exact);
    option(text, "recall", (search.recall != RECALL).then_some(search.recall));
}

fn auto(text: &mut String, name: &str, value: Auto<usize>) {
    match value {
        Auto::Auto => option(text, name, Some("auto")),
        Auto::Fixed(value) => option(text, name, Some(value)),
    }
}

/// The count, and the precision where it decides.
fn count(text: &mut String, value: Auto<usize>, precision: f64) {
    auto(text, "n", value);
    if value == Auto::Auto {
        option(text, "precision", Some(precision));
    }
}

fn correct_text(correct: &Correct) -> String {
    let mut text = format!("CORRECT {}", identifier(&correct.seeds));
    option(&mut text, "n", correct.count);
    option(&mut text, "direction", Some(correct.direction.as_str()));
    flag(&mut text, "iterate", correct.iterate);
    option(&mut text, "rivals", Some(if correct.all_rivals { "all" } else { "seeds" }));
    option(&mut text, "variant", Some(correct.variant.as_str()));
    let _ = write!(text, " {}", weights_text(&correct.weights));
    option(&mut text, "missing", Some(correct.missing.as_str()));
    search(&mut text, &correct.search);
    option(&mut text, "seed", correct.seed);
    text + &format!(" AS {}", identifier(&correct.name))
}

fn align_text(align: &Align) -> String {
    let mut text = format!("ALIGN {}", identifier(&align.pair));
    let _ = match (&align.model, &align.weights) {
        (Some(model), weights) => write!(text, " USING {} {}", identifier(model), weights_text(weights)),
        (None, Weights::Named(named)) => write!(text, " USING features({})", named_text(named)),
        (None, weights) => write!(text, " {}", weights_text(weights)),
    };
    option(&mut text, "match", Some(align.matching.as_str()));
    let one_to_one = align.is_one_to_one();
    option(&mut text, "one_to_one", (one_to_one != align.matching.is_one_to_one()).then_some(one_to_one));
    match align.rescale {
        Rescale::Csls(k) => option(&mut text, "csls", Some(k)),
        Rescale::None => option(&mut text, "csls", Some("none")),
        Rescale::Rinf => option(&mut text, "rescale", Some("rinf")),
    }
    option(&mut text, "candidates", Some(align.candidates));
    match align.threshold {
        Some(Auto::Fixed(threshold)) => option(&mut text, "threshold", Some(threshold)),
        Some(Auto::Auto) => {
            option(&mut text, "threshold", Some("auto"));
            option(&mut text, "precision", Some(align.precision));
        }
        None => {}
    }
    if align.matching == Matching::Sinkhorn {
        option(&mut text, "temperature", Some(align.temperature));
        option(&mut text, "iterations", Some(align.iterations));
    }
    option(&mut text, "missing", Some(align.missing.as_str()));
    search(&mut text, &align.search);
    option(&mut text, "seed", align.seed);
    text + &format!(" AS {}", identifier(&align.name))
}

fn weights_text(weights: &Weights) -> String {
    match weights {
        Weights::Auto => "weights=auto".to_string(),
        Weights::Equal => "weights=equal".to_string(),
        Weights::Named(named) => format!("weights({})", named_text(named)),
    }
}

fn named_text(named: &[(crate::features::Modality, f32)]) -> String {
    let mut items: Vec<String> =
        named.iter().map(|(modality, weight)| format!("{modality}={weight}")).collect();
    items.sort_unstable();
    items.join(", ")
}

fn option(text: &mut String, name: &str, value: Option<impl std::fmt::Display>) {
    if let Some(value) = value {
        let _ = write!(text, " {name}={value}");
    }
}

fn flag(text: &mut String, name: &str, value: bool) {
    option(text, name, value.then_some(true));
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn quoted_path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

fn quoted_paths(paths: &[std::path::PathBuf]) -> String {
    paths.iter().map(|path| quoted_path(path)).collect::<Vec<_>>().join(", ")
}

/// A name as SeedQL writes it: bare where it reads as one word, else in double quotes.
fn identifier(name: &str) -> String {
    let mut chars = name.chars();
    let bare = chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_');
    if bare { name.to_string() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

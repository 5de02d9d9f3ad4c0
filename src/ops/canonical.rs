//! A request as one line of SeedQL with every option spelled out.
//!
//! It serves twice: people read it in lineage and journal, and operation keys are taken over it, so
//! two requests that mean the same must print the same. Parsing the line gives the request back.

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
        Request::ImportFeatures(import) => {
            let mut text =
                format!("IMPORT FEATURES {} FROM {}", import.modality, quoted_paths(&import.paths));
            option(&mut text, "ids", import.ids.as_deref().map(quoted_path));
            option(&mut text, "present", import.present.as_deref().map(quoted_path));
            option(&mut text, "tensor", import.tensor.as_deref().map(quoted));
            text + &format!(" INTO {}", identifier(&import.pair))
        }
        Request::Embed(embed) => {
            let mut text = format!("EMBED {} USING {}", embed.source.as_str(), embed.encoder.as_str());
            if embed.encoder == Encoder::Ngrams {
                option(&mut text, "min_n", Some(embed.min_n));
                option(&mut text, "max_n", Some(embed.max_n));
            }
            option(&mut text, "dims", embed.dims);
            let modality = embed.modality.as_ref().map_or(String::new(), |m| format!(" AS {m}"));
            text + &format!(" INTO {}{modality}", identifier(&embed.pair))
        }
        Request::Generate(generate) => generate_text(generate),
        Request::Seed(seed) => seed_text(seed),
        Request::Correct(correct) => correct_text(correct),
        Request::Align(align) => align_text(align),
        Request::Drop(name) => format!("DROP {}", identifier(name)),
        Request::Compact => "COMPACT".to_string(),
        // The rest changes nothing that is kept, so that nobody reads it in a lineage.
        _ => String::new(),
    }
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
        ("missing_attributes", g.missing_attributes),
    ];
    for (name, value) in shares {
        option(&mut text, name, Some(value));
    }
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
            match k {
                Auto::Auto => text.push_str(" k=auto"),
                Auto::Fixed(k) => option(&mut text, "k", Some(k)),
            }
            option(&mut text, "variant", Some(variant.as_str()));
            let _ = write!(text, " {}", weights_text(&seed.weights));
        }
    }
    option(&mut text, "n", Some(seed.count));
    option(&mut text, "missing", Some(seed.missing.as_str()));
    option(&mut text, "seed", seed.seed);
    text + &format!(" FROM {} AS {}", identifier(&seed.pair), identifier(&seed.name))
}

fn correct_text(correct: &Correct) -> String {
    let mut text = format!("CORRECT {}", identifier(&correct.seeds));
    option(&mut text, "direction", Some(correct.direction.as_str()));
    flag(&mut text, "iterate", correct.iterate);
    option(&mut text, "rivals", Some(if correct.all_rivals { "all" } else { "seeds" }));
    option(&mut text, "variant", Some(correct.variant.as_str()));
    let _ = write!(text, " {}", weights_text(&correct.weights));
    option(&mut text, "missing", Some(correct.missing.as_str()));
    option(&mut text, "seed", correct.seed);
    text + &format!(" AS {}", identifier(&correct.name))
}

fn align_text(align: &Align) -> String {
    let mut text = format!("ALIGN {}", identifier(&align.pair));
    match &align.weights {
        Weights::Named(named) => {
            let _ = write!(text, " USING features({})", named_text(named));
        }
        weights => {
            let _ = write!(text, " {}", weights_text(weights));
        }
    }
    option(&mut text, "match", Some(align.matching.as_str()));
    match align.csls {
        Some(k) => option(&mut text, "csls", Some(k)),
        None => option(&mut text, "csls", Some("none")),
    }
    option(&mut text, "candidates", Some(align.candidates));
    option(&mut text, "threshold", align.threshold);
    option(&mut text, "missing", Some(align.missing.as_str()));
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
    named.iter().map(|(modality, weight)| format!("{modality}={weight}")).collect::<Vec<_>>().join(", ")
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

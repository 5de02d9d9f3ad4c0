//! `GENERATE PAIR`: a planted pair, with the pictures of its entities where they are asked for.

use std::fmt::Write as _;
use std::path::Path;

use super::canonical::canonical;
use super::engine::{Context, Engine};
use super::export::refuse_inside;
use super::import::{MadeBy, NewPair, pair_counts, pair_line, save_modality, store_pair};
use super::rows::Outcome;
use super::spec::{Generate, Request};
use crate::error::Result;
use crate::features::{OwnedFeature, Rows};
use crate::formats::NewFolder;
use crate::generate;
use crate::kg::{Graph, Side};
use crate::rng::Rng;

/// Which picture shows which entity.
const INDEX: &str = "index.tsv";

/// `GENERATE PAIR p`.
pub(crate) fn generate(engine: &Engine, spec: &Generate, context: &Context) -> Result<Outcome> {
    let started = std::time::Instant::now();
    let seed = spec.seed.unwrap_or(context.settings.seed);
    let spec = Generate { seed: Some(seed), ..spec.clone() };
    let planted = generate::pair(&spec, seed, context.task)?;
    let statement = canonical(&Request::Generate(spec.clone()));
    let mut features = Vec::new();
    let mut notes = planted.notes;
    for (modality, left, right) in planted.features {
        if let Some(folder) = &spec.pictures {
            let sides = [(&planted.left, &left), (&planted.right, &right)];
            notes.push(draw(engine, folder, &statement, seed, sides, context)?);
            // What they look like is for EMBED to find out.
            continue;
        }
        let made_by = MadeBy { text: "generated".to_string(), ..MadeBy::default() };
        features.push(save_modality(engine, &modality, (left, right), made_by)?);
    }
    let new = NewPair {
        name: &spec.name,
        origin: "generated, synthetic".to_string(),
        statement,
        left: &planted.left,
        right: &planted.right,
        links: &planted.links,
    };
    let (entry, fresh) = store_pair(engine, new, features, context, started)?;
    let mut outcome = Outcome::message("generate", pair_line(&entry, fresh));
    outcome.notes = notes;
    Ok(outcome.with_rows(pair_counts(&entry)))
}

/// Draws the pictures of both sides into a folder, with an index of whose they are. A folder that has the pictures of
/// the same statement already is left as it is.
fn draw(
    engine: &Engine,
    folder: &Path,
    statement: &str,
    seed: u64,
    sides: [(&Graph, &OwnedFeature); 2],
    context: &Context,
) -> Result<String> {
    refuse_inside(engine.db.path(), folder)?;
    let task = context.task;
    let mut index = format!("# {statement}\n");
    let mut pictures = Vec::new();
    for (side, (graph, looks)) in Side::BOTH.into_iter().zip(sides) {
        for entity in looks.present.iter() {
            let place = format!("{}/{entity:06}.png", side.as_str());
            let _ = writeln!(index, "{}\t{place}", graph.entities.get(entity));
            pictures.push((side, looks, entity, place));
        }
    }
    let line = format!("{} pictures in {}", pictures.len(), folder.display());
    let same = std::fs::read(folder.join(INDEX)).is_ok_and(|there| there == index.as_bytes());
    if same && pictures.iter().all(|(.., place)| folder.join(place).is_file()) {
        return Ok(format!("{line} (unchanged)"));
    }
    let mut new = NewFolder::create(&*engine.outside, folder, task)?;
    task.phase("drawing pictures", Some(pictures.len() as u64));
    let mut rng = [Rng::stream(seed, "left pictures"), Rng::stream(seed, "right pictures")];
    for (done, (side, looks, entity, place)) in pictures.iter().enumerate() {
        task.check()?;
        let Rows::Dense(rows) = looks.view().rows else { continue };
        let latent = &rows.data[entity * rows.cols..(entity + 1) * rows.cols];
        new.small(place, &generate::pictures::draw(latent, &mut rng[usize::from(*side == Side::Right)])?)?;
        task.advance(done as u64 + 1);
    }
    new.small(INDEX, index.as_bytes())?;
    new.finish()?;
    Ok(line)
}

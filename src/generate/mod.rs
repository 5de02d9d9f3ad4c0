//! Planted benchmark pairs: two graphs drawn from one made-up world, with the links known.
//!
//! Everything here is synthetic and says so: figures on a planted pair tell how a method reacts to
//! its knobs, not how it does on real data. The `world` has entities with types, a power law of
//! degrees, relations, attributes, names and looks; each `side` holds its share of it under its own
//! vocabulary, spelling, order and errors. Invariants: the same knobs and seed give the same bytes;
//! row numbers, IRIs and table orders of the two sides are unrelated, so only content aligns them.
//! This layer makes graphs and features; it knows no store.

mod knobs;
mod names;
pub mod pictures;
mod side;
mod values;
mod visual;
mod vocabulary;
mod world;

use crate::error::Result;
use crate::features::{Modality, OwnedFeature};
use crate::kg::{Graph, Link, Side, Split};
use crate::ops::spec::Generate;
use crate::rng::Rng;
use crate::task::Task;

/// A planted pair.
#[derive(Clone, Debug, PartialEq)]
pub struct Planted {
    /// The left graph.
    pub left: Graph,
    /// The right graph.
    pub right: Graph,
    /// One link for each entity both graphs hold, by left row; 20 % train, 10 % valid, 70 % test.
    pub links: Vec<Link>,
    /// `visual`: dense rows. Left out where a side has no image at all.
    pub features: Vec<(Modality, OwnedFeature, OwnedFeature)>,
    /// What was made, in sentences; the first says that it is synthetic.
    pub notes: Vec<String>,
}

/// Draws a pair from a world of `spec.entities`. What each knob means is said at [`Generate`]; how far
/// it may go is checked here (`OutOfRange` names knob and range). `spec.seed` is not looked at.
///
/// Memory grows with entities: some 2 KiB each at the default knobs (1,000,000
/// entities: 1.8 GB at the peak), most of it literals and images.
pub fn pair(spec: &Generate, seed: u64, task: &Task) -> Result<Planted> {
    knobs::check(spec)?;
    task.phase("planting a world", None);
    let world = world::World::new(spec, seed, task)?;

    // Members: the shared entities on both sides, the others on one; each side in an order of its own.
    let mut rng = Rng::stream(seed, "members");
    let shared = world.shared();
    let mut order: Vec<u32> = (0..world.len() as u32).collect();
    rng.shuffle(&mut order);
    let (both, rest) = order.split_at(shared);
    let (only_left, only_right) = rest.split_at(rest.len().div_ceil(2));
    let mut members = [[both, only_left].concat(), [both, only_right].concat()];
    members.iter_mut().for_each(|members| rng.shuffle(members));

    let mut graphs = Vec::with_capacity(2);
    for (which, members) in Side::BOTH.into_iter().zip(&members) {
        task.phase(format!("drawing the {} graph", which.as_str()), None);
        graphs.push(side::draw(&world, which, members, task)?);
    }
    let (right, left) = (graphs.pop().unwrap_or_default(), graphs.pop().unwrap_or_default());

    task.phase("drawing images", None);
    let visual = visual::draw(&world, &members, task)?;
    let mut notes = vec![format!(
        "synthetic: a planted pair from a world of {} entities, seed {seed}; its names, images and links are made up",
        world.len()
    )];
    let mut features = Vec::new();
    match visual {
        Some((left, right)) => features.push((Modality::new("visual")?, left, right)),
        None => notes.push("no visual features: one side has no image at all".into()),
    }
    let links = links(both, spec.test, &members, world.len(), &mut rng);
    notes.push(format!(
        "{} links; {} left and {} right entities have no counterpart",
        links.len(),
        only_left.len(),
        only_right.len()
    ));
    Ok(Planted { left, right, links, features, notes })
}

/// Links of the shared entities, with splits drawn at random, by left row.
fn links(both: &[u32], test: f64, members: &[Vec<u32>; 2], len: usize, rng: &mut Rng) -> Vec<Link> {
    let [left, right] = members.each_ref().map(|members| rows_of(members, len));
    // A share such as 1 − 0.7 is a hair above what it stands for.
    let part = |share: f64| (share * both.len() as f64 - 1e-6).ceil() as usize;
    let (train, known) = (part((1.0 - test) * 2.0 / 3.0), part(1.0 - test));
    let mut splits: Vec<Split> = (0..both.len())
        .map(|i| match i {
            i if i < train => Split::Train,
            i if i < known => Split::Valid,
            _ => Split::Test,
        })
        .collect();
    rng.shuffle(&mut splits);
    let link = |(&entity, split)| Link {
        left: left[entity as usize],
        right: right[entity as usize],
        split: Some(split),
    };
    let mut links: Vec<Link> = both.iter().zip(splits).map(link).collect();
    links.sort_unstable();
    links
}

/// Row of each entity of the world on one side, `u32::MAX` where the side lacks it.
fn rows_of(members: &[u32], len: usize) -> Vec<u32> {
    let mut rows = vec![u32::MAX; len];
    members.iter().zip(0..).for_each(|(&entity, row)| rows[entity as usize] = row);
    rows
}

#[cfg(test)]
mod tests;

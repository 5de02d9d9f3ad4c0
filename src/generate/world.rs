//! The world both graphs are drawn from: types, degrees, relation triples.

use super::knobs;
use crate::error::Result;
use crate::kg::Triple;
use crate::ops::spec::Generate;
use crate::rng::Rng;
use crate::task::Task;

/// What the sides have in common. Names, values and looks are not stored: they are functions of the
/// seed and the entity (see [`World::rng`]), so a large world stays small.
pub(super) struct World {
    pub spec: Generate,
    pub seed: u64,
    /// Number of types; a type's share falls as 1/rank.
    pub types: u32,
    /// Type of each entity.
    pub type_of: Vec<u32>,
    /// Attributes of each type, ascending.
    pub attributes_of: Vec<Vec<u32>>,
    /// Sorted, no duplicates, no loops; relations by falling frequency.
    pub triples: Vec<Triple>,
}

impl World {
    pub fn new(spec: &Generate, seed: u64, task: &Task) -> Result<World> {
        let mut world = World {
            spec: spec.clone(),
            seed,
            types: 0,
            type_of: Vec::new(),
            attributes_of: Vec::new(),
            triples: Vec::new(),
        };
        let mut rng = Rng::stream(seed, "types");
        world.types = ((spec.entities as f64).sqrt() / 3.0).round().clamp(1.0, 40.0) as u32;
        let zipf = Draw::new((0..world.types).map(|rank| 1.0 / f64::from(rank + 1)));
        world.type_of = (0..spec.entities).map(|_| zipf.pick(&mut rng)).collect();
        world.attributes_of = (0..world.types).map(|kind| world.attributes_for(kind)).collect();
        world.connect(task)?;
        Ok(world)
    }

    pub fn len(&self) -> usize {
        self.spec.entities
    }

    pub fn shared(&self) -> usize {
        knobs::shared(&self.spec)
    }

    /// Random numbers of one entity for one purpose.
    pub fn rng(&self, purpose: u64, entity: u32) -> Rng {
        let word = purpose.wrapping_mul(0xd6e8_feb8_6659_fd93) ^ u64::from(entity);
        Rng::new(self.seed ^ word.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29))
    }

    /// Chung–Lu: ends are drawn in proportion to weights from a Pareto law, whose tail the degrees
    /// take over. Each entity heads one triple first, so that few are alone; a triple's relation
    /// follows the head's type, its tail the relation's range.
    fn connect(&mut self, task: &Task) -> Result<()> {
        let spec = &self.spec;
        let n = spec.entities;
        if n < 2 {
            return Ok(());
        }
        let mut rng = Rng::stream(self.seed, "triples");
        // A side holds this share of the world, and so this share of each entity's neighbours.
        let held = (spec.overlap + (1.0 - spec.overlap) / 2.0).max(0.5);
        let wanted = (spec.degree / held * n as f64 / 2.0).round() as usize;
        let cap = (spec.degree.max(1.0) * n as f64).sqrt();
        let tail = -1.0 / (spec.exponent - 1.0);
        let weights: Vec<f64> = (0..n).map(|_| (1.0 - rng.f64()).powf(tail).min(cap)).collect();

        let anyone = Draw::new(weights.iter().copied());
        let mut by_type: Vec<Vec<u32>> = vec![Vec::new(); self.types as usize];
        self.type_of.iter().zip(0..).for_each(|(&t, entity)| by_type[t as usize].push(entity));
        let in_type: Vec<Draw> = by_type
            .iter()
            .map(|members| Draw::new(members.iter().map(|&entity| weights[entity as usize])))
            .collect();

        // Relation r has rank r of a Zipf law, a few types it starts from and one it leads to.
        let relations = spec.relations as u32;
        let filled: Vec<u32> = (0..self.types).filter(|&t| !by_type[t as usize].is_empty()).collect();
        let range: Vec<u32> = (0..relations).map(|_| filled[rng.below(filled.len())]).collect();
        let mut domains: Vec<Vec<u32>> = vec![Vec::new(); self.types as usize];
        for relation in 0..relations {
            for _ in 0..3 {
                let domain = &mut domains[rng.below(self.types as usize)];
                if domain.last() != Some(&relation) {
                    domain.push(relation);
                }
            }
        }
        let common: Vec<u32> = (0..relations).collect();
        domains.iter_mut().filter(|domain| domain.is_empty()).for_each(|domain| domain.clone_from(&common));
        let relation_of: Vec<Draw> =
            domains.iter().map(|domain| Draw::new(domain.iter().map(|&r| 1.0 / f64::from(r + 1)))).collect();

        let mut first: Vec<u32> = (0..n as u32).collect();
        rng.shuffle(&mut first);
        first.truncate(wanted);
        self.triples.reserve(wanted);
        // Draws that repeat a triple are made up for, in a few rounds; a tiny world may be full.
        for round in 0..4 {
            let missing = wanted.saturating_sub(self.triples.len());
            for i in 0..missing {
                if i % (1 << 16) == 0 {
                    task.check()?;
                }
                let head = match first.get(i).filter(|_| round == 0) {
                    Some(&entity) => entity,
                    None => anyone.pick(&mut rng),
                };
                let t = self.type_of[head as usize] as usize;
                let relation = domains[t][relation_of[t].pick(&mut rng) as usize];
                let range = range[relation as usize] as usize;
                let mut end = by_type[range][in_type[range].pick(&mut rng) as usize];
                if end == head {
                    end = rng.below(n) as u32;
                }
                if end != head {
                    self.triples.push(Triple { head, relation, tail: end });
                }
            }
            self.triples.sort_unstable();
            self.triples.dedup();
        }
        Ok(())
    }
}

/// Draws numbers in proportion to weights, by Vose's alias method: constant time a draw.
pub(super) struct Draw {
    keep: Vec<f64>,
    alias: Vec<u32>,
}

impl Draw {
    /// Weights must be positive; an empty list may be built but not drawn from.
    pub fn new(weights: impl Iterator<Item = f64>) -> Draw {
        let mut keep: Vec<f64> = weights.collect();
        let scale = keep.len() as f64 / keep.iter().sum::<f64>();
        keep.iter_mut().for_each(|weight| *weight *= scale);
        let mut alias: Vec<u32> = (0..keep.len() as u32).collect();
        let (mut small, mut large): (Vec<u32>, Vec<u32>) =
            alias.iter().partition(|&&i| keep[i as usize] < 1.0);
        while let (Some(&s), Some(&l)) = (small.last(), large.last()) {
            small.pop();
            alias[s as usize] = l;
            keep[l as usize] -= 1.0 - keep[s as usize];
            if keep[l as usize] < 1.0 {
                large.pop();
                small.push(l);
            }
        }
        // What is left over is one up to rounding.
        small.into_iter().chain(large).for_each(|i| keep[i as usize] = 1.0);
        Draw { keep, alias }
    }

    pub fn pick(&self, rng: &mut Rng) -> u32 {
        let i = rng.below(self.keep.len());
        if rng.f64() < self.keep[i] { i as u32 } else { self.alias[i] }
    }
}

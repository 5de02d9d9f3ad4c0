//! Images as latents: what a thing looks like, plus what each picture adds.

use rayon::prelude::*;

use super::world::World;
use crate::error::{Code, Error, Result};
use crate::features::{Matrix, OwnedFeature, Presence};
use crate::kg::Side;
use crate::rng::Rng;
use crate::task::Task;

/// Entities of a type fall into groups that look alike, of about this many.
const GROUP: usize = 40;
/// Share of an image's variance that its group has in common.
const ALIKE: f64 = 0.5;
/// Chance that a side shows one of its group's stock pictures instead of the thing itself.
const STOCK: f64 = 0.1;
/// Stock pictures of a group; both sides know the same ones.
const STOCK_PICTURES: u64 = 2;

/// Visual rows of both sides, or `None` where a side has no image at all.
///
/// An entity's latent is `√ALIKE · group + √(1 − ALIKE) · own`, both standard normal. Each side adds
/// normal noise of standard deviation `visual_noise · s`, where `s` is the entity's own clarity,
/// from 0.4 to 1.6: some things are easy to recognise, some are not.
pub(super) fn draw(
    world: &World,
    members: &[Vec<u32>; 2],
    task: &Task,
) -> Result<Option<(OwnedFeature, OwnedFeature)>> {
    let mut sides = Vec::with_capacity(2);
    for (side, members) in Side::BOTH.into_iter().zip(members) {
        task.check()?;
        let present: Presence = members.iter().map(|&entity| has_image(world, side, entity)).collect();
        if present.count() == 0 {
            return Ok(None);
        }
        let cols = world.spec.visual_dims;
        let size = members.len().checked_mul(cols);
        let mut data = Vec::new();
        if size.is_none_or(|size| data.try_reserve_exact(size).is_err()) {
            return Err(Error::new(
                Code::Limit,
                format!("no memory for images of {} × {cols} numbers", members.len()),
            )
            .help("give fewer entities or fewer visual_dims"));
        }
        data.resize(members.len() * cols, 0f32);
        let rows = data.par_chunks_mut(cols).zip(members.par_iter()).enumerate();
        rows.filter(|(i, _)| present.get(*i)).for_each(|(_, (row, &entity))| {
            if !task.is_cancelled() {
                picture(world, side, entity, row);
            }
        });
        task.check()?;
        sides.push(OwnedFeature { rows: Matrix::Dense { data, cols }, present });
    }
    let right = sides.pop();
    Ok(sides.pop().zip(right))
}

fn has_image(world: &World, side: Side, entity: u32) -> bool {
    world.rng(30 + side as u64, entity).f64() >= world.spec.missing_visual
}

fn picture(world: &World, side: Side, entity: u32, row: &mut [f32]) {
    let mut own = world.rng(4, entity);
    let kind = world.type_of[entity as usize];
    let groups = (world.len() / GROUP / world.types as usize).max(1);
    let group = (kind as usize * groups + own.below(groups)) as u32;
    let clarity = 0.4 + 1.2 * own.f64();

    let mut taken = world.rng(40 + side as u64, entity);
    if taken.f64() < STOCK {
        let stock = taken.next_u64() % STOCK_PICTURES;
        let mut stock = world.rng(50 + stock, group);
        let mut common = world.rng(5, group);
        row.iter_mut().for_each(|x| *x = blend(&mut common, &mut stock) as f32);
        return;
    }
    let mut common = world.rng(5, group);
    let noise = world.spec.visual_noise * clarity;
    row.iter_mut().for_each(|x| *x = (blend(&mut common, &mut own) + noise * taken.normal()) as f32);
}

fn blend(common: &mut Rng, own: &mut Rng) -> f64 {
    ALIKE.sqrt() * common.normal() + (1.0 - ALIKE).sqrt() * own.normal()
}

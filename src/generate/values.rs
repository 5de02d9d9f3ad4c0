//! Attribute values: what is so in the world, and what a side says.

use super::names::word;
use super::world::World;
use crate::kg::{Literal, Side};
use crate::rng::Rng;

/// Chance that a side has a value its entity has in the world.
const KNOWN: f64 = 0.85;
/// Chance that a side's value is wrong.
const WRONG: f64 = 0.05;
/// Chance that the right side knows but the year of a date.
const YEAR_ONLY: f64 = 0.25;
/// Chance that an entity of a fitting type has a value for the attribute.
const FILLED: f64 = 0.7;
/// An attribute fits about one type in this many.
const SPREAD: u64 = 4;

impl World {
    /// Attributes of an entity on a side, with the side's literals, ascending by attribute.
    pub fn values_on(&self, side: Side, entity: u32) -> Vec<(u32, Literal)> {
        let mut values = Vec::new();
        let mut said = self.rng(20 + side as u64, entity);
        if said.f64() < self.spec.missing_attributes {
            return values;
        }
        let mut so = self.rng(2, entity);
        for &attribute in &self.attributes_of[self.type_of[entity as usize] as usize] {
            // Both streams move by the same steps whatever is drawn, so the sides stay in step.
            let (filled, number) = (so.f64(), so.next_u64());
            let (known, wrong, other, year) = (said.f64(), said.f64(), said.next_u64(), said.f64());
            if filled < FILLED && known < KNOWN {
                let number = if wrong < WRONG { other } else { number };
                let coarse = side == Side::Right;
                values.push((attribute, literal(attribute, number, coarse, year < YEAR_ONLY)));
            }
        }
        values
    }

    /// The attributes of a type: the first for all, the others for one type in [`SPREAD`]; at most 24,
    /// as a type of many would swamp the rest.
    pub fn attributes_for(&self, kind: u32) -> Vec<u32> {
        let fits = |&attribute: &u32| {
            attribute == 0 || self.rng(3, attribute * 64 + kind).next_u64().is_multiple_of(SPREAD)
        };
        (0..self.spec.attributes as u32).filter(fits).take(24).collect()
    }
}

/// The value that 64 random bits stand for under an attribute: its kind goes by the attribute's
/// number, numbers spread over several decades as real ones do. `coarse` rounds decimals.
fn literal(attribute: u32, bits: u64, coarse: bool, year_only: bool) -> Literal {
    let mut rng = Rng::new(bits);
    let u = rng.f64();
    let year = 2020 - (400.0 * u * u) as i64;
    let (datatype, value) = match attribute % 5 {
        0 => ("date", {
            let (month, day) = (1 + rng.below(12), 1 + rng.below(28));
            if coarse && year_only {
                return typed("gYear", format!("{year:04}"));
            }
            format!("{year:04}-{month:02}-{day:02}")
        }),
        1 => ("integer", format!("{}", (10f64.powf(1.0 + 5.0 * u)) as u64)),
        2 => ("decimal", {
            let value = 10f64.powf(3.0 * u);
            if coarse { format!("{value:.1}") } else { format!("{value:.3}") }
        }),
        3 => ("gYear", format!("{year:04}")),
        _ => ("string", word(u64::from(attribute) << 8 | rng.below(40) as u64)),
    };
    typed(datatype, value)
}

fn typed(datatype: &str, value: String) -> Literal {
    Literal { value, datatype: datatype.to_string(), language: String::new() }
}

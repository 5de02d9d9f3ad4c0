//! Which values the knobs take.

use crate::error::{Code, Error, Result};
use crate::ops::spec::Generate;

/// Refuses knobs out of range and worlds that leave a side empty.
pub(super) fn check(spec: &Generate) -> Result<()> {
    let share = |name, value| number(name, value, 0.0, 1.0);
    whole("entities", spec.entities, 1, 100_000_000)?;
    share("overlap", spec.overlap)?;
    number("degree", spec.degree, 0.0, 1000.0)?;
    number("exponent", spec.exponent, 2.0, 4.0)?;
    share("edge_noise", spec.edge_noise)?;
    whole("relations", spec.relations, 1, 100_000)?;
    whole("attributes", spec.attributes, 0, 100_000)?;
    share("name_noise", spec.name_noise)?;
    number("visual_noise", spec.visual_noise, 0.0, 100.0)?;
    whole("visual_dims", spec.visual_dims, 1, 8192)?;
    share("missing_visual", spec.missing_visual)?;
    share("missing_names", spec.missing_names)?;
    share("missing_attributes", spec.missing_attributes)?;
    share("test", spec.test)?;
    let shared = shared(spec);
    if shared == 0 && spec.entities < 2 {
        return Err(Error::new(
            Code::OutOfRange,
            format!("entities={} with overlap={} leaves the right graph empty", spec.entities, spec.overlap),
        )
        .help("give more entities or a larger overlap"));
    }
    // Dense images and graphs are indexed by 32 bits and held in memory.
    if spec.entities as f64 * spec.degree > 4e9 {
        return Err(Error::new(Code::OutOfRange, "entities × degree is above 4,000,000,000")
            .help("give fewer entities or a smaller degree"));
    }
    Ok(())
}

/// Number of entities both graphs hold.
pub(super) fn shared(spec: &Generate) -> usize {
    (spec.overlap * spec.entities as f64).round() as usize
}

fn whole(name: &str, value: usize, low: usize, high: usize) -> Result<()> {
    if (low..=high).contains(&value) { Ok(()) } else { Err(refuse(name, value, low, high)) }
}

fn number(name: &str, value: f64, low: f64, high: f64) -> Result<()> {
    // A NaN is in no range.
    if (low..=high).contains(&value) { Ok(()) } else { Err(refuse(name, value, low, high)) }
}

fn refuse<T: std::fmt::Display>(name: &str, value: T, low: T, high: T) -> Error {
    Error::new(Code::OutOfRange, format!("{name}={value} is not between {low} and {high}"))
        .help(format!("give {name} a value from {low} to {high}"))
}

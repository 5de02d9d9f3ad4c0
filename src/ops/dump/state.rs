//! What a training was left in, as files: facts, a table of tensors over one array, the curve, and pairs
//! that the model found.

use std::collections::HashMap;

use crate::error::{Code, Error, Result};
use crate::formats::NewFolder;
use crate::formats::dump::{Cell, Cells, Fields, Folder, Line};
use crate::models::TrainState;
use crate::psqe::tune::TuneState;
use crate::train::{AdamState, Best, EpochLoss, Moments, Parameter};

/// A state of either kind: what a tuner has not stays empty.
pub(super) fn of_tuner(state: TuneState) -> TrainState {
    let TuneState { parameters, optimiser, epoch, rng, curve, best } = state;
    TrainState { parameters, optimiser, epoch, rng, curve, best, ..TrainState::default() }
}

pub(super) fn to_tuner(state: TrainState) -> TuneState {
    let TrainState { parameters, optimiser, epoch, rng, curve, best, .. } = state;
    TuneState { parameters, optimiser, epoch, rng, curve, best }
}

/// The fact that is there where pairs were held out.
const BEST_EPOCH: &str = "best_epoch";

/// A number by name.
struct Fact {
    name: String,
    value: String,
}

impl Fact {
    fn new(name: &str, value: &impl Cell) -> Self {
        let mut text = String::new();
        value.write(&mut text);
        Fact { name: name.to_string(), value: text }
    }
}

impl Line for Fact {
    const COLUMNS: &'static [&'static str] = &["name", "value"];

    fn write(&self, cells: &mut Cells) {
        cells.put(&self.name).put(&self.value);
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self> {
        Ok(Fact { name: fields.take()?, value: fields.take()? })
    }
}

/// What a tensor is to the training.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    Parameter,
    Best,
    Momentum,
    First,
    Second,
}

const ROLES: [(&str, Role); 5] = [
    ("parameter", Role::Parameter),
    ("best", Role::Best),
    ("momentum", Role::Momentum),
    ("first", Role::First),
    ("second", Role::Second),
];

/// Where a tensor's numbers are in the array.
struct Tensor {
    role: Role,
    name: String,
    shape: Vec<usize>,
    offset: usize,
}

impl Line for Tensor {
    const COLUMNS: &'static [&'static str] = &["role", "name", "shape", "offset"];

    fn write(&self, cells: &mut Cells) {
        let word = ROLES.iter().find(|(_, role)| *role == self.role).map_or("", |(word, _)| word);
        cells.word(word).put(&self.name).put(&self.shape).put(&self.offset);
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self> {
        Ok(Tensor {
            role: fields.word(&ROLES)?,
            name: fields.take()?,
            shape: fields.take()?,
            offset: fields.take()?,
        })
    }
}

/// The losses of an epoch, with its number from 1.
struct Epoch(u64, EpochLoss);

impl Line for Epoch {
    const COLUMNS: &'static [&'static str] = &["epoch", "total", "parts", "held_out"];

    fn write(&self, cells: &mut Cells) {
        cells.put(&self.0).put(&self.1.total).put(&self.1.parts).put(&self.1.held_out);
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self> {
        let number = fields.take()?;
        Ok(Epoch(
            number,
            EpochLoss { total: fields.take()?, parts: fields.take()?, held_out: fields.take()? },
        ))
    }
}

/// A pair that the model found: one that trains, or one that may.
struct FoundPair {
    trains: bool,
    pair: (u32, u32),
}

impl Line for FoundPair {
    const COLUMNS: &'static [&'static str] = &["trains", "left", "right"];

    fn write(&self, cells: &mut Cells) {
        cells.put(&self.trains).put(&self.pair.0).put(&self.pair.1);
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self> {
        Ok(FoundPair { trains: fields.take()?, pair: (fields.take()?, fields.take()?) })
    }
}

/// Writes a state into a folder of the dump.
pub(super) fn write(new: &mut NewFolder<'_>, folder: &str, state: &TrainState) -> Result<()> {
    let best = state.best.as_ref();
    let mut facts = vec![
        Fact::new("epoch", &state.epoch),
        Fact::new("rng", &state.rng.to_vec()),
        Fact::new("step", &state.optimiser.step),
        Fact::new("looks", &state.found.looks),
    ];
    if let Some(best) = best {
        facts.extend([Fact::new(BEST_EPOCH, &best.epoch), Fact::new("best_loss", &best.loss)]);
    }
    new.sheet(&format!("{folder}/facts.tsv"), facts.into_iter().map(Ok))?;

    let mut tensors: Vec<(Role, &str, Vec<usize>, &[f32])> = Vec::new();
    let best = best.map_or(&[][..], |best| &best.parameters);
    for (role, parameters) in
        [(Role::Parameter, &state.parameters[..]), (Role::Best, best), (Role::Momentum, &state.momentum)]
    {
        tensors.extend(parameters.iter().map(|p| (role, p.name.as_str(), p.shape.clone(), &p.values[..])));
    }
    for moments in &state.optimiser.moments {
        for (role, values) in [(Role::First, &moments.first), (Role::Second, &moments.second)] {
            tensors.push((role, &moments.name, vec![values.len()], values));
        }
    }
    let mut offset = 0;
    let table = tensors.iter().map(|(role, name, shape, values)| {
        let tensor = Tensor { role: *role, name: name.to_string(), shape: shape.clone(), offset };
        offset += values.len();
        Ok(tensor)
    });
    new.sheet(&format!("{folder}/tensors.tsv"), table)?;
    let numbers = tensors.iter().flat_map(|(.., values)| values.iter().copied());
    new.array(&format!("{folder}/tensors.npy"), &[offset], numbers)?;

    let curve = (1u64..).zip(&state.curve).map(|(number, loss)| Ok(Epoch(number, loss.clone())));
    new.sheet(&format!("{folder}/curve.tsv"), curve)?;
    let found = [(true, &state.found.pairs), (false, &state.found.candidates)];
    let pairs = found
        .into_iter()
        .flat_map(|(trains, pairs)| pairs.iter().map(move |pair| Ok(FoundPair { trains, pair: *pair })));
    new.sheet(&format!("{folder}/found.tsv"), pairs)?;
    Ok(())
}

/// Reads a state back.
pub(super) fn read(dump: &Folder<'_>, folder: &str) -> Result<TrainState> {
    let facts = Facts::read(dump, format!("{folder}/facts.tsv"))?;
    let table = dump.rows::<Tensor>(&format!("{folder}/tensors.tsv"))?;
    let ([count], numbers) = dump.array::<f32, 1>(&format!("{folder}/tensors.npy"))?;
    let mut state = TrainState {
        epoch: facts.get("epoch")?,
        rng: facts.get::<Vec<u64>>("rng")?.try_into().map_err(|_| facts.bad("rng"))?,
        optimiser: AdamState { step: facts.get("step")?, moments: Vec::new() },
        ..TrainState::default()
    };
    state.found.looks = facts.get("looks")?;
    if facts.values.contains_key(BEST_EPOCH) {
        let (epoch, loss) = (facts.get(BEST_EPOCH)?, facts.get("best_loss")?);
        state.best = Some(Best { epoch, loss, parameters: Vec::new() });
    }
    for tensor in table {
        let Tensor { role, name, shape, offset } = tensor;
        let length = shape.iter().try_fold(1usize, |product, &axis| product.checked_mul(axis));
        let end = length.and_then(|length| offset.checked_add(length)).filter(|&end| end <= count);
        let misplaced = || {
            let message = format!("tensor `{name}` does not lie in the array, or is not in its turn");
            Error::new(Code::BadValue, message).path(&dump.place(&format!("{folder}/tensors.tsv")))
        };
        let values = numbers[offset..end.ok_or_else(misplaced)?].to_vec();
        let moments = &mut state.optimiser.moments;
        match role {
            Role::First => moments.push(Moments { name, first: values, second: Vec::new() }),
            Role::Second => match moments.last_mut() {
                Some(last) if last.name == name && last.second.is_empty() => last.second = values,
                _ => return Err(misplaced()),
            },
            Role::Parameter => state.parameters.push(Parameter { name, shape, values }),
            Role::Momentum => state.momentum.push(Parameter { name, shape, values }),
            Role::Best => match &mut state.best {
                Some(best) => best.parameters.push(Parameter { name, shape, values }),
                None => return Err(misplaced()),
            },
        }
    }
    state.curve = curve(dump, folder)?;
    let found = &mut state.found;
    dump.sheet(&format!("{folder}/found.tsv"), |row: FoundPair| {
        let pairs = if row.trains { &mut found.pairs } else { &mut found.candidates };
        pairs.push(row.pair);
        Ok(())
    })?;
    Ok(state)
}

/// Reads the losses of each epoch.
pub(super) fn curve(dump: &Folder<'_>, folder: &str) -> Result<Vec<EpochLoss>> {
    let epochs = dump.rows::<Epoch>(&format!("{folder}/curve.tsv"))?;
    Ok(epochs.into_iter().map(|epoch| epoch.1).collect())
}

/// Facts that were read.
struct Facts {
    place: std::path::PathBuf,
    values: HashMap<String, String>,
}

impl Facts {
    fn read(dump: &Folder<'_>, path: String) -> Result<Self> {
        let rows = dump.rows::<Fact>(&path)?.into_iter();
        Ok(Facts { place: dump.place(&path), values: rows.map(|fact| (fact.name, fact.value)).collect() })
    }

    fn get<T: Cell>(&self, name: &str) -> Result<T> {
        self.values.get(name).and_then(|text| T::read(text)).ok_or_else(|| self.bad(name))
    }

    fn bad(&self, name: &str) -> Error {
        Error::new(Code::BadValue, format!("the fact `{name}` is missing or is no such number"))
            .path(&self.place)
    }
}

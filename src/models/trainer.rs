//! The trainer: epochs over pairs, for any model.

use std::collections::HashSet;
use std::time::Instant;

use candle_core::{DType, Device};

use super::encoders::During;
use super::inputs::{Inputs, View};
use super::options::Options;
use super::state::{Found, TrainState};
use super::{Aligner, Loss, Step, curriculum, pseudo};
use crate::error::{Code, Error, Result};
use crate::rng::Rng;
use crate::task::Task;
use crate::train::{AdamState, AdamW, Best, EpochLoss, Grown, Parameter, Params, hold_out, warmed};

/// Numbers on the tape for every number of an entity's embedding, roughly: each layer keeps its own.
const ON_TAPE: usize = 16;

/// Domains of the random numbers that shuffle, and of those that hold some pairs out.
const SHUFFLE: &str = "train shuffle";
const HOLD_OUT: &str = "train hold out";

/// What one epoch gave.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochReport {
    /// Epochs run so far, this one included.
    pub epoch: u64,
    /// Its losses, before each step; their parts are named by [`Trainer::parts`].
    pub loss: EpochLoss,
    /// Pairs trained on, those that the model found included.
    pub pairs: usize,
    /// Norm of the gradients of the last step.
    pub gradient: f64,
    /// Time it took.
    pub seconds: f64,
    /// Whether the held-out pairs say that going on is of no use.
    pub stop: bool,
}

/// A model with its optimiser; see the module. Between two epochs its whole state is a [`TrainState`].
pub struct Trainer {
    pub(super) inputs: Inputs,
    options: Options,
    pub(super) model: Box<dyn Aligner>,
    pub(super) params: Params,
    momentum: Option<Params>,
    optimiser: AdamW,
    pub(super) device: Device,
    pairs: Vec<(u32, u32)>,
    held_out: Vec<(u32, u32)>,
    found: Found,
    epoch: u64,
    rng: Rng,
    curve: Vec<EpochLoss>,
    best: Option<Best>,
    /// Whether it was asked if its steps can be afforded.
    afforded: bool,
}

/// Sums over the batches of an epoch, weighted by pairs.
#[derive(Default)]
struct Sums {
    total: f64,
    parts: Vec<f64>,
    pairs: usize,
    /// Norm of the last step's gradients.
    gradient: f64,
}

impl Sums {
    fn add(&mut self, total: f64, parts: &[f64], pairs: usize) {
        let weight = pairs as f64;
        self.parts.resize(parts.len(), 0.0);
        self.total += total * weight;
        self.parts.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part * weight);
        self.pairs += pairs;
    }

    fn loss(&self, held_out: Option<f64>) -> EpochLoss {
        let count = self.pairs.max(1) as f64;
        let parts = self.parts.iter().map(|sum| sum / count).collect();
        EpochLoss { total: self.total / count, parts, held_out }
    }
}

/// The total of a loss.
///
/// Fails with [`Code::BadValue`] where it is no number any more.
fn number_of(loss: &Loss, task: &Task) -> Result<f64> {
    let total = f64::from(loss.total.to_scalar::<f32>().during(task)?);
    if total.is_finite() {
        return Ok(total);
    }
    Err(Error::new(Code::BadValue, "the loss is not finite any more")
        .help("lower the learning rate, or clip the gradients"))
}

impl Trainer {
    /// A trainer with fresh parameters, on the CPU. `pairs` are rows of each side, counted from 0.
    ///
    /// Fails with [`Code::MissingData`] without modalities or with fewer than two pairs (20 if some are to
    /// be held out), [`Code::OutOfRange`] on options or pairs out of range, [`Code::BadValue`] on features
    /// that do not fit each other or the graph.
    pub fn new(mut inputs: Inputs, pairs: &[(u32, u32)], options: Options) -> Result<Self> {
        options.check()?;
        inputs.check()?;
        let model = options.model.build(&inputs, &options);
        if model.modalities().is_empty() {
            return Err(Error::new(Code::MissingData, "no modality to train on")
                .help("name at least one modality that both sides have, or keep structure"));
        }
        let (left, right) = (inputs.split as u32, (inputs.graph.rows() - inputs.split) as u32);
        if let Some((l, r)) = pairs.iter().find(|(l, r)| *l >= left || *r >= right) {
            let message = format!("pair ({l}, {r}) is outside the {left} and {right} rows");
            return Err(Error::new(Code::OutOfRange, message));
        }
        let draw = options.patience.map(|_| Rng::stream(options.seed, HOLD_OUT));
        let (pairs, held_out) = hold_out(pairs, "pairs", draw)?;
        let params = Params::new(model.parameters(), &Device::Cpu)?;
        Ok(Trainer {
            params,
            model,
            momentum: None,
            optimiser: AdamW::new(options.adam()),
            device: Device::Cpu,
            pairs,
            held_out,
            found: Found::default(),
            epoch: 0,
            rng: Rng::stream(options.seed, SHUFFLE),
            curve: Vec::new(),
            best: None,
            inputs,
            options,
            afforded: false,
        })
    }

    /// The same, with its tape on `device`. Operations of ours without a kernel there run on the CPU.
    ///
    /// Fails with [`Code::Unsupported`] on types other than f32.
    pub fn on(mut self, device: &Device, dtype: DType) -> Result<Self> {
        if dtype != DType::F32 {
            return Err(Error::new(
                Code::Unsupported,
                format!("training in {} is not known", dtype.as_str()),
            )
            .help("choose f32"));
        }
        self.params = Params::new(self.params.export()?, device)?;
        let momentum = self.momentum.take().map(|momentum| momentum.export()).transpose()?;
        self.momentum = momentum.map(|momentum| Params::new(momentum, device)).transpose()?;
        self.device = device.clone();
        Ok(self)
    }

    /// Goes on from a stored state; the next epoch gives the bytes it would have given then.
    ///
    /// Fails with [`Code::BadValue`] if its parameters are not those of this trainer's inputs and options.
    pub fn resume(&mut self, state: TrainState) -> Result<()> {
        let momentum = match state.momentum.is_empty() {
            true => None,
            false => Some(Params::new(state.momentum, &self.device)?),
        };
        self.params.import(&state.parameters)?;
        self.momentum = momentum;
        self.optimiser = AdamW::resume(self.options.adam(), state.optimiser);
        self.rng = Rng::from_state(state.rng);
        self.found = state.found;
        (self.epoch, self.curve, self.best) = (state.epoch, state.curve, state.best);
        Ok(())
    }

    /// Begins with what another training of the model had come to, over graphs that may have grown since:
    /// its parameters, the optimiser's moments, and the pairs that it had found. Epochs count anew.
    pub(crate) fn begin(&mut self, state: TrainState, grown: Grown) -> Result<()> {
        let (parameters, optimiser) =
            warmed(self.params.export()?, &state.parameters, &state.optimiser, grown);
        self.params.import(&parameters)?;
        if !state.momentum.is_empty() {
            let (momentum, _) = warmed(parameters, &state.momentum, &AdamState::default(), grown);
            self.momentum = Some(Params::new(momentum, &self.device)?);
        }
        self.optimiser = AdamW::resume(self.options.adam(), optimiser);
        self.found = state.found;
        let known: HashSet<u32> = self.pairs.iter().chain(&self.held_out).map(|pair| pair.0).collect();
        let others: HashSet<u32> = self.pairs.iter().chain(&self.held_out).map(|pair| pair.1).collect();
        let decided = &self.inputs.decided;
        let free = |pair: &(u32, u32)| {
            !known.contains(&pair.0) && !others.contains(&pair.1) && !decided.bars(pair.0, pair.1)
        };
        self.found.pairs.retain(free);
        self.found.candidates.retain(free);
        Ok(())
    }

    /// The state between two epochs.
    pub fn state(&self) -> Result<TrainState> {
        Ok(TrainState {
            parameters: self.params.export()?,
            optimiser: self.optimiser.state().clone(),
            epoch: self.epoch,
            rng: self.rng.state(),
            curve: self.curve.clone(),
            best: self.best.clone(),
            found: self.found.clone(),
            momentum: self.momentum.as_ref().map(Params::export).transpose()?.unwrap_or_default(),
        })
    }

    /// Names of the modalities, in the order of the embeddings.
    pub fn modalities(&self) -> Vec<String> {
        self.model.modalities()
    }

    /// Names of the parts of the loss.
    pub fn parts(&self) -> Vec<String> {
        self.model.parts()
    }

    /// Pairs that the model found itself and trains on.
    pub fn found(&self) -> &[(u32, u32)] {
        &self.found.pairs
    }

    /// The parameters, as they are now.
    pub fn parameters(&self) -> Result<Vec<Parameter>> {
        self.params.export()
    }

    /// Overwrites the parameters with those of the same names.
    ///
    /// Fails with [`Code::BadValue`] if one is missing or of another shape, before anything is changed.
    pub fn import(&mut self, parameters: &[Parameter]) -> Result<()> {
        self.params.import(parameters)
    }

    /// Takes back the parameters with the lowest loss over the held-out pairs; whether there were any.
    pub fn restore_best(&mut self) -> Result<bool> {
        match &self.best {
            Some(best) => self.params.import(&best.parameters).map(|()| true),
            None => Ok(false),
        }
    }

    /// Runs one epoch over the pairs.
    ///
    /// Fails with [`Code::Cancelled`] and, if the losses are no numbers any more, [`Code::BadValue`]; the
    /// trainer is then as it was before the epoch.
    pub fn epoch(&mut self, task: &Task) -> Result<EpochReport> {
        let begun = Instant::now();
        if !self.afforded {
            self.afford(task)?;
            self.afforded = true;
        }
        let (rng, found, followed) = (self.rng.clone(), self.found.clone(), self.momentum.is_some());
        // Where the only step comes last there is nothing to take back; a curriculum may make several.
        let several = self.pairs.len() + self.found.pairs.len() > self.options.batch
            || self.uses_curriculum()
            || !self.held_out.is_empty()
            || self.options.iterate.is_some();
        let before = several.then(|| self.state()).transpose()?;
        match self.run(task) {
            Ok((sums, held_out)) => {
                self.epoch += 1;
                let loss = sums.loss(held_out);
                let stop = self.judge(&loss)?;
                self.curve.push(loss.clone());
                Ok(EpochReport {
                    epoch: self.epoch,
                    loss,
                    pairs: sums.pairs,
                    gradient: sums.gradient,
                    seconds: begun.elapsed().as_secs_f64(),
                    stop,
                })
            }
            Err(error) => {
                match before {
                    Some(before) => self.resume(before)?,
                    None => {
                        (self.rng, self.found) = (rng, found);
                        self.momentum = self.momentum.take().filter(|_| followed);
                    }
                }
                Err(error)
            }
        }
    }

    /// What the first step takes at once: a gradient, two moments and a copy to go back to for every parameter,
    /// and on the tape a few numbers for every number of the entities' embeddings.
    fn afford(&self, task: &Task) -> Result<()> {
        let parameters: usize = self.params.iter().map(|(_, var)| var.as_tensor().elem_count()).sum();
        let rows = 2 * self.options.batch.min(self.pairs.len());
        let tape = ON_TAPE * rows * self.options.width * self.model.modalities().len();
        task.afford(4 * (4 * parameters + tape) as u64, "training")
    }

    /// All steps of an epoch, the look for pairs if one is due, and the loss over held-out pairs.
    fn run(&mut self, task: &Task) -> Result<(Sums, Option<f64>)> {
        if self.momentum.is_none() && self.uses_momentum() {
            self.momentum = Some(Params::new(self.params.export()?, &self.device)?);
        }
        let mut order = self.pairs.clone();
        order.extend(&self.found.pairs);
        self.rng.shuffle(&mut order);
        if self.uses_curriculum() {
            order = self.curriculum(order, task)?;
        }
        let mut sums = Sums::default();
        let batches = order.len().div_ceil(self.options.batch) as u64;
        for (number, batch) in (0u64..).zip(order.chunks(self.options.batch)) {
            let (done, all) = (self.epoch * batches + number, self.options.epochs * batches);
            let factor = self.options.schedule.factor(self.options.schedule.step(done, all));
            let rate = (f64::from(self.options.rate) * factor) as f32;
            let loss = self.loss(batch, task)?;
            let total = number_of(&loss, task)?;
            sums.add(total, &loss.parts, batch.len());
            let grads = loss.total.backward().during(task)?;
            sums.gradient = self.optimiser.step_tape(&self.params, &grads, rate)?;
            self.follow()?;
        }
        let mut held_out = Sums::default();
        for batch in self.held_out.clone().chunks(self.options.batch) {
            let loss = self.loss(batch, task)?;
            held_out.add(number_of(&loss, task)?, &[], batch.len());
        }
        if let Some(rule) = self.options.iterate
            && self.epoch >= rule.from
            && (self.epoch + 1 - rule.from).is_multiple_of(rule.every)
        {
            let joint = self.embeddings(task)?.joint;
            let taken: Vec<(u32, u32)> =
                [&self.pairs, &self.held_out, &self.found.pairs].into_iter().flatten().copied().collect();
            let candidates = pseudo::mutual(&joint, &self.inputs, &taken, task)?;
            self.found.look(candidates, &rule);
        }
        Ok((sums, (!self.held_out.is_empty()).then(|| held_out.loss(None).total)))
    }

    /// PCMEA's order of the pairs, which come shuffled.
    fn curriculum(&self, order: Vec<(u32, u32)>, task: &Task) -> Result<Vec<(u32, u32)>> {
        if self.options.quirks() {
            let split = self.inputs.split as u32;
            let known = self.pairs.iter().chain(&self.found.pairs);
            let links: Vec<(u32, u32)> = known.map(|pair| (pair.0, pair.1 + split)).collect();
            let joint = self.embeddings(task)?.joint;
            let list = curriculum::reference(&links, &joint, curriculum::FOLLOWERS, task)?;
            return Ok(list.into_iter().map(|(left, right)| (left, right - split)).collect());
        }
        // Within one batch the order says nothing.
        if order.len() <= self.options.batch {
            return Ok(order);
        }
        let lefts: Vec<u32> = order.iter().map(|pair| pair.0).collect();
        curriculum::alike(&order, &self.joint(&lefts, task)?, task)
    }

    fn uses_curriculum(&self) -> bool {
        self.options.model == super::Model::Pcmea && self.epoch < self.options.momentum_from
    }

    fn uses_momentum(&self) -> bool {
        self.options.model == super::Model::Pcmea && self.epoch >= self.options.momentum_from
    }

    /// The momentum copy takes a step towards the parameters: θ' ← m θ' + (1 − m) θ.
    fn follow(&mut self) -> Result<()> {
        let Some(momentum) = &self.momentum else { return Ok(()) };
        let keep = f64::from(self.options.momentum);
        for ((name, copy), (_, var)) in momentum.iter().zip(self.params.iter()) {
            let step = || {
                let moved =
                    copy.as_tensor().affine(keep, 0.0)?.add(&var.as_tensor().affine(1.0 - keep, 0.0)?)?;
                copy.set(&moved.detach())
            };
            step().map_err(|cause| momentum.lost(name, cause))?;
        }
        Ok(())
    }

    /// The loss of some pairs.
    fn loss(&mut self, pairs: &[(u32, u32)], task: &Task) -> Result<Loss> {
        task.check()?;
        let split = self.inputs.split as u32;
        let lefts = pairs.iter().map(|pair| pair.0);
        let rows: Vec<u32> = lefts.chain(pairs.iter().map(|pair| pair.1 + split)).collect();
        let mut shuffled: Vec<u32> = (0..rows.len() as u32).collect();
        if self.options.model == super::Model::Pcmea {
            self.rng.shuffle(&mut shuffled);
        }
        let layers = self.model.encoders().layers();
        let view = View::new(&self.inputs, rows, layers, &self.device, task)?;
        let step = Step { shuffled: &shuffled, momentum: self.momentum.as_ref() };
        self.model.loss(&self.params, &view, &step)
    }

    /// Keeps the best parameters; whether it is time to stop.
    fn judge(&mut self, loss: &EpochLoss) -> Result<bool> {
        let (Some(now), Some(patience)) = (loss.held_out, self.options.patience) else { return Ok(false) };
        if let Some(epochs) = Best::stalled(self.best.as_ref(), self.epoch, now) {
            return Ok(epochs >= u64::from(patience));
        }
        self.best = Some(Best { epoch: self.epoch, loss: now, parameters: self.params.export()? });
        Ok(false)
    }
}

//! The tuner: epochs over the seeds.

use std::time::Instant;

use candle_core::{DType, Device};

use crate::error::{Code, Error, Result};
use crate::features::Feature;
use crate::ops::spec::Variant;
use crate::rng::Rng;
use crate::task::Task;
use crate::train::adamw::Slot;
use crate::train::{
    AdamW, Best, ConstantRows, Embedding, EpochLoss, Fill, Grown, Neighbourhoods, Parameter, contrast,
    hold_out, normalise, params, warmed,
};

use super::device::OnDevice;
use super::encoder::Encoder;
use super::options::TuneOptions;
use super::plan::Plan;
use super::state::TuneState;
use super::work::Work;

/// Domain of the random numbers that shuffle the pairs, and of those that hold some out.
const SHUFFLE: &str = "psqe tune shuffle";
const HOLD_OUT: &str = "psqe tune hold out";

/// One modality to tune.
#[derive(Clone, Copy, Debug)]
pub struct TuneModality<'a> {
    /// Its name, the beginning of its parameters' names.
    pub name: &'a str,
    /// Rows of the left side.
    pub left: Feature<'a>,
    /// Rows of the right side.
    pub right: Feature<'a>,
    /// Whether graph attention follows its affine map (the reference: of the visual modality only).
    pub structural: bool,
}

/// What one epoch gave.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochReport {
    /// Epochs run so far, this one included.
    pub epoch: u64,
    /// Its losses, before each step.
    pub loss: EpochLoss,
    /// Norm of the gradients of the last step.
    pub gradient: f64,
    /// Time it took.
    pub seconds: f64,
    /// Whether the held-out pairs say that going on is of no use.
    pub stop: bool,
}

/// Stage II's network with its optimiser; see the module.
pub struct Tuner<'a> {
    options: TuneOptions,
    encoders: Vec<Encoder<'a>>,
    graph: &'a Neighbourhoods,
    pairs: Vec<(u32, u32)>,
    held_out: Vec<(u32, u32)>,
    parameters: Vec<Parameter>,
    optimiser: AdamW,
    epoch: u64,
    rng: Rng,
    curve: Vec<EpochLoss>,
    best: Option<Best>,
    /// Where the network is, if not with the parameters.
    device: Option<OnDevice>,
    /// Plans by batch and modality, where the batches are the same in each epoch.
    fixed: Option<Vec<Vec<Option<Plan>>>>,
}

/// A step's sums: losses weighted by pairs, and pairs, by modality.
type Sums = Vec<(f64, usize)>;

impl<'a> Tuner<'a> {
    /// A tuner with fresh parameters. `seeds` are pairs of rows, each side counted from 0.
    ///
    /// Fails with [`Code::MissingData`] without modalities or with fewer than two seeds (20 if some are
    /// to be held out), [`Code::OutOfRange`] on options or seeds out of range, [`Code::BadValue`] on
    /// features that do not fit each other or the graph.
    pub fn new(
        modalities: &[TuneModality<'a>],
        graph: &'a Neighbourhoods,
        seeds: &[(u32, u32)],
        options: TuneOptions,
    ) -> Result<Self> {
        options.check()?;
        if modalities.is_empty() {
            return Err(Error::new(Code::MissingData, "no modality to tune")
                .help("name at least one modality that both sides have"));
        }
        let (mut encoders, mut parameters) = (Vec::new(), Vec::new());
        for (at, modality) in modalities.iter().enumerate() {
            let rows = ConstantRows::new(modality.left, modality.right, Fill::Mean)?;
            let split = modalities[0].left.present.len();
            if rows.rows() != graph.rows() || rows.split() != split {
                let message =
                    format!("{} has {} rows, the graphs {}", modality.name, rows.rows(), graph.rows());
                return Err(Error::new(Code::BadValue, message));
            }
            if modalities[..at].iter().any(|other| other.name == modality.name) {
                return Err(Error::new(Code::Conflict, format!("modality {} is named twice", modality.name)));
            }
            let encoder = Encoder::new(modality.name, rows, modality.structural, &options, &mut parameters);
            encoders.push(encoder);
        }
        let split = encoders[0].rows.split();
        let (left, right) = (split as u32, (graph.rows() - split) as u32);
        if let Some((l, r)) = seeds.iter().find(|(l, r)| *l >= left || *r >= right) {
            let message = format!("seed ({l}, {r}) is outside the {left} and {right} rows");
            return Err(Error::new(Code::OutOfRange, message));
        }
        let draw = options.patience.map(|_| Rng::stream(options.seed, HOLD_OUT));
        let (pairs, held_out) = hold_out(seeds, "seeds", draw)?;
        let optimiser = AdamW::new(options.adam());
        let rng = Rng::stream(options.seed, SHUFFLE);
        let (epoch, curve, best, device, fixed) = (0, Vec::new(), None, None, None);
        Ok(Tuner {
            options,
            encoders,
            graph,
            pairs,
            held_out,
            parameters,
            optimiser,
            epoch,
            rng,
            curve,
            best,
            device,
            fixed,
        })
    }

    /// The same, its network run by candle on `device`: the features are put there at once, parameters
    /// with each batch. With [`DType::BF16`] the affine maps are multiplied in that type, all else in f32.
    ///
    /// Fails with [`Code::Limit`] if the device's memory is too small, [`Code::Unsupported`] on other types.
    pub fn on(mut self, device: &Device, dtype: DType) -> Result<Self> {
        self.device = Some(OnDevice::new(device, dtype, &self.encoders)?);
        self.fixed = None;
        Ok(self)
    }

    /// Goes on from a stored state; the next epoch gives the bytes it would have given then.
    ///
    /// Fails with [`Code::BadValue`] if its parameters are not those of this tuner's inputs and options.
    pub fn resume(&mut self, state: TuneState) -> Result<()> {
        params::import(&mut self.parameters, &state.parameters)?;
        self.optimiser = AdamW::resume(self.options.adam(), state.optimiser);
        self.rng = Rng::from_state(state.rng);
        (self.epoch, self.curve, self.best) = (state.epoch, state.curve, state.best);
        Ok(())
    }

    /// Begins with what another tuning had come to: its parameters and the optimiser's moments. Epochs count
    /// anew.
    pub(crate) fn begin(&mut self, state: &TuneState) {
        let same = Grown { before: (0, 0), now: (0, 0) };
        let fresh = std::mem::take(&mut self.parameters);
        let (parameters, optimiser) = warmed(fresh, &state.parameters, &state.optimiser, same);
        self.parameters = parameters;
        self.optimiser = AdamW::resume(self.options.adam(), optimiser);
    }

    /// The state between two epochs.
    pub fn state(&self) -> TuneState {
        TuneState {
            parameters: self.parameters.clone(),
            optimiser: self.optimiser.state().clone(),
            epoch: self.epoch,
            rng: self.rng.state(),
            curve: self.curve.clone(),
            best: self.best.clone(),
        }
    }

    /// The parameters, as they are now.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Overwrites the parameters with those of the same names; see [`params::import`].
    pub fn import(&mut self, parameters: &[Parameter]) -> Result<()> {
        params::import(&mut self.parameters, parameters)
    }

    /// Takes back the parameters with the lowest loss over the held-out pairs; whether there were any.
    pub fn restore_best(&mut self) -> Result<bool> {
        match &self.best {
            Some(best) => params::import(&mut self.parameters, &best.parameters).map(|()| true),
            None => Ok(false),
        }
    }

    /// Runs one epoch over the seeds.
    ///
    /// Fails with [`Code::Cancelled`] and, if the losses are no numbers any more, [`Code::BadValue`];
    /// the tuner is then as it was before the epoch.
    pub fn epoch(&mut self, task: &Task) -> Result<EpochReport> {
        let begun = Instant::now();
        // Where the only step comes last there is nothing to take back.
        let several = self.options.variant == Variant::Paper && self.pairs.len() > self.options.batch;
        let before =
            (several || !self.held_out.is_empty()).then(|| (self.parameters.clone(), self.optimiser.clone()));
        let rng = self.rng.clone();
        let ran =
            self.steps(task).and_then(|(sums, gradient)| Ok((sums, gradient, self.held_out_loss(task)?)));
        let (sums, gradient, held_out) = match ran {
            Ok(ran) => ran,
            Err(error) => {
                self.rng = rng;
                if let Some((parameters, optimiser)) = before {
                    (self.parameters, self.optimiser) = (parameters, optimiser);
                }
                return Err(error);
            }
        };
        let parts = means(&sums);
        self.epoch += 1;
        let loss = EpochLoss { total: parts.iter().sum(), parts, held_out };
        let stop = self.judge(&loss);
        self.curve.push(loss.clone());
        Ok(EpochReport { epoch: self.epoch, loss, gradient, seconds: begun.elapsed().as_secs_f64(), stop })
    }

    /// All batches and steps of an epoch.
    fn steps(&mut self, task: &Task) -> Result<(Sums, f64)> {
        let mut sums: Sums = vec![(0.0, 0); self.encoders.len()];
        let zeros: Vec<Vec<f32>> = self.parameters.iter().map(|p| vec![0.0; p.values.len()]).collect();
        let mut gradients = zeros;
        let mut norm = 0.0;
        if self.options.variant == Variant::Reference {
            let fixed = match self.fixed.take() {
                Some(fixed) => fixed,
                None => {
                    let batches = self.pairs.chunks(self.options.batch);
                    batches.map(|batch| self.plans(batch)).collect::<Result<_>>()?
                }
            };
            let ran =
                fixed.iter().try_for_each(|plans| self.batch(plans, &mut sums, Some(&mut gradients), task));
            self.fixed = Some(fixed);
            ran?;
            norm = self.step(&gradients)?;
        } else {
            let mut order = self.pairs.clone();
            self.rng.shuffle(&mut order);
            for (number, batch) in order.chunks(self.options.batch).enumerate() {
                if number > 0 {
                    gradients.iter_mut().for_each(|gradient| gradient.fill(0.0));
                }
                let plans = self.plans(batch)?;
                self.batch(&plans, &mut sums, Some(&mut gradients), task)?;
                norm = self.step(&gradients)?;
            }
        }
        Ok((sums, norm))
    }

    /// A batch as each modality sees it.
    fn plans(&self, pairs: &[(u32, u32)]) -> Result<Vec<Option<Plan>>> {
        self.encoders.iter().map(|encoder| Plan::new(encoder, self.graph, pairs)).collect()
    }

    /// Adds the losses of one batch and, if wanted, their gradients.
    fn batch(
        &self,
        plans: &[Option<Plan>],
        sums: &mut Sums,
        mut gradients: Option<&mut [Vec<f32>]>,
        task: &Task,
    ) -> Result<()> {
        let TuneOptions { hidden, tau, .. } = self.options;
        for (at, ((encoder, plan), sum)) in self.encoders.iter().zip(plans).zip(sums).enumerate() {
            let Some(plan) = plan else { continue };
            if let Some(device) = &self.device {
                let gradients = gradients.as_deref_mut();
                let loss =
                    device.batch((at, encoder), &self.parameters, plan, &self.options, gradients, task)?;
                *sum = (sum.0 + loss * plan.pairs() as f64, sum.1 + plan.pairs());
                continue;
            }
            let (rows, trace) = encoder.forward(&self.parameters, &plan.field, gradients.is_some(), task)?;
            let raw = plan.gather(&rows, hidden);
            drop(rows);
            let mut unit = Vec::new();
            if self.options.normalise() {
                unit.resize(raw.len(), 0.0);
                normalise::forward(&raw, hidden, &mut unit);
            }
            let z = if self.options.normalise() { &unit } else { &raw };
            let found = contrast::forward(z, hidden, tau, task)?;
            encoder.check(found.loss)?;
            *sum = (sum.0 + found.loss * plan.pairs() as f64, sum.1 + plan.pairs());
            let Some(gradients) = gradients.as_deref_mut() else { continue };
            let mut grad = vec![0.0; z.len()];
            contrast::backward(z, hidden, tau, &found.log_sums, 1.0, &mut grad, task)?;
            if self.options.normalise() {
                normalise::backward(&raw, hidden, &mut grad);
            }
            let grad = plan.scatter(&grad, hidden);
            encoder.backward(&self.parameters, &plan.field, trace, grad, gradients, task)?;
        }
        Ok(())
    }

    /// One step of the optimiser; gives the norm of the gradients.
    fn step(&mut self, gradients: &[Vec<f32>]) -> Result<f64> {
        let factor = self.options.schedule.factor(self.optimiser.state().step);
        let rate = (f64::from(self.options.rate) * factor) as f32;
        let slots = self.parameters.iter_mut().zip(gradients);
        let slot = |(parameter, grad)| {
            let Parameter { name, values, .. }: &mut Parameter = parameter;
            let grad: &Vec<f32> = grad;
            Slot { name, values, grad }
        };
        self.optimiser.step(&mut slots.map(slot).collect::<Vec<_>>(), rate)
    }

    /// The total loss over the held-out pairs, `None` if there are none.
    fn held_out_loss(&self, task: &Task) -> Result<Option<f64>> {
        let mut sums: Sums = vec![(0.0, 0); self.encoders.len()];
        for batch in self.held_out.chunks(self.options.batch) {
            self.batch(&self.plans(batch)?, &mut sums, None, task)?;
        }
        Ok((!self.held_out.is_empty()).then(|| means(&sums).iter().sum()))
    }

    /// Keeps the best parameters; whether it is time to stop.
    fn judge(&mut self, loss: &EpochLoss) -> bool {
        let (Some(now), Some(patience)) = (loss.held_out, self.options.patience) else { return false };
        if let Some(epochs) = Best::stalled(self.best.as_ref(), self.epoch, now) {
            return epochs >= u64::from(patience);
        }
        self.best = Some(Best { epoch: self.epoch, loss: now, parameters: self.parameters.clone() });
        false
    }

    /// What an epoch costs, by its first batch.
    pub fn work(&self) -> Result<Work> {
        let batch = &self.pairs[..self.pairs.len().min(self.options.batch)];
        let plans = self.plans(batch)?;
        let first = Work::of_batch(batch.len(), &self.options, self.encoders.iter().zip(&plans));
        Ok(first.times(self.pairs.len().div_ceil(batch.len())))
    }

    /// Tuned vectors of all rows of both sides, one entry a modality, in the order given.
    pub fn embeddings(&self, task: &Task) -> Result<Vec<Embedding>> {
        let one = |(at, encoder): (usize, &Encoder<'_>)| {
            let field = self.graph.whole(encoder.layers)?;
            let values = match &self.device {
                Some(device) => device.vectors((at, encoder), &self.parameters, &field, task)?,
                None => encoder.forward(&self.parameters, &field, false, task)?.0,
            };
            Ok(Embedding { name: encoder.name.clone(), values, width: self.options.hidden })
        };
        self.encoders.iter().enumerate().map(one).collect()
    }
}

/// Mean losses by modality.
fn means(sums: &Sums) -> Vec<f64> {
    sums.iter().map(|&(sum, pairs)| if pairs == 0 { 0.0 } else { sum / pairs as f64 }).collect()
}

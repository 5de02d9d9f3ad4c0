//! Texts as vectors, by the networks that Hugging Face folders hold: BERT, RoBERTa, XLM-R, DistilBERT, MiniLM and
//! whatever else was trained by sentence-transformers on top of one of these.
//!
//! Texts go through the network beside others of exactly their number of tokens. So nothing is padded: no work is
//! wasted on filling, no mask is needed, and a text's vector has the same bits whatever it is encoded beside.

mod folder;
mod network;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use candle_core::{D, DType, Device};
use candle_nn::{Linear, Module};
use rayon::prelude::*;
use tokenizers::{PostProcessor, Tokenizer, TruncationParams};

use self::folder::{Dense, Folder, Pooling};
use self::network::{Network, Widths};
use super::{ENCODERS_VERSION, Weights, settings, tensor_error};
use crate::error::{Code, Error, Result};
use crate::task::Task;

/// Tokens that go through a network of MiniLM's width at once, on one thread of the processor: as many as stay in its
/// caches. Wider ones take fewer, so that whoever cancels waits a second and not ten.
const BATCH_TOKENS: usize = 1024;
/// The same, on a GPU, which wants more to do.
const GPU_BATCH_TOKENS: usize = 64 << 10;
/// Products of fewer rows than this go another way through the library that computes them, and come to other last bits.
/// So smaller ones are filled up.
const LEAST_ROWS: usize = 65;
/// Longest tokenizer that is read, in bytes. XLM-R's has 17 MB.
const LONGEST_TOKENIZER: u64 = 256 << 20;
/// Batches of each thread until what they made is handed on.
const WAVE: usize = 8;
/// Tensors of the size of an attention that a network holds at the most: scores, the same scaled and masked, and what
/// makes shares of them.
const ATTENTIONS: usize = 5;

/// A text encoder with its weights.
pub struct TextEncoder {
    tokenizer: Tokenizer,
    network: Network,
    /// Where it was read from.
    network_folder: PathBuf,
    pooling: Pooling,
    dense: Vec<(Linear, bool)>,
    normalise: bool,
    longest: usize,
    /// Whether texts are read in lower case, whatever the tokenizer does.
    lower: bool,
    /// Sizes of the network itself, whatever is made of its vectors.
    sizes: Widths,
    width: usize,
    device: Device,
    digest: [u8; 32],
    described: String,
}

impl TextEncoder {
    /// The encoder of a folder with `config.json`, `tokenizer.json`, weights as safetensors and, where it comes from
    /// sentence-transformers, `modules.json`.
    ///
    /// # Errors
    /// [`Code::NotFound`] for what is not there, [`Code::BadFile`] and [`Code::BadValue`] for files that are broken
    /// or do not fit each other, [`Code::Unsupported`] for networks and steps that are not known.
    pub fn load(folder: &Path, device: &Device, task: &Task) -> Result<Self> {
        task.phase("reading the weights", None);
        let said = Folder::read(folder)?;
        let (tokenizer, tokenizer_digest) = tokenizer(&said)?;
        let weights = Weights::open(&said.network, device, task)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&ENCODERS_VERSION.to_le_bytes()).update(&weights.digest());
        hasher.update(&said.config).update(&tokenizer_digest);
        hasher.update(format!("{:?} {}", said.head.pooling, said.head.normalise).as_bytes());
        hasher.update(&(said.longest as u64).to_le_bytes()).update(&[u8::from(said.lower)]);
        // Vectors of a GPU differ in their last bits.
        hasher.update(if device.is_cpu() { b"cpu" } else { b"gpu" });
        let (network, sizes) = Network::load(&said, weights)?;
        let (mut dense, mut width) = (Vec::new(), sizes.hidden);
        for step in &said.head.dense {
            let weights = Weights::open(&step.folder, device, task)?;
            let Dense { inputs, outputs, bias, tanh, .. } = step;
            hasher.update(&weights.digest()).update(format!("{inputs} {outputs} {bias} {tanh}").as_bytes());
            dense.push((linear(step, width, &weights)?, step.tanh));
            width = step.outputs;
        }
        let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned();
        let pooled = match said.head.pooling {
            Pooling::Cls => "first token",
            Pooling::Mean => "mean of tokens",
            Pooling::Max => "greatest of tokens",
            Pooling::MeanSqrtLength => "sum of tokens by the root of their number",
        };
        let unit = if said.head.normalise { ", unit rows" } else { "" };
        Ok(TextEncoder {
            tokenizer,
            network,
            network_folder: said.network,
            pooling: said.head.pooling,
            dense,
            normalise: said.head.normalise,
            longest: said.longest,
            lower: said.lower,
            sizes,
            width,
            device: device.clone(),
            digest: *hasher.finalize().as_bytes(),
            described: format!("{} {name} ({pooled}{unit})", said.model_type),
        })
    }

    /// Width of a vector.
    pub fn width(&self) -> usize {
        self.width
    }

    /// A digest of all that a vector depends on but the text.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// For a person: which network this is, and how a text's vector comes of its tokens'.
    pub fn described(&self) -> &str {
        &self.described
    }

    /// Encodes texts; of those longer than the network reads, the beginning. `done` gets places in `texts` with
    /// their vectors, one after the other, and soon: what it has stored need not be made again.
    ///
    /// # Errors
    /// Those of `done`; [`Code::Cancelled`] and [`Code::Limit`] between batches.
    pub fn encode(
        &self,
        texts: &[&str],
        task: &Task,
        mut done: impl FnMut(&[usize], &[f32]) -> Result<()>,
    ) -> Result<()> {
        let batches = self.batches(texts, task)?;
        let threads = rayon::current_num_threads();
        let per_wave = if self.device.is_cpu() { WAVE * threads } else { 1 };
        if self.device.is_cpu() {
            // The longest come last; every thread may be at one of them.
            let pairs = |batch: &Batch| batch.places.len() * batch.length * batch.length;
            let largest: usize = batches.iter().rev().take(threads).map(pairs).sum();
            let bytes = largest * self.sizes.heads * size_of::<f32>() * ATTENTIONS;
            task.afford(bytes as u64, "the attention of the longest texts")?;
        }
        let mut finished = 0;
        for wave in batches.chunks(per_wave) {
            let one = |batch: &Batch| task.check().and_then(|()| self.batch(batch));
            let made: Vec<Result<Vec<f32>>> = wave.par_iter().map(one).collect();
            // What was made is handed on, whatever stopped the others.
            let mut failure = None;
            for (batch, vectors) in wave.iter().zip(made) {
                match vectors {
                    Ok(vectors) => done(&batch.places, &vectors)?,
                    Err(error) => failure = failure.or(Some(error)),
                }
                finished += batch.places.len();
            }
            if let Some(error) = failure {
                return Err(error);
            }
            task.advance(finished as u64);
        }
        Ok(())
    }

    /// Texts of one number of tokens together, the shortest first.
    fn batches(&self, texts: &[&str], task: &Task) -> Result<Vec<Batch>> {
        let tokens = match self.device.is_cpu() {
            true => {
                (BATCH_TOKENS * 384 * 384 / (self.sizes.hidden * self.sizes.hidden)).clamp(64, BATCH_TOKENS)
            }
            false => GPU_BATCH_TOKENS,
        };
        let mut by_length: BTreeMap<usize, Vec<(usize, Vec<u32>)>> = BTreeMap::new();
        for (first, some) in texts.chunks(1 << 14).enumerate().map(|(i, some)| (i << 14, some)) {
            let ids: Vec<Vec<u32>> = some
                .par_iter()
                .map(|text| task.check().and_then(|()| self.tokens(text)))
                .collect::<Result<_>>()?;
            for (at, ids) in ids.into_iter().enumerate() {
                by_length.entry(ids.len()).or_default().push((first + at, ids));
            }
        }
        let mut batches = Vec::new();
        for (length, texts) in by_length {
            for some in texts.chunks((tokens / length).max(1)) {
                let (places, ids): (Vec<usize>, Vec<&[u32]>) =
                    some.iter().map(|(place, ids)| (*place, &ids[..])).unzip();
                batches.push(Batch { places, ids: ids.concat(), length });
            }
        }
        Ok(batches)
    }

    fn tokens(&self, text: &str) -> Result<Vec<u32>> {
        let lower = self.lower.then(|| text.to_lowercase());
        let broken = |message: String| {
            Error::new(Code::BadFile, message)
                .help("tokenizer.json does not belong to this network, or is damaged")
                .path(&self.network_folder.join("tokenizer.json"))
        };
        let encode = || self.tokenizer.encode_fast(lower.as_deref().unwrap_or(text), true);
        // Some damage shows only now, as a panic. It borrows nothing but the text.
        let encoded = catch_unwind(AssertUnwindSafe(encode))
            .map_err(|_| broken("the tokenizer met a defect of its own".into()))?
            .map_err(|cause| broken(format!("the tokenizer cannot read a text: {cause}")))?;
        let ids = encoded.get_ids();
        if ids.is_empty() {
            return Err(broken("the tokenizer makes no token of a text, not even one for its end".into()));
        }
        let known = self.sizes.vocabulary;
        if let Some(id) = ids.iter().find(|id| **id as usize >= known) {
            return Err(broken(format!("the tokenizer gives token {id}, the network knows {known}")));
        }
        Ok(ids[..ids.len().min(self.longest)].to_vec())
    }

    fn batch(&self, batch: &Batch) -> Result<Vec<f32>> {
        // Copies of the last text, to be dropped again.
        let copies = LEAST_ROWS.div_ceil(batch.length).saturating_sub(batch.places.len());
        let last = &batch.ids[batch.ids.len() - batch.length..];
        let ids = [&batch.ids[..], &last.repeat(copies)].concat();
        let tokens = self.network.forward(&ids, batch.length, &self.device)?;
        let finish = || {
            let mut rows = match self.pooling {
                Pooling::Cls => tokens.narrow(1, 0, 1)?.squeeze(1)?,
                Pooling::Mean => (tokens.sum(1)? / batch.length as f64)?,
                Pooling::Max => tokens.max(1)?,
                Pooling::MeanSqrtLength => (tokens.sum(1)? / (batch.length as f64).sqrt())?,
            };
            for (map, tanh) in &self.dense {
                let missing = LEAST_ROWS.saturating_sub(rows.dim(0)?);
                rows = rows.pad_with_zeros(0, 0, missing)?;
                rows = map.forward(&rows)?;
                rows = if *tanh { rows.tanh()? } else { rows };
            }
            if self.normalise {
                let norms = rows.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?.clamp(1e-12, f64::INFINITY)?;
                rows = rows.broadcast_div(&norms)?;
            }
            rows.narrow(0, 0, batch.places.len())?.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()
        };
        let vectors = finish().map_err(tensor_error)?;
        if vectors.iter().all(|x| x.is_finite()) {
            return Ok(vectors);
        }
        Err(Error::new(Code::BadValue, "the network gives numbers that are not finite")
            .help("its weights are damaged or do not belong to its config.json")
            .path(&self.network_folder))
    }
}

/// Texts of one number of tokens.
struct Batch {
    places: Vec<usize>,
    ids: Vec<u32>,
    length: usize,
}

/// The tokenizer of a folder, with the digest of its file.
fn tokenizer(said: &Folder) -> Result<(Tokenizer, [u8; 32])> {
    let path = said.network.join("tokenizer.json");
    if !path.exists() {
        let message = "the folder has no tokenizer.json";
        let help = "in Python, AutoTokenizer.from_pretrained('folder').save_pretrained('folder') writes it";
        return Err(Error::new(Code::NotFound, message).help(help).path(&path));
    }
    let bytes = settings::bytes(&path, LONGEST_TOKENIZER)?;
    let broken = |cause: &dyn std::fmt::Display| {
        Error::new(Code::BadFile, format!("the tokenizer cannot be used: {cause}"))
            .help("copy tokenizer.json again from where the network came from")
            .path(&path)
    };
    let mut tokenizer = Tokenizer::from_bytes(&bytes).map_err(|cause| broken(&cause))?;
    let added = tokenizer.get_post_processor().map_or(0, |steps| steps.added_tokens(false));
    if added >= said.longest {
        let longest = said.longest;
        return Err(broken(&format_args!("it adds {added} tokens to texts of at most {longest}")));
    }
    let truncation = TruncationParams { max_length: said.longest, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation)).map_err(|cause| broken(&cause))?.with_padding(None);
    Ok((tokenizer, *blake3::hash(&bytes).as_bytes()))
}

fn linear(step: &Dense, width: usize, weights: &Weights) -> Result<Linear> {
    if step.inputs != width {
        let message = format!("a Dense step takes {} numbers, the step before gives {width}", step.inputs);
        return Err(Error::new(Code::BadFile, message)
            .help("the folder's parts belong to different networks: copy it again")
            .path(&step.folder));
    }
    let builder = weights.builder().pp("linear");
    let made = match step.bias {
        true => candle_nn::linear(step.inputs, step.outputs, builder),
        false => candle_nn::linear_no_bias(step.inputs, step.outputs, builder),
    };
    made.map_err(|cause| tensor_error(cause).path(&step.folder))
}

//! What a folder of a text encoder says of itself: `config.json`, `modules.json` and what those name.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::encoders::settings::{LONGEST, bytes, json, parse};
use crate::error::{Code, Error, Result};

/// Tokens of a text that are read where the folder does not say.
const USUAL_LENGTH: usize = 512;

/// How the vectors of a text's tokens become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pooling {
    /// That of the first token.
    Cls,
    /// Their mean.
    Mean,
    /// The greatest number of each column.
    Max,
    /// Their sum by the root of their number.
    MeanSqrtLength,
}

/// A linear map after the pooling.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dense {
    /// Where its weights are.
    pub folder: PathBuf,
    /// Numbers it takes.
    pub inputs: usize,
    /// Numbers it gives.
    pub outputs: usize,
    /// Whether it adds a vector.
    pub bias: bool,
    /// Whether tanh follows.
    pub tanh: bool,
}

/// Steps from the network's last layer to the vector.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Head {
    /// First, the tokens' vectors become one.
    pub pooling: Pooling,
    /// Then come linear maps.
    pub dense: Vec<Dense>,
    /// Last, the vector is made unit length.
    pub normalise: bool,
}

/// What a folder says.
pub(super) struct Folder {
    /// Where `config.json` and the weights are: the folder, or one in it that `modules.json` names.
    pub network: PathBuf,
    /// The text of `config.json`.
    pub config: Vec<u8>,
    /// `model_type` of it.
    pub model_type: String,
    /// Steps after the network.
    pub head: Head,
    /// The number of the token for filling, from which RoBERTa counts its positions.
    pub padding: usize,
    /// Most tokens of a text.
    pub longest: usize,
    /// Whether texts are put in lower case before they are read.
    pub lower: bool,
}

/// What RoBERTa and its like are called.
pub(super) const ROBERTAS: [&str; 3] = ["roberta", "xlm-roberta", "camembert"];

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    model_type: String,
    max_position_embeddings: Option<usize>,
    pad_token_id: Option<usize>,
}

#[derive(Deserialize)]
struct Module {
    #[serde(default)]
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Transformer {
    max_seq_length: Option<usize>,
    #[serde(default)]
    do_lower_case: bool,
}

#[derive(Deserialize)]
struct Tokens {
    model_max_length: Option<f64>,
}

#[derive(Deserialize)]
struct DenseConfig {
    in_features: usize,
    out_features: usize,
    #[serde(default = "yes")]
    bias: bool,
    #[serde(default)]
    activation_function: String,
}

fn yes() -> bool {
    true
}

/// Both ways the field's library has written it: a flag for each kind, or the kind's name.
#[derive(Deserialize, Default)]
#[serde(default)]
struct PoolingConfig {
    pooling_mode: Option<serde_json::Value>,
    pooling_mode_cls_token: bool,
    pooling_mode_mean_tokens: bool,
    pooling_mode_max_tokens: bool,
    pooling_mode_mean_sqrt_len_tokens: bool,
    pooling_mode_weightedmean_tokens: bool,
    pooling_mode_lasttoken: bool,
}

impl Folder {
    /// Reads what a folder says. Without `modules.json` it is a network alone: the mean of its tokens is taken, as
    /// the field's library does then, and not made unit length.
    pub fn read(folder: &Path) -> Result<Folder> {
        if !folder.is_dir() {
            let (code, message) = match folder.exists() {
                true => (Code::BadFile, "this is a file, expected a folder"),
                false => (Code::NotFound, "there is no such folder"),
            };
            return Err(Error::new(code, message)
                .help("name a folder with config.json, tokenizer.json and model.safetensors")
                .path(folder));
        }
        let mut head = Head { pooling: Pooling::Mean, dense: Vec::new(), normalise: false };
        let mut network = folder.to_path_buf();
        let modules = folder.join("modules.json");
        if modules.exists() {
            let mut stage = None;
            for module in json::<Vec<Module>>(&modules)? {
                let place = within(folder, &module.path).map_err(|error| error.path(&modules))?;
                // The last part of a Python path, which has moved between versions.
                let kind = module.kind.rsplit('.').next().unwrap_or_default();
                // Each comes once but for maps, in this order; in another they would give other vectors.
                let order =
                    ["Transformer", "Pooling", "Dense", "Normalize"].iter().position(|step| *step == kind);
                if let Some(next) = order {
                    if stage.is_some_and(|stage| next < stage || (next == stage && kind != "Dense")) {
                        let message =
                            format!("the step `{kind}` of modules.json comes where it is not expected");
                        return Err(Error::new(Code::Unsupported, message)
                            .help("the order that is known: Transformer, Pooling, Dense steps, Normalize")
                            .path(&modules));
                    }
                    stage = Some(next);
                }
                match kind {
                    "Transformer" => network = place,
                    "Pooling" => head.pooling = pooling(&place.join("config.json"))?,
                    "Normalize" => head.normalise = true,
                    "Dense" => head.dense.push(dense(place)?),
                    "Dropout" => {}
                    other => {
                        let message = format!("the step `{other}` of modules.json is not known");
                        return Err(Error::new(Code::Unsupported, message)
                            .help("steps that are: Transformer, Pooling, Dense, Normalize")
                            .path(&modules));
                    }
                }
            }
        }
        let path = network.join("config.json");
        let config = bytes(&path, LONGEST)?;
        let read: Config = parse(&config, &path)?;
        let roberta = ROBERTAS.contains(&read.model_type.as_str());
        let padding = read.pad_token_id.unwrap_or(usize::from(roberta));
        // RoBERTa's positions begin after that of padding.
        let skipped = if roberta { padding.saturating_add(1) } else { 0 };
        let positions = read.max_position_embeddings.unwrap_or(USUAL_LENGTH).saturating_sub(skipped);
        let of_encoder = optional::<Transformer>(&network.join("sentence_bert_config.json"))?;
        let of_tokenizer = optional::<Tokens>(&network.join("tokenizer_config.json"))?;
        // A tokenizer without a limit says 10³⁰.
        let limit = of_tokenizer.and_then(|said| said.model_max_length).filter(|tokens| *tokens < 1e9);
        let lower = of_encoder.as_ref().is_some_and(|said| said.do_lower_case);
        let asked = of_encoder.and_then(|said| said.max_seq_length).or(limit.map(|tokens| tokens as usize));
        let longest = asked.unwrap_or(USUAL_LENGTH).min(positions);
        if longest < 3 {
            let message = format!("the network reads texts of {longest} tokens, too few for a word");
            return Err(Error::new(Code::BadValue, message)
                .help("max_seq_length and max_position_embeddings say how many tokens of a text are read")
                .path(&path));
        }
        Ok(Folder { network, config, model_type: read.model_type, head, padding, longest, lower })
    }
}

fn pooling(path: &Path) -> Result<Pooling> {
    let config: PoolingConfig = json(path)?;
    let named: Vec<String> = match &config.pooling_mode {
        Some(serde_json::Value::String(name)) => vec![name.clone()],
        Some(serde_json::Value::Array(names)) => {
            names.iter().filter_map(|name| name.as_str().map(str::to_string)).collect()
        }
        _ => [
            (config.pooling_mode_cls_token, "cls"),
            (config.pooling_mode_mean_tokens, "mean"),
            (config.pooling_mode_max_tokens, "max"),
            (config.pooling_mode_mean_sqrt_len_tokens, "mean_sqrt_len_tokens"),
            (config.pooling_mode_weightedmean_tokens, "weightedmean"),
            (config.pooling_mode_lasttoken, "lasttoken"),
        ]
        .into_iter()
        .filter(|(chosen, _)| *chosen)
        .map(|(_, name)| name.to_string())
        .collect(),
    };
    match named.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["cls"] => Ok(Pooling::Cls),
        ["mean"] => Ok(Pooling::Mean),
        ["max"] => Ok(Pooling::Max),
        ["mean_sqrt_len_tokens"] => Ok(Pooling::MeanSqrtLength),
        _ => {
            let message = match named.is_empty() {
                true => "the settings of the pooling choose none".to_string(),
                false => format!("the pooling `{}` is not known", named.join(" + ")),
            };
            let help = "one of these is: cls, mean, max, mean_sqrt_len_tokens";
            Err(Error::new(Code::Unsupported, message).help(help).path(path))
        }
    }
}

fn dense(folder: PathBuf) -> Result<Dense> {
    let path = folder.join("config.json");
    let config: DenseConfig = json(&path)?;
    let tanh = match config.activation_function.rsplit('.').next().unwrap_or_default() {
        "Tanh" => true,
        "Identity" => false,
        other => {
            let message = format!("the activation `{other}` of a Dense step is not known");
            return Err(Error::new(Code::Unsupported, message)
                .help("known are Tanh and Identity")
                .path(&path));
        }
    };
    let (inputs, outputs) = (config.in_features, config.out_features);
    if inputs == 0 || outputs == 0 {
        let message = format!("a Dense step takes {inputs} numbers and gives {outputs}");
        return Err(Error::new(Code::BadValue, message)
            .help("these settings are damaged: copy them again")
            .path(&path));
    }
    Ok(Dense { folder, inputs, outputs, bias: config.bias, tanh })
}

/// A folder that `modules.json` names, which must lie in its own.
fn within(folder: &Path, path: &str) -> Result<PathBuf> {
    let plain = |part| matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir);
    if Path::new(path).components().all(plain) {
        return Ok(folder.join(path));
    }
    Err(Error::new(Code::BadFile, format!("modules.json names `{path}`, which is not in its folder"))
        .help("a network is read from its own folder only: copy what it names into it"))
}

/// What a file says that need not be there.
fn optional<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    path.exists().then(|| json(path)).transpose()
}

//! The networks of text encoders: BERT, RoBERTa and DistilBERT, by the words of `config.json`.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_transformers::models::{bert, distilbert, xlm_roberta};

use super::folder::{Folder, ROBERTAS};
use crate::encoders::settings::parse;
use crate::encoders::{Weights, tensor_error};
use crate::error::{Code, Error, Result};

/// A network from tokens to a vector for each.
pub(super) enum Network {
    Bert(bert::BertModel),
    /// RoBERTa and XLM-R are one network with other words.
    Roberta(xlm_roberta::XLMRobertaModel),
    DistilBert(distilbert::DistilBertModel),
}

/// How wide a network is.
pub(super) struct Widths {
    /// Tokens that it knows.
    pub vocabulary: usize,
    /// Numbers of a token's vector.
    pub hidden: usize,
    /// Heads of its attention.
    pub heads: usize,
}

/// Sizes that any of the networks has, to be looked at before anything of those sizes is made.
#[derive(serde::Deserialize)]
struct Sizes {
    vocab_size: usize,
    #[serde(alias = "dim")]
    hidden_size: usize,
    #[serde(alias = "n_layers")]
    num_hidden_layers: usize,
    #[serde(alias = "n_heads")]
    num_attention_heads: usize,
}

/// Settings that older files leave out, with what they mean then.
const LEFT_OUT: [(&str, &str); 7] = [
    ("hidden_dropout_prob", "0.0"),
    ("attention_probs_dropout_prob", "0.0"),
    ("initializer_range", "0.02"),
    ("type_vocab_size", "2"),
    ("layer_norm_eps", "1e-12"),
    ("position_embedding_type", "\"absolute\""),
    ("hidden_act", "\"gelu\""),
];

impl Network {
    /// The network of a folder with its weights.
    pub fn load(folder: &Folder, weights: Weights) -> Result<(Self, Widths)> {
        let path = folder.network.join("config.json");
        let sizes: Sizes = parse(&folder.config, &path)?;
        check(&sizes).map_err(|error| error.path(&path))?;
        let config = filled(folder, &path)?;
        let network = match folder.model_type.as_str() {
            "bert" => {
                let weights = weights.without_prefix(&["bert."]);
                bert::BertModel::load(weights.builder(), &parse(&config, &path)?).map(Network::Bert)
            }
            roberta if ROBERTAS.contains(&roberta) => {
                let weights = weights.without_prefix(&["roberta."]);
                xlm_roberta::XLMRobertaModel::new(&parse(&config, &path)?, weights.builder())
                    .map(Network::Roberta)
            }
            "distilbert" => {
                let weights = weights.without_prefix(&["distilbert."]);
                distilbert::DistilBertModel::load(weights.builder(), &parse(&config, &path)?)
                    .map(Network::DistilBert)
            }
            other => {
                let message = format!("networks of the kind `{other}` are not known");
                return Err(Error::new(Code::Unsupported, message)
                    .help("known are bert (MiniLM, LaBSE and E5 among them), roberta, xlm-roberta and distilbert")
                    .path(&path));
            }
        };
        let Sizes { vocab_size: vocabulary, hidden_size: hidden, num_attention_heads: heads, .. } = sizes;
        let network = network.map_err(|cause| tensor_error(cause).path(&folder.network))?;
        Ok((network, Widths { vocabulary, hidden, heads }))
    }

    /// Vectors of the tokens of texts of one length: `rows × length` ids give `rows × length × width` numbers.
    pub fn forward(&self, ids: &[u32], length: usize, device: &Device) -> Result<Tensor> {
        let rows = ids.len() / length;
        let run = || {
            let ids = Tensor::from_slice(ids, (rows, length), device)?;
            match self {
                Network::Bert(network) => network.forward(&ids, &ids.zeros_like()?, None),
                Network::Roberta(network) => {
                    let all = Tensor::ones((rows, length), DType::F32, device)?;
                    network.forward(&ids, &all, &ids.zeros_like()?, None, None, None)
                }
                Network::DistilBert(network) => {
                    // Its mask says which tokens are not to be seen.
                    let none = Tensor::zeros((length, length), DType::U8, device)?;
                    network.forward(&ids, &none)
                }
            }
        };
        run().map_err(tensor_error)
    }
}

fn check(sizes: &Sizes) -> Result<()> {
    let known = [
        ("vocab_size", sizes.vocab_size, 10_000_000),
        ("hidden_size", sizes.hidden_size, 65_536),
        ("num_hidden_layers", sizes.num_hidden_layers, 1_000),
        ("num_attention_heads", sizes.num_attention_heads, 1_000),
    ];
    for (name, size, most) in known {
        if !(1..=most).contains(&size) {
            let message = format!("{name} is {size}, expected 1 to {most}");
            return Err(
                Error::new(Code::BadValue, message).help("these settings are damaged: copy them again")
            );
        }
    }
    if !sizes.hidden_size.is_multiple_of(sizes.num_attention_heads) {
        let message = format!(
            "a hidden_size of {} cannot be shared by {} heads",
            sizes.hidden_size, sizes.num_attention_heads
        );
        return Err(Error::new(Code::BadValue, message).help("these settings are damaged: copy them again"));
    }
    Ok(())
}

/// The settings with those that the file leaves out.
fn filled(folder: &Folder, path: &Path) -> Result<Vec<u8>> {
    let mut settings: serde_json::Map<String, serde_json::Value> = parse(&folder.config, path)?;
    settings.insert("pad_token_id".into(), folder.padding.into());
    for (name, value) in LEFT_OUT {
        let absent = settings.get(name).is_none_or(serde_json::Value::is_null);
        if absent && let Ok(value) = serde_json::from_str(value) {
            settings.insert(name.to_string(), value);
        }
    }
    serde_json::to_vec(&settings)
        .map_err(|cause| Error::new(Code::Internal, format!("settings as JSON: {cause}")))
}

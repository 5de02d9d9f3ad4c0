#[path = "../../../tests/common/files.rs"]
mod files;

use std::fs;
use std::path::{Path, PathBuf};

use candle_core::Device;
use tempfile::TempDir;

use super::TextEncoder;
use crate::error::{Code, Error};
use crate::task::Task;

/// Small networks with what sentence-transformers makes of some texts by them (`tests/encoders/texts.py`).
const FOLDERS: [&str; 4] = ["bert", "bert-dense", "xlm-roberta", "distilbert"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/encoders").join(name)
}

fn load(folder: &Path) -> Result<TextEncoder, Error> {
    TextEncoder::load(folder, &Device::Cpu, &Task::quiet())
}

fn encode(encoder: &TextEncoder, texts: &[&str]) -> Vec<Vec<f32>> {
    let mut vectors = vec![Vec::new(); texts.len()];
    let take = |places: &[usize], found: &[f32]| {
        for (place, vector) in places.iter().zip(found.chunks_exact(encoder.width())) {
            assert!(vectors[*place].is_empty(), "text {place} came twice");
            vectors[*place] = vector.to_vec();
        }
        Ok(())
    };
    encoder.encode(texts, &Task::quiet(), take).unwrap();
    vectors
}

#[derive(serde::Deserialize)]
struct Expected {
    texts: Vec<String>,
    vectors: Vec<Vec<f32>>,
}

fn expected(name: &str) -> Expected {
    serde_json::from_slice(&fs::read(fixture(name).join("expected.json")).unwrap()).unwrap()
}

#[test]
fn vectors_are_those_of_sentence_transformers() {
    for name in FOLDERS {
        let (encoder, expected) = (load(&fixture(name)).unwrap(), expected(name));
        let texts: Vec<&str> = expected.texts.iter().map(String::as_str).collect();
        for ((text, found), wanted) in texts.iter().zip(encode(&encoder, &texts)).zip(&expected.vectors) {
            assert_eq!(found.len(), wanted.len(), "{name}");
            let apart = found.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(apart < 1e-4, "{name}, `{text}`: {apart} apart");
        }
    }
}

#[test]
fn a_text_has_the_same_bits_in_any_company_and_on_any_number_of_threads() {
    let words = ["kim", "dae", "jung", "capital", "of", "germany", "x", "9"];
    let texts: Vec<String> = (0..400)
        .map(|i: usize| {
            (0..1 + i % 7).map(|j| words[(i / 3 + j * j) % words.len()]).collect::<Vec<_>>().join(" ")
        })
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for name in FOLDERS {
        let encoder = load(&fixture(name)).unwrap();
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| encode(&encoder, &texts))
        };
        let one = with(1);
        assert!(one == with(4), "{name}");
        for (text, vector) in texts.iter().zip(&one).step_by(37) {
            assert!(encode(&encoder, &[text])[0] == *vector, "{name}: `{text}` alone");
        }
        assert!(one[0] != one[1]);
    }
}

#[test]
fn the_digest_tells_apart_what_gives_other_vectors() {
    let digest = |name: &str| load(&fixture(name)).unwrap().digest();
    assert_ne!(digest("bert"), digest("bert-dense"));
    assert_eq!(digest("bert"), digest("bert"));
    let copy = Copy::of("bert");
    assert_eq!(load(copy.path()).unwrap().digest(), digest("bert"), "a folder's place is no part of it");
    copy.replace("1_Pooling/config.json", "\"mean\"", "\"max\"");
    assert_ne!(load(copy.path()).unwrap().digest(), digest("bert"));
    let copy = Copy::of("bert-dense");
    copy.replace("2_Dense/config.json", "activation.Tanh", "linear.Identity");
    assert_ne!(load(copy.path()).unwrap().digest(), digest("bert-dense"));
    let copy = Copy::of("bert");
    let mut weights = fs::read(copy.path().join("model.safetensors")).unwrap();
    let last = weights.len() - 1;
    weights[last] ^= 1;
    fs::write(copy.path().join("model.safetensors"), weights).unwrap();
    assert_ne!(load(copy.path()).unwrap().digest(), digest("bert"));
}

/// A folder that may be spoilt.
struct Copy(TempDir);

impl Copy {
    fn of(name: &str) -> Self {
        let copy = Copy(tempfile::tempdir().unwrap());
        for file in files::files(&fixture(name)) {
            let target = copy.path().join(&file);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(fixture(name).join(&file), target).unwrap();
        }
        copy
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn replace(&self, file: &str, from: &str, to: &str) {
        let path = self.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    /// The error of a spoilt folder.
    fn refused(&self, code: Code, words: &str) {
        let Err(error) = load(self.path()) else { panic!("taken, though {words}") };
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.help_text().is_some(), "{error} has no remedy");
    }
}

#[test]
fn spoilt_folders_are_refused_with_a_remedy() {
    let spoilt = |spoil: fn(&Copy)| {
        let copy = Copy::of("bert");
        spoil(&copy);
        copy
    };
    let gone = |name: &'static str| {
        let copy = Copy::of("bert");
        fs::remove_file(copy.path().join(name)).unwrap();
        copy
    };
    gone("tokenizer.json").refused(Code::NotFound, "no tokenizer.json");
    gone("model.safetensors").refused(Code::NotFound, "no model.safetensors");
    spoilt(|copy| {
        let path = copy.path().join("model.safetensors");
        let bytes = fs::read(&path).unwrap();
        fs::write(path, &bytes[..bytes.len() - 100]).unwrap();
    })
    .refused(Code::BadFile, "cut short");
    spoilt(|copy| fs::write(copy.path().join("model.safetensors"), "<html>not found</html>").unwrap())
        .refused(Code::BadFile, "no safetensors file");
    spoilt(|copy| fs::write(copy.path().join("model.safetensors"), "x").unwrap())
        .refused(Code::BadFile, "no safetensors file");
    spoilt(|copy| copy.replace("config.json", "\"hidden_size\": 32", "\"hidden_size\": 64"))
        .refused(Code::BadFile, "does not fit its weights");
    spoilt(|copy| copy.replace("config.json", "\"hidden_size\": 32", "\"hidden_size\": 33"))
        .refused(Code::BadValue, "cannot be shared by 4 heads");
    spoilt(|copy| copy.replace("config.json", "\"num_attention_heads\": 4", "\"num_attention_heads\": 0"))
        .refused(Code::BadValue, "num_attention_heads is 0");
    spoilt(|copy| copy.replace("config.json", "\"model_type\": \"bert\"", "\"model_type\": \"mpnet\""))
        .refused(Code::Unsupported, "mpnet");
    spoilt(|copy| copy.replace("config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"))
        .refused(Code::BadFile, "no tensor");
    spoilt(|copy| copy.replace("config.json", "{", "[")).refused(Code::BadFile, "cannot be used");
    spoilt(|copy| copy.replace("modules.json", "1_Pooling", "../1_Pooling"))
        .refused(Code::BadFile, "not in its folder");
    spoilt(|copy| copy.replace("modules.json", "modules.pooling.Pooling", "modules.normalize.Normalize"))
        .refused(Code::Unsupported, "where it is not expected");
    spoilt(|copy| copy.replace("1_Pooling/config.json", "mean", "lasttoken"))
        .refused(Code::Unsupported, "lasttoken");
    spoilt(|copy| copy.replace("tokenizer.json", "\"WordPiece\"", "\"WordPie\""))
        .refused(Code::BadFile, "tokenizer cannot be used");
    // Positions begin after that of padding.
    let copy = Copy::of("xlm-roberta");
    copy.replace("config.json", "\"pad_token_id\": 1", "\"pad_token_id\": 18446744073709551615");
    copy.refused(Code::BadValue, "too few for a word");
    let dense = |from: &str, to: &str| {
        let copy = Copy::of("bert-dense");
        copy.replace("2_Dense/config.json", from, to);
        copy
    };
    dense("\"out_features\": ", "\"out_features\": 0, \"was\": ").refused(Code::BadValue, "gives 0");
    dense("\"in_features\": ", "\"in_features\": 1").refused(Code::BadFile, "the step before gives");
    spoilt(|copy| copy.replace("modules.json", "modules.pooling.Pooling", "modules.transformer.Transformer"))
        .refused(Code::Unsupported, "where it is not expected");
    let file = Copy(tempfile::tempdir().unwrap());
    let Err(error) = load(&file.path().join("absent")) else { panic!("there is nothing") };
    assert_eq!(error.code(), Code::NotFound);
}

#[test]
fn words_that_the_weights_do_not_have_are_an_error_and_no_panic() {
    // A tokenizer whose numbers go past the words of the network.
    let copy = Copy::of("bert");
    copy.replace("tokenizer.json", "\"kim\": ", "\"kim\": 9");
    let encoder = load(copy.path()).unwrap();
    let error = encoder.encode(&["kim"], &Task::quiet(), |_, _| Ok(())).unwrap_err();
    assert_eq!(error.code(), Code::BadFile, "{error}");
}

#[test]
fn padding_that_the_settings_leave_out_is_what_the_kind_of_network_has() {
    let encode = |folder: &Path| {
        let mut rows = Vec::new();
        let encoder = load(folder).unwrap();
        let done = |_: &[usize], vectors: &[f32]| {
            rows.extend_from_slice(vectors);
            Ok(())
        };
        encoder.encode(&["kim", "a b"], &Task::quiet(), done).unwrap();
        rows
    };
    let copy = Copy::of("xlm-roberta");
    copy.replace("config.json", "\"pad_token_id\": 1,", "");
    assert_eq!(encode(copy.path()), encode(&fixture("xlm-roberta")));
}

#[test]
fn a_tokenizer_that_is_damaged_within_is_an_error_and_no_panic() {
    // Its template has a token that it does not tell the number of.
    let copy = Copy::of("bert");
    let path = copy.path().join("tokenizer.json");
    let mut settings: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    settings["post_processor"] = serde_json::json!({
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {},
    });
    fs::write(&path, settings.to_string()).unwrap();
    let error = match load(copy.path()) {
        Ok(encoder) => encoder.encode(&["kim"], &Task::quiet(), |_, _| Ok(())).unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(error.code(), Code::BadFile, "{error}");
    assert!(error.to_string().contains("tokenizer"), "{error}");
}

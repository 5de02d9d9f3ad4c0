//! Networks beside torchvision and transformers on the same weights.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor};

use super::{Expected, folder, picture};
use crate::encoders::image::{PictureEncoder, PictureNetwork, Prepared};
use crate::error::Code;
use crate::task::Task;

/// `count` numbers from -1 to 1 that go by a name: FNV-1a of it, then SplitMix64. The script has the same.
fn numbers(name: &str, count: usize) -> Vec<f32> {
    let hash = |state: u64, byte: u8| (state ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    let state = name.bytes().fold(0xcbf2_9ce4_8422_2325, hash);
    let number = |i: u64| {
        let x = state.wrapping_add(i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    };
    (1..=count as u64).map(number).collect()
}

/// Parameters by their names and shapes, made as the script makes them.
#[derive(Default)]
struct Planted(HashMap<String, Tensor>);

impl Planted {
    fn add(&mut self, name: String, shape: &[usize]) {
        let mut values = numbers(&name, shape.iter().product());
        let inputs: usize = shape[1..].iter().product();
        values.iter_mut().for_each(|x| {
            *x = match () {
                () if shape.len() > 1 => *x * (6.0 / inputs as f64).sqrt() as f32,
                () if name.ends_with("running_var") => 1.0 + *x * 0.5,
                () if name.ends_with("weight") => 0.5 + *x * 0.25,
                () => *x * 0.125,
            }
        });
        self.0.insert(name, Tensor::from_vec(values, shape, &Device::Cpu).unwrap());
    }

    fn normalised(&mut self, place: &str, [convolution, norm]: [&str; 2], shape: &[usize]) {
        self.add(format!("{place}{convolution}.weight"), shape);
        for part in ["weight", "bias", "running_mean", "running_var"] {
            self.add(format!("{place}{norm}.{part}"), &shape[..1]);
        }
    }

    fn resnet(counts: [usize; 4]) -> Self {
        let mut planted = Planted::default();
        planted.normalised("", ["conv1", "bn1"], &[64, 3, 7, 7]);
        let mut inputs = 64;
        for (layer, count) in counts.into_iter().enumerate() {
            let inner = 64 << layer;
            for block in 0..count {
                let place = format!("layer{}.{block}.", layer + 1);
                planted.normalised(&place, ["conv1", "bn1"], &[inner, inputs, 1, 1]);
                planted.normalised(&place, ["conv2", "bn2"], &[inner, inner, 3, 3]);
                planted.normalised(&place, ["conv3", "bn3"], &[4 * inner, inner, 1, 1]);
                if block == 0 {
                    planted.normalised(&place, ["downsample.0", "downsample.1"], &[4 * inner, inputs, 1, 1]);
                }
                inputs = 4 * inner;
            }
        }
        planted
    }

    fn vgg16() -> Self {
        let mut planted = Planted::default();
        let mut inputs = 3;
        let places = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28];
        let outputs = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512];
        for (place, outputs) in places.into_iter().zip(outputs) {
            planted.add(format!("features.{place}.weight"), &[outputs, inputs, 3, 3]);
            planted.add(format!("features.{place}.bias"), &[outputs]);
            inputs = outputs;
        }
        for (place, inputs) in [(0, 25_088), (3, 4096)] {
            planted.add(format!("classifier.{place}.weight"), &[4096, inputs]);
            planted.add(format!("classifier.{place}.bias"), &[4096]);
        }
        planted
    }

    fn save(&self, path: &Path) {
        candle_core::safetensors::save(&self.0, path).unwrap();
    }
}

fn load(network: PictureNetwork, path: &Path) -> crate::Result<PictureEncoder> {
    PictureEncoder::load(network, path, &Device::Cpu, &Task::quiet())
}

fn shown(seed: u32, side: usize) -> Prepared {
    Prepared(numbers(&format!("picture {seed}"), 3 * side * side))
}

/// The greatest difference from the reference's vectors, and the greatest of those.
fn difference(encoder: &PictureEncoder, expected: &str, side: usize) -> f32 {
    let wanted = Expected::open().floats(&format!("vectors.{expected}"));
    let found = encoder.encode(&[shown(1, side), shown(2, side)], &Task::quiet()).unwrap();
    assert_eq!((found.len(), encoder.width()), (wanted.len(), wanted.len() / 2));
    let most = found.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    eprintln!("{expected}: {most:e} of {}", wanted.iter().fold(0f32, |most, x| most.max(x.abs())));
    most
}

fn planted(network: PictureNetwork, planted: &Planted) -> PictureEncoder {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    planted.save(&path);
    load(network, &path).unwrap()
}

#[test]
fn resnet50_is_torchvisions_alone_in_company_and_on_any_number_of_threads() {
    let encoder = planted(PictureNetwork::Resnet50, &Planted::resnet([3, 4, 6, 3]));
    assert!(difference(&encoder, "resnet50", 224) <= 1e-4);
    let pictures = [shown(1, 224), shown(2, 224), shown(3, 224)];
    let together = encoder.encode(&pictures, &Task::quiet()).unwrap();
    for threads in [1, 4] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            assert!(encoder.encode(&pictures, &Task::quiet()).unwrap() == together, "{threads} threads");
            let alone = encoder.encode(&pictures[1..2], &Task::quiet()).unwrap();
            assert!(alone == together[2048..4096], "alone on {threads} threads");
        });
    }
}

#[test]
#[ignore = "weights of 230 MB are made"]
fn resnet152_is_torchvisions() {
    let encoder = planted(PictureNetwork::Resnet152, &Planted::resnet([3, 8, 36, 3]));
    assert!(difference(&encoder, "resnet152", 224) <= 1e-4);
}

#[test]
#[ignore = "weights of 540 MB are made"]
fn vgg16_is_torchvisions() {
    let encoder = planted(PictureNetwork::Vgg16, &Planted::vgg16());
    assert!(difference(&encoder, "vgg16", 224) <= 1e-4);
}

#[test]
fn vit_and_clip_are_those_of_transformers() {
    for network in [PictureNetwork::Vit, PictureNetwork::Clip] {
        let encoder = load(network, &folder().join(network.as_str())).unwrap();
        assert!(difference(&encoder, network.as_str(), 32) <= 1e-4);
        let picture = picture("colour.png").unwrap();
        let prepared = vec![encoder.prepare(&picture); 3];
        let found = encoder.encode(&prepared, &Task::quiet()).unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let alone = pool.install(|| encoder.encode(&prepared[..1], &Task::quiet()).unwrap());
        assert!(found.chunks(encoder.width()).all(|vector| vector == alone));
    }
}

#[test]
fn the_picture_half_of_clip_stands_by_itself() {
    let (whole, half) = (folder().join("clip"), tempfile::tempdir().unwrap());
    std::fs::copy(whole.join("model.safetensors"), half.path().join("model.safetensors")).unwrap();
    let config = std::fs::read_to_string(whole.join("config.json")).unwrap();
    let mut config: serde_json::Value = serde_json::from_str(&config).unwrap();
    let vision = config["vision_config"].take();
    std::fs::write(half.path().join("config.json"), vision.to_string()).unwrap();
    let encoder = load(PictureNetwork::Clip, half.path()).unwrap();
    assert!(difference(&encoder, "clip", 32) <= 1e-4);
}

#[test]
fn what_does_not_fit_is_refused() {
    let refused = |network, path: &Path| load(network, path).err().map(|error| error.code());
    let (vit, clip) = (folder().join("vit"), folder().join("clip"));
    assert_eq!(refused(PictureNetwork::Resnet50, &folder().join("nowhere")), Some(Code::NotFound));
    assert_eq!(refused(PictureNetwork::Vit, &folder().join("nowhere")), Some(Code::NotFound));
    assert_eq!(refused(PictureNetwork::Vit, &clip), Some(Code::Unsupported));
    assert_eq!(refused(PictureNetwork::Clip, &vit), Some(Code::Unsupported));
    assert_eq!(refused(PictureNetwork::Resnet50, &vit), Some(Code::BadFile));
    assert_eq!(refused(PictureNetwork::Vgg16, &vit), Some(Code::BadFile));
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(vit.join("model.safetensors"), copy.path().join("model.safetensors")).unwrap();
    assert_eq!(refused(PictureNetwork::Vit, copy.path()), Some(Code::NotFound));
    let config = std::fs::read_to_string(vit.join("config.json")).unwrap();
    for (name, value, code) in [
        ("intermediate_size", 1i64 << 50, Code::BadValue),
        ("hidden_size", 64, Code::BadFile),
        ("hidden_size", 1 << 40, Code::BadValue),
        ("hidden_size", 0, Code::BadValue),
        ("num_attention_heads", 5, Code::BadValue),
        ("num_attention_heads", 0, Code::BadValue),
        ("num_hidden_layers", 3, Code::BadFile),
        ("num_hidden_layers", 1 << 30, Code::BadValue),
        ("image_size", 64, Code::BadFile),
        ("image_size", 1 << 20, Code::BadValue),
        ("patch_size", 0, Code::BadValue),
        ("patch_size", 33, Code::BadValue),
        ("num_channels", 1, Code::BadValue),
        ("hidden_size", -1, Code::BadFile),
    ] {
        let mut config: serde_json::Value = serde_json::from_str(&config).unwrap();
        config[name] = value.into();
        std::fs::write(copy.path().join("config.json"), config.to_string()).unwrap();
        assert_eq!(refused(PictureNetwork::Vit, copy.path()), Some(code), "{name} {value}");
    }
    let encoder = load(PictureNetwork::Vit, &vit).unwrap();
    let error = encoder.encode(&[shown(1, 31)], &Task::quiet()).unwrap_err();
    assert_eq!(error.code(), Code::BadValue);
}

#[test]
fn digests_tell_encoders_apart() {
    let encoders = [
        load(PictureNetwork::Vit, &folder().join("vit")).unwrap(),
        load(PictureNetwork::Clip, &folder().join("clip")).unwrap(),
        PictureEncoder::pixels(),
    ];
    assert_eq!(encoders.each_ref().map(PictureEncoder::width), [32, 24, 384]);
    let [a, b, c] = encoders.each_ref().map(PictureEncoder::digest);
    assert!(a != b && b != c && a != c);
    assert_eq!(load(PictureNetwork::Vit, &folder().join("vit/model.safetensors")).unwrap().digest(), a);
}

//! ResNet-50 on pictures of files, beside torchvision on the same threads.
//!
//! The count: 4.1 · 10⁹ multiplications and additions a picture, so that at 100 · 10⁹ a second of a core with 512-bit
//! registers it could take 41 ms; a picture of 500 × 375 pixels is decoded and resized in some 5 ms.
//!
//! Run by `benches/run.sh pictures`, which makes files and weights, starts PyTorch and prints ratios. Argument: pictures.
//! `PICTURES_DATA` is the folder that the yardstick filled.

#[path = "support/mod.rs"]
mod support;

use std::path::PathBuf;
use std::time::Instant;

use candle_core::Device;
use rayon::prelude::*;
use seedbed::Task;
use seedbed::encoders::image::{PictureEncoder, PictureNetwork};

fn main() {
    let [count] = support::arguments([64]);
    let Some(folder) = std::env::var_os("PICTURES_DATA").map(PathBuf::from) else { return };
    let (task, weights) = (Task::quiet(), folder.join("resnet50.safetensors"));
    let encoder =
        PictureEncoder::load(PictureNetwork::Resnet50, &weights, &Device::Cpu, &task).expect("weights");
    let begun = Instant::now();
    let read = |i: usize| {
        let bytes = std::fs::read(folder.join(format!("{i:04}.jpg"))).expect("a file");
        encoder.read(&bytes, &Task::quiet()).expect("memory").expect("a picture")
    };
    let prepared: Vec<_> = (0..count).into_par_iter().map(read).collect();
    println!("pictures what=prepared seconds={:.3}", begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    let vectors = encoder.encode(&prepared, &task).expect("vectors");
    println!("pictures what=encoded seconds={:.3}", begun.elapsed().as_secs_f64());
    let Ok(theirs) = std::fs::read(folder.join("vectors.f32")) else { return };
    let theirs = || theirs.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
    let most = vectors.iter().zip(theirs()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    // That of the decoders of JPEG, for the most part: they round in their own ways.
    let share = most / theirs().fold(0.0, f32::max);
    println!("pictures what=difference of_greatest={share:.1e} peak={:.0} MiB", support::peak_mib());
}

//! The kernels of `attention.cu`, word for word, run by threads of the processor against the slices.
//!
//! A C++ compiler reads the file behind a few definitions (`emulate.h`) that make a block of threads, its
//! barrier and the exchange within a warp out of the standard library's. Where there is no such compiler
//! the test says so and passes.

use std::io::Write;
use std::process::{Command, Stdio};

use candle_core::{Device, Tensor};

use super::attention::layer;
use super::data::close;
use crate::train::attention::{Gradients, Weights, backward, forward};
use crate::train::attention_sums;

/// Builds the emulation; `None` where nothing here can.
fn program(dir: &std::path::Path) -> Option<std::path::PathBuf> {
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/src/train");
    let main = dir.join("main.cpp");
    let text = format!(
        "#include \"{sources}/tests/emulate.h\"\n#include \"{sources}/attention.cu\"\n#include \"{sources}/tests/emulate_main.h\"\n"
    );
    std::fs::write(&main, text).unwrap();
    let built = Command::new("c++")
        .args(["-std=c++20", "-O1", "-pthread", "-o"])
        .arg(dir.join("emulate"))
        .arg(&main)
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&built.stderr);
    // A compiler that is too old is no fault of the kernels.
    if !built.status.success() && said.contains("c++20") {
        return None;
    }
    assert!(built.status.success(), "{said}");
    Some(dir.join("emulate"))
}

#[test]
fn the_kernels_compute_what_the_slices_do() {
    let dir = tempfile::tempdir().unwrap();
    let Some(program) = program(dir.path()) else {
        eprintln!("skipped: no C++ compiler that knows C++20");
        return;
    };
    // More columns than threads and no multiple of a warp; more heads than warps.
    let (width, heads) = (70, 3);
    let (edges, h, w, a, grad) = layer(width, heads);
    let mut input: Vec<u8> = Vec::new();
    let piece = 8;
    for n in [edges.written, edges.read, edges.sources.len(), heads, width, piece] {
        input.extend((n as u32).to_le_bytes());
    }
    for list in [&edges.indptr, &edges.sources, &edges.turned, &edges.targets, &edges.edges] {
        input.extend(list.iter().flat_map(|n| n.to_le_bytes()));
    }
    for list in [&h, &w, &a, &grad] {
        input.extend(list.iter().flat_map(|n| n.to_le_bytes()));
    }
    let mut child = Command::new(&program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&input).unwrap();
    let found = child.wait_with_output().unwrap();
    assert!(found.status.success());
    let found: Vec<f32> = found.stdout.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    let (out, rest) = found.split_at(edges.written * width);
    let (dh, sums) = rest.split_at(edges.read * width);

    let weights = Weights { w: &w, a: &a, heads, width };
    let mut expected = vec![0.0; out.len()];
    forward(&edges, &h, &weights, &mut expected).unwrap();
    close("out", out, &expected, 1e-5);
    let (mut by_h, mut by_w, mut by_a) = (vec![0.0; h.len()], vec![0.0; w.len()], vec![0.0; a.len()]);
    let into = Gradients { h: &mut by_h, w: &mut by_w, a: &mut by_a };
    backward(&edges, &h, &weights, &grad, into).unwrap();
    close("gradient of h", dh, &by_h, 1e-5);
    let tensor = |data: &[f32], cols: usize| {
        Tensor::from_vec(data.to_vec(), (data.len() / cols, cols), &Device::Cpu).unwrap()
    };
    let sums = tensor(sums, 3 * heads * width);
    let (dw, da) = attention_sums::weights(&sums, &tensor(&w, width), &tensor(&a, 2 * width)).unwrap();
    let numbers = |tensor: Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    close("gradient of w", &numbers(dw), &by_w, 1e-5);
    close("gradient of a", &numbers(da), &by_a, 1e-5);
}

//! The network on a device, on the only one that is always there: the processor.

use candle_core::{DType, Device};

use super::tests::{Owned, Toy, fifty_steps, options};
use super::{TuneOptions, TuneState, Tuner};
use crate::error::Code;
use crate::features::{Matrix, OwnedFeature};
use crate::ops::spec::Variant;
use crate::task::{CancelToken, Task};
use crate::train::tests::data::close;

fn on_device(tuner: Tuner<'_>) -> Tuner<'_> {
    tuner.on(&Device::Cpu, DType::F32).unwrap()
}

/// The state after so many epochs, and all vectors.
fn run(mut tuner: Tuner<'_>, epochs: usize) -> (TuneState, Vec<Vec<f32>>) {
    (0..epochs).for_each(|_| drop(tuner.epoch(&Task::quiet()).unwrap()));
    let vectors = tuner.embeddings(&Task::quiet()).unwrap().into_iter().map(|e| e.values).collect();
    (tuner.state(), vectors)
}

/// The toy with its last modality sparse: that one's affine map stays on the processor.
fn toy() -> Toy {
    let mut toy = Toy::new();
    if let Some(Owned { sides, .. }) = toy.parts.last_mut() {
        sides.iter_mut().for_each(|side| side.rows = sparse(side));
    }
    toy
}

fn sparse(side: &OwnedFeature) -> Matrix {
    let Matrix::Dense { data, cols } = &side.rows else { panic!("the toy is dense") };
    let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in data.chunks_exact(*cols) {
        for (column, &x) in (0u32..).zip(row).filter(|(_, x)| **x > 0.5) {
            indices.push(column);
            values.push(x);
        }
        indptr.push(indices.len() as _);
    }
    Matrix::Sparse { indptr, indices, values, cols: *cols }
}

#[test]
fn fifty_steps_on_a_device_are_the_reference_s() {
    fifty_steps(on_device);
}

#[test]
fn a_device_does_what_the_kernels_do() {
    let toy = toy();
    for variant in [Variant::Reference, Variant::Paper] {
        // One step: after it the first moment is a tenth of the gradient.
        let once = TuneOptions { batch: 1000, ..options(variant) };
        let (expected, _) = run(toy.tuner(once.clone()), 1);
        let (found, _) = run(on_device(toy.tuner(once)), 1);
        for (loss, wanted) in found.curve[0].parts.iter().zip(&expected.curve[0].parts) {
            assert!((loss / wanted - 1.0).abs() < 1e-5, "{variant:?}: {loss} {wanted}");
        }
        for (moments, wanted) in found.optimiser.moments.iter().zip(&expected.optimiser.moments) {
            assert_eq!(moments.name, wanted.name);
            close(&wanted.name, &moments.first, &wanted.first, 1e-4);
        }
        // Ten epochs, of one step or of three; held-out pairs have a loss too.
        let options = TuneOptions { patience: Some(50), ..options(variant) };
        let (expected, vectors) = run(toy.tuner(options.clone()), 10);
        let (found, others) = run(on_device(toy.tuner(options)), 10);
        for (loss, wanted) in found.curve.iter().zip(&expected.curve) {
            assert!((loss.total / wanted.total - 1.0).abs() < 1e-4, "{variant:?}: {loss:?} {wanted:?}");
            let (loss, wanted) = (loss.held_out.unwrap(), wanted.held_out.unwrap());
            assert!((loss / wanted - 1.0).abs() < 1e-3, "{variant:?}: {loss} {wanted}");
        }
        for (parameter, wanted) in found.parameters.iter().zip(&expected.parameters) {
            let pairs = parameter.values.iter().zip(&wanted.values);
            let worst = pairs.fold(0f32, |worst, (a, b)| worst.max((a - b).abs()));
            assert!(worst < 5e-4, "{variant:?} {}: differs by {worst:e}", wanted.name);
        }
        for (vectors, wanted) in others.iter().zip(&vectors) {
            close("vectors", vectors, wanted, 1e-3);
        }
    }
}

#[test]
fn a_state_goes_on_elsewhere() {
    let toy = toy();
    let options = options(Variant::Paper);
    let (expected, _) = run(toy.tuner(options.clone()), 6);
    for away in [false, true] {
        let place = |there: bool| {
            let tuner = toy.tuner(options.clone());
            if there { on_device(tuner) } else { tuner }
        };
        let (half, _) = run(place(away), 3);
        let mut tuner = place(!away);
        tuner.resume(half).unwrap();
        let (found, _) = run(tuner, 3);
        assert_eq!((found.epoch, found.rng), (6, expected.rng));
        assert_eq!(found.optimiser.step, expected.optimiser.step);
        let (last, wanted) = (found.curve[5].total, expected.curve[5].total);
        assert!((last / wanted - 1.0).abs() < 1e-4, "{last} {wanted}");
    }
}

#[test]
fn a_device_repeats_itself_and_stops_when_asked() {
    let toy = toy();
    let (first, _) = run(on_device(toy.tuner(options(Variant::Reference))), 3);
    let mut tuner = on_device(toy.tuner(options(Variant::Reference)));
    (0..3).for_each(|_| drop(tuner.epoch(&Task::quiet()).unwrap()));
    assert!(tuner.state() == first);
    let token = CancelToken::new();
    token.cancel();
    assert_eq!(tuner.epoch(&Task::new(token, None)).unwrap_err().code(), Code::Cancelled);
    assert!(tuner.state() == first);
}

#[test]
fn half_the_bits_learn_as_well() {
    let toy = toy();
    let (wide, _) = run(toy.tuner(options(Variant::Paper)), 8);
    let (half, _) = run(toy.tuner(options(Variant::Paper)).on(&Device::Cpu, DType::BF16).unwrap(), 8);
    let (first, last) = (half.curve[0].total, half.curve[7].total);
    assert!((first / wide.curve[0].total - 1.0).abs() < 0.02, "{first} {:?}", wide.curve[0]);
    assert!((last / wide.curve[7].total - 1.0).abs() < 0.1, "{last} {:?}", wide.curve[7]);
    let refused = toy.tuner(options(Variant::Paper)).on(&Device::Cpu, DType::F16);
    assert_eq!(refused.map(drop).unwrap_err().code(), Code::Unsupported);
}

//! The operations made of candle's tensor operations, on the CPU, against our own kernels.

use candle_core::{Device, Tensor, Var};

use super::data::{close, normals};
use crate::task::Task;
use crate::train::{Normalise, Pick, StripContrast, contrast, normalise};

fn var(data: &[f32], width: usize) -> Var {
    Var::from_vec(data.to_vec(), (data.len() / width, width), &Device::Cpu).unwrap()
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn strips_are_the_kernels_whatever_their_height() {
    for (pairs, width, tau, size) in [(1, 3, 1.0, 1.0), (7, 5, 0.5, 1.0), (97, 31, 1.0, 2.0)] {
        let data: Vec<f32> = normals(2 * pairs * width, pairs as u64).iter().map(|x| x * size).collect();
        let expected = contrast::forward(&data, width, tau, &Task::quiet()).unwrap();
        let mut slope = vec![0.0; data.len()];
        contrast::backward(&data, width, tau, &expected.log_sums, 3.0, &mut slope, &Task::quiet()).unwrap();
        for height in [1, 5, 64, 1000] {
            let z = var(&data, width);
            let loss = StripContrast::with_rows(&z, tau, height).unwrap();
            let found = f64::from(loss.to_scalar::<f32>().unwrap());
            assert!((found - expected.loss).abs() <= 2e-6 * expected.loss.abs().max(1.0), "{pairs} {height}");
            let grads = (loss * 3.0).unwrap().backward().unwrap();
            close(&format!("{pairs} pairs"), &numbers(grads.get(&z).unwrap()), &slope, 2e-5);
        }
    }
    let odd = var(&normals(9, 1), 3);
    assert!(StripContrast::apply(&odd, 1.0).is_err());
    assert!(StripContrast::apply(&var(&normals(6, 1), 3), 0.0).is_err());
}

#[test]
fn unit_rows_and_their_gradient_are_the_kernels() {
    let (width, mut data) = (7, normals(5 * 7, 3));
    data[..width].fill(0.0);
    let (x, upstream) = (var(&data, width), normals(5 * 7, 4));
    let unit = Normalise::with_tensors(&x).unwrap();
    let mut expected = vec![0.0; data.len()];
    normalise::forward(&data, width, &mut expected);
    close("rows", &numbers(&unit), &expected, 1e-6);
    let loss = (unit * var(&upstream, width).as_tensor()).unwrap().sum_all().unwrap();
    let found = numbers(loss.backward().unwrap().get(&x).unwrap());
    let mut slope = upstream;
    normalise::backward(&data, width, &mut slope);
    // The row of zeros has a gradient of another size altogether.
    close("zeros", &found[..width], &slope[..width], 1e-5);
    close("slope", &found[width..], &slope[width..], 1e-5);
}

#[test]
fn a_row_picked_often_gets_all_its_gradient() {
    let width = 3;
    let x = var(&normals(6 * width, 5), width);
    let twice: Vec<u32> = vec![4, 0, 4, 2];
    let often: Vec<u32> = std::iter::repeat_n(1, 20).chain([5]).collect();
    for places in [twice, often] {
        let upstream = normals(places.len() * width, 6);
        let picked = Pick::new(&places, 6, &Device::Cpu).unwrap().apply(&x).unwrap();
        let all = numbers(x.as_tensor());
        let row = |place: u32| &all[place as usize * width..][..width];
        assert_eq!(numbers(&picked), places.iter().flat_map(|&p| row(p).to_vec()).collect::<Vec<_>>());
        let mut expected = vec![0.0; 6 * width];
        for (at, &place) in places.iter().enumerate() {
            for c in 0..width {
                expected[place as usize * width + c] += upstream[at * width + c];
            }
        }
        let loss = (picked * var(&upstream, width).as_tensor()).unwrap().sum_all().unwrap();
        close("pick", &numbers(loss.backward().unwrap().get(&x).unwrap()), &expected, 1e-6);
    }
    assert!(Pick::new(&[6], 6, &Device::Cpu).is_err());
}

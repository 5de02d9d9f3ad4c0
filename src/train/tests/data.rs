//! Shared data, goldens and random numbers for the tests of training.

use crate::golden::Golden;
use crate::kg::Triple;
use crate::rng::Rng;
use crate::train::{Neighbourhoods, Parameter};

/// A tensor as a parameter of another name and shape.
pub(crate) fn parameter(golden: &Golden, tensor: &str, name: &str, shape: &[usize]) -> Parameter {
    let values = golden.floats(tensor);
    assert_eq!(values.len(), shape.iter().product::<usize>());
    Parameter { name: name.to_owned(), shape: shape.to_vec(), values }
}

/// Triples of the small graph, split at its 320 left entities.
pub(crate) fn small_graph() -> Option<(Golden, Neighbourhoods)> {
    let golden = Golden::open("graph_small")?;
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for &[head, relation, tail] in golden.ints("triples").as_chunks::<3>().0 {
        if head < 320 {
            left.push(Triple { head, relation, tail });
        } else {
            right.push(Triple { head: head - 320, relation, tail: tail - 320 });
        }
    }
    let graph = Neighbourhoods::new(&left, 320, &right, 320).unwrap();
    Some((golden, graph))
}

/// A random graph of two sides.
pub(crate) fn random_graph(left: usize, right: usize, triples: usize, seed: u64) -> Neighbourhoods {
    let mut rng = Rng::new(seed);
    let mut side = |rows: usize| -> Vec<Triple> {
        let mut one = || Triple { head: rng.below(rows) as u32, relation: 0, tail: rng.below(rows) as u32 };
        (0..triples).map(|_| one()).collect()
    };
    let (a, b) = (side(left), side(right));
    Neighbourhoods::new(&a, left, &b, right).unwrap()
}

pub(crate) fn normals(count: usize, seed: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed);
    (0..count).map(|_| rng.normal() as f32).collect()
}

/// Fails where two lists differ by more than `tolerance` of the largest number expected.
pub(crate) fn close(name: &str, found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let scale = expected.iter().fold(0f32, |top, x| top.max(x.abs())).max(1e-12);
    let worst = found.iter().zip(expected).fold(0f32, |worst, (a, b)| {
        assert!(a.is_finite(), "{name}: {a}");
        worst.max((a - b).abs())
    });
    assert!(worst <= tolerance * scale, "{name}: differs by {worst:e} at scale {scale:e}");
}

/// The results of `work` on one, two and four threads; fails if they are not the same.
pub(crate) fn on_all_pools<T: PartialEq + Send>(work: impl Fn() -> T + Sync) -> T {
    let on = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(&work);
    let first = on(1);
    assert!(on(2) == first && on(4) == first, "the results depend on the number of threads");
    first
}

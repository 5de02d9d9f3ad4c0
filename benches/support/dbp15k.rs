//! The graph of DBP15K zh_en, for benches at its size.

use std::path::Path;

use seedbed::Rng;
use seedbed::kg::Triple;
use seedbed::train::Neighbourhoods;

/// Both sides of the pair.
pub struct Pair {
    pub graph: Neighbourhoods,
    pub left_rows: usize,
    pub right_rows: usize,
}

impl Pair {
    /// From the arrays of `inputs/zh_en` under the folder of real data.
    pub fn read(data: &Path) -> Pair {
        let ints = |name: &str| {
            let bytes = std::fs::read(data.join("inputs/zh_en").join(name)).expect("an array file");
            let header = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
            let numbers = bytes[header..].as_chunks::<4>().0.iter();
            numbers.map(|b| u32::from_le_bytes(*b)).collect::<Vec<u32>>()
        };
        let (triples, lefts) = (ints("triples.npy"), ints("left_ids.npy"));
        let triples = triples.as_chunks::<3>().0;
        let rows = 1 + *triples.iter().flat_map(|[h, _, t]| [h, t]).max().expect("triples") as usize;
        let mut is_left = vec![false; rows];
        lefts.iter().for_each(|&id| is_left[id as usize] = true);
        let (mut place, mut counts) = (vec![0; rows], [0u32; 2]);
        for (id, &left) in is_left.iter().enumerate() {
            let count = &mut counts[usize::from(!left)];
            place[id] = *count;
            *count += 1;
        }
        let mut sides = [Vec::new(), Vec::new()];
        for &[head, relation, tail] in triples {
            let triple = Triple { head: place[head as usize], relation, tail: place[tail as usize] };
            sides[usize::from(!is_left[head as usize])].push(triple);
        }
        let [left_rows, right_rows] = counts.map(|count| count as usize);
        let graph = Neighbourhoods::new(&sides[0], left_rows, &sides[1], right_rows).expect("a graph");
        Pair { graph, left_rows, right_rows }
    }

    /// So many pairs of rows of either side, drawn without repetition.
    pub fn seeds(&self, count: usize) -> Vec<(u32, u32)> {
        let mut rng = Rng::new(7);
        let mut picks = |rows: usize| {
            let mut all: Vec<u32> = (0..rows as u32).collect();
            rng.shuffle(&mut all);
            all.truncate(count);
            all
        };
        picks(self.left_rows).into_iter().zip(picks(self.right_rows)).collect()
    }
}

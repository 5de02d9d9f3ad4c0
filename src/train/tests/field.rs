//! Neighbourhoods and receptive fields.

use std::collections::BTreeSet;

use super::data::{random_graph, small_graph};
use crate::error::Code;
use crate::kg::Triple;
use crate::train::Neighbourhoods;

#[test]
fn neighbourhoods_are_the_reference_s_adjacency() {
    let Some((golden, graph)) = small_graph() else { return };
    let (rows, cols) = (golden.ints("adj_row"), golden.ints("adj_col"));
    let expected: BTreeSet<(u32, u32)> = rows.into_iter().zip(cols).collect();
    let found = (0..graph.rows() as u32).flat_map(|i| graph.of(i).iter().map(move |&j| (i, j)));
    assert!(found.collect::<BTreeSet<_>>() == expected && graph.edges() == expected.len());
}

#[test]
fn a_field_is_all_that_its_rows_depend_on() {
    let graph = random_graph(300, 200, 250, 3);
    for needed in [vec![499u32, 7, 7, 301, 0], vec![], (0..500).collect()] {
        for layers in 0..4 {
            let field = graph.field(&needed, layers).unwrap();
            assert_eq!(field.layers.len(), layers);
            let mut written: BTreeSet<u32> = needed.iter().copied().collect();
            for edges in field.layers.iter().rev() {
                let rows: BTreeSet<u32> = field.rows[..edges.written].iter().copied().collect();
                assert!(rows.is_superset(&written) && rows.len() == edges.written);
                for i in 0..edges.written {
                    let sources = edges.sources[edges.of_written(i)].iter();
                    let mut sources: Vec<u32> = sources.map(|&j| field.rows[j as usize]).collect();
                    sources.sort_unstable();
                    assert_eq!(sources, graph.of(field.rows[i]));
                }
                written = rows.iter().flat_map(|&row| graph.of(row).iter().copied()).collect();
            }
            assert!(written.iter().all(|row| field.rows.contains(row)));
            for &row in &needed {
                assert_eq!(field.rows[field.place(row).unwrap()], row);
            }
        }
    }
}

#[test]
fn the_two_directions_of_a_layer_are_the_same_edges() {
    let graph = random_graph(60, 50, 90, 4);
    for edges in graph.field(&[1, 2, 3, 70], 2).unwrap().layers {
        let mut seen = BTreeSet::new();
        for j in 0..edges.read {
            let range = edges.of_read(j);
            for (&i, &e) in edges.targets[range.clone()].iter().zip(&edges.edges[range]) {
                assert_eq!(edges.sources[e as usize] as usize, j);
                assert!(edges.of_written(i as usize).contains(&(e as usize)) && seen.insert(e));
            }
        }
        assert_eq!(seen.len(), edges.sources.len());
    }
}

#[test]
fn rows_that_are_not_there_are_refused() {
    let bad = [Triple { head: 0, relation: 0, tail: 2 }];
    assert_eq!(Neighbourhoods::new(&bad, 2, &[], 5).unwrap_err().code(), Code::BadValue);
    assert_eq!(random_graph(3, 3, 2, 1).field(&[6], 2).unwrap_err().code(), Code::OutOfRange);
}

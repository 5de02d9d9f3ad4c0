//! The built-in features on real data: DBP15K zh_en, OpenEA D_Y, and the golden bag of relations.

use std::collections::HashMap;
use std::path::PathBuf;

use rayon::prelude::*;

use super::sparse::tests::row;
use super::temporal;
use super::{NgramOptions, OwnedFeature, Vocabulary, WalkOptions, ngrams, numeric, relation_bow, walks};
use crate::kg::{Graph, GraphBuilder, Literal};
use crate::linalg::{Channel, TopKOptions, ranks};
use crate::shared::data_dir;
use crate::task::Task;

fn lines(path: PathBuf) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines().map(|line| line.split('\t').map(String::from).collect()).collect()
}

/// A pair and its links, as rows.
type Pair = ([Graph; 2], Vec<(usize, usize)>);

fn zh_en() -> Option<Pair> {
    let dir = data_dir()?.join("dbp15k");
    let names = std::fs::read(dir.join("translated_ent_name/dbp_zh_en.json")).unwrap();
    let names: Vec<(u32, Vec<String>)> = serde_json::from_slice(&names).unwrap();
    let names: HashMap<u32, String> = names.into_iter().map(|(id, t)| (id, t.join(" "))).collect();
    let dir = dir.join("zh_en");
    let mut rows: HashMap<u32, usize> = HashMap::new();
    let graphs = [1, 2].map(|side| {
        let mut builder = GraphBuilder::new();
        for line in lines(dir.join(format!("ent_ids_{side}"))) {
            let source: u32 = line[0].parse().unwrap();
            let id = builder.entity(&line[1]);
            rows.insert(source, id as usize);
            if let Some(name) = names.get(&source).filter(|_| side == 1) {
                builder.name(id, name);
            }
        }
        let relations: HashMap<String, String> = lines(dir.join(format!("rel_ids_{side}")))
            .into_iter()
            .map(|line| (line[0].clone(), line[1].clone()))
            .collect();
        for line in lines(dir.join(format!("triples_{side}"))) {
            let relation = builder.relation(&relations[&line[1]]);
            let end = |text: &str| rows[&text.parse::<u32>().unwrap()] as u32;
            builder.triple(end(&line[0]), relation, end(&line[2]));
        }
        builder.finish().0
    });
    let links = lines(dir.join("ill_ent_ids"));
    let links = links.iter().map(|l| (rows[&l[0].parse().unwrap()], rows[&l[1].parse().unwrap()])).collect();
    Some((graphs, links))
}

/// Share of the links whose right end is the left's nearest among the links' right ends (by cosine,
/// every rival of equal score counting against it), for rows of any length.
fn hits_at_1(left: &OwnedFeature, right: &OwnedFeature, links: &[(usize, usize)]) -> f64 {
    let unit = |feature: &OwnedFeature, i: usize| {
        let (columns, values) = row(feature, i);
        let norm = values.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
        columns.iter().zip(values).map(|(&c, &v)| (c, v / norm)).collect::<Vec<_>>()
    };
    let mut inverted: Vec<Vec<(u32, f32)>> = vec![Vec::new(); left.rows.view().cols()];
    for (i, link) in links.iter().enumerate() {
        unit(right, link.1).into_iter().for_each(|(c, v)| inverted[c as usize].push((i as u32, v)));
    }
    let hit = |(i, link): (usize, &(usize, usize))| {
        let mut scores = vec![0f32; links.len()];
        for (column, value) in unit(left, link.0) {
            inverted[column as usize].iter().for_each(|&(j, v)| scores[j as usize] += value * v);
        }
        let own = scores[i];
        scores.iter().enumerate().all(|(j, &score)| j == i || score < own)
    };
    links.par_iter().enumerate().filter(|&pair| hit(pair)).count() as f64 / links.len() as f64
}

#[test]
fn translated_names_of_zh_en_align_as_well_as_the_yardstick() {
    let Some(([left, right], links)) = zh_en() else { return };
    let (l, r) = ngrams(&left, &right, NgramOptions::default(), &Task::quiet()).unwrap();
    let last = hits_at_1(&l, &r, &links[links.len() - 10_500..]);
    let all = hits_at_1(&l, &r, &links);
    eprintln!("n-grams of names: last 10,500 {last:.4}, all 15,000 {all:.4}");
    // scikit-learn's TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)): 0.667 and 0.642.
    assert!(last >= 0.70 && all >= 0.68);
}

#[test]
fn relations_of_two_language_editions_meet_by_name_only() {
    let Some(([left, right], links)) = zh_en() else { return };
    let hits = [Vocabulary::Name, Vocabulary::Iri].map(|vocabulary| {
        let (l, r) = relation_bow(&left, &right, 1000, vocabulary, &Task::quiet()).unwrap();
        hits_at_1(&l, &r, &links)
    });
    eprintln!("relation bow, all 15,000: by name {:.4}, by IRI {:.4}", hits[0], hits[1]);
    assert!(hits[0] > 0.05 && hits[1] < 0.01);
}

#[test]
fn walks_tell_more_than_counted_relations() {
    let Some(([left, right], links)) = zh_en() else { return };
    let task = Task::quiet();
    let queries: Vec<(u32, u32)> = links.iter().map(|&(l, r)| (l as u32, r as u32)).collect();
    let candidates: Vec<u32> = queries.iter().map(|(_, right)| *right).collect();
    let hits = |(left, right): (OwnedFeature, OwnedFeature)| {
        let channel = Channel { weight: 1.0, left: left.view(), right: right.view() };
        let options = TopKOptions::default();
        let found = ranks(&[channel], &options, &queries, Some(&candidates), false, &task).unwrap();
        [1, 10].map(|k| {
            let hits = found.iter().filter(|rank| rank.better + rank.equal < k).count();
            hits as f64 / queries.len() as f64
        })
    };
    let walked = hits(walks(&left, &right, WalkOptions::default(), Vocabulary::Name, &task).unwrap());
    let counted = hits(relation_bow(&left, &right, 1000, Vocabulary::Name, &task).unwrap());
    eprintln!("Hits@1 and @10 of all 15,000: walks {walked:.4?}, relation bow {counted:.4?}");
    assert!(walked[0] > 2.0 * counted[0] && walked[1] > 1.5 * counted[1]);
}

#[test]
fn numbers_of_dbpedia_and_yago_say_something() {
    let Some(dir) = data_dir() else { return };
    let dir = dir.join("openea/D_Y_15K_V1");
    let mut rows = [HashMap::new(), HashMap::new()];
    let links: Vec<(usize, usize)> = {
        let mut row = |side: usize, iri: &str| {
            let next = rows[side].len();
            *rows[side].entry(iri.to_string()).or_insert(next)
        };
        lines(dir.join("ent_links")).iter().map(|l| (row(0, &l[0]), row(1, &l[1]))).collect()
    };
    let [left, right] = [0, 1].map(|side| {
        let mut builder = GraphBuilder::new();
        let mut order: Vec<_> = rows[side].iter().collect();
        order.sort_by_key(|(_, row)| **row);
        order.iter().for_each(|(iri, _)| _ = builder.entity(iri));
        for line in lines(dir.join(format!("attr_triples_{}", side + 1))) {
            let (entity, attribute) = (builder.entity(&line[0]), builder.attribute(&line[1]));
            let literal = Literal { value: line[2].clone(), datatype: line[3].clone(), ..Literal::default() };
            builder.attribute_triple(entity, attribute, Some(literal));
        }
        builder.finish().0
    });
    let (l, r) = numeric(&left, &right, Vocabulary::Name, &Task::quiet()).unwrap();
    let with_rows = |l: &OwnedFeature, r: &OwnedFeature| {
        let there = links.iter().filter(|&&(a, b)| l.present.get(a) && r.present.get(b));
        there.copied().collect::<Vec<_>>()
    };
    let both = with_rows(&l, &r);
    let hits = hits_at_1(&l, &r, &both);
    eprintln!("numeric: {} links have numbers on both sides, Hits@1 {hits:.4}", both.len());
    assert!(both.len() > 1000 && hits > 0.3);
    let (l, r) = temporal(&left, &right, Vocabulary::Name, &Task::quiet()).unwrap();
    let both = with_rows(&l, &r);
    let hits = hits_at_1(&l, &r, &both);
    eprintln!("temporal: {} links have dates on both sides, Hits@1 {hits:.4}", both.len());
    assert!(both.len() > 500 && hits > 0.3);
}

#[test]
fn the_bag_of_relations_is_the_golden_one() {
    let Some(dir) = data_dir() else { return };
    let path = dir.join("../golden/graph_small.safetensors");
    let Ok(bytes) = std::fs::read(&path) else {
        return eprintln!("skipped: no {}", path.display());
    };
    let golden = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let ints = |name: &str| -> Vec<i64> {
        let bytes = golden.tensor(name).unwrap().data().chunks_exact(8);
        bytes.map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect()
    };
    let bow: Vec<f32> = {
        let bytes = golden.tensor("rel_bow").unwrap().data().chunks_exact(4);
        bytes.map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    };
    let mut builders = [GraphBuilder::new(), GraphBuilder::new()];
    (0..640).for_each(|id| _ = builders[id / 320].entity(&format!("e{id}")));
    for triple in ints("triples").chunks_exact(3) {
        let builder = &mut builders[triple[0] as usize / 320];
        let relation = builder.relation(&format!("r{}", triple[1]));
        builder.triple(triple[0] as u32 % 320, relation, triple[2] as u32 % 320);
    }
    let [left, right] = builders.map(|builder| builder.finish().0);
    let dense = |dims| {
        let (l, r) = relation_bow(&left, &right, dims, Vocabulary::Iri, &Task::quiet()).unwrap();
        let cols = l.rows.view().cols();
        let mut columns = vec![vec![0f32; 640]; cols];
        for (side, feature) in [l, r].iter().enumerate() {
            for i in 0..320 {
                let (at, values) = row(feature, i);
                at.iter().zip(values).for_each(|(&c, &v)| columns[c as usize][side * 320 + i] = v);
            }
        }
        columns
    };
    let expected: Vec<Vec<f32>> = (0..50).map(|j| (0..640).map(|i| bow[i * 50 + j]).collect()).collect();
    let mass = |columns: &[Vec<f32>]| columns.iter().map(|c| c.iter().sum::<f32>()).collect::<Vec<_>>();
    // Among equally frequent relations the golden's order is that of its triples file.
    assert_eq!(mass(&dense(50)), mass(&expected));
    let all = dense(1000);
    assert!(expected.iter().all(|column| all.contains(column)));
}

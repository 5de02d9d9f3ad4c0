//! Numbers, dates and places of a pair in the MMKG layout, from its files to links.

#[path = "common/session.rs"]
mod session;

use std::fmt::Write;
use std::path::Path;

use seedbed::features::{OwnedFeature, Vocabulary, geo, numeric, temporal};
use seedbed::formats::{PairSource, read_pair};
use seedbed::linalg::{Channel, TopKOptions, ranks};
use seedbed::ops::spec::{Import, PairFormat};
use seedbed::{Rng, Store, Task};
use session::execute;

/// Entities of each graph, all of them linked.
const ENTITIES: usize = 400;

/// Two graphs as FB15K and YAGO15K have them: the one tells decimals, the other typed literals under names
/// of its own, some of them rounded or left out.
fn write(folder: &Path) {
    let mut rng = Rng::new(15);
    let [mut triples, mut others, mut numbers, mut literals, mut links] = [const { String::new() }; 5];
    // Where an entity stands on the one side tells nothing of the other.
    let mut order: Vec<usize> = (0..ENTITIES).collect();
    rng.shuffle(&mut order);
    for (i, j) in order.into_iter().enumerate() {
        let (fb, yago) = (format!("/m/{i:04x}"), format!("<Thing_{j}>"));
        let (next, other) = (rng.below(ENTITIES), rng.below(ENTITIES));
        writeln!(triples, "{fb} /people/knows /m/{next:04x} .").unwrap();
        writeln!(others, "{yago} <knows> <Thing_{other}> .").unwrap();
        writeln!(links, "{fb} <SameAs> {yago} .").unwrap();
        let (year, month, day) = (1800 + rng.below(200), 1 + rng.below(12), 1 + rng.below(28));
        let date = format!("{year}-{month:02}-{day:02}");
        writeln!(
            numbers,
            "{fb}\t<http://fb/date_of_birth>\t\"{date}\"^^<http://www.w3.org/2001/XMLSchema#date>"
        )
        .unwrap();
        let told = if rng.below(3) == 0 { format!("{year}-##-##") } else { date };
        writeln!(literals, "{yago}\t<wasBornOnDate>\t\"{told}\"^^xsd:date").unwrap();
        // Metres and centimetres.
        let height = 150 + rng.below(60);
        writeln!(numbers, "{fb}\t<http://fb/has_height>\t{}.{:02}", height / 100, height % 100).unwrap();
        writeln!(literals, "{yago}\t<hasHeight>\t\"{height}\"^^<http://dbpedia.org/datatype/centimetre>")
            .unwrap();
        // Kilograms, and some of them grams.
        let weight = 40_000 + rng.below(60_000);
        writeln!(numbers, "{fb}\t<http://fb/has_weight>\t{}.{:03}", weight / 1000, weight % 1000).unwrap();
        let told = if rng.below(2) == 0 { format!("{weight} g") } else { format!("{} kg", weight / 1000) };
        writeln!(literals, "{yago}\t<hasWeight>\t\"{told}\"").unwrap();
        let (latitude, longitude) = (180.0 * rng.f64() - 90.0, 360.0 * rng.f64() - 180.0);
        writeln!(numbers, "{fb}\t<http://fb/location.latitude>\t{latitude:.4}").unwrap();
        writeln!(numbers, "{fb}\t<http://fb/location.longitude>\t{longitude:.4}").unwrap();
        if rng.below(4) > 0 {
            writeln!(literals, "{yago}\t<hasPlace>\t\"POINT({longitude:.2} {latitude:.2})\"").unwrap();
        }
    }
    for (name, text) in [
        ("FB15K_EntityTriples.txt", triples),
        ("FB15K_NumericalTriples.txt", numbers),
        ("YAGO15K_EntityTriples.txt", others),
        ("YAGO15K_NumericalTriples.txt", literals),
        ("YAGO15K_SameAsLink.txt", links),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

/// Share of the links of which both ends have the modality whose right end is the left's nearest, and how
/// many those are.
fn hits(pair: &PairSource, (left, right): &(OwnedFeature, OwnedFeature)) -> (f64, usize) {
    let links = pair.links.iter().map(|link| (link.left, link.right));
    let both: Vec<(u32, u32)> =
        links.filter(|&(l, r)| left.present.get(l as usize) && right.present.get(r as usize)).collect();
    let channel = Channel { weight: 1.0, left: left.view(), right: right.view() };
    let found = ranks(&[channel], &TopKOptions::default(), &both, None, false, &Task::quiet()).unwrap();
    let hits = found.iter().filter(|rank| rank.better + rank.equal == 0).count();
    (hits as f64 / both.len() as f64, both.len())
}

#[test]
fn numbers_dates_and_places_of_mmkg_find_counterparts() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let task = Task::quiet();
    let spec = Import {
        format: PairFormat::Mmkg,
        paths: vec![folder.path().to_path_buf()],
        name: "p".into(),
        lenient: false,
        remap_ids: false,
        links: None,
        fold: None,
    };
    let pair = read_pair(&spec, &task).unwrap();
    assert_eq!(pair.links.len(), ENTITIES);
    let (found, count) = hits(&pair, &numeric(&pair.left, &pair.right, Vocabulary::Name, &task).unwrap());
    println!("numeric: {found:.3} of {count}");
    assert!(count == ENTITIES && found > 0.6, "half of the weights are rounded: {found}");
    let dates = temporal(&pair.left, &pair.right, Vocabulary::Name, &task).unwrap();
    let (found, count) = hits(&pair, &dates);
    println!("temporal: {found:.3} of {count}");
    assert!(count == ENTITIES && found > 0.6, "a third is told by its year only: {found}");
    let (found, count) = hits(&pair, &geo(&pair.left, &pair.right, &task).unwrap());
    println!("geo: {found:.3} of {count}");
    assert!(count > ENTITIES / 2 && found > 0.95, "{found}");

    // The same from a statement.
    let mut session = Store::in_memory().session();
    execute(&mut session, &format!("IMPORT mmkg '{}' AS p", folder.path().display()));
    execute(&mut session, "EMBED numeric USING numeric INTO p");
    execute(&mut session, "ALIGN p weights(numeric=1) AS a");
    let judged = execute(&mut session, "EVALUATE a").rows.unwrap().nth(2).unwrap().unwrap();
    let hits = judged.get::<f64>("hits@1").unwrap();
    println!("EVALUATE: Hits@1 {hits:.3}");
    assert!(hits > 0.6, "{hits}");
}

//! `ALIGN` with every way of matching: what is linked, what is left, what is said of it.

#[path = "common/session.rs"]
mod session;

use seedbed::ops::spec::{Matching, Rescale};
use seedbed::{Code, Outcome, Result, Session, Store, Value};
use session::{attempt, rows};

const WAYS: [&str; 12] = [
    "match=greedy csls=none",
    "match=stable",
    "match=mutual",
    "match=best",
    "match=best one_to_one=true",
    "match=hungarian csls=none",
    "match=hungarian",
    "match=sinkhorn temperature=0.1",
    "match=sinkhorn one_to_one=false iterations=5",
    "match=mutual rescale=rinf",
    "match=greedy rescale=rinf threshold=0.5",
    "match=hungarian rescale=rinf",
];

fn fact(session: &mut Session, name: &str, fact: &str) -> Option<String> {
    let facts = rows(session, &format!("DESCRIBE {name}"));
    facts.into_iter().find(|row| row[0] == Value::from(fact)).map(|row| row[1].to_string())
}

fn number(session: &mut Session, statement: &str) -> i64 {
    match rows(session, statement)[0][0] {
        Value::Int(number) => number,
        ref other => panic!("{other:?}"),
    }
}

fn precision(session: &mut Session, name: &str) -> f64 {
    let judged = attempt(session, &format!("EVALUATE {name}")).unwrap().rows.unwrap().next().unwrap();
    judged.unwrap().get::<f64>("precision_judged").unwrap()
}

fn planted(entities: usize) -> Session {
    let mut session = Store::in_memory().session();
    attempt(&mut session, &format!("GENERATE PAIR p entities={entities} overlap=0.6")).unwrap();
    attempt(&mut session, "EMBED name USING ngrams INTO p").unwrap();
    session
}

#[test]
fn every_entity_is_linked_or_without_a_match() {
    let mut session = planted(400);
    let left = number(&mut session, "SELECT COUNT(*) FROM p.left.entities");
    let right = number(&mut session, "SELECT COUNT(*) FROM p.right.entities");
    for way in WAYS {
        let outcome = attempt(&mut session, &format!("ALIGN p {way} AS a")).unwrap();
        let links = rows(&mut session, "SELECT left, right, score FROM a");
        assert!(links.len() > 100, "{way}: {}", links.len());
        let distinct = |column: usize| {
            let mut ends: Vec<String> = links.iter().map(|row| row[column].to_string()).collect();
            ends.sort();
            ends.dedup();
            ends
        };
        let (lefts, rights) = (distinct(0), distinct(1));
        let once = rights.len() == links.len();
        assert!(once || way == "match=best" || way.contains("one_to_one=false"), "{way}");
        assert_eq!(lefts.len(), links.len(), "{way}");
        let single = rows(&mut session, "SELECT entity, side, score, candidate, reason FROM a.unmatched");
        let count = |side: &str| single.iter().filter(|row| row[1] == Value::from(side)).count() as i64;
        assert_eq!(lefts.len() as i64 + count("left"), left, "{way}");
        assert_eq!(rights.len() as i64 + count("right"), right, "{way}");
        let told = format!("{} left and {} right without a match", count("left"), count("right"));
        assert!(outcome.message.contains(&told), "{way}: {}", outcome.message);
        for row in &single {
            let ends = if row[1] == Value::from("left") { &lefts } else { &rights };
            assert!(ends.binary_search(&row[0].to_string()).is_err(), "{way}: {row:?}");
            assert_eq!(row[2].is_null(), row[3].is_null(), "{way}: {row:?}");
        }
        // The statement as it is kept is the same request.
        let kept = fact(&mut session, "a", "statement").unwrap();
        assert!(attempt(&mut session, &kept).unwrap().message.contains("stored"), "{kept}");
    }
}

#[test]
fn reasons_tell_why_an_entity_is_without_a_match() {
    let mut session = planted(400);
    attempt(&mut session, "ALIGN p USING features(visual=1) match=greedy csls=none threshold=0.9 AS a")
        .unwrap();
    let reasons = rows(&mut session, "SELECT reason, COUNT(*) FROM a.unmatched GROUP BY reason");
    let of = |what: &str| reasons.iter().any(|row| row[0].to_string().contains(what));
    assert!(of("no modality in common") && of("scores too little"), "{reasons:?}");
    attempt(&mut session, "ALIGN p match=mutual csls=none AS a").unwrap();
    let reasons = rows(&mut session, "SELECT reason, COUNT(*) FROM a.unmatched GROUP BY reason");
    assert!(reasons.iter().any(|row| row[0].to_string().contains("linked to another")), "{reasons:?}");
    attempt(&mut session, "SEED visual n=20 FROM p AS s").unwrap();
    assert_eq!(attempt(&mut session, "SELECT * FROM s.unmatched").err().unwrap().code(), Code::UnknownName);
}

#[test]
fn stable_is_greedy_and_no_way_has_a_greater_total_than_hungarian() {
    let mut session = planted(500);
    let mut of = |way: &str| {
        attempt(&mut session, &format!("ALIGN p csls=none {way} AS a")).unwrap();
        rows(&mut session, "SELECT left, right, score FROM a")
    };
    let total = |links: &[Vec<Value>]| -> f64 {
        links.iter().map(|row| if let Value::Float(score) = row[2] { score.max(0.0) } else { 0.0 }).sum()
    };
    let (greedy, stable, hungarian) = (of("match=greedy"), of("match=stable"), of("match=hungarian"));
    assert_eq!(greedy, stable);
    let most = total(&hungarian);
    assert!(most > total(&greedy) && most > total(&of("match=mutual")), "{most} {}", total(&greedy));
}

#[test]
fn a_threshold_left_to_the_data_keeps_the_precision_asked_for() {
    let mut session = planted(1500);
    for way in ["match=greedy csls=none", "match=mutual", "match=hungarian csls=none", "match=sinkhorn"] {
        attempt(&mut session, &format!("ALIGN p {way} AS whole")).unwrap();
        let cut =
            attempt(&mut session, &format!("ALIGN p {way} threshold=auto precision=0.95 AS cut")).unwrap();
        assert!(cut.notes.iter().any(|note| note.contains("estimated precision")), "{:?}", cut.notes);
        let (before, after) = (precision(&mut session, "whole"), precision(&mut session, "cut"));
        assert!(after >= 0.95 && after >= before, "{way}: {before} to {after}");
        assert!(number(&mut session, "SELECT COUNT(*) FROM cut") > 200, "{way}");
    }
}

#[test]
fn the_same_request_has_one_key_however_it_is_put() {
    let mut session = planted(200);
    for (one, other) in [
        ("csls=none", "rescale=none"),
        ("csls=10", "rescale=csls"),
        ("match=best", "match=best one_to_one=false"),
        ("match=sinkhorn", "match=sinkhorn one_to_one=true iterations=100"),
    ] {
        attempt(&mut session, &format!("ALIGN p {one} AS a")).unwrap();
        let again = attempt(&mut session, &format!("ALIGN p {other} AS b")).unwrap();
        assert!(again.message.contains("stored"), "{other}: {}", again.message);
    }
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let digests = |threads: usize| {
        let mut session = planted(300);
        attempt(&mut session, &format!("SET threads={threads}")).unwrap();
        let digest = |way: &str| {
            attempt(&mut session, &format!("ALIGN p {way} AS a")).unwrap();
            fact(&mut session, "a", "digest").unwrap()
        };
        WAYS.map(digest)
    };
    assert_eq!(digests(1), digests(3));
}

#[test]
fn a_builder_is_refused_what_the_language_refuses() {
    let store = Store::in_memory();
    let pair = store
        .generate(seedbed::ops::spec::Generate { name: "p".into(), entities: 100, ..Default::default() })
        .unwrap();
    let code = |outcome: Result<Outcome>| outcome.err().map(|error| error.code());
    let align = || store.align(&pair);
    assert_eq!(code(align().matching(Matching::Stable).one_to_one(false).run()), Some(Code::Conflict));
    let both = align().matching(Matching::Sinkhorn).rescale(Rescale::Rinf);
    assert_eq!(code(both.run()), Some(Code::Conflict));
    for temperature in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let cold = align().matching(Matching::Sinkhorn).temperature(temperature);
        assert_eq!(code(cold.run()), Some(Code::OutOfRange), "{temperature}");
    }
    assert_eq!(code(align().matching(Matching::Sinkhorn).iterations(0).run()), Some(Code::OutOfRange));
    assert_eq!(code(align().threshold(f32::NEG_INFINITY).run()), Some(Code::OutOfRange));
    assert_eq!(code(align().precision(f64::NAN).run()), Some(Code::OutOfRange));
    assert_eq!(code(align().rescale(Rescale::Csls(0)).run()), Some(Code::OutOfRange));
    assert_eq!(code(align().matching(Matching::Hungarian).precision(0.8).run()), None);
}

#[test]
fn a_plan_says_what_will_run() {
    let mut session = planted(200);
    let mut step = |way: &str| {
        let steps = rows(&mut session, &format!("EXPLAIN ALIGN p {way}"));
        steps[steps.len() - 2][0].to_string()
    };
    let steps: Vec<String> =
        ["match=hungarian", "match=sinkhorn", "rescale=rinf", "match=stable threshold=auto"]
            .into_iter()
            .map(|way| format!("{way}: {}", step(way)))
            .collect();
    insta::assert_snapshot!(steps.join("\n"));
}

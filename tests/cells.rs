//! Search within cells: what is compared, what is said of it, and that nothing else changes.

#[path = "common/session.rs"]
mod session;

use std::collections::HashSet;

use seedbed::{Session, Store, Value};
use session::{execute, rows};

fn links(session: &mut Session, name: &str) -> HashSet<String> {
    let all = rows(session, &format!("SELECT left, right, score FROM {name}"));
    all.into_iter().map(|row| format!("{row:?}")).collect()
}

fn planted() -> Session {
    let mut session = Store::in_memory().session();
    execute(&mut session, "GENERATE PAIR p entities=1500 overlap=0.8 missing_visual=0.2");
    execute(&mut session, "EMBED name USING ngrams INTO p");
    session
}

#[test]
fn an_alignment_within_cells_tells_what_it_kept_and_keeps_it() {
    let mut session = planted();
    let plain = "ALIGN p match=greedy csls=none";
    execute(&mut session, &format!("{plain} AS all"));
    let made = execute(&mut session, &format!("{plain} exact=false recall=0.8 AS some"));
    let told = made.notes.iter().find(|note| note.starts_with("compared: ")).expect("a note");
    assert!(
        told.contains(" cells, each entity in ") && told.contains("% of the ten best partners"),
        "{told}"
    );
    let facts = rows(&mut session, "DESCRIBE some");
    assert!(facts.iter().any(|row| row[0] == Value::from("search")), "{facts:?}");
    let (all, some) = (links(&mut session, "all"), links(&mut session, "some"));
    let kept = all.intersection(&some).count() as f64 / all.len() as f64;
    assert!(kept > 0.75, "{kept}");
    // The same statement is known again, and by its text.
    let again = execute(&mut session, &format!("{plain} recall=0.8 exact=false AS some"));
    assert!(again.message.contains("stored result"), "{}", again.message);
}

#[test]
fn where_cells_keep_too_little_or_spare_nothing_all_pairs_are_compared() {
    let mut session = planted();
    execute(&mut session, "ALIGN p AS all");
    let made = execute(&mut session, "ALIGN p exact=false recall=1 AS same");
    let told =
        made.notes.iter().find(|note| note.starts_with("compared: all pairs, for cells would ")).cloned();
    assert!(told.is_some(), "{:?}", made.notes);
    assert!(links(&mut session, "all") == links(&mut session, "same"));
}

#[test]
fn every_stage_keeps_to_its_cells_and_a_refresh_gives_what_all_of_it_gives() {
    let mut session = planted();
    execute(&mut session, "PSQE n=300 exact=false recall=0.8 FROM p AS s");
    for stage in ["s_cluster", "s_global", "s_corrected", "s_expanded", "s"] {
        let facts = rows(&mut session, &format!("DESCRIBE {stage}"));
        assert!(facts.iter().any(|row| row[0] == Value::from("search")), "{stage}: {facts:?}");
    }
    let judged = rows(&mut session, "EVALUATE s");
    assert!(judged[0][0] == Value::Int(300), "{judged:?}");
    execute(&mut session, "SEED visual n=100 exact=false recall=0.5 FROM p AS pivots");
    execute(&mut session, "ALIGN p weights=equal exact=false recall=0.8 AS a");
    let entity = rows(&mut session, "SELECT entity FROM p.left.entities LIMIT 1")[0][0].to_string();
    execute(&mut session, &format!("DELETE ENTITY <{entity}> FROM p.left"));
    execute(&mut session, "REFRESH a AS part");
    execute(&mut session, "REFRESH a full=true AS whole");
    assert!(links(&mut session, "part") == links(&mut session, "whole"));
}

#[test]
fn explain_says_which_pairs_and_why() {
    let mut session = planted();
    let mut step = |statement: &str| {
        let steps = rows(&mut session, statement);
        let step = steps.into_iter().find(|row| row[0].to_string().starts_with("compare "));
        step.map(|row| (row[0].to_string(), row[2].to_string())).expect("a step")
    };
    let (what, because) = step("EXPLAIN ALIGN p AS a");
    assert!(what == "compare all pairs" && because.contains("pairs; up to "), "{what}: {because}");
    let (what, because) = step("EXPLAIN SEED cluster exact=false FROM p AS s");
    assert!(
        what.starts_with("compare pairs in a cell together") && because == "exact=false",
        "{what}: {because}"
    );
}

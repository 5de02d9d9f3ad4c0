//! Space: after everything was made over and over, COMPACT leaves what the last time needs.
//!
//! `SEEDBED_SPACE=20000 cargo test --release --test space -- --nocapture` for so many entities.

#[path = "common/session.rs"]
mod session;

use std::path::Path;

use seedbed::store::{Db, OpenOptions};
use seedbed::{Session, Store, Task};
use session::execute;

const GENERATIONS: usize = 12;
/// What sled takes whatever it holds: segments of its log begun and not filled.
const SEGMENTS: u64 = 2 << 20;

/// Makes everything under the same names, from other random seeds; some of it twice.
fn make(session: &mut Session, generation: usize, entities: usize, again: bool) {
    for name in ["i", "a", "b", "m", "c", "s", "p"].iter().filter(|_| again) {
        execute(session, &format!("DROP {name}"));
    }
    for statement in [
        format!("GENERATE PAIR p entities={entities} visual_dims=16 seed={generation}"),
        "EMBED name USING ngrams dims=512 INTO p".into(),
        "EMBED relation USING bow dims=100 INTO p".into(),
        format!("SEED cluster n={} weights(visual=1) seed=99 FROM p AS s", entities / 4),
        format!("SEED cluster n={} weights(visual=1) seed={generation} FROM p AS s", entities / 5),
        "CORRECT s AS c".into(),
        format!("TRAIN eva ON p USING s epochs=1 dims=16 batch=200 seed={generation} AS m"),
        "ALIGN p USING m match=best AS b".into(),
        "ALIGN p match=mutual AS a".into(),
        "ALIGN p match=best AS a".into(),
        "CREATE INDEX i ON p weights(visual=1)".into(),
        format!("INSERT ENTITY 'http://x.org/{generation}' name='Newcomer' INTO p.left"),
        "REFRESH a".into(),
    ] {
        execute(session, &statement);
    }
}

/// The bytes of the store's objects, of its catalogue's files, and of what those hold.
fn measure(dir: &Path) -> (u64, u64, u64) {
    let db = Db::open(dir, &OpenOptions::default()).unwrap();
    let size = db.size().unwrap();
    (size.object_bytes, size.catalogue_bytes, db.weigh(&Task::quiet()).unwrap().logical())
}

#[test]
fn twelve_generations_compacted_take_no_more_than_the_last_alone() {
    let entities: usize = std::env::var("SEEDBED_SPACE").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    let scratch = tempfile::tempdir().unwrap();
    let (often, once) = (scratch.path().join("often"), scratch.path().join("once"));
    let mut session = Store::open(&often).unwrap().session();
    (0..GENERATIONS).for_each(|generation| make(&mut session, generation, entities, generation > 0));
    drop(session);
    let before = measure(&often);
    execute(&mut Store::open(&often).unwrap().session(), "COMPACT");
    // The same, made once: what is alive.
    let mut session = Store::open(&once).unwrap().session();
    make(&mut session, GENERATIONS - 1, entities, false);
    execute(&mut session, "COMPACT");
    drop(session);
    let ((objects, files, logical), (live, _, needed)) = (measure(&often), measure(&once));
    let ratio = |a: u64, b: u64| a as f64 / b as f64;
    println!("{entities} entities, {GENERATIONS} generations");
    println!("objects: {} before, {objects} compacted, {live} alive: {:.3}", before.0, ratio(objects, live));
    println!(
        "catalogue: {} before, {files} compacted, holding {logical}: {:.3}",
        before.1,
        ratio(files, logical)
    );
    println!("its rows: {logical} of {needed} when made once: {:.3}", ratio(logical, needed));
    assert!(objects as f64 <= 1.05 * live as f64, "{objects} of {live}");
    assert!(files as f64 <= 2.0 * logical as f64 + SEGMENTS as f64, "{files} of {logical}");
    // Twelve generations leave more lines of the journal, and nothing else.
    assert!(logical as f64 <= 1.05 * needed as f64 + 200_000.0, "{logical} of {needed}");
}

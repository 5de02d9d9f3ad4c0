//! Whole statements on DBP15K zh_en, each beside a Python yardstick that does the same (`run.sh` pairs them).
//!
//! `import`: IMPORT dbp15k, durable, against Python merely parsing the same files. The count: 5 MB of text in,
//! 9 MB of blocks out, one fsync of the log.
//!
//! `cluster`: SEED cluster, whole, against the same algorithm with numpy and scikit-learn: fuse 38,960 rows of
//! 256 + 384 + 384, k-means with k = 4, products within the clusters (some 0.1–0.2 T multiply-adds), one-to-one by
//! falling similarity.
//!
//! Run by `benches/run.sh import` and `benches/run.sh cluster`; needs `SEEDBED_DATA` or `../shared/data`.

#[path = "support/mod.rs"]
mod support;

#[path = "../tests/common/mod.rs"]
mod common;

use std::path::Path;
use std::time::Instant;

use seedbed::{Params, Session, Store, Task};

fn main() {
    let Some(data) = common::data_dir() else {
        return;
    };
    let scratch = tempfile::tempdir().expect("a scratch directory");
    if std::env::args().any(|argument| argument == "import") {
        let start = Instant::now();
        imported(&data, &scratch.path().join("store"));
        println!("import seconds={:.3}", start.elapsed().as_secs_f64());
    }
    if std::env::args().any(|argument| argument == "cluster") {
        let mut session = imported(&data, &scratch.path().join("store"));
        let inputs = data.join("inputs/zh_en");
        for (modality, file, present) in [
            ("visual", "visual_sim.npy", Some("has_image.npy")),
            ("attribute", "name_minilm.npy", None),
            ("relation", "rel_text.npy", None),
        ] {
            let present =
                present.map_or(String::new(), |name| format!("present='{}'", inputs.join(name).display()));
            let file = inputs.join(file);
            execute(
                &mut session,
                &format!("IMPORT FEATURES {modality} FROM '{}' {present} INTO p", file.display()),
            );
        }
        let before = support::peak_mib();
        let start = Instant::now();
        execute(
            &mut session,
            "SEED cluster k=4 n=1000 missing=random weights(visual=0.8, attribute=0.1, relation=0.1) FROM p AS s",
        );
        let seconds = start.elapsed().as_secs_f64();
        println!("cluster seconds={seconds:.3} peak_mib={:.0} of_it_before={before:.0}", support::peak_mib());
    }
}

fn imported(data: &Path, store: &Path) -> Session {
    let mut session = Store::open(store).expect("a new store").session();
    execute(&mut session, &format!("IMPORT dbp15k '{}' AS p", data.join("dbp15k/zh_en").display()));
    session
}

fn execute(session: &mut Session, statement: &str) {
    if let Err(error) = session.execute(statement, &Params::new(), &Task::quiet()) {
        panic!("{statement}: {error:?}");
    }
}

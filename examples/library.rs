//! The whole way in Rust: a pair, its features, seeds, links, a file.
//!
//! `cargo run --example library`

use seedbed::ops::spec::{Encoder, Generate, Matching, Source};
use seedbed::{Result, Store};

fn main() -> Result<()> {
    let dir = tempfile::tempdir().map_err(|cause| seedbed::Error::io("making a directory", cause))?;
    let store = Store::open(dir.path().join("store"))?;

    let pair = store.generate(Generate { name: "demo".into(), entities: 1000, ..Generate::default() })?;
    pair.embed_names()?;
    pair.embed(Source::Relation, Encoder::Bow)?;

    let seeds = store.seed(&pair).cluster(4).count(200).named("s1").run()?;
    println!("{}", seeds.message);

    // The same request again costs a look into the catalogue.
    let again = store.seed(&pair).cluster(4).count(200).named("s1").run()?;
    println!("{} in {:.0} ms", again.message, 1e3 * again.seconds);

    println!("{}", store.align(&pair).matching(Matching::Mutual).named("links").run()?.message);
    for row in store.evaluate("links").run()?.rows.into_iter().flatten() {
        let row = row?;
        println!(
            "{:14} {:8} hits@1 {:.3}  mrr {:.3}",
            row.get::<String>("direction")?,
            row.get::<String>("similarity")?,
            row.get::<f64>("hits@1")?,
            row.get::<f64>("mrr")?
        );
    }
    println!("{}", store.export("links", dir.path().join("links.nt")).run()?.message);
    Ok(())
}

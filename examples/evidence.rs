//! Why two entities are thought the same: the counterparts of one, modality by modality.
//!
//! `cargo run --example evidence`

use seedbed::ops::spec::{Encoder, Generate, Source};
use seedbed::{Params, Result, Store};

fn main() -> Result<()> {
    let store = Store::in_memory();
    let pair = store.generate(Generate { name: "demo".into(), entities: 600, ..Generate::default() })?;
    pair.embed_names()?;
    pair.embed(Source::Relation, Encoder::Bow)?;

    let links = store.execute("SELECT left, right FROM demo.links LIMIT 3", &Params::new())?;
    for link in links.rows.into_iter().flatten() {
        let link = link?;
        let entity: String = link.get("left")?;
        let outcome = store.counterparts(&pair, &entity, None, 3)?;
        println!("{}", outcome.notes.join(" "));
        for row in outcome.rows.into_iter().flatten() {
            let row = row?;
            let show = |column: &str| -> Result<String> {
                Ok(row
                    .get::<Option<f64>>(column)?
                    .map_or("  –  ".to_string(), |score| format!("{score:.3}")))
            };
            let right: String = row.get("entity")?;
            let mark = if right == link.get::<String>("right")? { "=" } else { " " };
            println!(
                "{mark} {}  visual {}  text {}  relation {}  {}",
                show("score")?,
                show("visual")?,
                show("text")?,
                show("relation")?,
                row.get::<String>("name")?
            );
        }
    }
    Ok(())
}

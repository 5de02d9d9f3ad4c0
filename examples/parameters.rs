//! A prepared statement with parameters, and typed rows.
//!
//! `cargo run --example parameters`

use seedbed::ops::spec::Generate;
use seedbed::{Params, Result, Store, Task};

fn main() -> Result<()> {
    let store = Store::in_memory();
    let pair = store.generate(Generate { name: "demo".into(), entities: 600, ..Generate::default() })?;
    pair.embed_names()?;
    store.align(&pair).named("links").run()?;

    let mut session = store.session();
    // Values are bound, never pasted into the text: a quote in a name cannot end the string.
    let find =
        session.prepare("SELECT left_name, right_name, score FROM links WHERE score >= $least LIMIT $n")?;
    for least in [0.9, 0.5] {
        let params = Params::new().with("least", least).with("n", 3);
        let outcome = session.run(&find, &params, &Task::quiet())?;
        println!("score >= {least}");
        for row in outcome.rows.into_iter().flatten() {
            let row = row?;
            let (left, right): (String, String) = (row.get("left_name")?, row.get("right_name")?);
            println!("  {left} = {right} ({:.3})", row.get::<f64>("score")?);
        }
    }
    Ok(())
}

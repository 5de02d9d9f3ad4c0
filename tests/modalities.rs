//! `EXPLAIN MODALITIES`: what is useful is weighed, what is useless is named.

#[path = "common/npy.rs"]
mod npy;
#[path = "common/session.rs"]
mod session;

use std::collections::HashMap;
use std::path::Path;

use seedbed::{Code, Rng, Session, Store, Value};
use session::{attempt, execute, rows, text};

/// Columns of the modalities made here.
const WIDTH: usize = 16;

/// IRIs of a side, in the order of their ids.
fn entities(session: &mut Session, side: &str) -> Vec<String> {
    let found = execute(session, &format!("SELECT entity FROM p.{side}.entities"));
    session::rows_of(found).iter().map(|row| text(&row[0])).collect()
}

fn import(session: &mut Session, folder: &Path, modality: &str, data: &[f32]) {
    let path = folder.join(format!("{modality}.npy"));
    std::fs::write(&path, npy::npy(WIDTH, data)).unwrap();
    execute(session, &format!("IMPORT FEATURES {modality} FROM '{}' INTO p", path.display()));
}

/// A pair with names, images, sounds that both ends of a link share but for noise, and four modalities
/// that tell nothing: noise, one row for all, the sounds in another order on the right, and a copy of the
/// noise.
fn session(folder: &Path) -> (Store, Session) {
    let store = Store::in_memory();
    let mut session = store.session();
    execute(&mut session, "GENERATE PAIR p entities=600 visual_noise=0.8");
    execute(&mut session, "EMBED name USING ngrams dims=4096 INTO p");
    let sides = ["left", "right"].map(|side| entities(&mut session, side));
    let total = sides[0].len() + sides[1].len();
    let mut rng = Rng::new(3);
    let mut noise = |rows: usize| (0..rows * WIDTH).map(|_| rng.normal() as f32).collect::<Vec<f32>>();
    let useless = noise(total);
    import(&mut session, folder, "noise", &useless);
    import(&mut session, folder, "again", &useless);
    import(&mut session, folder, "constant", &vec![1.0; total * WIDTH]);
    let mut sound = noise(total);
    let row: HashMap<&String, usize> = sides[1].iter().zip(sides[0].len()..).collect();
    for link in rows(&mut session, "SELECT left, right FROM p.links") {
        let (own, other) = (text(&link[0]), row[&text(&link[1])]);
        let own = sides[0].iter().position(|iri| *iri == own).unwrap();
        for column in 0..WIDTH {
            sound[other * WIDTH + column] = sound[own * WIDTH + column] + 0.5 * sound[other * WIDTH + column];
        }
    }
    import(&mut session, folder, "sound", &sound);
    let mut order: Vec<usize> = (sides[0].len()..total).collect();
    Rng::new(4).shuffle(&mut order);
    let order = (0..sides[0].len()).chain(order);
    let shuffled: Vec<f32> = order.flat_map(|row| sound[row * WIDTH..(row + 1) * WIDTH].to_vec()).collect();
    import(&mut session, folder, "shuffled", &shuffled);
    (store, session)
}

#[test]
fn useless_modalities_weigh_nothing_and_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut session) = session(folder.path());
    let mut weights = HashMap::new();
    let mut table = String::new();
    let outcome = execute(&mut session, "EXPLAIN MODALITIES p");
    let notes = outcome.notes.clone();
    for row in outcome.rows.unwrap() {
        let row = row.unwrap();
        weights.insert(row.get::<String>("modality").unwrap(), row.get::<f64>("weight").unwrap());
        let cells = row.columns().iter().zip(row.values()).filter_map(|(column, value)| {
            // Neither the folders of files nor the last digits are promised.
            match (column.name.as_str(), value) {
                ("made_by", _) => None,
                (name, Value::Float(value)) => Some(format!("{name}={value:.2}")),
                (name, value) => Some(format!("{name}={value}")),
            }
        });
        table += &(cells.collect::<Vec<_>>().join(" | ") + "\n");
    }
    for useless in ["noise", "again", "constant", "shuffled"] {
        assert!(weights[useless] < 0.01, "{weights:?}");
        assert!(notes.iter().any(|note| note.starts_with(&format!("`{useless}` is useless"))), "{notes:#?}");
    }
    for useful in ["text", "visual", "sound"] {
        assert!(weights[useful] > 0.1, "{weights:?}");
    }
    assert!((weights.values().sum::<f64>() - 1.0).abs() < 1e-5);
    insta::assert_snapshot!("modalities", format!("{table}\n{}", notes.join("\n")));
    // The other door gives the same.
    let again = store.pair("p").unwrap().modalities().unwrap();
    assert_eq!(again.notes, notes);
}

#[test]
fn what_cannot_be_judged_is_said() {
    let mut session = Store::in_memory().session();
    execute(&mut session, "GENERATE PAIR p entities=200 missing_visual=0.8");
    let notes = execute(&mut session, "EXPLAIN MODALITIES p").notes;
    assert!(notes.iter().any(|note| note.contains("`visual` is the only modality")), "{notes:#?}");
    assert!(notes.iter().any(|note| note.contains("of the left side only")), "{notes:#?}");
    let code = |session: &mut Session, statement: &str| attempt(session, statement).unwrap_err().code();
    assert_eq!(code(&mut session, "EXPLAIN MODALITIES q"), Code::UnknownName);
    execute(&mut session, "GENERATE PAIR bare entities=50 missing_visual=1");
    assert_eq!(code(&mut session, "EXPLAIN MODALITIES bare"), Code::MissingData);
}

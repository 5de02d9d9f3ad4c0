//! What is refreshed row by row is what is computed from nothing: bit for bit, over random edits.

#[path = "common/session.rs"]
mod session;

use seedbed::{Params, Session, Store, Task, Value};
use session::rows;

/// Runs an edit that may be refused: of what is not there, or for a second partner.
fn attempt(session: &mut Session, statement: &str) -> bool {
    session.execute(statement, &Params::new(), &Task::quiet()).is_ok()
}

fn digest(session: &mut Session, name: &str) -> String {
    let facts = rows(session, &format!("DESCRIBE {name}"));
    facts.iter().find(|fact| fact[0] == Value::from("digest")).unwrap()[1].to_string()
}

/// A die of its own, so that the scripts are the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % n
    }

    fn pick<'a>(&mut self, of: &'a [String]) -> &'a str {
        &of[self.below(of.len())]
    }
}

fn planted() -> Session {
    let mut session = Store::in_memory().session();
    rows(&mut session, "GENERATE PAIR p entities=50 relations=8 attributes=6 visual_dims=8");
    rows(&mut session, "EMBED name USING ngrams dims=256 INTO p");
    rows(&mut session, "EMBED relation USING bow dims=8 INTO p");
    for statement in STAGES {
        rows(&mut session, statement);
    }
    session
}

const STAGES: [&str; 6] = [
    "SEED visual n=30 FROM p AS s1",
    "SEED global n=30 weights=equal FROM s1 AS s2",
    "CORRECT s2 weights=equal AS s3",
    "EXPAND s3 n=40 weights=equal AS s4",
    "ALIGN p weights=equal csls=3 AS a1",
    "ALIGN p weights(visual=0.7, text=0.3) match=greedy csls=none missing=renormalise AS a2",
];
const MADE: [&str; 6] = ["s1", "s2", "s3", "s4", "a1", "a2"];

/// What may be named in an edit, before it.
struct World {
    entities: [Vec<String>; 2],
    relations: Vec<String>,
}

fn world(session: &mut Session) -> World {
    let mut column =
        |query: &str| -> Vec<String> { rows(session, query).iter().map(|row| row[0].to_string()).collect() };
    let entities = ["left", "right"].map(|side| column(&format!("SELECT entity FROM p.{side}.entities")));
    World { entities, relations: column("SELECT relation FROM p.left.triples GROUP BY relation") }
}

/// One random edit or verdict, as a statement.
fn edit(dice: &mut Dice, world: &World, number: usize) -> String {
    let at = dice.below(2);
    let (side, entities) = (["left", "right"][at], &world.entities[at]);
    let entity = dice.pick(entities).to_string();
    match dice.below(9) {
        0 => format!("INSERT ENTITY 'http://new.example/{number}' name='thing {number}' INTO p.{side}"),
        1 => format!("DELETE ENTITY <{entity}> FROM p.{side}"),
        2 => format!("INSERT ENTITY <{entity}> name='called {number}' INTO p.{side}"),
        3 | 4 => {
            let (relation, tail) = (dice.pick(&world.relations), dice.pick(entities));
            format!("INSERT TRIPLE (<{entity}>, <{relation}>, <{tail}>) INTO p.{side}")
        }
        5 => format!("INSERT ATTRIBUTE (<{entity}>, 'http://new.example/size', {number}) INTO p.{side}"),
        6 => "UNDO IN p".to_string(),
        verdict => {
            let (left, right) = (dice.pick(&world.entities[0]), dice.pick(&world.entities[1]));
            format!("{} (<{left}>, <{right}>) IN p", if verdict == 7 { "ACCEPT" } else { "REJECT" })
        }
    }
}

// Two times 260 scripts, so that two cores share them.
#[test]
fn a_refresh_gives_what_a_full_one_gives() {
    same_after_scripts(260, 1);
}

#[test]
fn a_refresh_gives_what_a_full_one_gives_after_other_edits() {
    same_after_scripts(260, 2);
}

fn same_after_scripts(scripts: usize, seed: u64) {
    let (mut by_rows, mut in_full) = (planted(), planted());
    let mut dice = Dice(seed);
    let mut edits = 0;
    for script in 0..scripts {
        let known = world(&mut by_rows);
        for step in 0..1 + dice.below(3) {
            let statement = edit(&mut dice, &known, 10 * script + step);
            let done = attempt(&mut by_rows, &statement);
            assert_eq!(attempt(&mut in_full, &statement), done, "{statement}");
            edits += usize::from(done);
        }
        // Anew from time to time: few entities are left, or the stores have grown.
        let few = known.entities[0].len().min(known.entities[1].len()) < 30;
        if few || script % 40 == 39 {
            (by_rows, in_full) = (planted(), planted());
            continue;
        }
        rows(&mut by_rows, "REFRESH p");
        rows(&mut in_full, "REFRESH p full=true");
        for name in MADE {
            assert_eq!(
                digest(&mut by_rows, name),
                digest(&mut in_full, name),
                "{name} after script {script}"
            );
        }
    }
    assert!(edits > scripts, "{edits} edits");
    rows(&mut by_rows, "CHECK FULL");
}

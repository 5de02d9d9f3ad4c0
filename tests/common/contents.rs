//! Everything a store can be asked for, as texts that can be compared.
#![allow(dead_code)]

use seedbed::{Params, Result, Session, Task, Value};

/// What a query gives: a line a row, values apart by tabs.
pub fn answer(session: &mut Session, query: &str) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for row in session.execute(query, &Params::new(), &Task::quiet())?.rows.into_iter().flatten() {
        let values: Vec<String> = row?.values().iter().map(|value| value.to_string()).collect();
        lines.push(values.join("\t"));
    }
    Ok(lines)
}

/// The same without what a clock gave: two stores that did the same statements agree on the rest.
pub fn untimed(session: &mut Session, query: &str) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for row in session.execute(query, &Params::new(), &Task::quiet())?.rows.into_iter().flatten() {
        let row = row?;
        if matches!(&row.values()[0], Value::Text(name) if name == "seconds") {
            continue;
        }
        let columns = row.columns().iter().zip(row.values());
        let values = columns.filter(|(column, _)| !["seconds", "at"].contains(&&*column.name));
        lines.push(values.map(|(_, value)| value.to_string()).collect::<Vec<_>>().join("\t"));
    }
    Ok(lines)
}

/// Queries for lists of what there is; they change with everything that is made.
pub const LISTS: [&str; 11] = [
    "SHOW PAIRS",
    "SHOW FEATURES",
    "SHOW SEEDS",
    "SHOW ALIGNMENTS",
    "SHOW MODELS",
    "SHOW RUNS",
    "SHOW INDEXES",
    "SHOW ARTIFACTS",
    "SHOW VERDICTS",
    "SHOW STALE",
    "SHOW OPERATIONS",
];

/// Queries for all rows of all pairs and artifacts there are.
pub fn questions(session: &mut Session) -> Result<Vec<String>> {
    let mut questions = Vec::new();
    let first = |line: &String| line.split('\t').next().unwrap_or_default().to_string();
    for pair in answer(session, "SHOW PAIRS")?.iter().map(first) {
        questions.push(format!("DESCRIBE {pair}"));
        for table in ["entities", "triples", "attributes"] {
            questions.extend(["left", "right"].map(|side| format!("SELECT * FROM {pair}.{side}.{table}")));
        }
        questions.extend(["links", "verdicts"].map(|table| format!("SELECT * FROM {pair}.{table}")));
    }
    for line in answer(session, "SHOW ARTIFACTS")? {
        let (name, kind) = (first(&line), line.split('\t').nth(1).unwrap_or_default().to_string());
        questions.push(format!("DESCRIBE {name}"));
        questions.push(format!("SHOW LINEAGE {name}"));
        match kind.as_str() {
            "seeds" => {
                questions.extend([format!("SELECT * FROM {name}"), format!("SELECT * FROM {name}.dropped")]);
            }
            "alignment" => {
                questions
                    .extend([format!("SELECT * FROM {name}"), format!("SELECT * FROM {name}.unmatched")]);
            }
            "model" => questions.push(format!("EXPLAIN RUN {name}")),
            _ => {}
        }
    }
    Ok(questions)
}

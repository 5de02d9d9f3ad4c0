//! Translated entity names: a JSON list `[[id, ["token", …]], …]`, read one entry at a time.

use std::cell::Cell;
use std::fmt;
use std::path::Path;
use std::rc::Rc;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use crate::error::{Code, Error, Result};
use crate::task::Task;

use super::lines::{self, Bounded};

/// The tokens of a name, or the name itself.
#[derive(Deserialize)]
#[serde(untagged)]
enum Name {
    Tokens(Vec<String>),
    Text(String),
}

/// Calls `take(id, name)` for each entry; tokens are joined by blanks.
pub(super) fn read(path: &Path, task: &Task, mut take: impl FnMut(u32, &str)) -> Result<u64> {
    struct Entries<'t, F> {
        task: &'t Task,
        since: Rc<Cell<usize>>,
        take: F,
    }
    impl<'de, F: FnMut(u32, &str)> Visitor<'de> for Entries<'_, F> {
        type Value = u64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of entries `[id, [\"token\", …]]`")
        }

        fn visit_seq<A: SeqAccess<'de>>(mut self, mut entries: A) -> Result<u64, A::Error> {
            let mut count = 0;
            while let Some((id, name)) = entries.next_element::<(u32, Name)>()? {
                match name {
                    Name::Tokens(tokens) => (self.take)(id, &tokens.join(" ")),
                    Name::Text(text) => (self.take)(id, &text),
                }
                self.since.set(0);
                count += 1;
                if count % 4096 == 0 {
                    self.task.advance(count);
                    if self.task.is_cancelled() {
                        break;
                    }
                }
            }
            Ok(count)
        }
    }

    let (reader, since) = Bounded::new(lines::open_text(path)?);
    let reader = std::io::BufReader::new(reader);
    let mut json = serde_json::Deserializer::from_reader(reader);
    let result = json
        .deserialize_seq(Entries { task, since, take: &mut take })
        .and_then(|count| json.end().map(|()| count));
    // A cancelled read stops early, and then the rest of the list is an error of no interest.
    task.check()?;
    result.map_err(|cause| {
        let line = cause.line() as u64;
        if cause.is_io() {
            return lines::read_failed(path, line, cause.into());
        }
        let mut reason = cause.to_string();
        if let Some(end) = reason.find(" at line ") {
            reason.truncate(end);
        }
        if reason.starts_with("data did not match any variant") {
            reason = "the name is neither a list of tokens nor a text".to_string();
        }
        Error::new(Code::BadFile, format!("broken translated names at column {}: {reason}", cause.column()))
            .help("expected a JSON list of entries `[id, [\"token\", …]]`; remove the file to import without it")
            .file(path, line, "")
    })
}

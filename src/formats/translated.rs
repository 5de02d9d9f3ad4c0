//! Translated entity names: a JSON list `[[id, ["token", …]], …]`, read one entry at a time.

use std::cell::Cell;
use std::fmt;
use std::path::Path;
use std::rc::Rc;

use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};

use crate::error::{Code, Error, Result};
use crate::task::Task;

use super::lines::{self, Bounded};

/// One entry: gives the id and writes the name into the buffer, tokens joined by blanks.
struct Entry<'b>(&'b mut String);

impl<'de> DeserializeSeed<'de> for Entry<'_> {
    type Value = u32;

    fn deserialize<D: Deserializer<'de>>(self, entry: D) -> Result<u32, D::Error> {
        entry.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entry<'_> {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entry `[id, [\"token\", …]]`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<u32, A::Error> {
        self.0.clear();
        let id =
            parts.next_element()?.ok_or_else(|| serde::de::Error::invalid_length(0, &"an id and a name"))?;
        parts
            .next_element_seed(Name(self.0))?
            .ok_or_else(|| serde::de::Error::invalid_length(1, &"an id and a name"))?;
        Ok(id)
    }
}

/// A list of tokens, a token, or a whole name: each text is written after a blank.
struct Name<'b>(&'b mut String);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<(), D::Error> {
        name.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Name<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of tokens or a text")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        self.0.push_str(text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut tokens: A) -> Result<(), A::Error> {
        while tokens.next_element_seed(Name(self.0))?.is_some() {}
        Ok(())
    }
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
            let mut name = String::new();
            while let Some(id) = entries.next_element_seed(Entry(&mut name))? {
                (self.take)(id, &name);
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
        Error::new(Code::BadFile, format!("broken translated names at column {}: {reason}", cause.column()))
            .help("expected a JSON list of entries `[id, [\"token\", …]]`; remove the file to import without it")
            .file(path, line, "")
    })
}

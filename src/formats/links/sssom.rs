//! SSSOM/TSV: CURIEs are expanded by the file's `curie_map`, denied mappings and other relations than
//! equality are left out and counted.

use std::collections::HashMap;
use std::io::{BufRead, Read};
use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::formats::lines::{self, Bounded};
use crate::formats::prefixes;

use super::table::{broken, next_record};
use super::{Resolver, Stated, bare, is_equality};

/// Longest line of the header.
const HEADER_LINE: u64 = 1 << 20;

/// A mapping that states an equality, or denies one.
pub(super) struct Mapping<'a> {
    pub left: &'a str,
    pub right: &'a str,
    /// Whether it says that the two are not equal.
    pub denied: bool,
    /// Who says so, in words or as an identifier.
    pub author: &'a str,
    pub comment: &'a str,
    /// `2026-11-21`
    pub date: &'a str,
    pub at: Stated<'a>,
}

/// Reads the mappings.
pub(super) fn read(path: &Path, resolver: &mut Resolver<'_>) -> Result<()> {
    each(path, resolver, |resolver, mapping| {
        if mapping.denied {
            resolver.report.negated += 1;
            return Ok(());
        }
        resolver.link(mapping.left, mapping.right, None, mapping.at)
    })
}

/// Hands every mapping of equality to `take`.
pub(super) fn each<'r>(
    path: &Path,
    resolver: &mut Resolver<'r>,
    mut take: impl FnMut(&mut Resolver<'r>, Mapping<'_>) -> Result<()>,
) -> Result<()> {
    let mut source = lines::open_text(path)?;
    let (prefixes, before) = header(&mut source, path)?;
    let (source, since) = Bounded::new(source);
    let mut reader = csv::ReaderBuilder::new().delimiter(b'\t').flexible(true).from_reader(source);
    let columns = reader.headers().map_err(|cause| broken(cause, path))?.clone();
    let place = |name: &str| columns.iter().position(|column| column.trim() == name);
    let needed = |name: &str| {
        place(name).ok_or_else(|| {
            let text = columns.iter().collect::<Vec<_>>().join("\t");
            Error::new(Code::BadFile, format!("the table has no column `{name}`"))
                .help("an SSSOM table names subject_id, predicate_id and object_id in its first line")
                .file(path, before + 1, &text)
        })
    };
    let ends = [needed("subject_id")?, needed("predicate_id")?, needed("object_id")?];
    let modifier = place("predicate_modifier");
    let authors = ["author_label", "author_id", "reviewer_label", "reviewer_id"].map(place);
    let [comments, dates] = ["comment", "mapping_date"].map(place);
    let mut record = csv::StringRecord::new();
    while next_record(&mut reader, &mut record, path, resolver)? {
        since.set(0);
        let line = before + record.position().map_or(0, csv::Position::line);
        let text = record.iter().collect::<Vec<_>>().join("\t");
        let bad = |error: Error| error.file(path, line, &text);
        let field = |at: usize| record.get(at).unwrap_or_default();
        let given = |at: Option<usize>| at.map_or("", |at| field(at).trim());
        if ends.iter().any(|&at| at >= record.len()) {
            let message =
                format!("expected {} fields as in the header, found {}", columns.len(), record.len());
            resolver.broken(bad(Error::new(Code::BadFile, message)))?;
            continue;
        }
        let [left, predicate, right] = match expanded(ends.map(field), &prefixes) {
            Ok(iris) => iris,
            Err(error) => {
                resolver.broken(bad(error))?;
                continue;
            }
        };
        if !is_equality(&predicate) || [&left, &right].iter().any(|iri| iri.ends_with("sssom/NoTermFound")) {
            resolver.report.other += 1;
            continue;
        }
        let mapping = Mapping {
            left: &left,
            right: &right,
            denied: given(modifier).eq_ignore_ascii_case("not"),
            author: authors.into_iter().map(given).find(|author| !author.is_empty()).unwrap_or_default(),
            comment: given(comments),
            date: given(dates),
            at: Stated { line, text: &text },
        };
        take(resolver, mapping)?;
    }
    Ok(())
}

/// Reads the commented lines; gives the declared prefixes and the number of lines.
fn header(source: &mut dyn BufRead, path: &Path) -> Result<(HashMap<String, String>, u64)> {
    let mut prefixes = HashMap::new();
    let mut count = 0;
    // Indentation of `curie_map` while its entries are being read.
    let mut map_at = None;
    loop {
        let next = source.fill_buf().map_err(|cause| lines::read_failed(path, count, cause))?;
        if next.first() != Some(&b'#') {
            return Ok((prefixes, count));
        }
        let mut line = Vec::new();
        let read = source.take(HEADER_LINE).read_until(b'\n', &mut line);
        read.map_err(|cause| lines::read_failed(path, count, cause))?;
        count += 1;
        if line.len() as u64 == HEADER_LINE {
            return Err(
                Error::new(Code::Limit, "a line of the header is longer than 1 MiB").file(path, count, "")
            );
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end().trim_start_matches('#');
        let indent = line.len() - line.trim_start().len();
        let Some((key, value)) = scalar_pair(line.trim()) else { continue };
        match map_at {
            Some(at) if indent > at => {
                prefixes.insert(key, value);
            }
            _ if key == "curie_map" => map_at = Some(indent),
            _ => map_at = None,
        }
    }
}

/// `key: value` with YAML's quotes undone.
fn scalar_pair(line: &str) -> Option<(String, String)> {
    let (key, value) = match line.chars().next()? {
        quote @ ('"' | '\'') => {
            let (key, rest) = line[1..].split_once(quote)?;
            (key, rest.trim_start().strip_prefix(':')?)
        }
        _ => line.split_once(": ").or_else(|| line.strip_suffix(':').map(|key| (key, "")))?,
    };
    let value = value.trim();
    let value = match value.chars().next() {
        Some('"') => serde_json::from_str(value).unwrap_or_else(|_| value.trim_matches('"').to_string()),
        Some('\'') => value.trim_matches('\'').replace("''", "'"),
        _ => value.to_string(),
    };
    Some((key.trim().to_string(), value))
}

fn expanded(curies: [&str; 3], prefixes: &HashMap<String, String>) -> Result<[String; 3]> {
    let [left, predicate, right] = curies.map(|text| expand(text, prefixes));
    Ok([left?, predicate?, right?])
}

/// The IRI of a CURIE; what is an IRI already stays.
fn expand(text: &str, prefixes: &HashMap<String, String>) -> Result<String> {
    let text = bare(text);
    let Some((prefix, local)) = text.split_once(':') else {
        let text = crate::error::shorten(text, 80);
        return Err(Error::new(Code::BadFile, format!("`{text}` is no CURIE, expected prefix:name")));
    };
    let built_in = || {
        let all = prefixes::BUILT_IN.iter().chain(prefixes::KNOWN);
        all.copied().find(|(name, _)| *name == prefix).map(|(_, namespace)| namespace)
    };
    match prefixes.get(prefix).map(String::as_str).or_else(built_in) {
        Some(namespace) => Ok(format!("{namespace}{local}")),
        None if local.starts_with("//") || prefix == "urn" => Ok(text.to_string()),
        None => Err(Error::new(
            Code::BadFile,
            format!("the prefix `{}` is not in the curie_map of the file", crate::error::shorten(prefix, 40)),
        )
        .help("declare it in the header: `# curie_map:` and below `#   prefix: http://…`")),
    }
}

//! SSSOM/TSV: a header of metadata in commented YAML, then a table of mappings between CURIEs.
//!
//! Which prefixes a file declares depends on its rows, so the rows wait in a scratch file. The local
//! part of a CURIE is percent-encoded where a URI would be, as the public validator asks; readers find
//! the entity again by its URI.

use std::collections::BTreeMap;
use std::io::Write;

use crate::error::{Code, Error, Result};
use crate::formats::lookup::to_uri;
use crate::formats::prefixes::{self, is_absolute};

use super::target::Scratch;
use super::{ExportMeta, ExportRow, Reviewed};

/// Further columns of verdicts.
const REVIEW_COLUMNS: [&str; 3] = ["predicate_modifier", "author_label", "mapping_date"];

const COLUMNS: [&str; 9] = [
    "subject_id",
    "subject_label",
    "predicate_id",
    "object_id",
    "object_label",
    "mapping_justification",
    "similarity_score",
    "similarity_measure",
    "comment",
];

/// A mapping set that is being written.
pub(super) struct Sssom<'a> {
    rows: csv::Writer<Scratch<'a>>,
    prefixes: BTreeMap<String, String>,
    made_up: BTreeMap<String, String>,
    auto_prefixes: bool,
    predicate: &'static str,
    /// Whether rows are verdicts.
    reviewed: bool,
    /// Scores outside 0..=1, which SSSOM has no column for; they are in the comment.
    pub outside: u64,
}

impl<'a> Sssom<'a> {
    /// An empty set, whose rows wait in `scratch`.
    pub fn new(scratch: Scratch<'a>, auto_prefixes: bool, exact_match: bool, reviewed: bool) -> Self {
        let predicate = if exact_match { "skos:exactMatch" } else { "owl:sameAs" };
        let rows = csv::WriterBuilder::new().delimiter(b'\t').from_writer(scratch);
        let (prefixes, made_up) = (BTreeMap::new(), BTreeMap::new());
        Sssom { rows, prefixes, made_up, auto_prefixes, predicate, reviewed, outside: 0 }
    }

    /// Takes a row.
    pub fn row(&mut self, row: &ExportRow) -> Result<()> {
        let (left, right) = (self.contract(&row.left_iri)?, self.contract(&row.right_iri)?);
        // Rounding may put a cosine a hair above 1.
        let score = row.score.map(|score| if score <= 1.0 + 1e-5 { score.min(1.0) } else { score });
        let score = score.filter(|score| (0.0..=1.0).contains(score));
        let mut comment = format!("rank {}", row.rank);
        if let Some(stage) = &row.stage {
            comment = format!("stage {stage}, {comment}");
        }
        if let (Some(outside), None) = (row.score, score) {
            comment = format!("{comment}, score {outside}");
            self.outside += 1;
        }
        let score = score.map_or_else(String::new, |score| score.to_string());
        let none = Reviewed::default();
        let said = row.reviewed.as_ref().unwrap_or(&none);
        if self.reviewed {
            comment.clone_from(&said.comment);
        }
        let mut fields: Vec<&str> = vec![
            &left,
            &row.left_label,
            self.predicate,
            &right,
            &row.right_label,
            row.justification.curie(),
            &score,
            row.measure.as_deref().unwrap_or_default(),
            &comment,
        ];
        if self.reviewed {
            fields.extend([if said.denied { "Not" } else { "" }, &said.author, &said.date]);
        }
        self.rows.write_record(fields).map_err(|cause| match cause.into_kind() {
            csv::ErrorKind::Io(cause) => failed(cause),
            other => Error::new(Code::Internal, format!("a row could not be written: {other:?}")),
        })
    }

    /// Writes header and rows.
    pub fn finish(self, into: &mut impl Write, meta: &ExportMeta, license: &str) -> Result<()> {
        let header = self.header(meta, license);
        into.write_all(header.as_bytes()).map_err(failed)?;
        let more: &[&str] = if self.reviewed { &REVIEW_COLUMNS } else { &[] };
        writeln!(into, "{}", [&COLUMNS, more].concat().join("\t")).map_err(failed)?;
        let scratch = self.rows.into_inner().map_err(|cause| failed(cause.into_error()))?;
        scratch.copy_to(into).map_err(failed)
    }

    fn header(&self, meta: &ExportMeta, license: &str) -> String {
        let mut lines = vec!["# curie_map:".to_string()];
        let mut map = self.prefixes.clone();
        for name in ["semapv", self.predicate.split(':').next().unwrap_or_default()] {
            if let Some((name, namespace)) = prefixes::BUILT_IN.iter().find(|(known, _)| *known == name) {
                map.insert((*name).into(), (*namespace).into());
            }
        }
        lines.extend(map.iter().map(|(name, namespace)| format!("#   {name}: {}", quote(namespace))));
        let mut entry = |key: &str, value: &str| {
            if !value.is_empty() {
                lines.push(format!("# {key}: {}", quote(value)));
            }
        };
        entry("mapping_set_id", &set_id(meta));
        entry("mapping_set_title", &format!("{} of {}", meta.artifact, meta.pair));
        entry("mapping_set_description", &format!("blake3 {}", meta.digest));
        entry("license", &license_uri(license));
        entry("mapping_tool", "Seedbed");
        entry("mapping_tool_version", &meta.tool_version);
        entry("mapping_date", &meta.date);
        for (key, source) in
            [("subject_source", &meta.subject_source), ("object_source", &meta.object_source)]
        {
            // A source is a reference to an entity; a mere name is none.
            if is_absolute(source) {
                entry(key, &to_uri(source));
            }
        }
        lines.push(String::new());
        lines.join("\n")
    }

    /// The CURIE of an IRI; notes the prefix as used.
    fn contract(&mut self, iri: &str) -> Result<String> {
        if let Some((name, namespace)) = prefixes::known(iri) {
            self.prefixes.entry(name.into()).or_insert_with(|| namespace.into());
            return Ok(format!("{name}:{}", to_uri(&iri[namespace.len()..])));
        }
        if !is_absolute(iri) {
            return Err(Error::new(Code::BadValue, format!("`{iri}` is no absolute IRI, which SSSOM needs"))
                .help("export as tsv, csv or jsonl, which take any name"));
        }
        if !self.auto_prefixes {
            return Err(Error::new(Code::BadValue, format!("no known prefix contracts `{iri}`"))
                .help("add prefixes=auto to make prefixes up, or export as tsv"));
        }
        let end = namespace_end(iri);
        let namespace = &iri[..end];
        let name = match self.made_up.get(namespace) {
            Some(name) => name.clone(),
            None => {
                let name = format!("ns{}", self.made_up.len() + 1);
                self.made_up.insert(namespace.into(), name.clone());
                self.prefixes.insert(name.clone(), to_uri(namespace));
                name
            }
        };
        Ok(format!("{name}:{}", to_uri(&iri[end..])))
    }
}

/// Where the namespace of an IRI ends: past the last `#`, `/` or `:` that leaves something over.
fn namespace_end(iri: &str) -> usize {
    let body = iri.trim_end_matches(['#', '/', ':']);
    match body.rfind(['#', '/', ':']) {
        Some(at) => at + 1,
        None => iri.find(':').map_or(0, |at| at + 1),
    }
}

/// A name of the set that follows from what is in it: a UUID (version 8) of the artifact's digest.
fn set_id(meta: &ExportMeta) -> String {
    let mut hex: Vec<char> = meta.digest.chars().filter(char::is_ascii_hexdigit).take(32).collect();
    if hex.len() < 32 {
        let digest = blake3::hash(format!("{}\n{}\n{}", meta.pair, meta.artifact, meta.digest).as_bytes());
        hex = digest.to_hex().chars().take(32).collect();
    }
    (hex[12], hex[16]) = ('8', '8');
    let part = |from: usize, to: usize| hex[from..to].iter().collect::<String>().to_lowercase();
    format!("urn:uuid:{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

/// The licence as the IRI that SSSOM asks for.
fn license_uri(license: &str) -> String {
    match license.trim() {
        "" => "https://w3id.org/sssom/license/unspecified".into(),
        text if text.contains("://") => to_uri(text),
        "CC0" | "CC0-1.0" => "https://creativecommons.org/publicdomain/zero/1.0/".into(),
        "CC-BY-4.0" => "https://creativecommons.org/licenses/by/4.0/".into(),
        "CC-BY-SA-4.0" => "https://creativecommons.org/licenses/by-sa/4.0/".into(),
        text => format!("https://spdx.org/licenses/{}", to_uri(text)),
    }
}

/// A YAML scalar: as it is where that is safe, else in double quotes (which are JSON's).
fn quote(text: &str) -> String {
    let plain = is_absolute(text) && !text.contains([' ', '#', '"', '\'']) && !text.ends_with(':');
    let word = !text.is_empty()
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric())
        && !["null", "true", "false", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_lowercase().as_str());
    if plain || word { text.to_string() } else { serde_json::Value::from(text).to_string() }
}

fn failed(cause: std::io::Error) -> Error {
    Error::io("cannot write the file", cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_end_where_a_name_begins() {
        for (iri, namespace) in [
            ("http://x.org/a#b", "http://x.org/a#"),
            ("http://x.org/a/b/", "http://x.org/a/"),
            ("urn:isbn:12", "urn:isbn:"),
            ("http://x.org", "http://"),
            ("mailto:a", "mailto:"),
        ] {
            assert_eq!(&iri[..namespace_end(iri)], namespace);
        }
    }

    #[test]
    fn scalars_are_quoted_where_yaml_would_misread_them() {
        assert_eq!(quote("http://x.org/a"), "http://x.org/a");
        assert_eq!(quote("http://x.org/a#"), "\"http://x.org/a#\"");
        assert_eq!(quote("2026-11-21"), "\"2026-11-21\"");
        assert_eq!(
            (quote("Seedbed"), quote("no"), quote("a: b")),
            ("Seedbed".into(), "\"no\"".into(), "\"a: b\"".into())
        );
    }

    #[test]
    fn the_set_is_named_by_its_digest() {
        let meta = ExportMeta { digest: "0123456789abcdef".repeat(4), ..ExportMeta::default() };
        assert_eq!(set_id(&meta), "urn:uuid:01234567-89ab-8def-8123-456789abcdef");
        assert_eq!(set_id(&ExportMeta::default()).len(), 45);
    }
}

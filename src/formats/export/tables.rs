//! Plain tables: csv, tsv, JSON lines, and the id pairs of dbp15k.

use std::io::Write;

use serde_json::json;

use crate::error::{Code, Error, Result};

use super::{ExportRow, Sheet};

/// Columns of csv and tsv, keys of JSON lines.
const COLUMNS: [&str; 9] =
    ["left", "right", "score", "rank", "stage", "left_label", "right_label", "justification", "measure"];

/// Comma- or tab-separated values with a header.
pub(super) struct Table<W: Write>(csv::Writer<W>);

impl<W: Write> Table<W> {
    /// Writes the header.
    pub fn new(writer: W, separator: u8) -> Result<Self> {
        let mut writer = csv::WriterBuilder::new().delimiter(separator).from_writer(writer);
        writer.write_record(COLUMNS).map_err(failed)?;
        Ok(Table(writer))
    }
}

impl<W: Write> Sheet for Table<W> {
    fn row(&mut self, row: &ExportRow) -> Result<()> {
        let (score, rank) =
            (row.score.map_or_else(String::new, |score| score.to_string()), row.rank.to_string());
        let fields = [
            &row.left_iri,
            &row.right_iri,
            &score,
            &rank,
            row.stage.as_deref().unwrap_or_default(),
            &row.left_label,
            &row.right_label,
            row.justification.curie(),
            row.measure.as_deref().unwrap_or_default(),
        ];
        self.0.write_record(fields).map_err(failed)
    }

    fn end(&mut self) -> Result<()> {
        self.0.flush().map_err(|cause| Error::io("cannot write the file", cause))
    }
}

fn failed(cause: csv::Error) -> Error {
    match cause.into_kind() {
        csv::ErrorKind::Io(cause) => Error::io("cannot write the file", cause),
        other => Error::new(Code::Internal, format!("a row could not be written: {other:?}")),
    }
}

/// One JSON object a line; what is not known is null.
pub(super) struct JsonLines<W>(pub W);

impl<W: Write> Sheet for JsonLines<W> {
    fn row(&mut self, row: &ExportRow) -> Result<()> {
        let object = json!({
            "left": row.left_iri,
            "right": row.right_iri,
            "score": row.score,
            "rank": row.rank,
            "stage": row.stage,
            "left_label": row.left_label,
            "right_label": row.right_label,
            "justification": row.justification.curie(),
            "measure": row.measure,
        });
        writeln!(self.0, "{object}").map_err(|cause| Error::io("cannot write the file", cause))
    }
}

/// `id ⇥ id` with the ids of the source.
pub(super) struct Ids<W>(pub W);

impl<W: Write> Sheet for Ids<W> {
    fn row(&mut self, row: &ExportRow) -> Result<()> {
        let id = |id: Option<u32>, iri: &str| {
            id.ok_or_else(|| {
                Error::new(Code::MissingData, format!("`{iri}` has no id in its source, expected one"))
                    .help("pairs of dbp15k and jape have such ids; export as tsv or csv instead")
            })
        };
        let (left, right) =
            (id(row.left_source_id, &row.left_iri)?, id(row.right_source_id, &row.right_iri)?);
        writeln!(self.0, "{left}\t{right}").map_err(|cause| Error::io("cannot write the file", cause))
    }
}

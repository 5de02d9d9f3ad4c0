//! A table of texts as csv, Markdown or LaTeX.

use std::io::{self, Write};
use std::path::Path;

use super::{ending_of, untold, whole_file};
use crate::error::Result;
use crate::formats::markup::{latex_text, markdown_text};
use crate::fs::FileSystem;
use crate::ops::spec::TableFormat;

/// A table of texts.
pub(crate) struct Tabular {
    /// The columns' names, and whether they hold numbers.
    pub columns: Vec<(String, bool)>,
    /// As many texts a row as there are columns.
    pub rows: Vec<Vec<String>>,
}

/// The format of a table that a file name tells.
pub(crate) fn table_format(path: &Path) -> Result<TableFormat> {
    let endings = [
        (".csv", TableFormat::Csv),
        (".md", TableFormat::Markdown),
        (".markdown", TableFormat::Markdown),
        (".tex", TableFormat::Latex),
    ];
    ending_of(path, &endings).ok_or_else(|| untold(path, "csv, markdown, latex"))
}

/// Writes a table and tells the length of the file. Errors are those of [`whole_file`].
pub(crate) fn write_table(
    fs: &dyn FileSystem,
    path: &Path,
    overwrite: bool,
    format: TableFormat,
    table: &Tabular,
) -> Result<u64> {
    whole_file(fs, path, overwrite, |writer| match format {
        TableFormat::Csv => csv(table, writer),
        TableFormat::Markdown => markdown(table, writer),
        TableFormat::Latex => latex(table, writer),
    })
}

fn csv(table: &Tabular, writer: &mut dyn Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(writer);
    writer.write_record(table.columns.iter().map(|(name, _)| name))?;
    for row in &table.rows {
        writer.write_record(row)?;
    }
    writer.flush()
}

fn markdown(table: &Tabular, writer: &mut dyn Write) -> io::Result<()> {
    let mut line = |cells: &mut dyn Iterator<Item = String>| {
        writeln!(writer, "| {} |", cells.collect::<Vec<_>>().join(" | "))
    };
    line(&mut table.columns.iter().map(|(name, _)| markdown_text(name)))?;
    line(&mut table.columns.iter().map(|(_, number)| if *number { "---:" } else { "---" }.to_string()))?;
    table.rows.iter().try_for_each(|row| line(&mut row.iter().map(|cell| markdown_text(cell))))
}

fn latex(table: &Tabular, writer: &mut dyn Write) -> io::Result<()> {
    let columns: String = table.columns.iter().map(|(_, number)| if *number { 'r' } else { 'l' }).collect();
    writeln!(writer, "% needs \\usepackage{{booktabs}}\n\\begin{{tabular}}{{{columns}}}\n\\toprule")?;
    let line = |cells: &mut dyn Iterator<Item = &String>| {
        format!("{} \\\\", cells.map(|cell| latex_text(cell)).collect::<Vec<_>>().join(" & "))
    };
    writeln!(writer, "{}\n\\midrule", line(&mut table.columns.iter().map(|(name, _)| name)))?;
    for row in &table.rows {
        writeln!(writer, "{}", line(&mut row.iter()))?;
    }
    writeln!(writer, "\\bottomrule\n\\end{{tabular}}")
}

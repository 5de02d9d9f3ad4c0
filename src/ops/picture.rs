//! A picture of a seed set: coverage against degree, precision against the number of seeds.

use std::fmt::Write as _;
use std::path::Path;

use crate::error::Result;
use crate::formats::export::whole_file;
use crate::fs::FileSystem;
use crate::psqe::Cell;

/// Width and height of a panel, and the room around it.
const PANEL: (f64, f64) = (360.0, 240.0);
const MARGIN: (f64, f64) = (60.0, 50.0);

/// What is drawn.
pub(crate) struct Picture<'a> {
    /// Name of the seed set.
    pub name: &'a str,
    /// Cells by degree, from few neighbours to many.
    pub cells: &'a [Cell],
    /// Precision of the first so many seeds; empty where nobody knows.
    pub curve: Vec<(usize, f64)>,
}

/// Writes the picture as SVG; gives its length.
pub(crate) fn write(fs: &dyn FileSystem, picture: &Picture<'_>, path: &Path, overwrite: bool) -> Result<u64> {
    whole_file(fs, path, overwrite, |file| file.write_all(svg(picture).as_bytes()))
}

fn svg(picture: &Picture<'_>) -> String {
    let (width, height) = (2.0 * (PANEL.0 + 2.0 * MARGIN.0), PANEL.1 + 2.0 * MARGIN.1);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    panel(&mut out, 0.0, &format!("{}: share of entities in a seed, by degree", picture.name));
    let step = PANEL.0 / picture.cells.len().max(1) as f64;
    for (at, cell) in picture.cells.iter().enumerate() {
        let share = cell.seed_ends as f64 / cell.entities.max(1) as f64;
        let (x, tall) = (MARGIN.0 + at as f64 * step, share * PANEL.1);
        let _ = writeln!(
            out,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{tall:.1}\" fill=\"#4878a8\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"9\">{}</text>",
            x + 2.0,
            MARGIN.1 + PANEL.1 - tall,
            step - 4.0,
            x + step / 2.0,
            MARGIN.1 + PANEL.1 + 14.0,
            escaped(cell.name.trim_start_matches("degree "))
        );
    }
    let left = PANEL.0 + 2.0 * MARGIN.0;
    panel(&mut out, left, "precision of the first n seeds");
    let most = picture.curve.last().map_or(1, |point| point.0) as f64;
    let points: Vec<String> = picture
        .curve
        .iter()
        .map(|(n, precision)| {
            let x = left + MARGIN.0 + *n as f64 / most * PANEL.0;
            format!("{x:.1},{:.1}", MARGIN.1 + PANEL.1 * (1.0 - precision))
        })
        .collect();
    if points.is_empty() {
        let (x, y) = (left + MARGIN.0 + PANEL.0 / 2.0, MARGIN.1 + PANEL.1 / 2.0);
        let _ = writeln!(out, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">no reference links</text>");
    } else {
        let line = points.join(" ");
        let _ = writeln!(
            out,
            "<polyline points=\"{line}\" fill=\"none\" stroke=\"#a84848\" stroke-width=\"2\"/>"
        );
        let (x, y) = (left + MARGIN.0 + PANEL.0, MARGIN.1 + PANEL.1 + 14.0);
        let _ = writeln!(out, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"end\">n = {most}</text>");
    }
    out + "</svg>\n"
}

/// A frame from 0 to 1 with its title.
fn panel(out: &mut String, left: f64, title: &str) {
    let (x, y) = (left + MARGIN.0, MARGIN.1);
    let _ = writeln!(
        out,
        "<text x=\"{x}\" y=\"{:.1}\" font-size=\"13\">{}</text>\n\
         <rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#888\"/>",
        y - 16.0,
        escaped(title),
        PANEL.0,
        PANEL.1
    );
    for tick in 0..=4 {
        let share = f64::from(tick) / 4.0;
        let at = y + PANEL.1 * (1.0 - share);
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{:.0} %</text>\n\
             <line x1=\"{x}\" y1=\"{at:.1}\" x2=\"{:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>",
            x - 6.0,
            at + 4.0,
            100.0 * share,
            x + PANEL.0
        );
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

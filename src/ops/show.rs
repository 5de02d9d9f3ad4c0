//! `SHOW`: lists of what there is.

use super::catalog::{self, ArtifactEntry, ArtifactKind, Entry, PairEntry};
use super::engine::{Context, Engine};
use super::lineage;
use super::living;
use super::rows::{Column, ColumnKind, Outcome, Rows, Value};
use super::runs;
use super::size;
use super::spec::amounts::{duration_text, size_text};
use super::spec::{Architecture, ExportFormat, LinkFormat, PairFormat, Show};
use crate::error::Result;

/// `SHOW …`.
pub(crate) fn show(engine: &Engine, what: &Show, context: &Context) -> Result<Outcome> {
    let rows = match what {
        Show::Pairs => pairs(engine)?,
        Show::Features(pair) => features(engine, pair.as_deref())?,
        Show::Seeds(pair) => artifacts(engine, pair.as_deref(), Some(ArtifactKind::Seeds))?,
        Show::Models(pair) => artifacts(engine, pair.as_deref(), Some(ArtifactKind::Model))?,
        Show::Runs(pair) => runs::table(engine, pair.as_deref())?,
        Show::Alignments(pair) => artifacts(engine, pair.as_deref(), Some(ArtifactKind::Alignment))?,
        Show::Indexes(pair) => artifacts(engine, pair.as_deref(), Some(ArtifactKind::Index))?,
        Show::Artifacts(pair) => artifacts(engine, pair.as_deref(), None)?,
        Show::Verdicts(pair) => living::verdicts(engine, pair.as_deref(), context)?,
        Show::Stale(pair) => living::stale(engine, pair.as_deref())?,
        Show::Operations => operations(engine)?,
        Show::Settings => settings(context),
        Show::Size => size::size(engine, context)?,
        Show::Formats => formats(),
    };
    let outcome = Outcome::rows("show", rows);
    Ok(match what {
        Show::Size => outcome.note(
            "COMPACT gives back what nothing names, and what the catalogue's files have kept of the past",
        ),
        Show::Stale(_) => outcome.note("REFRESH brings what it names up to date"),
        Show::Models(None) => {
            let known: Vec<&str> = Architecture::ALL.iter().map(|model| model.as_str()).collect();
            outcome.note(format!("TRAIN knows {}; DESCRIBE MODEL tells of each", known.join(", ")))
        }
        _ => outcome,
    })
}

fn text(name: &str) -> Column {
    Column::new(name, ColumnKind::Text)
}

fn int(name: &str) -> Column {
    Column::new(name, ColumnKind::Int)
}

fn pairs(engine: &Engine) -> Result<Rows> {
    let columns = vec![
        text("pair"),
        int("left_entities"),
        int("right_entities"),
        int("left_triples"),
        int("right_triples"),
        int("links"),
        text("modalities"),
        int("version"),
        text("origin"),
    ];
    let row = |pair: PairEntry| -> Vec<Value> {
        let modalities: Vec<&str> = pair.features.iter().map(|feature| feature.modality.as_str()).collect();
        vec![
            pair.name.as_str().into(),
            pair.graphs[0].entities.into(),
            pair.graphs[1].entities.into(),
            pair.graphs[0].triples.into(),
            pair.graphs[1].triples.into(),
            pair.links.as_ref().map_or(0, |links| links.count).into(),
            modalities.join(", ").into(),
            pair.version.into(),
            pair.origin.as_str().into(),
        ]
    };
    Ok(Rows::ready(columns, catalog::pairs(&engine.db)?.into_iter().map(row).collect()))
}

fn features(engine: &Engine, pair: Option<&str>) -> Result<Rows> {
    let pairs = match pair {
        Some(name) => vec![catalog::pair(&engine.db, name)?],
        None => catalog::pairs(&engine.db)?,
    };
    let columns = vec![
        text("pair"),
        text("modality"),
        int("left_present"),
        int("right_present"),
        int("columns"),
        text("storage"),
        text("made_by"),
    ];
    let mut rows: Vec<Vec<Value>> = Vec::new();
    for pair in &pairs {
        for feature in &pair.features {
            rows.push(vec![
                pair.name.as_str().into(),
                feature.modality.as_str().into(),
                feature.present[0].into(),
                feature.present[1].into(),
                feature.cols.into(),
                if feature.sparse { "sparse" } else { "dense" }.into(),
                feature.made_by.as_str().into(),
            ]);
        }
    }
    Ok(Rows::ready(columns, rows))
}

fn artifacts(engine: &Engine, pair: Option<&str>, kind: Option<ArtifactKind>) -> Result<Rows> {
    if let Some(pair) = pair {
        catalog::pair(&engine.db, pair)?;
    }
    let columns = vec![
        text("name"),
        text("kind"),
        text("pair"),
        int("rows"),
        int("dropped"),
        text("state"),
        text("made_from"),
        Column::new("seconds", ColumnKind::Float),
        text("statement"),
    ];
    let mut rows = Vec::new();
    for entry in catalog::all(&engine.db)? {
        let Entry::Artifact(artifact) = entry else { continue };
        if pair.is_some_and(|pair| pair != artifact.pair) || kind.is_some_and(|kind| kind != artifact.kind) {
            continue;
        }
        rows.push(artifact_row(engine, &artifact)?);
    }
    Ok(Rows::ready(columns, rows))
}

fn artifact_row(engine: &Engine, artifact: &ArtifactEntry) -> Result<Vec<Value>> {
    let stale = lineage::stale(&engine.db, artifact)?;
    let state = if stale.is_empty() { "fresh".to_string() } else { format!("stale: {}", stale.join(", ")) };
    let told = artifact.inputs.iter().filter(|input| input.is_told());
    let inputs: Vec<String> = told.map(|input| input.name()).collect();
    Ok(vec![
        artifact.name.as_str().into(),
        artifact.kind.as_str().into(),
        artifact.pair.as_str().into(),
        artifact.rows.into(),
        artifact.dropped.into(),
        state.into(),
        inputs.join(", ").into(),
        artifact.seconds.into(),
        artifact.statement.as_str().into(),
    ])
}

fn operations(engine: &Engine) -> Result<Rows> {
    let columns = vec![
        int("number"),
        text("statement"),
        text("result"),
        int("at"),
        Column::new("seconds", ColumnKind::Float),
    ];
    let rows = catalog::journal(&engine.db)?.into_iter().enumerate().map(|(number, logged)| {
        vec![
            (number + 1).into(),
            logged.statement.into(),
            logged.result.into(),
            logged.at.into(),
            logged.seconds.into(),
        ]
    });
    Ok(Rows::ready(columns, rows.collect()))
}

fn settings(context: &Context) -> Rows {
    let settings = context.settings;
    let row = |name: &str, value: String, doc: &str| vec![name.into(), value.into(), doc.into()];
    Rows::ready(
        vec![text("setting"), text("value"), text("meaning")],
        vec![
            row("seed", settings.seed.to_string(), "random seed of statements that name none"),
            row("device", settings.device.to_string(), "where products and training run"),
            row("author", settings.author.clone(), "who edits and judges"),
            row("threads", settings.threads.to_string(), "worker threads; 0 is one per core"),
            row("memory", size_text(settings.memory), "memory that may be held while a statement runs"),
            row("timeout", duration_text(settings.timeout), "how long a statement may take"),
        ],
    )
}

fn formats() -> Rows {
    let mut rows: Vec<Vec<Value>> = Vec::new();
    let mut add = |statement: &str, format: &str, what: &str| {
        rows.push(vec![statement.into(), format.into(), what.into()]);
    };
    for format in PairFormat::ALL {
        add("IMPORT", format.as_str(), format.doc());
    }
    for format in LinkFormat::ALL {
        add("IMPORT LINKS", format.as_str(), format.doc());
    }
    for (format, what) in [
        ("npy", "a matrix of f16, f32 or f64, C or Fortran order"),
        ("npz", "a named matrix, or a sparse one as SciPy saves it"),
        ("safetensors", "one 2-D tensor, or one named"),
        ("pkl", "an EVA image dictionary, read without running it"),
    ] {
        add("IMPORT FEATURES", format, what);
    }
    for format in ExportFormat::ALL {
        add("EXPORT", format.as_str(), format.doc());
    }
    Rows::ready(vec![text("statement"), text("format"), text("what")], rows)
}

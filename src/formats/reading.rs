//! One import in the making: progress, broken lines, oddities, and the checks at its end.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result, shorten};
use crate::kg::{EntityId, Graph, GraphBuilder, Link, Repeat, Side, Split, Triple};
use crate::ops::spec::{Import, ImportLinks};
use crate::task::Task;

use super::lines::Lines;
use super::links;
use super::pair::PairSource;
use super::report::{EXAMPLES, ImportReport, LinkCounts, Lint, LintKind, SideCounts, Skipped};

/// Lines between two looks at the cancel token.
const STRIDE: u64 = 4096;

/// Oddities counted while reading.
#[derive(Default)]
pub(super) struct Tally(BTreeMap<(LintKind, Option<Side>), Count>);

/// How often something occurs, out of how many, and the first cases.
#[derive(Default)]
struct Count {
    count: u64,
    of: u64,
    examples: Vec<String>,
}

impl Tally {
    /// Counts one; the example is only made while few are known.
    pub fn add(&mut self, kind: LintKind, side: Option<Side>, example: impl FnOnce() -> String) {
        let entry = self.0.entry((kind, side)).or_default();
        entry.count += 1;
        if entry.examples.len() < EXAMPLES {
            entry.examples.push(shorten(&example(), 200));
        }
    }

    /// Says out of how many the count is.
    fn out_of(&mut self, kind: LintKind, side: Option<Side>, total: usize) {
        if let Some(entry) = self.0.get_mut(&(kind, side)) {
            entry.of = total as u64;
        }
    }

    fn into_lints(self) -> Vec<Lint> {
        self.0
            .into_iter()
            .map(|((kind, side), Count { count, of, examples })| Lint { kind, side, count, of, examples })
            .collect()
    }
}

/// What every reader of a pair is handed.
pub(super) struct Reading<'a> {
    pub task: &'a Task,
    lenient: bool,
    skipped: Skipped,
    notes: Vec<String>,
    /// Whether links come from a file beside the pair.
    links_given: bool,
    pub tally: Tally,
}

impl<'a> Reading<'a> {
    pub fn new(spec: &Import, task: &'a Task) -> Self {
        Reading { links_given: spec.links.is_some(), ..Reading::of_file(spec.lenient, task) }
    }

    /// For a file that is no pair.
    pub fn of_file(lenient: bool, task: &'a Task) -> Self {
        Reading {
            task,
            lenient,
            skipped: Skipped::default(),
            notes: Vec::new(),
            links_given: false,
            tally: Tally::default(),
        }
    }

    /// What to tell of a file that is no pair.
    pub fn into_notes(self) -> Vec<String> {
        let mut notes = self.notes;
        notes.extend(self.skipped.note());
        notes
    }

    /// Remembers a decision for the report.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Tells that the pair has no reference links of its own, unless they come from elsewhere.
    pub fn note_no_links(&mut self, looked_for: &str) {
        if !self.links_given {
            self.note(format!("no reference links: {looked_for}"));
        }
    }

    /// Begins a phase named after a file.
    pub fn phase(&self, path: &Path) -> Result<()> {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        self.task.phase(format!("reading {name}"), None);
        self.task.check()
    }

    /// A broken line or record: skipped and counted when lenient, else the error of the import.
    pub fn broken(&mut self, error: Error) -> Result<()> {
        self.skipped.take(error, self.lenient)
    }

    /// Whether the next broken line's text will be shown.
    pub fn shows_broken(&self) -> bool {
        !self.lenient || self.skipped.first.len() < EXAMPLES
    }

    /// Hands every line that is not blank to `take`; gives the number of lines taken.
    pub fn each_line(
        &mut self,
        path: &Path,
        mut take: impl FnMut(&mut Tally, &str) -> Result<()>,
    ) -> Result<u64> {
        self.phase(path)?;
        let mut lines = Lines::open(path)?;
        let mut taken = 0;
        while lines.advance()? {
            if lines.number().is_multiple_of(STRIDE) {
                self.task.check()?;
                self.task.advance(lines.number());
            }
            let tally = &mut self.tally;
            let result = lines.text().and_then(|text| {
                if text.trim().is_empty() {
                    return Ok(());
                }
                taken += 1;
                take(tally, text)
            });
            if let Err(error) = result {
                taken = u64::saturating_sub(taken, 1);
                let error = error.file(path, lines.number(), &lines.lossy());
                if let Err(error) = self.broken(error) {
                    // Nonsense may come of damaged compression; that is the better answer.
                    lines.drain()?;
                    return Err(error);
                }
            }
        }
        self.task.advance(lines.number());
        Ok(taken)
    }

    /// Sorts the graphs, checks that both sides hold something, and writes the report.
    pub fn finish(
        mut self,
        spec: &Import,
        left: GraphBuilder,
        right: GraphBuilder,
        links: LinkList,
    ) -> Result<PairSource> {
        self.task.phase("checking the graphs", None);
        for (side, builder) in [(Side::Left, &left), (Side::Right, &right)] {
            if builder.is_empty() {
                let path = spec.paths.get(side as usize).or(spec.paths.first());
                let error = Error::new(
                    Code::MissingData,
                    format!("the {} graph has no entities", side.as_str()),
                )
                .help("check that the files of this side hold data, and that the layout is the right one");
                return Err(match path {
                    Some(path) => error.path(path),
                    None => error,
                });
            }
        }
        links.check()?;
        let mut links = links;
        let left = self.close(Side::Left, left);
        let right = self.close(Side::Right, right);
        self.task.check()?;
        if let Some(path) = &spec.links {
            self.read_links(path, &left, &right, &mut links)?;
        }
        let links = links.links;
        self.lint_links(&left, &right, &links);
        let report = ImportReport {
            left: SideCounts::of(&left),
            right: SideCounts::of(&right),
            links: LinkCounts::of(&links),
            lints: self.tally.into_lints(),
            skipped: self.skipped,
            notes: self.notes,
        };
        Ok(PairSource { left, right, links, report })
    }

    /// Adds the links of a file of their own to those the layout carries.
    fn read_links(&mut self, path: &Path, left: &Graph, right: &Graph, links: &mut LinkList) -> Result<()> {
        let request = ImportLinks {
            format: None,
            path: path.to_path_buf(),
            pair: String::new(),
            split: None,
            lenient: self.lenient,
        };
        let found = links::read(&request, left, right, self.task)?;
        let known = links.len();
        for link in found.links {
            let ends = (Some(link.left), Some(link.right));
            let names = (left.entities.get(link.left as usize), right.entities.get(link.right as usize));
            links.add(&mut self.tally, ends, link.split, names);
        }
        if known > 0 {
            self.note(format!(
                "the layout has {known} links of its own; {} came from the file of links",
                links.len() - known
            ));
        }
        let report = found.report;
        self.skipped.add(report.skipped.count, report.skipped.first);
        self.skipped.add(report.unknown, report.unknown_first);
        self.notes.extend(report.notes);
        Ok(())
    }

    fn close(&mut self, side: Side, builder: GraphBuilder) -> Graph {
        let at = Some(side);
        let tally = &mut self.tally;
        let graph = builder.finish_with(|graph, repeat| match repeat {
            Repeat::Triple(t) => tally.add(LintKind::DuplicateTriple, at, || describe_triple(graph, t)),
            Repeat::Attribute(t) => tally.add(LintKind::DuplicateAttribute, at, || {
                format!(
                    "{} {}",
                    graph.entities.get(t.entity as usize),
                    graph.attributes.get(t.attribute as usize)
                )
            }),
        });
        let mut connected = vec![false; graph.len()];
        for triple in &graph.triples {
            connected[triple.head as usize] = true;
            connected[triple.tail as usize] = true;
            if triple.head == triple.tail {
                tally.add(LintKind::SelfTriple, at, || describe_triple(&graph, triple));
            }
        }
        for (id, iri) in graph.entities.iter().enumerate() {
            if !connected[id] {
                tally.add(LintKind::EntityWithoutTriples, at, || iri.to_string());
            }
            if graph.names.get(id).is_empty() {
                tally.add(LintKind::EntityWithoutName, at, || iri.to_string());
            }
        }
        for triple in graph.attribute_triples.iter().filter(|t| t.literal.is_none()) {
            tally.add(LintKind::AttributeWithoutValue, at, || {
                format!(
                    "{} {}",
                    graph.entities.get(triple.entity as usize),
                    graph.attributes.get(triple.attribute as usize)
                )
            });
        }
        for kind in [LintKind::EntityWithoutTriples, LintKind::EntityWithoutName] {
            tally.out_of(kind, at, graph.len());
        }
        tally.out_of(LintKind::AttributeWithoutValue, at, graph.attribute_triples.len());
        tally.out_of(LintKind::UnnamedRelation, at, graph.relations.len());
        graph
    }

    fn lint_links(&mut self, left: &Graph, right: &Graph, links: &[Link]) {
        if links.is_empty() {
            return;
        }
        for (side, graph) in [(Side::Left, left), (Side::Right, right)] {
            let end = |link: &Link| match side {
                Side::Left => link.left,
                Side::Right => link.right,
            };
            let mut mentions = vec![0u32; graph.len()];
            for link in links {
                mentions[end(link) as usize] += 1;
            }
            let at = Some(side);
            for link in links.iter().filter(|link| mentions[end(link) as usize] > 1) {
                self.tally.add(LintKind::LinkRepeatsEntity, at, || {
                    format!(
                        "{} {}",
                        left.entities.get(link.left as usize),
                        right.entities.get(link.right as usize)
                    )
                });
            }
            for (id, _) in mentions.iter().enumerate().filter(|(_, n)| **n == 0) {
                self.tally.add(LintKind::EntityWithoutLink, at, || graph.entities.get(id).to_string());
            }
            self.tally.out_of(LintKind::EntityWithoutLink, at, graph.len());
            self.tally.out_of(LintKind::LinkRepeatsEntity, at, links.len());
        }
    }
}

fn describe_triple(graph: &Graph, triple: &Triple) -> String {
    format!(
        "{} {} {}",
        graph.entities.get(triple.head as usize),
        graph.relations.get(triple.relation as usize),
        graph.entities.get(triple.tail as usize)
    )
}

/// Reference links in file order, without repeats, with what could not be used.
#[derive(Default)]
pub(super) struct LinkList {
    links: Vec<Link>,
    places: HashMap<(EntityId, EntityId), usize>,
    file: PathBuf,
    /// The first end that no graph knows, and its side.
    unknown: Option<(String, Side)>,
}

impl LinkList {
    /// Tells which file the next links come from, for messages.
    pub fn begin(&mut self, path: &Path) {
        self.file = path.to_path_buf();
    }

    /// Number of usable links.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Adds a link whose ends were looked up; an end that was not found is counted as an oddity.
    pub fn add(
        &mut self,
        tally: &mut Tally,
        ends: (Option<EntityId>, Option<EntityId>),
        split: Option<Split>,
        written: (&str, &str),
    ) {
        let (left, right) = match ends {
            (Some(left), Some(right)) => (left, right),
            (left, _) => {
                tally.add(LintKind::UnknownLinkEntity, None, || format!("{} {}", written.0, written.1));
                let (name, side) =
                    if left.is_none() { (written.0, Side::Left) } else { (written.1, Side::Right) };
                self.unknown.get_or_insert_with(|| (shorten(name, 120), side));
                return;
            }
        };
        match self.places.get(&(left, right)) {
            Some(&place) => {
                tally.add(LintKind::DuplicateLink, None, || format!("{} {}", written.0, written.1));
                self.links[place].split = self.links[place].split.or(split);
            }
            None => self.push(left, right, split),
        }
    }

    /// Puts a link into a split; a new one is added, which `false` tells.
    pub fn assign(&mut self, left: EntityId, right: EntityId, split: Split) -> bool {
        if let Some(&place) = self.places.get(&(left, right)) {
            self.links[place].split = Some(split);
            return true;
        }
        self.push(left, right, Some(split));
        false
    }

    fn push(&mut self, left: EntityId, right: EntityId, split: Option<Split>) {
        self.places.insert((left, right), self.links.len());
        self.links.push(Link { left, right, split });
    }

    /// Fails when links were given and not one of them can be used.
    fn check(&self) -> Result<()> {
        match &self.unknown {
            Some((name, side)) if self.links.is_empty() => Err(Error::new(
                Code::BadFile,
                format!("no link names known entities; '{name}' is not in the {} graph", side.as_str()),
            )
            .help("check that the links belong to these graphs and that their columns are not swapped")
            .path(&self.file)),
            _ => Ok(()),
        }
    }
}

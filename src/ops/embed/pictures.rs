//! Pictures of entities, encoded by a network or by their pixels.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use rayon::prelude::*;

use super::{Embedded, encoder_told, means};
use crate::encoders::image::{Broken, MOST_BYTES, PictureEncoder, PictureNetwork, Prepared};
use crate::error::{Code, Error, Result};
use crate::features::Modality;
use crate::formats::matrix::PairIds;
use crate::formats::pictures::{PictureFiles, find_pictures};
use crate::kg::{EntityId, Side};
use crate::ops::encoded::{Kept, Mark, mark};
use crate::ops::engine::{Context, Engine, LoadedPair};
use crate::ops::spec::{Embed, Encoder};
use crate::task::Task;

/// Files that a thread reads and encodes until what came of them is handed on.
const EACH: usize = 4;

/// Broken files that are named.
const NAMED: usize = 5;

/// The mean of the vectors of an entity's pictures. What was encoded for the pair before is not encoded again; what is
/// no picture is told of, and its entity misses the modality unless it has another.
pub(super) fn pictures(
    engine: &Engine,
    spec: &Embed,
    pair: &LoadedPair,
    modality: &Modality,
    context: &Context,
) -> Result<Embedded> {
    let task = context.task;
    let encoder = encoder(spec, context)?;
    let ids = PairIds { left: &pair.left, right: &pair.right };
    let allowed = |path: &Path| match &context.settings.reach {
        Some(reach) => reach.check_path(path),
        None => Ok(()),
    };
    let found = find_pictures(&spec.pictures, spec.folder.as_deref(), &ids, &allowed, task)?;
    if let Some(side) = Side::BOTH.into_iter().find(|side| found.report.files[*side as usize] == 0) {
        let message = format!("no picture here belongs to a {} entity", side.as_str());
        let error = Error::new(Code::MissingData, message)
            .help("give the left graph's and the right graph's pictures: FROM 'left', 'right'");
        return Err(match spec.pictures.first() {
            Some(path) => error.path(path),
            None => error,
        });
    }
    let (digest, width) = (encoder.digest(), encoder.width());
    let mut kept = Kept::open(&engine.db, &pair.entry.name, &digest, modality.as_str(), width)?;
    let files: Vec<&Path> = found.files.iter().flatten().map(|(_, file)| file.as_path()).collect();
    let mut album = Album::default();
    let outcome = album.encode(&encoder, &files, &mut kept, task);
    // What was encoded is kept, whatever stopped the rest: the same statement goes on from here.
    kept.checkpoint()?;
    outcome?;
    let mut notes = found_notes(&found);
    notes.extend(album.notes(&files));
    let places = Places::of(&found, &album.marks);
    let side = |side: usize, entities: usize| {
        let of = |entity: usize| places.of_entity(side, entity);
        means(&kept, &places.marks, entities, of, width, task)
    };
    let both = (side(0, pair.left.len())?, side(1, pair.right.len())?);
    let made_by = encoder_told(encoder.described(), &digest, "of pictures, their mean");
    Ok(Embedded { both, made_by, encoder: Some(digest), notes })
}

fn encoder(spec: &Embed, context: &Context) -> Result<PictureEncoder> {
    let network = match spec.encoder {
        Encoder::Resnet50 => PictureNetwork::Resnet50,
        Encoder::Resnet152 => PictureNetwork::Resnet152,
        Encoder::Vgg16 => PictureNetwork::Vgg16,
        Encoder::Vit => PictureNetwork::Vit,
        Encoder::Clip => PictureNetwork::Clip,
        _ => return Ok(PictureEncoder::pixels()),
    };
    PictureEncoder::load(network, super::weights(spec)?, &context.settings.device.open()?, context.task)
}

/// What is known of files, in their order.
#[derive(Default)]
struct Album {
    /// The mark of each file that is a picture.
    marks: Vec<Option<Mark>>,
    /// Files that are no pictures, with the reason.
    broken: Vec<(usize, String)>,
    /// Files whose vectors were there.
    known: usize,
}

impl Album {
    fn encode(
        &mut self,
        encoder: &PictureEncoder,
        files: &[&Path],
        kept: &mut Kept<'_>,
        task: &Task,
    ) -> Result<()> {
        task.phase("encoding pictures", Some(files.len() as u64));
        for some in files.chunks(EACH * rayon::current_num_threads()) {
            task.check()?;
            let looks: Vec<Look> =
                some.par_iter().map(|file| look(encoder, file, kept, task)).collect::<Result<_>>()?;
            let (mut marks, mut prepared) = (Vec::new(), Vec::new());
            for look in looks {
                let place = self.marks.len();
                self.marks.push(match look {
                    Look::Known(mark) => {
                        self.known += 1;
                        Some(mark)
                    }
                    // The same picture may come twice among these.
                    Look::New(mark, _) if marks.contains(&mark) => Some(mark),
                    Look::New(mark, picture) => {
                        marks.push(mark);
                        prepared.push(picture);
                        Some(mark)
                    }
                    Look::Broken(reason) => {
                        self.broken.push((place, reason));
                        None
                    }
                });
            }
            kept.add(&marks, &encoder.encode(&prepared, task)?)?;
            task.advance(self.marks.len() as u64);
        }
        Ok(())
    }

    fn notes(&self, files: &[&Path]) -> Vec<String> {
        let mut notes = Vec::new();
        if self.known > 0 {
            notes.push(format!("{} of {} pictures were encoded before", self.known, files.len()));
        }
        if !self.broken.is_empty() {
            let first = self.broken.iter().take(NAMED);
            let first: Vec<String> =
                first.map(|(file, reason)| format!("{} {reason}", files[*file].display())).collect();
            let (count, all) = (self.broken.len(), files.len());
            notes.push(format!(
                "{count} of {all} files are no pictures that can be used: {}",
                first.join("; ")
            ));
        }
        notes
    }
}

/// What a file is.
enum Look {
    /// A picture whose vector is there.
    Known(Mark),
    /// Another, as the encoder takes it.
    New(Mark, Prepared),
    /// Nothing that can be used, with the reason.
    Broken(String),
}

fn look(encoder: &PictureEncoder, file: &Path, kept: &Kept<'_>, task: &Task) -> Result<Look> {
    task.check()?;
    let bytes = match read(file) {
        Ok(bytes) => bytes,
        Err(reason) => return Ok(Look::Broken(reason)),
    };
    let mark = mark(&bytes);
    if kept.has(&mark) {
        return Ok(Look::Known(mark));
    }
    Ok(match encoder.read(&bytes, task).map_err(|error| error.path(file))? {
        Ok(picture) => Look::New(mark, picture),
        Err(broken) => Look::Broken(broken.to_string()),
    })
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    let failed = |cause: io::Error| format!("cannot be read: {cause}");
    // What is no file may never end.
    if !fs::metadata(file).map_err(failed)?.is_file() {
        return Err("is no file".into());
    }
    let mut bytes = Vec::new();
    fs::File::open(file)
        .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    match bytes.len() as u64 {
        length if length > MOST_BYTES => Err(Broken::TooLong(length).to_string()),
        _ => Ok(bytes),
    }
}

/// Which entity has which pictures.
struct Places {
    marks: Vec<Mark>,
    /// Left and right: entity and place in `marks`, by entity.
    of: [(Vec<EntityId>, Vec<u32>); 2],
}

impl Places {
    fn of(found: &PictureFiles, marks: &[Option<Mark>]) -> Places {
        let mut places = Places { marks: Vec::new(), of: Default::default() };
        let mut marks = marks.iter();
        for (side, files) in found.files.iter().enumerate() {
            for ((entity, _), mark) in files.iter().zip(&mut marks) {
                if let Some(mark) = mark {
                    places.of[side].0.push(*entity);
                    places.of[side].1.push(places.marks.len() as u32);
                    places.marks.push(*mark);
                }
            }
        }
        places
    }

    fn of_entity(&self, side: usize, entity: usize) -> &[u32] {
        let (entities, places) = &self.of[side];
        let start = entities.partition_point(|id| (*id as usize) < entity);
        let end = entities.partition_point(|id| *id as usize <= entity);
        &places[start..end]
    }
}

fn found_notes(found: &PictureFiles) -> Vec<String> {
    let report = &found.report;
    let mut notes: Vec<String> = Side::BOTH
        .into_iter()
        .zip(report.files.iter().zip(&report.entities))
        .map(|(side, (files, entities))| format!("{files} pictures of {entities} {} entities", side.as_str()))
        .collect();
    for (skipped, what) in [
        (&report.strangers, "belong to no entity of the pair"),
        (&report.ambiguous, "name several entities"),
        (&report.absent, "are not there"),
    ] {
        if skipped.count > 0 {
            notes.push(format!("{} pictures {what}: {}", skipped.count, skipped.first.join("; ")));
        }
    }
    notes
}

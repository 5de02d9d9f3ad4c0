//! Objects of a store as files: matrices, states of trainings, links that were learned.

use std::collections::BTreeMap;

use super::manifest::{ObjectKind, ObjectPart};
use super::state;
use crate::error::{Code, Error, Result};
use crate::features::{Rows, StoredFeature, save_feature};
use crate::formats::NewFolder;
use crate::formats::dump::{Cells, Fields, Folder, Line, read_feature, write_feature};
use crate::models::TrainState;
use crate::ops::catalog::{ArtifactEntry, PairEntry};
use crate::ops::runs;
use crate::ops::seen::{SEEN, Seen};
use crate::ops::train::ARCHITECTURE;
use crate::psqe::tune::TuneState;
use crate::store::{Db, Digest};

/// A link that was learned.
struct Learned([u32; 2]);

impl Line for Learned {
    const COLUMNS: &'static [&'static str] = &["left", "right"];

    fn write(&self, cells: &mut Cells) {
        cells.put(&self.0[0]).put(&self.0[1]);
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self> {
        Ok(Learned([fields.take()?, fields.take()?]))
    }
}

/// The objects of a dump by digest: each is written once, whoever names it.
#[derive(Default)]
pub(super) struct Objects(BTreeMap<[u8; 32], ObjectPart>);

impl Objects {
    /// The matrices of a pair.
    pub fn of_pair(&mut self, db: &Db, pair: &PairEntry) -> Result<()> {
        let digests = pair.features.iter().flat_map(|feature| feature.objects);
        digests.into_iter().try_for_each(|digest| self.matrix(db, digest))
    }

    /// The objects of an artifact.
    pub fn of_artifact(&mut self, db: &Db, artifact: &ArtifactEntry) -> Result<()> {
        for (name, digest) in &artifact.objects {
            let kind = match (name.as_str(), artifact.fact(ARCHITECTURE)) {
                (runs::STATE, Some(_)) => ObjectKind::TrainState,
                (runs::STATE, None) => ObjectKind::TuneState,
                (SEEN, _) => ObjectKind::LearnedLinks,
                _ => {
                    self.matrix(db, *digest)?;
                    continue;
                }
            };
            self.0.insert(*digest, ObjectPart { digest: *digest, kind, cols: None });
        }
        Ok(())
    }

    fn matrix(&mut self, db: &Db, digest: [u8; 32]) -> Result<()> {
        let (kind, cols) = match StoredFeature::load(db, &Digest(digest))?.view().rows {
            Rows::Dense(rows) => (ObjectKind::DenseMatrix, rows.cols),
            Rows::Sparse(rows) => (ObjectKind::SparseMatrix, rows.cols),
        };
        self.0.insert(digest, ObjectPart { digest, kind, cols: Some(cols as u64) });
        Ok(())
    }

    pub fn has(&self, digest: &[u8; 32]) -> bool {
        self.0.contains_key(digest)
    }

    pub fn into_parts(self) -> Vec<ObjectPart> {
        self.0.into_values().collect()
    }
}

/// Writes an object into its folder.
pub(super) fn write(db: &Db, new: &mut NewFolder<'_>, part: &ObjectPart) -> Result<()> {
    let (digest, folder) = (Digest(part.digest), part.folder());
    match part.kind {
        ObjectKind::DenseMatrix | ObjectKind::SparseMatrix => {
            write_feature(new, &folder, StoredFeature::load(db, &digest)?.view())
        }
        ObjectKind::TrainState => state::write(new, &folder, &runs::whole::<TrainState>(db, &digest)?),
        ObjectKind::TuneState => {
            let tuner = runs::whole::<TuneState>(db, &digest)?;
            state::write(new, &folder, &state::of_tuner(tuner))
        }
        ObjectKind::LearnedLinks => {
            let links = Seen::stored(db, &digest)?;
            new.sheet(&format!("{folder}/links.tsv"), links.iter().map(|link| Ok(Learned(*link))))?;
            Ok(())
        }
    }
}

/// Reads an object and stores it, which must give the digest that it had.
pub(super) fn read(db: &Db, dump: &Folder<'_>, part: &ObjectPart) -> Result<()> {
    let folder = part.folder();
    let digest = match part.kind {
        ObjectKind::DenseMatrix => save_feature(db, read_feature(dump, &folder, None)?)?,
        ObjectKind::SparseMatrix => {
            let cols = part.cols.unwrap_or_default() as usize;
            save_feature(db, read_feature(dump, &folder, Some(cols))?)?
        }
        ObjectKind::TrainState => db.put_object(&state::read(dump, &folder)?)?,
        ObjectKind::TuneState => db.put_object(&state::to_tuner(state::read(dump, &folder)?))?,
        ObjectKind::LearnedLinks => {
            let rows = dump.rows::<Learned>(&format!("{folder}/links.tsv"))?;
            db.put_object(&Seen::from_links(rows.into_iter().map(|row| row.0).collect()))?
        }
    };
    if digest.0 == part.digest {
        return Ok(());
    }
    Err(Error::new(Code::BadValue, format!("what is here has digest {digest}, not the one it is named by"))
        .help("copy the dump again; a dump is read as it was written, or not at all")
        .path(&dump.place(&folder)))
}

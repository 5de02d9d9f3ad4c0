//! Reference links that were learned from: no figure may rest on them.

use std::collections::HashSet;

use super::catalog::{ArtifactEntry, ArtifactKind};
use super::engine::LoadedPair;
use super::make::Made;
use super::plan::Plan;
use crate::error::Result;
use crate::kg::EntityId;
use crate::store::{Db, Digest, Record};

/// Name of the object with the links that an artifact rests on.
pub(crate) const SEEN: &str = "links";
/// Name of the fact that tells from which file the parameters behind an artifact came: which links those
/// have learned is not known.
pub(crate) const BEGAN: &str = "began with";

/// Reference links that a model has learned, in order and once each.
#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize, Default)]
pub(crate) struct Seen(Vec<[u32; 2]>);

impl Record for Seen {
    const KIND: [u8; 4] = *b"seen";
    const VERSION: u16 = 1;
}

impl Seen {
    /// Links given now, and those that artifacts rest on.
    pub fn new<'a>(
        db: &Db,
        links: impl IntoIterator<Item = (EntityId, EntityId)>,
        from: impl IntoIterator<Item = &'a ArtifactEntry>,
    ) -> Result<Self> {
        let pair = |(left, right)| [left, right];
        let mut seen: Vec<[u32; 2]> = links.into_iter().map(pair).collect();
        for entry in from {
            seen.extend(Seen::of(db, entry)?.into_iter().map(pair));
        }
        seen.sort_unstable();
        seen.dedup();
        Ok(Seen(seen))
    }

    /// What is made from artifacts has seen what they have; and whatever is made has seen what people
    /// accepted.
    pub fn inherit(db: &Db, plan: &Plan, pair: &LoadedPair, made: &mut Made) -> Result<()> {
        inherit_beginning(plan, made);
        let accepted = pair.verdicts.accepted().iter().copied();
        // A training that goes on has learned what it had learned before.
        let former = plan.former.iter().filter(|former| former.kind == ArtifactKind::Model);
        Seen::new(db, accepted, plan.sources.iter().chain(&plan.model).chain(former))?.keep(db, made)
    }

    /// Stores them, if there are any.
    pub fn keep(&self, db: &Db, made: &mut Made) -> Result<()> {
        if !self.0.is_empty() {
            made.objects.push((SEEN.to_string(), db.put_object(self)?.0));
        }
        Ok(())
    }

    /// Links in order and once each, as a dump has them.
    pub fn from_links(links: Vec<[u32; 2]>) -> Self {
        Seen(links)
    }

    /// The links of an object.
    pub fn stored(db: &Db, digest: &Digest) -> Result<Vec<[u32; 2]>> {
        let object = db.object::<Seen>(digest)?;
        Ok(object.0.iter().map(|link| link.map(|id| id.to_native())).collect())
    }

    /// Those that an artifact rests on.
    pub fn of(db: &Db, entry: &ArtifactEntry) -> Result<HashSet<(EntityId, EntityId)>> {
        let Some((_, digest)) = entry.objects.iter().find(|(name, _)| name == SEEN) else {
            return Ok(HashSet::new());
        };
        Ok(Seen::stored(db, &Digest(*digest))?.into_iter().map(|[left, right]| (left, right)).collect())
    }

    /// The links to look them up in.
    pub fn set(&self) -> HashSet<(EntityId, EntityId)> {
        self.0.iter().map(|&[left, right]| (left, right)).collect()
    }

    /// A digest of them.
    pub fn digest(&self) -> [u8; 32] {
        *blake3::hash(bytemuck::cast_slice(&self.0)).as_bytes()
    }
}

/// What is made from artifacts rests on the file that they began with.
pub(crate) fn inherit_beginning(plan: &Plan, made: &mut Made) {
    if let Some(file) =
        plan.sources.iter().chain(&plan.model).chain(&plan.former).find_map(|entry| entry.fact(BEGAN))
    {
        made.facts.push((BEGAN.to_string(), file.to_string()));
    }
}

/// What to tell whoever judges an artifact that began with a file.
pub(crate) fn unknown(entry: &ArtifactEntry) -> Option<String> {
    let file = entry.fact(BEGAN)?;
    Some(format!(
        "`{}` rests on parameters from {file}: which links those have learned is not known, and all are judged",
        entry.name
    ))
}

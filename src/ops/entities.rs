//! Entities, relations and attributes as people write them: by IRI, or by a name that only one bears.

use crate::error::{Code, Error, Result};
use crate::kg::{EntityId, Graph, Side, Strings, readable};

/// Names shown when several things bear one.
const SHOWN: usize = 6;

/// The entity of an IRI in one of the graphs, the first that has it; else the only one with that name or
/// whose IRI reads like it. `pair` is for messages.
///
/// Fails with [`Code::UnknownName`] if there is none, [`Code::Conflict`] if several bear the name.
pub(crate) fn find(pair: &str, graphs: &[(Side, &Graph)], text: &str) -> Result<(Side, EntityId)> {
    search(graphs, text)?.ok_or_else(|| {
        let sides: Vec<&str> = graphs.iter().map(|(side, _)| side.as_str()).collect();
        let place = if let [side] = sides[..] { format!("{pair}.{side}") } else { pair.to_string() };
        Error::new(Code::UnknownName, format!("no entity of `{place}` has the IRI or the name `{text}`"))
            .help(format!(
                "look for it: SELECT entity, name FROM {pair}.{}.entities WHERE name LIKE '%…%'",
                sides[0]
            ))
    })
}

/// As [`find`], but nothing where there is none.
pub(crate) fn search(graphs: &[(Side, &Graph)], text: &str) -> Result<Option<(Side, EntityId)>> {
    let mut named = Vec::new();
    for &(side, graph) in graphs {
        for id in graph.called(text).filter(|id| graph.is_alive(*id)) {
            let iri = graph.entities.get(id as usize);
            if iri == text {
                return Ok(Some((side, id)));
            }
            // An IRI is meant to the letter, unless it reads like a name.
            if [graph.label(id), readable(iri)].iter().any(|name| name.eq_ignore_ascii_case(text)) {
                named.push((side, iri, id));
            }
        }
    }
    match named[..] {
        [] => Ok(None),
        [(side, _, id)] => Ok(Some((side, id))),
        _ => {
            let shown = named.iter().take(SHOWN).map(|(side, iri, _)| format!("{} <{iri}>", side.as_str()));
            let several = graphs.len() > 1;
            let remedy = if several { "the IRI, or the side after IN (.left, .right)" } else { "the IRI" };
            Err(Error::new(Code::Conflict, format!("{} entities are called `{text}`", named.len()))
                .help(format!("give {remedy}: {}", shown.collect::<Vec<_>>().join(", "))))
        }
    }
}

/// The number of an IRI among `known`, else of the only one that reads like it.
///
/// Fails with [`Code::Conflict`] if several do.
pub(crate) fn predicate(known: &Strings, text: &str) -> Result<Option<u32>> {
    if let Some(number) = known.iter().position(|iri| iri == text) {
        return Ok(Some(number as u32));
    }
    let alike: Vec<(usize, &str)> =
        known.iter().enumerate().filter(|(_, iri)| readable(iri).eq_ignore_ascii_case(text)).collect();
    match alike[..] {
        [] => Ok(None),
        [(number, _)] => Ok(Some(number as u32)),
        _ => {
            let shown: Vec<&str> = alike.iter().take(SHOWN).map(|(_, iri)| *iri).collect();
            Err(Error::new(Code::Conflict, format!("{} predicates are called `{text}`", alike.len()))
                .help(format!("give the IRI: {}", shown.join(", "))))
        }
    }
}

/// The known IRI nearest to a text, if one is near.
pub(crate) fn nearest<'g>(known: &'g Strings, text: &str) -> Option<&'g str> {
    let distance =
        |iri: &str| strsim::osa_distance(&readable(iri).to_lowercase(), &readable(text).to_lowercase());
    let near = known.iter().map(|iri| (distance(iri), iri)).min()?;
    (near.0 <= 1 + text.chars().count() / 4).then_some(near.1)
}

//! Prefixes of CURIEs: the known ones, contraction and expansion.
//!
//! Names hold letters, digits and full stops only, so that they are URI schemes as well: the public SSSOM
//! tools find no other names, and take a name with colons of its own only as a URI.

/// Prefixes of the knowledge graphs that are aligned, and of vocabularies; longer namespaces win.
pub(super) const KNOWN: &[(&str, &str)] = &[
    ("dbpedia", "http://dbpedia.org/resource/"),
    ("dbpedia.de", "http://de.dbpedia.org/resource/"),
    ("dbpedia.es", "http://es.dbpedia.org/resource/"),
    ("dbpedia.fr", "http://fr.dbpedia.org/resource/"),
    ("dbpedia.it", "http://it.dbpedia.org/resource/"),
    ("dbpedia.ja", "http://ja.dbpedia.org/resource/"),
    ("dbpedia.nl", "http://nl.dbpedia.org/resource/"),
    ("dbpedia.pl", "http://pl.dbpedia.org/resource/"),
    ("dbpedia.pt", "http://pt.dbpedia.org/resource/"),
    ("dbpedia.ru", "http://ru.dbpedia.org/resource/"),
    ("dbpedia.zh", "http://zh.dbpedia.org/resource/"),
    ("dbo", "http://dbpedia.org/ontology/"),
    ("dbp", "http://dbpedia.org/property/"),
    ("fb", "http://rdf.freebase.com/ns/"),
    ("geonames", "http://sws.geonames.org/"),
    ("okkam", "http://www.okkam.org/"),
    ("schema", "http://schema.org/"),
    ("foaf", "http://xmlns.com/foaf/0.1/"),
    ("wikidata", "http://www.wikidata.org/entity/"),
    ("wdt", "http://www.wikidata.org/prop/direct/"),
    ("yago", "http://yago-knowledge.org/resource/"),
    ("yago.mpi", "http://www.mpii.de/yago/resource/"),
];

/// Prefixes that every SSSOM file may use without declaring them.
pub(super) const BUILT_IN: &[(&str, &str)] = &[
    ("owl", "http://www.w3.org/2002/07/owl#"),
    ("rdf", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"),
    ("rdfs", "http://www.w3.org/2000/01/rdf-schema#"),
    ("semapv", "https://w3id.org/semapv/vocab/"),
    ("skos", "http://www.w3.org/2004/02/skos/core#"),
    ("sssom", "https://w3id.org/sssom/"),
];

/// The known prefix whose namespace is the longest start of the IRI, with something left over.
pub(super) fn known(iri: &str) -> Option<(&'static str, &'static str)> {
    let fits = |namespace: &str| iri.len() > namespace.len() && iri.starts_with(namespace);
    let all = KNOWN.iter().chain(BUILT_IN).copied();
    all.filter(|(_, namespace)| fits(namespace)).max_by_key(|(_, namespace)| namespace.len())
}

/// Whether the text is an absolute IRI as far as its scheme tells.
pub(super) fn is_absolute(iri: &str) -> bool {
    let Some((scheme, rest)) = iri.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        && !rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_namespace_wins() {
        assert_eq!(known("http://zh.dbpedia.org/resource/民").unwrap().0, "dbpedia.zh");
        assert_eq!(known("http://dbpedia.org/resource/A/B").unwrap().0, "dbpedia");
        assert_eq!(known("http://dbpedia.org/resource/"), None);
        assert_eq!(known("/m/0m0nq"), None);
    }

    #[test]
    fn absolute_iris_have_a_scheme() {
        assert!(is_absolute("http://x") && is_absolute("urn:a:b"));
        assert!(!is_absolute("Deh_Bonyad") && !is_absolute("/m/0m0nq") && !is_absolute("a b:c"));
    }
}

//! What each side calls the world's relations and attributes.

use super::names::word;
use crate::kg::{Side, Strings};
use crate::rng::Rng;

const FIRST: [&str; 24] = [
    "birth", "death", "home", "former", "current", "main", "official", "local", "first", "last", "national",
    "parent", "public", "founding", "native", "military", "regional", "early", "senior", "related", "common",
    "total", "average", "highest",
];
const SECOND: [&str; 24] = [
    "place", "city", "country", "team", "club", "member", "leader", "author", "school", "language", "party",
    "area", "series", "owner", "partner", "work", "region", "genre", "label", "district", "river", "record",
    "site", "office",
];

/// Of the right side's terms: shares that bear the left's words, other words, or a bare number.
const SAME: f64 = 0.5;
const OTHER: f64 = 0.3;
/// Shares of the world's terms that the right side joins with another, or tells apart in two.
const MERGED: f64 = 0.1;
const SPLIT: f64 = 0.1;

/// One side's terms for `count` terms of the world.
pub(super) struct Vocabulary {
    /// IRIs, in an order that says nothing of the world's.
    pub iris: Strings,
    /// The one or two rows a term of the world goes to.
    rows: Vec<[u32; 2]>,
}

impl Vocabulary {
    /// `purpose` tells relations from attributes; only relations are merged and split.
    pub fn new(side: Side, count: usize, purpose: &str, seed: u64) -> Vocabulary {
        let mut rng = Rng::stream(seed, purpose);
        // Both sides draw the same numbers up to here, so `SAME` words are the same.
        let mut numbers: Vec<usize> = (0..count).collect();
        rng.shuffle(&mut numbers);
        let mut terms: Vec<String> = Vec::with_capacity(count);
        let mut places: Vec<[usize; 2]> = Vec::with_capacity(count);
        for (i, &number) in numbers.iter().enumerate() {
            if side == Side::Left {
                places.push([terms.len(); 2]);
                terms.push(iri(side, &words(number)));
                continue;
            }
            let fate = rng.f64();
            if purpose == "relations" && i > 0 && fate < MERGED {
                places.push(places[rng.below(i)]);
                continue;
            }
            let kind = rng.f64();
            let name = if kind < SAME {
                words(number)
            } else if kind < SAME + OTHER {
                words(count + number)
            } else {
                vec![format!("P{}", 1000 + number)]
            };
            places.push([terms.len(); 2]);
            terms.push(iri(side, &name));
            if purpose == "relations" && fate >= 1.0 - SPLIT {
                places[i][1] = terms.len();
                terms.push(iri(side, &[vec!["other".to_string()], name].concat()));
            }
        }
        let mut order: Vec<usize> = (0..terms.len()).collect();
        Rng::stream(seed, side.as_str()).shuffle(&mut order);
        let mut row = vec![0; terms.len()];
        order.iter().zip(0..).for_each(|(&term, at)| row[term] = at);
        Vocabulary {
            iris: order.iter().map(|&term| terms[term].as_str()).collect(),
            rows: places.iter().map(|place| place.map(|term| row[term])).collect(),
        }
    }

    /// The row of a term; where the side tells two apart, `which` says which.
    pub fn row(&self, term: u32, which: u32) -> u32 {
        self.rows[term as usize][which as usize % 2]
    }
}

/// The words of a term; no two numbers have the same.
fn words(number: usize) -> Vec<String> {
    let (first, second) = (FIRST[number % 24], SECOND[number / 24 % 24]);
    let mut words = vec![first.to_string(), second.to_string()];
    let more = number / (24 * 24);
    if more > 0 {
        words.push(format!("{}{more}", word(more as u64)));
    }
    words
}

/// Camel case on the left, underscores on the right.
fn iri(side: Side, words: &[String]) -> String {
    match side {
        Side::Left => {
            let rest = words[1..].iter().map(|word| word[..1].to_uppercase() + &word[1..]);
            format!("http://left.example/property/{}{}", words[0], rest.collect::<String>())
        }
        Side::Right => format!("http://right.example/vocab#{}", words.join("_")),
    }
}

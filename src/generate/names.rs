//! Pronounceable names, and how the right side spells them.

use super::world::World;
use crate::kg::Side;
use crate::rng::Rng;

const ONSETS: [&str; 24] = [
    "b", "br", "d", "dr", "f", "g", "gr", "h", "k", "kl", "l", "m", "n", "p", "pr", "r", "s", "sh", "st",
    "t", "tr", "v", "w", "z",
];
const VOWELS: [&str; 9] = ["a", "e", "i", "o", "u", "a", "e", "ai", "o"];
const CODAS: [&str; 10] = ["", "", "", "n", "r", "s", "l", "m", "k", "nd"];

/// Spellings of the right side: what a word has on the left, and what it has on the right.
const SPELLINGS: [(&str, &str); 10] = [
    ("sh", "š"),
    ("k", "c"),
    ("w", "v"),
    ("f", "ph"),
    ("ai", "ei"),
    ("z", "ż"),
    ("u", "ou"),
    ("st", "sz"),
    ("h", "kh"),
    ("nd", "nt"),
];

/// Kinds of things, cycled over types; the pattern of the name and the words around it follow.
const ENDINGS: [[&str; 2]; 3] = [["Valley", "Lake"], ["Institute", "Union"], ["Story", "Song"]];

/// A share of entities takes the very name of another.
const DUPLICATES: f64 = 0.02;

/// A word; the same number gives the same word.
pub(super) fn word(number: u64) -> String {
    let mut rng = Rng::new(number ^ 0x7061_6c61_6272_6173);
    let mut word = String::new();
    for _ in 0..2 + rng.below(2) {
        for part in [&ONSETS[..], &VOWELS, &CODAS] {
            word.push_str(part[rng.below(part.len())]);
        }
    }
    word
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

impl World {
    /// The name of an entity, as the left side writes it. People (one type in four) share given
    /// names and family names, places and works share words; some names are another entity's.
    pub fn name(&self, entity: u32) -> String {
        let mut rng = self.rng(1, entity);
        let mut bearer = entity;
        if rng.f64() < DUPLICATES {
            bearer = rng.below(self.len()) as u32;
            rng = self.rng(1, bearer);
            rng.f64();
        }
        let kind = self.type_of[bearer as usize] % 4;
        // A pool the size of the world's root of words that many share, and rarer ones of one's own.
        let pool = (self.len() as f64).sqrt() as usize + 20;
        let shared = |rng: &mut Rng, family: u64| {
            let rank = (rng.f64() * rng.f64() * pool as f64) as u64;
            capital(&word(self.seed ^ (family << 40) ^ rank))
        };
        let own = |rng: &mut Rng| capital(&word(rng.next_u64()));
        if kind == 0 {
            let given = shared(&mut rng, 1);
            let family = if rng.f64() < 0.6 { shared(&mut rng, 2) } else { own(&mut rng) };
            return format!("{given} {family}");
        }
        let ending = ENDINGS[kind as usize - 1][rng.below(2)];
        match rng.below(8) {
            0 => format!("{} {ending}", shared(&mut rng, 3)),
            1..=3 => own(&mut rng),
            4 | 5 => format!("{} {}", own(&mut rng), shared(&mut rng, 4)),
            _ => format!("{} {} {ending}", shared(&mut rng, 3), own(&mut rng)),
        }
    }

    /// The name as a side writes it; `None` where the side lacks it. The left side writes it plain.
    /// On the right, with noise `p`: words change places with probability `p`; a word follows the
    /// right side's spelling with probability 4 `p` and its vowels bear an accent with probability
    /// 2 `p`; then each letter is, with probability `p`, replaced, dropped or doubled up.
    pub fn name_on(&self, side: Side, entity: u32) -> Option<String> {
        let mut rng = self.rng(10 + side as u64, entity);
        if rng.f64() < self.spec.missing_names {
            return None;
        }
        let name = self.name(entity);
        if side == Side::Left {
            return Some(name);
        }
        let p = self.spec.name_noise;
        let mut words: Vec<String> = name.split(' ').map(String::from).collect();
        if words.len() > 1 && rng.f64() < p {
            words.rotate_left(1);
        }
        for word in &mut words {
            if rng.f64() < 4.0 * p {
                let plain = word.to_lowercase();
                *word = capital(&SPELLINGS.iter().fold(plain, |w, (from, to)| w.replace(from, to)));
            }
        }
        let edited = edit(&words.join(" "), p, &mut rng);
        // Never nothing: a name of which no letter is left keeps its spelling.
        Some(if edited.trim().is_empty() { words.join(" ") } else { edited })
    }
}

fn edit(name: &str, p: f64, rng: &mut Rng) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c == ' ' {
            out.push(c);
            continue;
        }
        if rng.f64() < p {
            let letter = (b'a' + rng.below(26) as u8) as char;
            match rng.below(3) {
                0 => out.push(letter),
                1 => {}
                _ => out.extend([c, letter]),
            }
            continue;
        }
        let accented = match c {
            'a' => ['á', 'à', 'ä'],
            'e' => ['é', 'è', 'ê'],
            'i' => ['í', 'ì', 'ï'],
            'o' => ['ó', 'ò', 'ö'],
            'u' => ['ú', 'ù', 'ü'],
            _ => [c; 3],
        };
        out.push(if rng.f64() < 2.0 * p { accented[rng.below(3)] } else { c });
    }
    out
}

//! A small reader of the W3C's EBNF notation, with a generator of sentences and a recogniser. It knows
//! nothing of SeedQL but its convention: rules in CAPITALS are tokens, literals of letters match a WORD
//! in any case.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

/// A right-hand side.
#[derive(Clone, Debug)]
pub enum Expr {
    Literal(String),
    /// Ranges of characters, and whether all others are meant.
    Class(Vec<(char, char)>, bool),
    Rule(String),
    Sequence(Vec<Expr>),
    /// Alternatives, with the number of the first among all of the grammar.
    Choice(usize, Vec<Expr>),
    /// Least count and whether more may follow: `?` is (0, false), `*` (0, true), `+` (1, true); with
    /// the number of its two ways: least, and more.
    Repeat(usize, Box<Expr>, usize, bool),
    /// The first but not the second.
    Without(Box<Expr>, Box<Expr>),
}

pub struct Grammar {
    pub rules: HashMap<String, Expr>,
    /// In the order of the file, with the text of each right-hand side.
    pub texts: Vec<(String, String)>,
    /// Number of ways over all choices and repetitions.
    pub ways: usize,
    heights: HashMap<String, usize>,
}

pub fn is_token(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_uppercase())
}

impl Grammar {
    pub fn read(text: &str) -> Grammar {
        let mut plain = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("/*") {
            plain.push_str(&rest[..start]);
            rest = &rest[start + rest[start..].find("*/").expect("comment ends") + 2..];
        }
        plain.push_str(rest);
        let mut reader = Reader { chars: plain.chars().collect(), at: 0, ways: 0 };
        let (mut rules, mut texts) = (HashMap::new(), Vec::new());
        while let Some(name) = reader.head() {
            let start = reader.at;
            let expr = reader.choice();
            let text: String = reader.chars[start..reader.at].iter().collect();
            texts.push((name.clone(), text.split_whitespace().collect::<Vec<_>>().join(" ")));
            assert!(rules.insert(name.clone(), expr).is_none(), "{name} is defined twice");
        }
        assert_eq!(reader.at, reader.chars.len(), "the grammar is read to its end");
        let mut grammar = Grammar { rules, texts, ways: reader.ways, heights: HashMap::new() };
        // Least heights of derivations, by iteration to a fixed point.
        for _ in 0..grammar.rules.len() {
            for (name, expr) in &grammar.rules {
                if let Some(height) = grammar.height(expr) {
                    grammar.heights.insert(name.clone(), height + 1);
                }
            }
        }
        assert_eq!(grammar.heights.len(), grammar.rules.len(), "every rule derives something");
        grammar
    }

    fn height(&self, expr: &Expr) -> Option<usize> {
        match expr {
            Expr::Literal(_) | Expr::Class(..) => Some(0),
            Expr::Rule(name) => self.heights.get(name).copied(),
            Expr::Sequence(all) => all.iter().map(|e| self.height(e)).try_fold(0, |a, h| Some(a.max(h?))),
            Expr::Choice(_, all) => all.iter().filter_map(|e| self.height(e)).min(),
            Expr::Repeat(_, inner, least, _) => {
                if *least == 0 {
                    Some(0)
                } else {
                    self.height(inner)
                }
            }
            Expr::Without(inner, _) => self.height(inner),
        }
    }
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    ways: usize,
}

impl Reader {
    fn blanks(&mut self) {
        while self.chars.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at += 1;
        }
    }

    fn peek(&mut self) -> Option<char> {
        self.blanks();
        self.chars.get(self.at).copied()
    }

    fn identifier(&mut self) -> Option<String> {
        self.blanks();
        let len = self.chars[self.at..].iter().take_while(|c| c.is_ascii_alphabetic()).count();
        (len > 0).then(|| self.chars[self.at..self.at + len].iter().collect())
    }

    /// `name ::=`, taken if it is there.
    fn head(&mut self) -> Option<String> {
        let name = self.identifier()?;
        let before = self.at;
        self.at += name.len();
        self.blanks();
        if self.chars[self.at..].starts_with(&[':', ':', '=']) {
            self.at += 3;
            return Some(name);
        }
        self.at = before;
        None
    }

    fn choice(&mut self) -> Expr {
        let mut all = vec![self.sequence()];
        while self.peek() == Some('|') {
            self.at += 1;
            all.push(self.sequence());
        }
        if all.len() == 1 {
            return all.remove(0);
        }
        let first = self.ways;
        self.ways += all.len();
        Expr::Choice(first, all)
    }

    fn sequence(&mut self) -> Expr {
        let mut all = Vec::new();
        while let Some(c) = self.peek() {
            let before = self.at;
            if c == '|' || c == ')' || self.head().is_some() {
                self.at = before;
                break;
            }
            let item = self.item();
            if self.peek() == Some('-') {
                self.at += 1;
                let not = self.item();
                all.push(Expr::Without(Box::new(item), Box::new(not)));
            } else {
                all.push(item);
            }
        }
        if all.len() == 1 { all.remove(0) } else { Expr::Sequence(all) }
    }

    fn item(&mut self) -> Expr {
        let inner = self.primary();
        let (least, more) = match self.chars.get(self.at) {
            Some('?') => (0, false),
            Some('*') => (0, true),
            Some('+') => (1, true),
            _ => return inner,
        };
        self.at += 1;
        self.ways += 2;
        Expr::Repeat(self.ways - 2, Box::new(inner), least, more)
    }

    fn primary(&mut self) -> Expr {
        match self.peek().expect("something follows") {
            '(' => {
                self.at += 1;
                let inner = self.choice();
                assert_eq!(self.peek(), Some(')'));
                self.at += 1;
                inner
            }
            quote @ ('\'' | '"') => {
                let len = self.chars[self.at + 1..].iter().position(|c| *c == quote).expect("closing quote");
                let text = self.chars[self.at + 1..self.at + 1 + len].iter().collect();
                self.at += len + 2;
                Expr::Literal(text)
            }
            '#' => {
                let c = self.character();
                Expr::Class(vec![(c, c)], false)
            }
            '[' => self.class(),
            _ => {
                let name = self.identifier().expect("a rule's name");
                self.at += name.len();
                Expr::Rule(name)
            }
        }
    }

    fn class(&mut self) -> Expr {
        self.at += 1;
        let negated = self.chars[self.at] == '^';
        self.at += usize::from(negated);
        let mut ranges = Vec::new();
        while self.chars[self.at] != ']' {
            let from = self.character();
            let mut to = from;
            if self.chars[self.at] == '-' && self.chars[self.at + 1] != ']' {
                self.at += 1;
                to = self.character();
            }
            ranges.push((from, to));
        }
        self.at += 1;
        Expr::Class(ranges, negated)
    }

    /// A character, or `#x` and its number.
    fn character(&mut self) -> char {
        let c = self.chars[self.at];
        self.at += 1;
        if c != '#' || self.chars[self.at] != 'x' {
            return c;
        }
        let digits: String = self.chars[self.at + 1..].iter().take_while(|c| c.is_ascii_hexdigit()).collect();
        self.at += 1 + digits.len();
        char::from_u32(u32::from_str_radix(&digits, 16).expect("hexadecimal")).expect("a character")
    }
}

/// A small generator of random numbers (SplitMix64), so that runs are alike.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}

/// Rules within rules from which on the low ways are gone.
const DEEP: usize = 10;

/// Makes sentences, going the ways least gone.
pub struct Generator<'g> {
    pub grammar: &'g Grammar,
    pub dice: Dice,
    /// How often each way was gone.
    pub gone: Vec<usize>,
}

impl Generator<'_> {
    /// The tokens of a sentence of the rule.
    pub fn sentence(&mut self, rule: &str) -> Vec<String> {
        let mut tokens = Vec::new();
        self.rule(rule, 0, &mut tokens);
        tokens
    }

    fn rule(&mut self, name: &str, depth: usize, out: &mut Vec<String>) {
        let expr = &self.grammar.rules[name];
        if !is_token(name) {
            return self.expr(expr, depth + 1, out);
        }
        loop {
            let mut pieces = Vec::new();
            self.expr(expr, depth + 1, &mut pieces);
            let text = pieces.concat();
            // The grammar says in words that a number is finite.
            if name != "NUMBER" || text.parse::<f64>().is_ok_and(f64::is_finite) {
                return out.push(text);
            }
        }
    }

    fn expr(&mut self, expr: &Expr, depth: usize, out: &mut Vec<String>) {
        match expr {
            Expr::Literal(text) => {
                let text = if self.dice.below(4) == 0 { text.to_lowercase() } else { text.clone() };
                out.push(text);
            }
            Expr::Class(ranges, negated) => out.push(self.character(ranges, *negated).to_string()),
            Expr::Rule(name) => self.rule(name, depth, out),
            Expr::Sequence(all) => all.iter().for_each(|item| self.expr(item, depth, out)),
            Expr::Choice(first, all) => {
                let pick = self.pick(*first, all, depth);
                self.gone[first + pick] += 1;
                self.expr(&all[pick], depth, out);
            }
            Expr::Repeat(way, inner, least, more) => {
                let deep = depth > DEEP;
                let extra = !deep && (self.gone[*way] > self.gone[way + 1] || self.dice.below(3) == 0);
                self.gone[way + usize::from(extra)] += 1;
                let most = if *more { 1 + self.dice.below(3) } else { 1 };
                for _ in 0..if extra { least + most } else { *least } {
                    self.expr(inner, depth, out);
                }
            }
            Expr::Without(inner, not) => loop {
                let mut pieces = Vec::new();
                self.expr(inner, depth, &mut pieces);
                if !self.is_literal_of(not, &pieces.concat()) {
                    return out.append(&mut pieces);
                }
            },
        }
    }

    /// Mostly the alternative least gone; a low one where it gets deep.
    fn pick(&mut self, first: usize, all: &[Expr], depth: usize) -> usize {
        if depth > DEEP {
            return (0..all.len()).min_by_key(|i| self.grammar.height(&all[*i])).unwrap_or(0);
        }
        if self.dice.below(2) == 0 {
            return self.dice.below(all.len());
        }
        (0..all.len()).min_by_key(|i| self.gone[first + i]).unwrap_or(0)
    }

    fn is_literal_of(&self, expr: &Expr, text: &str) -> bool {
        match expr {
            Expr::Literal(literal) => literal.eq_ignore_ascii_case(text),
            Expr::Rule(name) => self.is_literal_of(&self.grammar.rules[name], text),
            Expr::Choice(_, all) => all.iter().any(|e| self.is_literal_of(e, text)),
            _ => false,
        }
    }

    fn character(&mut self, ranges: &[(char, char)], negated: bool) -> char {
        const USUAL: &str = "abcxyzABC0189 _-.,;:()'\"äé金大中<>=*$#\n";
        loop {
            let c = if negated {
                USUAL.chars().nth(self.dice.below(USUAL.chars().count()))
            } else {
                let (from, to) = ranges[self.dice.below(ranges.len())];
                char::from_u32(from as u32 + self.dice.below((to as u32 - from as u32 + 1) as usize) as u32)
            };
            if let Some(c) = c.filter(|c| ranges.iter().any(|(a, b)| (*a..=*b).contains(c)) != negated) {
                return c;
            }
        }
    }
}

/// A token as the grammar cuts it: the rule in capitals, or nothing for a literal of signs.
type Cut = (Option<String>, String);

impl Grammar {
    /// Whether the text is a sentence of the rule.
    pub fn accepts(&self, rule: &str, text: &str) -> bool {
        let Some(tokens) = self.cut(text) else { return false };
        let recogniser = Recogniser { grammar: self, tokens: &tokens, known: RefCell::default() };
        recogniser.rule(rule, 0).contains(&tokens.len())
    }

    /// The tokens of a text, by longest match; `None` if it has none somewhere.
    fn cut(&self, text: &str) -> Option<Vec<Cut>> {
        let chars: Vec<char> = text.chars().collect();
        let mut signs = BTreeSet::new();
        self.rules.iter().filter(|(name, _)| !is_token(name)).for_each(|(_, e)| gather_signs(e, &mut signs));
        let kinds = ["WORD", "QUOTED", "STRING", "IRI", "NUMBER", "PARAMETER", "SPACE", "COMMENT"];
        let (mut tokens, mut at) = (Vec::new(), 0);
        while at < chars.len() {
            let by_rule = kinds.iter().filter_map(|kind| {
                let end = self.ends(&self.rules[*kind], &chars, at).into_iter().max()?;
                Some((end, Some(kind.to_string())))
            });
            let by_sign = signs.iter().filter_map(|sign| {
                let sign: Vec<char> = sign.chars().collect();
                chars[at..].starts_with(&sign).then_some((at + sign.len(), None))
            });
            let (end, kind) =
                by_rule.chain(by_sign).max_by_key(|(end, _)| *end).filter(|(end, _)| *end > at)?;
            let piece: String = chars[at..end].iter().collect();
            if kind.as_deref() == Some("NUMBER") {
                // As the grammar says in words.
                let letter = !self.ends(&self.rules["WORD"], &chars, end).is_empty();
                let mark = !self.ends(&self.rules["MARK"], &chars, end).is_empty();
                if letter || mark || !piece.parse::<f64>().is_ok_and(f64::is_finite) {
                    return None;
                }
            }
            if !matches!(kind.as_deref(), Some("SPACE" | "COMMENT")) {
                tokens.push((kind, piece));
            }
            at = end;
        }
        Some(tokens)
    }

    /// Where a match that starts at `at` may end.
    fn ends(&self, expr: &Expr, chars: &[char], at: usize) -> BTreeSet<usize> {
        match expr {
            Expr::Literal(text) => {
                let text: Vec<char> = text.chars().collect();
                chars[at..].starts_with(&text).then_some(at + text.len()).into_iter().collect()
            }
            Expr::Class(ranges, negated) => {
                let fits = |c: &char| ranges.iter().any(|(a, b)| (*a..=*b).contains(c)) != *negated;
                chars.get(at).filter(|c| fits(c)).map(|_| at + 1).into_iter().collect()
            }
            Expr::Rule(name) => self.ends(&self.rules[name], chars, at),
            Expr::Sequence(all) => all.iter().fold(BTreeSet::from([at]), |from, item| {
                from.into_iter().flat_map(|at| self.ends(item, chars, at)).collect()
            }),
            Expr::Choice(_, all) => all.iter().flat_map(|item| self.ends(item, chars, at)).collect(),
            Expr::Repeat(_, inner, least, more) => {
                repeat(at, *least, *more, |at| self.ends(inner, chars, at))
            }
            Expr::Without(..) => unreachable!("tokens have no exceptions"),
        }
    }
}

fn gather_signs(expr: &Expr, signs: &mut BTreeSet<String>) {
    match expr {
        Expr::Literal(text) if !text.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            signs.insert(text.clone());
        }
        Expr::Sequence(all) | Expr::Choice(_, all) => all.iter().for_each(|e| gather_signs(e, signs)),
        Expr::Repeat(_, inner, _, _) => gather_signs(inner, signs),
        _ => {}
    }
}

fn repeat(at: usize, least: usize, more: bool, step: impl Fn(usize) -> BTreeSet<usize>) -> BTreeSet<usize> {
    let mut all = BTreeSet::new();
    let mut from = BTreeSet::from([at]);
    if least == 0 {
        all.insert(at);
    }
    while !from.is_empty() {
        from = from.into_iter().flat_map(&step).filter(|end| !all.contains(end)).collect();
        all.extend(from.iter().copied());
        if !more {
            break;
        }
    }
    all
}

struct Recogniser<'g> {
    grammar: &'g Grammar,
    tokens: &'g [Cut],
    known: RefCell<HashMap<(String, usize), BTreeSet<usize>>>,
}

impl Recogniser<'_> {
    fn rule(&self, name: &str, at: usize) -> BTreeSet<usize> {
        if is_token(name) {
            let fits = self.tokens.get(at).is_some_and(|(kind, _)| kind.as_deref() == Some(name));
            return fits.then_some(at + 1).into_iter().collect();
        }
        let key = (name.to_string(), at);
        if let Some(known) = self.known.borrow().get(&key) {
            return known.clone();
        }
        let ends = self.ends(&self.grammar.rules[name], at);
        self.known.borrow_mut().insert(key, ends.clone());
        ends
    }

    fn ends(&self, expr: &Expr, at: usize) -> BTreeSet<usize> {
        match expr {
            Expr::Literal(text) => {
                let word = text.starts_with(|c: char| c.is_ascii_alphabetic());
                let fits = self.tokens.get(at).is_some_and(|(kind, piece)| match kind.as_deref() {
                    Some("WORD") => word && piece.eq_ignore_ascii_case(text),
                    None => piece == text,
                    _ => false,
                });
                fits.then_some(at + 1).into_iter().collect()
            }
            Expr::Class(..) => unreachable!("characters are in tokens only"),
            Expr::Rule(name) => self.rule(name, at),
            Expr::Sequence(all) => all.iter().fold(BTreeSet::from([at]), |from, item| {
                from.into_iter().flat_map(|at| self.ends(item, at)).collect()
            }),
            Expr::Choice(_, all) => all.iter().flat_map(|item| self.ends(item, at)).collect(),
            Expr::Repeat(_, inner, least, more) => repeat(at, *least, *more, |at| self.ends(inner, at)),
            Expr::Without(inner, not) => &self.ends(inner, at) - &self.ends(not, at),
        }
    }
}

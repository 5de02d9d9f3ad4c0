//! "Did you mean": the word nearest to a misspelt one.

/// The candidate nearest to `word`, if it is near enough to be meant: by edits, or by being begun.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let length = word.chars().count();
    let limit = match length {
        0 | 1 => return None,
        2..=4 => 1,
        5..=8 => 2,
        _ => 3,
    };
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let lower = candidate.to_lowercase();
        let begun = length >= 2 && lower.starts_with(&word);
        let letters = lower.chars().count();
        // It takes an edit for each letter that one has more; comparing costs the product of the lengths.
        if !begun && letters.abs_diff(length) > limit {
            continue;
        }
        let distance = if begun { 1 } else { strsim::osa_distance(&word, &lower) };
        // A word of which nothing is left is another word.
        let near = begun || (distance <= limit && distance < letters.max(2) - 1);
        if near && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn small_slips_find_their_word() {
        assert_eq!(nearest("FRMO", ["FROM", "AS"]), Some("FROM"));
        assert_eq!(nearest("protcol", ["protocol", "last"]), Some("protocol"));
        assert_eq!(nearest("eval", ["EVALUATE", "EXPORT"]), Some("EVALUATE"));
        assert_eq!(nearest("kk", ["k", "n"]), None);
        assert_eq!(nearest("banana", ["FROM", "AS"]), None);
        assert_eq!(nearest("iteration", ["iterations", "iterate"]), Some("iterations"));
    }
}

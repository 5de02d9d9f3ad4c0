//! Ascending lists of pairs: what one lacks, and two as one.

/// Those of `pairs` that are not among `known`; both ascending.
pub(crate) fn missing(known: &[(u32, u32)], pairs: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let mut known = known.iter().peekable();
    let is_missing = |pair: &&(u32, u32)| {
        while known.next_if(|known| known < pair).is_some() {}
        known.peek() != Some(pair)
    };
    pairs.iter().filter(is_missing).copied().collect()
}

/// Where an entry of two lists as one comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Source {
    /// This place of the first.
    First(usize),
    /// This place of the second.
    Second(usize),
}

/// Two ascending lists as one; of equal pairs that of the first comes first.
pub(crate) fn merged(first: &[(u32, u32)], second: &[(u32, u32)]) -> Vec<Source> {
    let mut order = Vec::with_capacity(first.len() + second.len());
    let mut at = 0;
    for (place, pair) in second.iter().enumerate() {
        while first.get(at).is_some_and(|own| own <= pair) {
            order.push(Source::First(at));
            at += 1;
        }
        order.push(Source::Second(place));
    }
    order.extend((at..first.len()).map(Source::First));
    order
}

/// What goes with the entries of two lists, in the order of the one they make.
pub(crate) fn picked<T: Copy>(order: &[Source], first: &[T], second: &[T]) -> Vec<T> {
    let pick = |from: &Source| match *from {
        Source::First(at) => first[at],
        Source::Second(at) => second[at],
    };
    order.iter().map(pick).collect()
}

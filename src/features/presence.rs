//! Which entities have a modality.

/// A bitmap over the entities of one side.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Presence {
    words: Vec<u64>,
    len: usize,
}

impl Presence {
    /// All `len` entities present, or none.
    pub fn filled(len: usize, present: bool) -> Self {
        let mut words = vec![if present { u64::MAX } else { 0 }; len.div_ceil(64)];
        if present
            && !len.is_multiple_of(64)
            && let Some(last) = words.last_mut()
        {
            *last = (1 << (len % 64)) - 1;
        }
        Presence { words, len }
    }

    /// Built from the stored words; `None` if they do not fit `len` or have bits past it.
    pub fn from_words(words: Vec<u64>, len: usize) -> Option<Self> {
        let tail = len % 64;
        let clean = tail == 0 || words.last().is_none_or(|last| last >> tail == 0);
        (words.len() == len.div_ceil(64) && clean).then_some(Presence { words, len })
    }

    /// The bitmap as 64-bit words, entity 0 in the lowest bit of the first.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// Number of entities.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entity at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether entity `i` has the modality.
    pub fn get(&self, i: usize) -> bool {
        i < self.len && self.words[i / 64] >> (i % 64) & 1 == 1
    }

    /// Marks entity `i`; out of range is ignored.
    pub fn set(&mut self, i: usize, present: bool) {
        if i < self.len {
            let bit = 1 << (i % 64);
            if present {
                self.words[i / 64] |= bit;
            } else {
                self.words[i / 64] &= !bit;
            }
        }
    }

    /// Number of entities that have it.
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The entities that have it, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.len).filter(|&i| self.get(i))
    }
}

impl FromIterator<bool> for Presence {
    fn from_iter<I: IntoIterator<Item = bool>>(bits: I) -> Self {
        let bits: Vec<bool> = bits.into_iter().collect();
        let mut presence = Presence::filled(bits.len(), false);
        for (i, bit) in bits.into_iter().enumerate() {
            presence.set(i, bit);
        }
        presence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_past_the_end_are_refused() {
        assert_eq!(Presence::filled(70, true).count(), 70);
        assert!(Presence::from_words(vec![0b1000], 3).is_none());
        assert!(Presence::from_words(vec![0b100], 3).is_some());
        assert!(Presence::from_words(vec![0, 0], 3).is_none());
    }
}

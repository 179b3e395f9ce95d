//! The distinct tokens of many names, searchable for all that are alike.
//!
//! The search loses nothing: `similarity` is above zero only for tokens that share one of the keys below, and each
//! key is looked up. Equal text shares the text; a class of names its number; equal sound and unequal vowels the
//! skeleton; left-out vowels the consonants; up to two edits a string that both reach by as many deletions; a
//! truncation and an initial the prefix; a compound of `abd` the skeleton or the class of what follows.

use rustc_hash::FxHashMap;

use crate::compare::{Joined, is_joined};
use crate::similarity::{self, MAX_EDITED_LETTERS, MIN_PREFIX};
use crate::token::{Tag, Token};

/// The distinct tokens of many names.
#[derive(Debug, Default)]
pub struct Vocabulary {
    /// Sorted by text, so that a prefix is a range.
    tokens: Vec<Token>,
    by_skeleton: FxHashMap<Box<str>, Vec<u32>>,
    by_consonants: FxHashMap<Box<str>, Vec<u32>>,
    by_class: FxHashMap<u16, Vec<u32>>,
    deletions: Deletions,
}

/// Numbers the distinct tokens while names are read.
#[derive(Debug, Default)]
pub struct VocabularyBuilder {
    tokens: Vec<Token>,
    numbers: FxHashMap<(Box<str>, Tag, u32), u32>,
}

impl VocabularyBuilder {
    /// A token's provisional number.
    pub fn number(&mut self, token: &Token) -> u32 {
        let next = self.tokens.len() as u32;
        // The same letters may weigh differently by what bears the name, or lack vowels by their script.
        let variant = token.weight.to_bits() ^ u32::from(token.unvocalised);
        let key = (token.text.clone(), token.tag, variant);
        *self.numbers.entry(key).or_insert_with(|| {
            self.tokens.push(token.clone());
            next
        })
    }

    /// The vocabulary, and the final number of each provisional one.
    #[must_use]
    pub fn finish(self) -> (Vocabulary, Vec<u32>) {
        let mut order: Vec<u32> = (0..self.tokens.len() as u32).collect();
        order.sort_by(|a, b| self.tokens[*a as usize].text.cmp(&self.tokens[*b as usize].text));
        let mut finals = vec![0; order.len()];
        for (number, provisional) in order.iter().enumerate() {
            finals[*provisional as usize] = number as u32;
        }
        let mut numbered: Vec<(u32, Token)> = finals.iter().copied().zip(self.tokens).collect();
        numbered.sort_by_key(|(number, _)| *number);
        let tokens: Vec<Token> = numbered.into_iter().map(|(_, token)| token).collect();
        let mut vocabulary =
            Vocabulary { deletions: Deletions::of(&tokens), by_skeleton: FxHashMap::default(), by_consonants: FxHashMap::default(), by_class: FxHashMap::default(), tokens };
        for (number, token) in vocabulary.tokens.iter().enumerate() {
            if matches!(token.tag, Tag::Name | Tag::Common) {
                vocabulary.by_consonants.entry(token.consonants.clone()).or_default().push(number as u32);
            }
            for part in token.parts() {
                vocabulary.by_skeleton.entry(part.skeleton.clone()).or_default().push(number as u32);
                for (class, _) in part.known.iter().flat_map(|known| &known.classes) {
                    vocabulary.by_class.entry(*class).or_default().push(number as u32);
                }
            }
        }
        (vocabulary, finals)
    }
}

impl Vocabulary {
    /// How many tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// A token by its number.
    #[must_use]
    pub fn token(&self, number: u32) -> Option<&Token> {
        self.tokens.get(number as usize)
    }

    /// Every token that `compare` would align with this one, and how alike they are.
    #[must_use]
    pub fn alike(&self, token: &Token) -> Vec<(u32, f32)> {
        let mut candidates: Vec<u32> = Vec::new();
        candidates.extend(self.range(|text| text < &*token.text, |text| *text == *token.text));
        match token.tag {
            Tag::Initial => candidates.extend(self.prefixed(&token.text)),
            Tag::Name | Tag::Common => {
                for part in token.parts() {
                    candidates.extend(self.by_skeleton.get(&part.skeleton).into_iter().flatten());
                    for (class, _) in part.known.iter().flat_map(|known| &known.classes) {
                        candidates.extend(self.by_class.get(class).into_iter().flatten());
                    }
                }
                if *token.consonants == *token.text {
                    candidates.extend(self.by_consonants.get(&token.consonants).into_iter().flatten());
                } else {
                    candidates.extend(self.range(|text| text < &*token.consonants, |text| *text == *token.consonants));
                }
                self.deletions.visit(&token.text, |number| candidates.push(number));
                if token.known.is_none() && token.text.len() >= MIN_PREFIX {
                    candidates.extend(self.prefixed(&token.text));
                }
                for length in (1..token.text.len()).chain([1]) {
                    let prefix = token.text.get(..length).unwrap_or(&token.text);
                    candidates.extend(self.range(|text| text < prefix, |text| text == prefix));
                }
            }
            Tag::Legal | Tag::Number | Tag::Particle | Tag::Title => {}
        }
        candidates.sort_unstable();
        candidates.dedup();
        let alike = candidates.into_iter().filter_map(|number| {
            let similarity = similarity::similarity(token, self.tokens.get(number as usize)?);
            (similarity > 0.0).then_some((number, similarity))
        });
        alike.collect()
    }

    /// Every token that is these two neighbours as one word.
    #[must_use]
    pub fn joined_as(&self, joined: &Joined) -> Vec<u32> {
        let candidates = self.by_skeleton.get(joined.key()).map_or(&[][..], Vec::as_slice);
        let is_joined = |number: &u32| self.token(*number).is_some_and(|token| is_joined(joined, token));
        candidates.iter().copied().filter(is_joined).collect()
    }

    fn prefixed(&self, prefix: &str) -> std::ops::Range<u32> {
        self.range(|text| text < prefix, |text| text.starts_with(prefix))
    }

    /// The tokens after those before, as long as they are within.
    fn range(&self, before: impl Fn(&str) -> bool, within: impl Fn(&str) -> bool) -> std::ops::Range<u32> {
        let start = self.tokens.partition_point(|token| before(&token.text));
        let length = self.tokens[start..].partition_point(|token| within(&token.text));
        start as u32..(start + length) as u32
    }
}

/// What every token becomes by up to two deletions, hashed (the symmetric-delete index of Garbe's SymSpell).
#[derive(Debug, Default)]
struct Deletions {
    /// Hash in the upper half, the token's number in the lower, ascending.
    entries: Vec<u64>,
    /// Where the entries of each leading `BUCKET_BITS` of the hash start.
    buckets: Vec<u32>,
}

const BUCKET_BITS: u32 = 20;

impl Deletions {
    fn of(tokens: &[Token]) -> Self {
        let mut entries = Vec::new();
        for (number, token) in tokens.iter().enumerate() {
            if matches!(token.tag, Tag::Name | Tag::Common) {
                for_each_deletion(token.text.as_bytes(), |hash| entries.push(u64::from(hash) << 32 | number as u64));
            }
        }
        entries.sort_unstable();
        entries.dedup();
        entries.shrink_to_fit();
        let mut buckets = vec![0; (1 << BUCKET_BITS) + 1];
        for entry in &entries {
            buckets[(entry >> (64 - BUCKET_BITS)) as usize + 1] += 1;
        }
        for bucket in 1..buckets.len() {
            buckets[bucket] += buckets[bucket - 1];
        }
        Self { entries, buckets }
    }

    fn visit(&self, text: &str, mut found: impl FnMut(u32)) {
        for_each_deletion(text.as_bytes(), |hash| {
            let bucket = (hash >> (32 - BUCKET_BITS)) as usize;
            let (Some(start), Some(end)) = (self.buckets.get(bucket), self.buckets.get(bucket + 1)) else { return };
            for entry in &self.entries[*start as usize..*end as usize] {
                if (entry >> 32) as u32 == hash {
                    found(*entry as u32);
                }
            }
        });
    }
}

/// Calls with the hash of a word and of what up to two deletions make of it. Two edits need a word of seven letters
/// on one side, so five on the other.
fn for_each_deletion(text: &[u8], mut each: impl FnMut(u32)) {
    let length = text.len();
    if !(MIN_PREFIX..=MAX_EDITED_LETTERS).contains(&length) {
        return;
    }
    each(hash_without(text, length, length));
    for first in 0..length {
        each(hash_without(text, first, length));
        if length >= 5 {
            for second in first + 1..length {
                each(hash_without(text, first, second));
            }
        }
    }
}

fn hash_without(text: &[u8], first: usize, second: usize) -> u32 {
    let mut hash = 0_u64;
    for (at, letter) in text.iter().enumerate() {
        if at != first && at != second {
            hash = (hash.rotate_left(5) ^ u64::from(*letter)).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }
    (hash >> 32) as u32
}

//! The distinct tokens of many names, searchable for all that are alike.
//!
//! The search loses nothing: `similarity` is above zero only for tokens that share one of the keys below, and each
//! key is looked up. Equal text shares the text; a class of names its number; equal sound and unequal vowels the
//! skeleton; left-out vowels the consonants; up to two edits a string that both reach by as many deletions; a
//! truncation and an initial the prefix; a compound of `abd` the skeleton or the class of what follows; romanisations of
//! one Chinese or Korean name their key.

use rustc_hash::FxHashMap;

use crate::compare::{Joined, is_joined};
use crate::similarity::{self, MAX_EDITED_LETTERS, MIN_PREFIX};
use crate::token::{Tag, Token};

/// The distinct tokens of many names.
#[derive(Debug)]
pub struct Vocabulary {
    /// Sorted by text, so that a prefix is a range.
    tokens: Vec<Token>,
    by_text: Keys,
    by_skeleton: Keys,
    by_consonants: Keys,
    by_deletion: Keys,
    by_romanised: Keys,
    by_class: FxHashMap<u16, Vec<u32>>,
    /// The tokens that begin with the same three letters, a range.
    by_beginning: FxHashMap<[u8; MIN_PREFIX], (u32, u32)>,
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
        let variant = token.weight.to_bits() ^ u32::from(token.provenance());
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
        let keys = |of: fn(&Token, &mut dyn FnMut(u32))| Keys::of(&tokens, of);
        let mut by_class: FxHashMap<u16, Vec<u32>> = FxHashMap::default();
        for (number, token) in tokens.iter().enumerate() {
            for (class, _) in token.parts().filter_map(|part| part.known).flat_map(|known| &known.classes) {
                by_class.entry(*class).or_default().push(number as u32);
            }
        }
        let mut by_beginning: FxHashMap<[u8; MIN_PREFIX], (u32, u32)> = FxHashMap::default();
        for (number, token) in tokens.iter().enumerate() {
            if let Some(beginning) = token.text.as_bytes().first_chunk() {
                by_beginning.entry(*beginning).or_insert((number as u32, 0)).1 = number as u32 + 1;
            }
        }
        let vocabulary = Vocabulary {
            by_text: keys(|token, each| each(hash(&token.text))),
            by_skeleton: keys(|token, each| token.parts().for_each(|part| each(hash(&part.skeleton)))),
            by_consonants: keys(|token, each| {
                token.parts().take(1).for_each(|word| each(hash(&word.consonants)))
            }),
            by_deletion: keys(|token, each| {
                token.parts().take(1).for_each(|word| for_each_deletion(&word.text, &mut *each))
            }),
            by_romanised: keys(|token, each| token.romanised.iter().for_each(|key| each(hash(key)))),
            by_class,
            by_beginning,
            tokens,
        };
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

    /// Every token that `compare` would align with this one.
    #[must_use]
    pub fn alike(&self, token: &Token) -> Vec<u32> {
        let mut candidates: Vec<u32> = Vec::new();
        let mut add = |number| candidates.push(number);
        self.by_text.visit(hash(&token.text), &mut add);
        match token.tag {
            Tag::Initial => {
                self.prefixed(&token.text).for_each(&mut add);
                self.by_consonants.visit(hash(&token.text), &mut add);
            }
            Tag::Name | Tag::Common | Tag::Legal => {
                for key in &token.romanised {
                    self.by_romanised.visit(hash(key), &mut add);
                }
                for part in token.parts() {
                    self.by_skeleton.visit(hash(&part.skeleton), &mut add);
                    for (class, _) in part.known.iter().flat_map(|known| &known.classes) {
                        self.by_class.get(class).into_iter().flatten().copied().for_each(&mut add);
                    }
                }
                if *token.consonants == *token.text {
                    self.by_consonants.visit(hash(&token.consonants), &mut add);
                } else {
                    self.by_text.visit(hash(&token.consonants), &mut add);
                }
                for_each_deletion(&token.text, &mut |key| self.by_deletion.visit(key, &mut add));
                if token.known.is_none() && token.text.len() >= MIN_PREFIX {
                    self.prefixed(&token.text).for_each(&mut add);
                }
                let mut prefix = Hash::default();
                for letter in token.text.bytes() {
                    prefix.add(letter);
                    self.by_text.visit(prefix.key(), &mut add);
                }
            }
            Tag::Number | Tag::Particle | Tag::Title => {}
        }
        candidates.sort_unstable();
        candidates.dedup();
        candidates.retain(|number| {
            self.token(*number).is_some_and(|other| similarity::similarity(token, other) > 0.0)
        });
        candidates
    }

    /// Every token that is these two neighbours as one word.
    #[must_use]
    pub fn joined_as(&self, joined: &Joined) -> Vec<u32> {
        let mut words = Vec::new();
        let mut add = |number| {
            if self.token(number).is_some_and(|token| is_joined(joined, token)) {
                words.push(number);
            }
        };
        let keys = if joined.is_exact() { &self.by_text } else { &self.by_skeleton };
        keys.visit(hash(joined.key()), &mut add);
        joined.romanised().for_each(|key| self.by_romanised.visit(hash(key), &mut add));
        words
    }

    /// Whether neighbours of which this is a key's [`hash()`] may be one of the tokens as one word: if none of their keys
    /// is one, [`Vocabulary::joined_as`] finds nothing.
    #[must_use]
    pub fn may_be_joined_as(&self, key: u32) -> bool {
        [&self.by_text, &self.by_skeleton, &self.by_romanised].iter().any(|keys| keys.contains(key))
    }

    fn prefixed(&self, prefix: &str) -> std::ops::Range<u32> {
        let (start, end) = match prefix.as_bytes().first_chunk() {
            Some(beginning) => self.by_beginning.get(beginning).copied().unwrap_or_default(),
            None => (0, self.tokens.len() as u32),
        };
        let tokens = &self.tokens[start as usize..end as usize];
        let before = tokens.partition_point(|token| &*token.text < prefix);
        let within = tokens[before..].partition_point(|token| token.text.starts_with(prefix));
        start + before as u32..start + (before + within) as u32
    }
}

/// Numbers by a hashed key. Keys of one hash are not told apart: what is found is compared anyway.
#[derive(Debug)]
pub struct Keys {
    /// The hash in the upper half, the number in the lower, ascending.
    entries: Vec<u64>,
    /// Where the entries of each leading bits of the hash start.
    buckets: Vec<u32>,
    /// How many bits of the hash a bucket leaves out.
    shift: u32,
}

impl Keys {
    fn of(tokens: &[Token], keys: fn(&Token, &mut dyn FnMut(u32))) -> Self {
        let mut entries = Vec::new();
        for (number, token) in tokens.iter().enumerate() {
            keys(token, &mut |key| entries.push(u64::from(key) << 32 | number as u64));
        }
        Self::from_entries(entries)
    }

    /// Of keys and numbers.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = (u32, u32)>) -> Self {
        Self::from_entries(
            keys.into_iter().map(|(key, number)| u64::from(key) << 32 | u64::from(number)).collect(),
        )
    }

    fn from_entries(mut entries: Vec<u64>) -> Self {
        entries.sort_unstable();
        entries.dedup();
        entries.shrink_to_fit();
        let bits = entries.len().max(2).ilog2().min(20);
        let shift = 32 - bits;
        let mut buckets = vec![0; (1 << bits) + 1];
        for entry in &entries {
            buckets[(entry >> (32 + shift)) as usize + 1] += 1;
        }
        for bucket in 1..buckets.len() {
            buckets[bucket] += buckets[bucket - 1];
        }
        Self { entries, buckets, shift }
    }

    /// Calls with each number of a key.
    pub fn visit(&self, key: u32, found: &mut impl FnMut(u32)) {
        let bucket = (key >> self.shift) as usize;
        for entry in &self.entries[self.buckets[bucket] as usize..self.buckets[bucket + 1] as usize] {
            if (entry >> 32) as u32 == key {
                found(*entry as u32);
            }
        }
    }

    /// Whether a key has any number.
    #[must_use]
    pub fn contains(&self, key: u32) -> bool {
        let mut found = false;
        self.visit(key, &mut |_| found = true);
        found
    }
}

/// A hash that grows letter by letter (the multiplier is FxHash's).
#[derive(Debug, Default, Clone, Copy)]
struct Hash(u64);

impl Hash {
    fn add(&mut self, letter: u8) {
        self.0 = (self.0.rotate_left(5) ^ u64::from(letter)).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn key(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// The hash of a text, as [`Keys`] takes it.
#[must_use]
pub fn hash(text: &str) -> u32 {
    let mut hash = Hash::default();
    text.bytes().for_each(|letter| hash.add(letter));
    hash.key()
}

/// Calls with the hash of a word and of what up to two deletions make of it (Garbe's symmetric-delete search). Two edits need a word of seven letters
/// on one side, so five on the other.
fn for_each_deletion(text: &str, each: &mut (impl FnMut(u32) + ?Sized)) {
    let length = text.len();
    if !(MIN_PREFIX..=MAX_EDITED_LETTERS).contains(&length) {
        return;
    }
    let text = text.as_bytes();
    each(hash_without(text, Hash::default(), 0, length));
    let mut before = Hash::default();
    for first in 0..length {
        each(hash_without(text, before, first + 1, length));
        if length >= 5 {
            let mut between = before;
            for second in first + 1..length {
                each(hash_without(text, between, second + 1, length));
                between.add(text[second]);
            }
        }
        before.add(text[first]);
    }
}

/// Goes on with the letters from a place to the end.
fn hash_without(text: &[u8], before: Hash, from: usize, end: usize) -> u32 {
    let mut hash = before;
    text[from..end].iter().for_each(|letter| hash.add(*letter));
    hash.key()
}

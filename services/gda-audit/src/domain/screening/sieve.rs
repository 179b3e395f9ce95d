//! What a search looks up for a person, kept beside what is known of it: by that a small index tells of most persons
//! that it has nothing for them, without their names being read again.
//!
//! [`Screener`](super::Screener) finds records by a document's number; by neighbours of the person's name that the
//! record's writes as one word; by a word of the person's name that the record's writes apart; and by words that are
//! alike. Where the first three share no key with the index, a comparison can align only words that are alike, so it
//! scores a name no higher than the bound on what shares at most those words (`names::upper_bound_by_shared`). Where
//! that with all that facts may add stays below the threshold, nothing is found.

use names::{Tag, Token};
use rustc_hash::FxHashMap;

use crate::domain::audit::ENGINE_VERSION;

use super::evidence;
use super::index::{self, Index};
use super::subject::{Subject, SubjectName};

/// By their place, in three bits and more beside a provenance's three.
const TAGS: [Tag; 7] =
    [Tag::Name, Tag::Initial, Tag::Title, Tag::Particle, Tag::Legal, Tag::Common, Tag::Number];

impl Subject {
    /// What a search looks up for it; `None` where that is longer than its form allows.
    ///
    /// The engine's version; the most that facts add; documents; of each name whether it is lenient, the keys of neighbours
    /// as one word, and its tokens. Texts and lists begin with their length in one byte, numbers are little-endian.
    pub fn search_keys(&self) -> Option<Vec<u8>> {
        let mut keys = Vec::with_capacity(64);
        put_text(&mut keys, ENGINE_VERSION)?;
        keys.extend(evidence::most_points(&self.facts).to_le_bytes());
        keys.push(self.facts.documents.len().try_into().ok()?);
        for document in &self.facts.documents {
            put_text(&mut keys, document)?;
        }
        self.names.iter().try_for_each(|name| put_name(&mut keys, name))?;
        Some(keys)
    }
}

fn put_name(keys: &mut Vec<u8>, SubjectName { name, .. }: &SubjectName) -> Option<()> {
    let tokens: Vec<&Token> = name.tokens().iter().collect();
    keys.push(u8::from(names::is_lenient(name.kind())));
    let mut as_one: Vec<u32> = Vec::new();
    for joined in names::runs(&tokens).filter_map(|(_, run)| names::joined(run)) {
        as_one.extend(joined.keys().map(names::hash));
    }
    keys.push(as_one.len().try_into().ok()?);
    as_one.iter().for_each(|key| keys.extend(key.to_le_bytes()));
    keys.push(tokens.len().try_into().ok()?);
    for token in tokens {
        let tag = TAGS.iter().position(|tag| *tag == token.tag())? as u8;
        keys.extend(token.weight().to_le_bytes());
        put_text(keys, token.text())?;
        keys.push(tag << 3 | token.provenance());
    }
    Some(())
}

fn put_text(keys: &mut Vec<u8>, text: &str) -> Option<()> {
    keys.push(text.len().try_into().ok()?);
    keys.extend(text.as_bytes());
    Some(())
}

/// Whether this version of the engine wrote these keys.
pub fn is_current(search_keys: &[u8]) -> bool {
    Keys(search_keys).current().is_some()
}

/// What is known of words from earlier persons, for the same index: by a token's text, tag and provenance.
#[derive(Debug, Default)]
pub struct Words(FxHashMap<Box<[u8]>, Word>);

/// Words that are kept, some 60 bytes each.
const KEPT: usize = 1 << 18;

/// Tells who has nothing in an index; for one thread, many persons and one threshold.
pub struct Sieve<'a> {
    index: &'a Index,
    threshold: f32,
    words: Words,
    /// The tokens of one name.
    tokens: Vec<(f32, Word)>,
}

/// What an index has for a token.
#[derive(Debug, Clone, Copy)]
struct Word {
    /// The names that have a token like it: each the bit of its number modulo 64.
    names: u64,
    /// Whether a name may write it apart.
    is_split: bool,
}

impl<'a> Sieve<'a> {
    /// For one thread; the threshold is 0–100. `words` are of an earlier one with the same index, or none.
    pub fn new(index: &'a Index, threshold: f32, words: Words) -> Self {
        Self { index, threshold, words, tokens: Vec::new() }
    }

    /// What it has learned.
    pub fn into_words(self) -> Words {
        self.words
    }

    /// Whether a search may find something for whom these are the search keys; of keys of another version it may.
    pub fn may_find(&mut self, search_keys: &[u8]) -> bool {
        self.look(Keys(search_keys)).unwrap_or(true)
    }

    fn look(&mut self, mut keys: Keys<'_>) -> Option<bool> {
        keys.current()?;
        let least = index::least(self.threshold, keys.float()?);
        for _ in 0..keys.byte()? {
            if self.index.has_document(keys.text()?) {
                return Some(true);
            }
        }
        while !keys.0.is_empty() {
            let is_lenient = keys.byte()? != 0;
            for _ in 0..keys.byte()? {
                if self.index.may_be_joined_as(keys.array().map(u32::from_le_bytes)?) {
                    return Some(true);
                }
            }
            self.tokens.clear();
            for _ in 0..keys.byte()? {
                let weight = keys.float()?;
                let word = self.word(keys.word()?)?;
                if word.is_split {
                    return Some(true);
                }
                self.tokens.push((weight, word));
            }
            if reaches(&self.tokens, is_lenient, least) {
                return Some(true);
            }
        }
        Some(false)
    }

    fn word(&mut self, key: &[u8]) -> Option<Word> {
        if let Some(word) = self.words.0.get(key) {
            return Some(*word);
        }
        let (kind, text) = key.split_last()?;
        let tag = *TAGS.get(usize::from(kind >> 3))?;
        let token = Token::recalled(std::str::from_utf8(text).ok()?, tag, kind & 7, 1.0);
        let word = Word {
            names: self.index.names_alike(&token).fold(0, |bits, name| bits | 1 << (name % 64)),
            is_split: self.index.may_split(&token),
        };
        if self.words.0.len() < KEPT {
            self.words.0.insert(key.into(), word);
        }
        Some(word)
    }
}

/// Whether a name of these tokens may have so many points with a name of the index. First for one that has all that any
/// has, which most persons fail.
fn reaches(tokens: &[(f32, Word)], is_lenient: bool, least: f32) -> bool {
    let weight = tokens.iter().map(|(weight, _)| weight).sum();
    let reaches = |names: u64| {
        let shared = tokens.iter().filter(|(_, word)| word.names & names != 0).map(|(weight, _)| weight);
        100.0 * names::upper_bound_by_shared(weight, shared.sum(), is_lenient).clamp(0.0, 1.0) >= least
    };
    let all = tokens.iter().fold(0, |all, (_, word)| all | word.names);
    all != 0 && reaches(all) && (0..64).map(|bit| 1 << bit).any(|name| all & name != 0 && reaches(name))
}

/// What is left to be read.
struct Keys<'k>(&'k [u8]);

impl<'k> Keys<'k> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn float(&mut self) -> Option<f32> {
        self.array().map(f32::from_le_bytes)
    }

    fn bytes(&mut self, length: usize) -> Option<&'k [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<&'k str> {
        let length = self.byte()?;
        std::str::from_utf8(self.bytes(length.into())?).ok()
    }

    /// A token's text, tag and provenance.
    fn word(&mut self) -> Option<&'k [u8]> {
        let length = self.byte()?;
        self.bytes(usize::from(length) + 1)
    }

    /// Past the version.
    fn current(&mut self) -> Option<()> {
        (self.text()? == ENGINE_VERSION).then_some(())
    }
}

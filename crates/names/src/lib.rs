//! Normalises, transliterates and compares names of people and companies; no HTTP, no SQL, no list data.
//!
//! [`Name::parse`] reads a text in any script into tagged, weighted [`Token`]s, [`compare()`] scores two names, and a
//! [`Vocabulary`] finds every token that a comparison would align with a given one.

mod compare;
mod lexicon;
mod readings;
mod romanised;
mod script;
mod similarity;
mod sound;
mod token;
mod vocabulary;

pub use compare::{
    Joined, NameRef, NameScore, Pair, compare, compare_knowing, is_joined, is_lenient, joined, joined_keys,
    runs, total_weight, upper_bound, upper_bound_by_shared,
};
pub use readings::readings;
pub use token::{Tag, Token};
pub use vocabulary::{Keys, Vocabulary, VocabularyBuilder, hash};

/// What bears a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NameKind {
    /// A natural person.
    Person,
    /// A company, a body, a group.
    Organisation,
    /// A ship or an aircraft.
    Vessel,
    /// Not said.
    Unknown,
}

/// A name, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Name {
    pub(crate) tokens: Vec<Token>,
    pub(crate) kind: NameKind,
    pub(crate) fingerprint: u64,
}

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Empty, or nothing but punctuation, control and invisible characters.
    #[error("the name has no letter and no digit")]
    Empty,
    /// More than 1,000 characters.
    #[error("the name is longer than 1000 characters")]
    TooLong,
}

impl Name {
    /// Reads a name in any script.
    ///
    /// # Errors
    ///
    /// When the text has no letter and no digit, or is too long to be a name.
    pub fn parse(text: &str, kind: NameKind) -> Result<Self, NameError> {
        token::parse(text, text, kind)
    }

    /// Reads one of a text's [`readings()`]: identical only with a reading of the same text.
    ///
    /// # Errors
    ///
    /// As [`Name::parse`].
    pub fn parse_reading(reading: &str, text: &str, kind: NameKind) -> Result<Self, NameError> {
        token::parse(reading, text, kind)
    }

    /// Its tokens, in the text's order.
    #[must_use]
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// What bears it.
    #[must_use]
    pub fn kind(&self) -> NameKind {
        self.kind
    }
}

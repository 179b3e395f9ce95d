//! The tables: equivalent given and family names, titles, particles, legal forms, company words, Han readings.
//!
//! Read once, at first use. The tables are part of the program, so a malformed line is a defect that the tests show.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::script::arabic_plain;

/// How a word belongs to a class of equivalent names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// The name itself, however it is spelled or transliterated.
    Spelling,
    /// A short or familiar form of it.
    Familiar,
    /// The same name in another language.
    Cognate,
}

/// What the tables know of a word that is a name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Known {
    /// The classes that the word belongs to, ascending.
    pub classes: SmallVec<[(u16, Form); 2]>,
    /// So frequent that it says little about who bears it.
    pub frequent: bool,
}

/// What a word that is not a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Title,
    Particle,
    /// A legal form.
    Legal,
    /// A word that most companies could bear.
    Filler,
    /// A word for what a company does.
    Sector,
    /// A word for where it is.
    Place,
    Number(&'static str),
}

/// Where a family name is from that says how the given name beside it is romanised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Chinese,
    Korean,
}

struct Lexicon {
    names: FxHashMap<&'static str, Known>,
    /// The first class of: given names of China and Korea, Chinese, Korean and other family names.
    starts: [u16; 4],
    legal_forms: FxHashMap<&'static str, Known>,
    arabic: FxHashMap<String, &'static str>,
    roles: FxHashMap<&'static str, SmallVec<[Role; 2]>>,
    han_readings: FxHashMap<char, &'static str>,
    han_compounds: Vec<(char, char)>,
    han_words: Vec<(Vec<char>, &'static str)>,
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(Lexicon::read);

/// What is known of a name, if anything.
pub(crate) fn known(word: &str) -> Option<&'static Known> {
    LEXICON.names.get(word)
}

/// Whether a word is a family name of a country.
pub(crate) fn is_family_of(word: &str, origin: Origin) -> bool {
    let [_, chinese, korean, other] = LEXICON.starts;
    let classes = match origin {
        Origin::Chinese => chinese..korean,
        Origin::Korean => korean..other,
    };
    known(word).is_some_and(|known| known.classes.iter().any(|(class, _)| classes.contains(class)))
}

/// Whether a word is a given name of other countries than China and Korea.
pub(crate) fn is_given_elsewhere(word: &str) -> bool {
    known(word).is_some_and(|known| known.classes.iter().any(|(class, _)| *class < LEXICON.starts[0]))
}

/// The class of a legal form.
pub(crate) fn legal_form(word: &str) -> Option<&'static Known> {
    LEXICON.legal_forms.get(word)
}

/// The Latin spelling of a frequent name in Arabic script.
pub(crate) fn latin_of(arabic: &str) -> Option<&'static str> {
    LEXICON.arabic.get(arabic).copied()
}

/// What a word may be besides a name.
pub(crate) fn roles(word: &str) -> &'static [Role] {
    LEXICON.roles.get(word).map_or(&[], SmallVec::as_slice)
}

/// The reading of a character as a family name, where it is not its usual one.
pub(crate) fn family_reading(character: char) -> Option<&'static str> {
    LEXICON.han_readings.get(&character).copied()
}

pub(crate) fn is_compound_family_name(first: char, second: char) -> bool {
    LEXICON.han_compounds.contains(&(first, second))
}

/// The company word that a run of Han begins with: its length in characters and its English words.
pub(crate) fn han_word(run: &[char]) -> Option<(usize, &'static str)> {
    LEXICON
        .han_words
        .iter()
        .find(|(word, _)| run.starts_with(word))
        .map(|(word, english)| (word.len(), *english))
}

fn lines(table: &'static str) -> impl Iterator<Item = &'static str> {
    table.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

impl Lexicon {
    fn read() -> Self {
        let mut lexicon = Self {
            names: FxHashMap::default(),
            starts: [0; 4],
            legal_forms: FxHashMap::default(),
            arabic: FxHashMap::default(),
            roles: FxHashMap::default(),
            han_readings: FxHashMap::default(),
            han_compounds: Vec::new(),
            han_words: Vec::new(),
        };
        let mut classes = 0..;
        let tables = [
            include_str!("given.txt"),
            include_str!("given_syllables.txt"),
            include_str!("family_chinese.txt"),
            include_str!("family_korean.txt"),
            include_str!("family.txt"),
        ];
        for (number, table) in tables.into_iter().enumerate() {
            if let Some(start) = number.checked_sub(1).and_then(|number| lexicon.starts.get_mut(number)) {
                *start = classes.start;
            }
            for (line, class) in lines(table).zip(&mut classes) {
                lexicon.add_class(class, line);
            }
        }
        for (line, class) in lines(include_str!("words.txt")).zip(classes) {
            lexicon.add_roles(line, class);
        }
        for line in lines(include_str!("han.txt")) {
            if let Some((character, reading)) = line.split_once(' ') {
                lexicon.han_readings.extend(character.chars().next().map(|character| (character, reading)));
            }
        }
        for pair in lines(include_str!("han_compound.txt")).flat_map(str::split_whitespace) {
            let mut characters = pair.chars();
            lexicon.han_compounds.extend(characters.next().zip(characters.next()));
        }
        for line in lines(include_str!("han_words.txt")) {
            if let Some((word, english)) = line.split_once(' ') {
                lexicon.han_words.push((word.chars().collect(), english));
            }
        }
        lexicon
    }

    fn add_class(&mut self, class: u16, line: &'static str) {
        let (line, frequent) = line.strip_prefix('*').map_or((line, false), |rest| (rest, true));
        let forms = [Form::Spelling, Form::Familiar, Form::Cognate];
        let mut first = None;
        for (form, part) in forms.into_iter().zip(line.split(';')) {
            for word in part.split_whitespace() {
                if !word.is_ascii() {
                    if let Some(first) = first {
                        self.arabic.entry(word.chars().map(arabic_plain).collect()).or_insert(first);
                    }
                    continue;
                }
                first.get_or_insert(word);
                let known = self.names.entry(word).or_default();
                known.frequent |= frequent && form != Form::Cognate;
                if let Some(entry) = known.classes.iter_mut().find(|(known, _)| *known == class) {
                    entry.1 = entry.1.min(form);
                } else {
                    known.classes.push((class, form));
                }
            }
        }
    }

    fn add_roles(&mut self, line: &'static str, class: u16) {
        let Some((role, words)) = line.strip_prefix('[').and_then(|line| line.split_once(']')) else {
            return;
        };
        let role = match role.split_once(' ') {
            Some(("legal", _)) => Role::Legal,
            Some(("number", value)) => Role::Number(value),
            _ => match role {
                "title" => Role::Title,
                "particle" => Role::Particle,
                "filler" => Role::Filler,
                "sector" => Role::Sector,
                _ => Role::Place,
            },
        };
        for word in words.split_whitespace() {
            self.roles.entry(word).or_default().push(role);
            if role == Role::Legal {
                self.legal_forms.entry(word).or_default().classes.push((class, Form::Spelling));
            }
        }
    }
}

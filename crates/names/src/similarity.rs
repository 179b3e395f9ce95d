//! How alike two tokens are: the one definition that the comparison uses and that the vocabulary's search covers.

use crate::lexicon::{Form, Known};
use crate::romanised::Keys;
use crate::sound;
use crate::token::{Tag, Token};

/// Tokens less alike than this are not aligned at all.
pub(crate) const FLOOR: f32 = 0.7;
/// Most typing errors within a token.
pub(crate) const MAX_EDITS: usize = 2;
/// Longer words are not searched for typing errors.
pub(crate) const MAX_EDITED_LETTERS: usize = 24;
/// Fewer letters are no truncation of a longer word.
pub(crate) const MIN_PREFIX: usize = 3;

const SAME_SOUND: f32 = 0.96;
const SPELLING: f32 = 0.97;
const FAMILIAR: f32 = 0.9;
const COGNATE: f32 = 0.88;
const INITIAL: f32 = 0.82;
const WITHOUT_VOWELS: f32 = 0.9;
const WOMANS_FORM: f32 = 0.9;
const STEM: f32 = 0.87;
const ROMANISED: f32 = 0.92;

/// How alike two tokens are, `FLOOR`–1, or 0.
pub(crate) fn similarity(a: &Token, b: &Token) -> f32 {
    if a.text == b.text {
        // A number equals only a number.
        return if a.tag == b.tag || is_word(a) && is_word(b) { 1.0 } else { 0.0 };
    }
    match (a.tag, b.tag) {
        (Tag::Initial, Tag::Name) if abbreviates(a, b) => INITIAL,
        (Tag::Name, Tag::Initial) if abbreviates(b, a) => INITIAL,
        // Of two legal forms the class counts; with other words a misspelling.
        (Tag::Name | Tag::Common | Tag::Legal, Tag::Name | Tag::Common | Tag::Legal) => words(a, b),
        _ => 0.0,
    }
}

/// The first letters of a word, or its two consonants.
fn abbreviates(initial: &Token, word: &Token) -> bool {
    word.text.starts_with(&*initial.text) || initial.text.len() == 2 && word.consonants == initial.text
}

fn is_word(token: &Token) -> bool {
    matches!(token.tag, Tag::Name | Tag::Common | Tag::Legal | Tag::Particle | Tag::Title)
}

fn words(a: &Token, b: &Token) -> f32 {
    if is_romanised_alike(&a.romanised, &b.romanised) {
        return whole_words(a, b).max(ROMANISED);
    }
    let similarity = whole_words(a, b);
    if similarity > 0.0 {
        return similarity;
    }
    let similarity = match (&a.stem, &b.stem) {
        (Some(stem), None) => of_stem(stem, b),
        (None, Some(stem)) => of_stem(stem, a),
        _ => 0.0,
    };
    if similarity >= FLOOR { similarity } else { 0.0 }
}

/// Whether two words may be romanisations of one Chinese or Korean name.
pub(crate) fn is_romanised_alike(one: &Keys, other: &Keys) -> bool {
    one.iter().any(|key| other.contains(key))
}

/// `Abd al-Karim` is called Karim, too.
fn of_stem(stem: &Token, word: &Token) -> f32 {
    STEM * match (stem.known, word.known) {
        _ if stem.text == word.text => 1.0,
        (Some(one), Some(other)) => class_similarity(one, other),
        _ if stem.skeleton == word.skeleton => same_skeleton(stem, word),
        _ => 0.0,
    }
}

fn same_skeleton(a: &Token, b: &Token) -> f32 {
    if a.folded == b.folded {
        return SAME_SOUND;
    }
    let bare = a.unvocalised || b.unvocalised;
    let letters = if bare { a.skeleton.len() } else { a.skeleton.trim_start_matches('a').len() };
    if letters >= 2 { SAME_SOUND - sound::vowel_distance(&a.folded, &b.folded, bare) } else { 0.0 }
}

fn whole_words(a: &Token, b: &Token) -> f32 {
    if let (Some(one), Some(other)) = (a.known, b.known) {
        // Two names that exist are not misspellings of one another.
        return class_similarity(one, other).max(if is_womans_form(a, b) { WOMANS_FORM } else { 0.0 });
    }
    // Nor are the few syllables of China and Korea.
    if !a.romanised.is_empty() && !b.romanised.is_empty() {
        return 0.0;
    }
    let letters = (a.text.len(), b.text.len());
    let has_digit = |token: &Token| token.text.bytes().any(|byte| byte.is_ascii_digit());
    if has_digit(a) || has_digit(b) {
        return 0.0;
    }
    let mut best: f32 = 0.0;
    if a.skeleton == b.skeleton {
        best = same_skeleton(a, b);
    }
    // Someone left the vowels out.
    if a.consonants == b.consonants
        && (*a.consonants == *a.text || *b.consonants == *b.text)
        && a.consonants.len() >= 2
    {
        best = best.max(WITHOUT_VOWELS);
    }
    let (shorter, longer) = if letters.0 <= letters.1 { (a, b) } else { (b, a) };
    if shorter.text.len() >= MIN_PREFIX && longer.text.starts_with(&*shorter.text) && shorter.known.is_none()
    {
        let share = shorter.text.len() as f32 / longer.text.len() as f32;
        if share >= 0.25 {
            best = best.max(0.66 + 0.3 * share);
        }
    }
    if shorter.text.len() >= MIN_PREFIX && longer.text.len() <= MAX_EDITED_LETTERS {
        let length = longer.text.len();
        // As many edits as leave the floor.
        let allowed = MAX_EDITS.min(((1.0 - FLOOR) * length as f32 + 0.001) as usize);
        if length - shorter.text.len() <= allowed
            && let Some(edits) = edits(shorter.text.as_bytes(), longer.text.as_bytes(), allowed)
        {
            let first = if a.text.as_bytes()[0] == b.text.as_bytes()[0] { 0.0 } else { 0.05 };
            best = best.max(1.0 - edits as f32 / length as f32 - first);
        }
    }
    if best >= FLOOR { best } else { 0.0 }
}

/// `Petrova` beside `Petrov`: a wife, a daughter, or a man whose name a clerk took from hers.
fn is_womans_form(a: &Token, b: &Token) -> bool {
    let (shorter, longer) = if a.text.len() < b.text.len() { (a, b) } else { (b, a) };
    (shorter.text.ends_with("ov") || shorter.text.ends_with("ev"))
        && longer.text.strip_suffix('a') == Some(&*shorter.text)
}

fn class_similarity(a: &Known, b: &Known) -> f32 {
    let mut best: f32 = 0.0;
    for (class, form) in &a.classes {
        for (_, other) in b.classes.iter().filter(|(other, _)| other == class) {
            best = best.max(match (*form, *other) {
                (Form::Spelling, Form::Spelling) => SPELLING,
                (Form::Spelling, Form::Familiar) | (Form::Familiar, Form::Spelling) => FAMILIAR,
                (Form::Spelling, Form::Cognate) | (Form::Cognate, Form::Spelling) => COGNATE,
                // Two diminutives, or two other languages, are a step further apart.
                _ => COGNATE - 0.06,
            });
        }
    }
    best
}

/// Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment) between two words, if not
/// more than allowed.
pub(crate) fn edits(shorter: &[u8], longer: &[u8], allowed: usize) -> Option<usize> {
    // What both begin and end with costs nothing; most of two words that are alike is that.
    let prefix = shorter.iter().zip(longer).take_while(|(a, b)| a == b).count();
    let (shorter, longer) = (&shorter[prefix..], &longer[prefix..]);
    let suffix = shorter.iter().rev().zip(longer.iter().rev()).take_while(|(a, b)| a == b).count();
    let (shorter, longer) = (&shorter[..shorter.len() - suffix], &longer[..longer.len() - suffix]);
    let mut rows = [[0_u8; MAX_EDITED_LETTERS + 1]; 3];
    for (at, cell) in rows[0].iter_mut().enumerate() {
        *cell = at as u8;
    }
    let width = longer.len().min(MAX_EDITED_LETTERS);
    let (mut current, mut previous, mut before) = (1, 0, 2);
    for (row, letter) in shorter.iter().enumerate() {
        rows[current][0] = row as u8 + 1;
        let mut least = rows[current][0];
        for column in 0..width {
            let substituted = rows[previous][column] + u8::from(*letter != longer[column]);
            let mut cost = substituted.min(rows[previous][column + 1] + 1).min(rows[current][column] + 1);
            if row > 0 && column > 0 && *letter == longer[column - 1] && shorter[row - 1] == longer[column] {
                cost = cost.min(rows[before][column - 1] + 1);
            }
            rows[current][column + 1] = cost;
            least = least.min(cost);
        }
        if usize::from(least) > allowed {
            return None;
        }
        (before, previous, current) = (previous, current, before);
    }
    let distance = usize::from(rows[previous][width]);
    (distance <= allowed).then_some(distance)
}

#[cfg(test)]
mod tests {
    use super::edits;

    #[test]
    fn edits_are_counted() {
        for (one, other, expected) in [
            ("karpovich", "karpovich", Some(0)),
            ("karpovich", "karpovihc", Some(1)),
            ("karpovic", "karpovich", Some(1)),
            ("arpovich", "karpovich", Some(1)),
            ("karpovich", "katpovich", Some(1)),
            ("krapovcih", "karpovich", Some(2)),
            ("aab", "aaab", Some(1)),
            ("abab", "baba", Some(2)),
            ("sorokin", "karpovich", None),
        ] {
            assert_eq!(edits(one.as_bytes(), other.as_bytes(), 2), expected, "{one} {other}");
        }
    }
}

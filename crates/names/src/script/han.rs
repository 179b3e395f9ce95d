//! Han by pinyin: the family name first, the given name's syllables as one word.

use crate::lexicon;

use super::Word;

pub(super) fn transliterate(run: &[char], person: bool, found: &mut Vec<Word>) {
    if person && run.len() <= 4 {
        return syllables(run, found);
    }
    // A company: its known words are translated, what lies between is its proper name.
    let mut proper = String::new();
    let mut at = 0;
    while at < run.len() {
        let Some((length, words)) = lexicon::han_word(&run[at..]) else {
            super::push_any_ascii(run[at], &mut proper);
            at += 1;
            continue;
        };
        super::flush(&mut proper, found);
        found.extend(words.split(' ').map(Word::new));
        at += length;
    }
    super::flush(&mut proper, found);
}

/// A person's name, one syllable a character.
fn syllables(run: &[char], found: &mut Vec<Word>) {
    let family = match run.len() {
        3..=4 if lexicon::is_compound_family_name(run[0], run[1]) => 2,
        2..=4 => 1,
        _ => 0,
    };
    let mut text = String::new();
    for (at, character) in run.iter().enumerate() {
        if at == family {
            super::flush(&mut text, found);
        }
        match (at, lexicon::family_reading(*character)) {
            (0, Some(reading)) if family == 1 => text.push_str(&reading.to_ascii_lowercase()),
            _ => super::push_any_ascii(*character, &mut text),
        }
    }
    super::flush(&mut text, found);
}

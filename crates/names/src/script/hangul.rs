//! Hangul: the Revised Romanisation of 2000, family names as most of their bearers write them; and as the North
//! writes (unvoiced initials, `o` and `u` for the central vowels).

use super::Word;

const INITIALS: [&str; 19] =
    ["g", "kk", "n", "d", "tt", "r", "m", "b", "pp", "s", "ss", "", "j", "jj", "ch", "k", "t", "p", "h"];
const VOWELS: [&str; 21] = [
    "a", "ae", "ya", "yae", "eo", "e", "yeo", "ye", "o", "wa", "wae", "oe", "yo", "u", "wo", "we", "wi",
    "yu", "eu", "ui", "i",
];
const FINALS: [&str; 28] = [
    "", "k", "k", "k", "n", "n", "n", "t", "l", "k", "m", "l", "l", "l", "p", "l", "m", "p", "p", "t", "t",
    "ng", "t", "t", "k", "t", "p", "t",
];

/// A family name as most of its bearers write it.
fn family(syllable: char) -> Option<&'static str> {
    Some(match syllable {
        '김' => "kim",
        '이' => "lee",
        '박' => "park",
        '최' => "choi",
        '정' => "jung",
        '강' => "kang",
        '윤' => "yoon",
        '임' => "lim",
        '오' => "oh",
        '신' => "shin",
        '권' => "kwon",
        '안' => "ahn",
        '유' => "yoo",
        '문' => "moon",
        '손' => "son",
        '노' => "roh",
        '우' => "woo",
        '구' => "koo",
        '전' => "jeon",
        '고' => "ko",
        '백' => "baek",
        '곽' => "kwak",
        '금' => "keum",
        _ => return None,
    })
}

fn syllable(character: char, northern: bool, into: &mut String) {
    let Some(number) = (character as usize).checked_sub(0xAC00).filter(|number| *number < 19 * 21 * 28)
    else {
        return super::push_any_ascii(character, into);
    };
    let (initial, vowel) = (INITIALS[number / (21 * 28)], VOWELS[number / 28 % 21]);
    into.push_str(match initial {
        "g" if northern => "k",
        "d" if northern => "t",
        "b" if northern => "p",
        other => other,
    });
    into.push_str(match vowel {
        "eo" if northern => "o",
        "yeo" if northern => "yo",
        "eu" if northern => "u",
        other => other,
    });
    into.push_str(FINALS[number % 28]);
}

/// A word: of a person the family name, then the given name's syllables as one word.
pub(super) fn transliterate(run: &[char], person: bool, found: &mut Vec<Word>) {
    let is_name = person && (2..=4).contains(&run.len());
    let mut text = String::new();
    for (at, character) in run.iter().enumerate() {
        match family(*character).filter(|_| is_name && at == 0) {
            Some(family) => text.push_str(family),
            None => syllable(*character, false, &mut text),
        }
        if is_name && at == 0 {
            super::flush(&mut text, found);
        }
    }
    super::flush(&mut text, found);
}

/// A text as the North writes it, syllable by syllable.
pub(super) fn northern(text: &str) -> String {
    let mut latin = String::new();
    for character in text.chars() {
        if super::script_of(character) == super::Script::Hangul {
            syllable(character, true, &mut latin);
            latin.push(' ');
        } else {
            latin.push(character);
        }
    }
    latin
}

//! From text in any script to words in lower-case ASCII.
//!
//! NFKC first, then invisible characters go, look-alikes of another script inside a word are undone, and each word is
//! transliterated by its script: Cyrillic, Greek, Arabic, Hebrew, Han and Hangul by rules of their own, all others by
//! `any_ascii`.

mod arabic;
mod confusable;
mod cyrillic;
mod greek;
mod han;
mod hangul;
mod hebrew;
mod slavic;

pub(crate) use arabic::plain as arabic_plain;
use unicode_normalization::UnicodeNormalization;

/// The scripts that are treated apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Cyrillic,
    Greek,
    Arabic,
    Hebrew,
    Han,
    Hangul,
    Digit,
    Other,
}

/// One word, transliterated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// ASCII letters and digits, lower case, never empty.
    pub text: String,
    /// The script writes no short vowels, so that `text` has none either.
    pub unvocalised: bool,
}

impl Word {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), unvocalised: false }
    }
}

fn script_of(character: char) -> Script {
    match character as u32 {
        0x30..=0x39 => Script::Digit,
        0x41..=0x5A | 0x61..=0x7A | 0xAA | 0xBA | 0xC0..=0x24F | 0x250..=0x2AF | 0x1E00..=0x1EFF => {
            Script::Latin
        }
        0x370..=0x3FF | 0x1F00..=0x1FFF => Script::Greek,
        0x400..=0x52F | 0x1C80..=0x1C8F | 0xA640..=0xA69F => Script::Cyrillic,
        0x590..=0x5FF => Script::Hebrew,
        0x600..=0x6FF | 0x750..=0x77F | 0x8A0..=0x8FF | 0xFB50..=0xFDFF | 0xFE70..=0xFEFF => Script::Arabic,
        0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x323AF => Script::Han,
        0x1100..=0x11FF | 0xAC00..=0xD7AF => Script::Hangul,
        _ => Script::Other,
    }
}

fn is_greek(character: char) -> bool {
    script_of(character) == Script::Greek
}

/// Whether a text is in a script of which its words are transliterated letter by letter: no romanisation of Chinese or
/// Korean.
pub(crate) fn has_own_letters(text: &str) -> bool {
    !text.is_ascii()
        && text.chars().any(|character| {
            let own = [Script::Cyrillic, Script::Greek, Script::Arabic, Script::Hebrew];
            own.contains(&script_of(character)) && !is_dropped(character)
        })
}

/// Format characters, variation selectors and the marks that scripts with letters of their own put over or under
/// them (accents, Arabic and Hebrew vowel points): they carry no difference between names.
fn is_dropped(character: char) -> bool {
    matches!(character as u32,
        0xAD | 0x61C | 0x640 | 0x180E | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0xFEFF
        | 0xFFF9..=0xFFFC | 0xE0000..=0xE0FFF | 0xFE00..=0xFE0F
        | 0x300..=0x36F | 0x483..=0x489 | 0x591..=0x5C7 | 0x610..=0x61A | 0x64B..=0x65F | 0x670 | 0x6D6..=0x6ED
        | 0x1AB0..=0x1AFF | 0x1DC0..=0x1DFF | 0x20D0..=0x20FF | 0xFE20..=0xFE2F)
}

/// Marks inside a word that many write and many omit: `Qa'ida`, `O’Brien`, `ʿAlī`.
fn is_apostrophe(character: char) -> bool {
    matches!(character, '\'' | '’' | '‘' | '`' | '´' | '‛' | '′' | '″' | '＇' | '·')
        || matches!(character as u32, 0x2B0..=0x2FF)
}

/// The text as another reader of its script would write it, where that differs: Greek that spells a foreign name,
/// Korean as the North writes it, Arabic letters that stand for more than one sound, Slavic names in German letters.
pub(crate) fn other_readings(text: &str) -> Vec<String> {
    if text.is_ascii() {
        return slavic::from_german(text).into_iter().collect();
    }
    let composed: String = text.nfkc().filter(|character| !is_dropped(*character)).collect();
    let has = |script| composed.chars().any(|character| script_of(character) == script);
    if has(Script::Greek) {
        vec![greek::foreign(&composed)]
    } else if has(Script::Hangul) {
        vec![hangul::northern(&composed)]
    } else if has(Script::Arabic) {
        arabic::other_letters(&composed)
    } else {
        Vec::new()
    }
}

/// The words of a text.
pub(crate) fn words(text: &str, person: bool) -> Vec<Word> {
    let mut found = Vec::with_capacity(8);
    if text.is_ascii() {
        let mut word = String::new();
        for byte in text.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => word.push(char::from(byte.to_ascii_lowercase())),
                b'\'' | b'`' => {}
                _ => {
                    push_ascii(std::mem::take(&mut word), &mut found);
                    if matches!(byte, b'&' | b'+') {
                        found.push(Word::new("and"));
                    }
                }
            }
        }
        push_ascii(word, &mut found);
        return found;
    }
    let ukrainian = text.chars().any(cyrillic::is_ukrainian);
    let mut word: Vec<char> = Vec::new();
    for character in text.nfkc() {
        if is_dropped(character) || is_apostrophe(character) {
            continue;
        }
        if character.is_alphanumeric() || is_vowel_sign(character) {
            word.push(character);
            continue;
        }
        push_word(&mut word, ukrainian, person, &mut found);
        if matches!(character, '&' | '+') {
            found.push(Word::new("and"));
        }
    }
    push_word(&mut word, ukrainian, person, &mut found);
    found
}

/// Dependent vowels and viramas of the Indic and South-East Asian scripts are marks, but part of the word.
fn is_vowel_sign(character: char) -> bool {
    matches!(character as u32, 0x900..=0xDFF | 0xE00..=0x109F | 0x1780..=0x17FF | 0x3099..=0x309C)
        && unicode_normalization::char::is_combining_mark(character)
}

/// A word in ASCII: digits that stand in for letters are undone, a number at the end of a word is split off.
fn push_ascii(word: String, found: &mut Vec<Word>) {
    let bytes = word.as_bytes();
    if bytes.is_empty() {
        return;
    }
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || digits == bytes.len() {
        found.push(Word::new(word));
        return;
    }
    let letters = bytes.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
    if letters >= 3 && letters + digits == bytes.len() {
        let (name, number) = word.split_at(letters);
        found.push(Word::new(name));
        found.push(Word::new(number));
        return;
    }
    let inside = |at: usize| {
        let letter = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_lowercase);
        letter(at.checked_sub(1)) && letter(Some(at + 1))
    };
    if digits * 3 <= bytes.len() && (0..bytes.len()).all(|at| bytes[at].is_ascii_lowercase() || inside(at)) {
        found.push(Word::new(
            word.replace('0', "o").replace('1', "l").replace('3', "e").replace('4', "a").replace('5', "s"),
        ));
        return;
    }
    found.push(Word::new(word));
}

fn push_word(word: &mut Vec<char>, ukrainian: bool, person: bool, found: &mut Vec<Word>) {
    if word.is_empty() {
        return;
    }
    confusable::undo(word);
    // A word changes its script at most where a text runs two together (Han with Latin, digits with any).
    let mut start = 0;
    let mut latin = String::new();
    while start < word.len() {
        let script = script_of(word[start]);
        let mut end = start + 1;
        while end < word.len() && script_of(word[end]) == script {
            end += 1;
        }
        let run = &word[start..end];
        match script {
            Script::Latin | Script::Digit | Script::Other => {
                for &character in run {
                    push_any_ascii(character, &mut latin);
                }
            }
            Script::Cyrillic => cyrillic::transliterate(run, ukrainian, &mut latin),
            Script::Greek => greek::transliterate(run, false, &mut latin),
            Script::Hebrew => {
                flush(&mut latin, found);
                hebrew::transliterate(run, found);
            }
            Script::Arabic => {
                flush(&mut latin, found);
                arabic::transliterate(run, found);
            }
            Script::Han => {
                flush(&mut latin, found);
                han::transliterate(run, person, found);
            }
            Script::Hangul => {
                flush(&mut latin, found);
                hangul::transliterate(run, person, found);
            }
        }
        start = end;
    }
    flush(&mut latin, found);
    word.clear();
}

fn flush(latin: &mut String, found: &mut Vec<Word>) {
    push_ascii(std::mem::take(latin), found);
}

/// The lower-case letters and digits that `any_ascii` gives for a character.
fn push_any_ascii(character: char, into: &mut String) {
    for byte in any_ascii::any_ascii_char(character).bytes() {
        if byte.is_ascii_alphanumeric() {
            into.push(char::from(byte.to_ascii_lowercase()));
        }
    }
}

//! Given names of China and Korea in Latin letters: what the systems that write them have in common.
//!
//! `Zedong` and `Tse-tung`, `Jong-un`, `Jeongeun` and `Chong-un` differ in nearly every letter that a typing error would
//! leave alone. Their syllables are few and regular, though, so each word has a key that is the same in all systems.
//! English words have one, too (`Don`, `Tina`): keys are only for names whose family name and syllables say what they are.

use smallvec::SmallVec;

use crate::lexicon::{self, Origin};
use crate::script::Word;

/// A word's keys, one for each language that it may be of.
pub(crate) type Keys = SmallVec<[Box<str>; 2]>;

/// Given names have two syllables at most.
const MOST_SYLLABLES: usize = 2;
const MOST_WORDS: usize = 3;

/// The keys of a name's words, by their places; none unless all of them are a family name and the syllables of a given
/// name.
pub(crate) fn keys(words: &[Word]) -> Vec<Keys> {
    let mut keys = vec![Keys::new(); words.len()];
    let (Some(first), Some(last)) = (words.first(), words.last()) else { return keys };
    if !(2..=MOST_WORDS).contains(&words.len()) {
        return keys;
    }
    for (origin, key_of) in [(Origin::Chinese, chinese as fn(&str) -> Option<Key>), (Origin::Korean, korean)]
    {
        let is_family = |word: &Word| lexicon::is_family_of(&word.text, origin);
        if !is_family(first) && !is_family(last) {
            continue;
        }
        let read: Vec<Option<Key>> = words.iter().map(|word| key_of(&word.text)).collect();
        let are_given = |range: std::ops::Range<usize>| {
            let syllables: Option<usize> =
                read[range.clone()].iter().map(|key| key.as_ref().map(|key| key.syllables)).sum();
            syllables.is_some_and(|syllables| syllables <= MOST_SYLLABLES)
                && !words[range].iter().any(|word| lexicon::is_given_elsewhere(&word.text))
        };
        if is_family(first) && are_given(1..words.len()) || is_family(last) && are_given(0..words.len() - 1) {
            for (keys, key) in keys.iter_mut().zip(read) {
                keys.extend(key.map(|key| key.text.into_boxed_str()));
            }
        }
    }
    keys
}

/// The keys of a word of which it is known in which languages it has one.
pub(crate) fn recalled(word: &str, is_chinese: bool, is_korean: bool) -> Keys {
    let keys = [is_chinese.then(|| chinese(word)), is_korean.then(|| korean(word))];
    keys.into_iter().flatten().flatten().map(|key| key.text.into_boxed_str()).collect()
}

/// One after the other, as the key of the word that they would be together.
pub(crate) fn joined<'a>(words: impl Iterator<Item = &'a Keys> + Clone) -> Keys {
    let of = |origin: char| {
        let mut together = origin.to_string();
        for keys in words.clone() {
            let sounds = keys.iter().find_map(|key| key.strip_prefix(origin))?;
            // In Korean a consonant that ends a syllable and begins the next is one.
            let doubled =
                origin == KOREAN && together.ends_with(CONSONANTS) && sounds.starts_with(CONSONANTS);
            let doubled = doubled && together.as_bytes().last() == sounds.as_bytes().first();
            together.push_str(sounds.get(usize::from(doubled)..)?);
        }
        Some(together.into_boxed_str())
    };
    [CHINESE, KOREAN].into_iter().filter_map(of).collect()
}

const CONSONANTS: [char; 9] = ['K', 'T', 'P', 'J', 'S', 'L', 'M', 'N', 'H'];

const CHINESE: char = 'c';
const KOREAN: char = 'k';

struct Key {
    text: String,
    syllables: usize,
}

/// Hanyu Pinyin and Wade-Giles, whose aspirates are often left unmarked.
fn chinese(word: &str) -> Option<Key> {
    let mut key = Key { text: CHINESE.to_string(), syllables: 0 };
    let mut rest = word;
    while !rest.is_empty() {
        let (initial, after) = chinese_initial(rest);
        let (last, after) = chinese_final(after)?;
        key.text.push_str(if initial.is_empty() && last.starts_with('i') { "Y" } else { initial });
        key.text.push_str(match (initial, last) {
            ("Y", "en") => "an",
            ("Y", "ou") => "u",
            // `tzu`, `ssu`
            ("Z" | "s", "u")
                if rest.starts_with("tz") || rest.starts_with("ss") || rest.starts_with("sz") =>
            {
                "i"
            }
            _ => last,
        });
        key.syllables += 1;
        rest = after;
    }
    Some(key)
}

/// The sound that begins a syllable, and what follows it.
fn chinese_initial(text: &str) -> (&'static str, &str) {
    const INITIALS: &[(&str, &str)] = &[
        ("zh", "J"),
        ("ch", "J"),
        ("sh", "S"),
        ("hs", "X"),
        ("ts", "Z"),
        ("tz", "Z"),
        ("ss", "s"),
        ("sz", "s"),
        ("b", "P"),
        ("p", "P"),
        ("d", "T"),
        ("t", "T"),
        ("g", "K"),
        ("k", "K"),
        ("q", "J"),
        ("z", "Z"),
        ("c", "Z"),
        ("x", "X"),
        ("s", "s"),
        ("r", "R"),
        ("m", "M"),
        ("n", "N"),
        ("l", "L"),
        ("f", "F"),
        ("h", "H"),
        ("y", "Y"),
        ("w", "W"),
    ];
    // Pinyin's j stands before i and u, that of Wade-Giles is pinyin's r.
    if let Some(after) = text.strip_prefix('j') {
        let giles = after.starts_with(['a', 'e', 'o']) || after.starts_with("ih") || after.starts_with("ung");
        return (if giles { "R" } else { "J" }, after);
    }
    let found = INITIALS.iter().find_map(|(letters, sound)| Some((*sound, text.strip_prefix(letters)?)));
    found.unwrap_or(("", text))
}

/// The rest of a syllable, and what follows it.
fn chinese_final(text: &str) -> Option<(&'static str, &str)> {
    const FINALS: &[(&str, &str)] = &[
        ("iang", "iang"),
        ("iong", "iong"),
        ("iung", "iong"),
        ("uang", "uang"),
        ("ieh", "ie"),
        ("ien", "ian"),
        ("ian", "ian"),
        ("iao", "iao"),
        ("ing", "ing"),
        ("uai", "uai"),
        ("uan", "uan"),
        ("ueh", "ue"),
        ("uei", "ui"),
        ("ang", "ang"),
        ("eng", "eng"),
        ("ong", "ong"),
        ("ung", "ong"),
        ("erh", "er"),
        ("ia", "ia"),
        ("ie", "ie"),
        ("iu", "iu"),
        ("in", "in"),
        ("ih", "i"),
        ("ua", "ua"),
        ("uo", "o"),
        ("ui", "ui"),
        ("un", "un"),
        ("ue", "ue"),
        ("oong", "ong"),
        ("oon", "un"),
        ("oo", "u"),
        ("ai", "ai"),
        ("ei", "ei"),
        ("ao", "ao"),
        ("ou", "ou"),
        ("an", "an"),
        ("en", "en"),
        ("er", "er"),
        ("eh", "o"),
        ("i", "i"),
        ("u", "u"),
        ("a", "a"),
        ("o", "o"),
        ("e", "o"),
    ];
    let begins = |(letters, sound): &(&str, &'static str)| {
        let after = text.strip_prefix(letters)?;
        // A vowel takes the consonant before it along: `jianguo` is jian and guo, `minan` min and an.
        let takes = letters.ends_with(['g', 'n', 'r', 'h']) && after.starts_with(['a', 'e', 'i', 'o', 'u']);
        (!takes).then_some((*sound, after))
    };
    FINALS.iter().find_map(begins)
}

/// The Revised Romanisation, McCune-Reischauer, the North's, and what passports hold: they differ in whether a consonant
/// is voiced, and in the letters of the vowels eo, eu, o and u.
fn korean(word: &str) -> Option<Key> {
    let mut key = Key { text: KOREAN.to_string(), syllables: 0 };
    let letters = word.as_bytes();
    let (mut at, mut consonants) = (0, 0);
    while at < letters.len() {
        if let Some((sound, length)) = korean_vowel(word.get(at..)?) {
            // Between two vowels stand at most ng and a consonant, at the beginning one.
            if consonants > if key.syllables == 0 { 1 } else { 3 } {
                return None;
            }
            key.text.push_str(sound);
            key.syllables += 1;
            consonants = 0;
            at += length;
            continue;
        }
        let letter = letters[at];
        let next = letters.get(at + 1).copied();
        let sound = match letter {
            b'g' | b'k' => 'K',
            b'd' | b't' => 'T',
            b'b' | b'p' => 'P',
            b'j' => 'J',
            b'c' if next == Some(b'h') => 'J',
            b's' => 'S',
            b'r' | b'l' => 'L',
            b'm' => 'M',
            b'n' => 'N',
            // Before a consonant and at the end it only marks the vowel.
            b'h' if next.is_none_or(|next| !begins_vowel(next)) => {
                at += 1;
                continue;
            }
            b'h' => 'H',
            _ => return None,
        };
        at += if matches!((letter, next), (b'c' | b's', Some(b'h'))) { 2 } else { 1 };
        if key.text.ends_with(sound) {
            continue;
        }
        key.text.push(sound);
        consonants += 1;
    }
    let ends_well = consonants <= 1 || consonants == 2 && key.text.ends_with("NK");
    // The South does not say an r at the beginning.
    if let Some(rest) = key.text.strip_prefix("kLY") {
        key.text = format!("kY{rest}");
    }
    (key.syllables > 0 && ends_well).then_some(key)
}

fn begins_vowel(letter: u8) -> bool {
    matches!(letter, b'a' | b'e' | b'i' | b'o' | b'u' | b'w' | b'y')
}

/// The vowel that a text begins with, and how many letters write it.
fn korean_vowel(text: &str) -> Option<(&'static str, usize)> {
    const VOWELS: &[(&str, &str)] = &[
        ("yeo", "YO"),
        ("you", "YO"),
        ("yoo", "YO"),
        ("yae", "YE"),
        ("wae", "WE"),
        ("weo", "WO"),
        ("woo", "O"),
        ("wee", "WI"),
        ("eui", "I"),
        ("ye", "YE"),
        ("ya", "YA"),
        ("yo", "YO"),
        ("yu", "YO"),
        ("yi", "I"),
        ("wa", "WA"),
        ("we", "WE"),
        ("wo", "WO"),
        ("wu", "O"),
        ("wi", "WI"),
        ("oe", "WE"),
        ("oi", "WE"),
        ("ui", "I"),
        ("ee", "I"),
        ("ae", "E"),
        ("ai", "E"),
        ("ay", "E"),
        ("eo", "O"),
        ("eu", "O"),
        ("ou", "O"),
        ("oo", "O"),
        ("a", "A"),
        ("e", "E"),
        ("i", "I"),
        ("o", "O"),
        ("u", "O"),
    ];
    VOWELS.iter().find_map(|(letters, sound)| text.starts_with(letters).then_some((*sound, letters.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(key_of: fn(&str) -> Option<Key>, words: &[&str]) {
        let keys: Vec<Option<String>> = words.iter().map(|word| key_of(word).map(|key| key.text)).collect();
        assert!(keys.iter().all(|key| key.is_some() && *key == keys[0]), "{words:?} {keys:?}");
    }

    #[test]
    fn systems_share_their_keys() {
        for words in [
            &["zedong", "tsetung"][..],
            &["xiaoping", "hsiaoping"],
            &["yingwen", "ingwen"],
            &["jianguo", "chienkuo"],
            &["yingjiu", "yingchiu"],
            &["xianlong", "hsienlung"],
            &["renmin", "jenmin"],
            &["ziyang", "tzuyang"],
        ] {
            same(chinese, words);
        }
        for words in [
            &["jeongeun", "jongun", "jungeun", "chongun"][..],
            &["gimun", "kimoon"],
            &["yeona", "yuna"],
            &["geunhye", "keunhye", "kunhye"],
            &["ryonghae", "yonghae"],
            &["seokyeol", "sukyeol", "sokyol"],
            &["byeongheon", "byunghun", "pyonghon"],
            &["hui", "hee", "hi"],
            &["gukgil", "kookgil", "kukkil"],
        ] {
            same(korean, words);
        }
        let split = ["kook", "gil"].map(|word| korean(word).into_iter().map(|key| key.text.into()).collect());
        assert_eq!(
            joined(split.iter()).first().map(|key| &**key),
            korean("kukkil").map(|key| key.text).as_deref()
        );
        for word in ["mark", "smith", "john-", "victor", "marx", "", "strk"] {
            assert!(korean(word).is_none(), "{word}");
        }
    }
}

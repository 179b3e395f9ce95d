//! How a word sounds, coarsely: a spelling without the differences between transliterations, and its consonants.

/// The word with what transliterations write differently made equal: `ou` and `oo` are `u`, `kh` is `h`, `sch` and
/// `ch` are one letter, doubled letters are single. Vowels stay. ASCII in; letters, digits and `S` (sh, ch) out.
pub(crate) fn fold(word: &str) -> String {
    let word = with_usual_ending(word);
    let bytes = word.as_bytes();
    let mut folded: Vec<u8> = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let (sound, length) = sound_at(bytes, at);
        for &letter in sound {
            if folded.last() != Some(&letter) || letter.is_ascii_digit() {
                folded.push(letter);
            }
        }
        at += length;
    }
    // A final h is not heard (Fatimah), a final ff is v (Romanoff).
    if folded.len() > 2 && folded.last() == Some(&b'h') && is_vowel(folded[folded.len() - 2]) {
        folded.pop();
    }
    if bytes.ends_with(b"ff") && folded.last() == Some(&b'f') {
        folded.pop();
        folded.push(b'v');
    }
    folded.into_iter().map(char::from).collect()
}

/// Slavic endings that every language writes its own way: `-vich`, `-witsch`, `-vic`; `-skaya`, `-skiy`, `-ski`.
fn with_usual_ending(word: &str) -> std::borrow::Cow<'_, str> {
    const ENDINGS: &[(&str, &str)] = &[
        ("witsch", "vic"),
        ("vitch", "vic"),
        ("wicz", "vic"),
        ("vich", "vic"),
        ("vych", "vic"),
        ("skaya", "ski"),
        ("skaia", "ski"),
        ("skaja", "ski"),
        ("ckij", "cki"),
        ("skiy", "ski"),
        ("skij", "ski"),
        ("skyi", "ski"),
        ("skyy", "ski"),
        ("skii", "ski"),
        ("sky", "ski"),
    ];
    // All of them end so, few other words do.
    if !matches!(
        word.as_bytes(),
        [.., b'c', b'h' | b'z']
            | [.., b'a' | b'i' | b'k', b'y' | b'a' | b'i' | b'j']
            | [.., b'y', b'i' | b'y']
    ) {
        return std::borrow::Cow::Borrowed(word);
    }
    let ending = ENDINGS.iter().find_map(|(ending, usual)| {
        let stem = word.strip_suffix(ending).filter(|stem| stem.len() >= 2)?;
        Some(format!("{stem}{usual}"))
    });
    ending.map_or(std::borrow::Cow::Borrowed(word), std::borrow::Cow::Owned)
}

/// The sound that starts at a place, and how many letters write it.
fn sound_at(word: &[u8], at: usize) -> (&'static [u8], usize) {
    let letter = |offset: usize| word.get(at + offset).copied().unwrap_or(b' ');
    let before = at.checked_sub(1).map_or(b' ', |at| word[at]);
    match (word[at], letter(1), letter(2), letter(3)) {
        (b's', b'h', b'c', b'h') | (b's', b't', b'c', b'h') => (b"S", 4),
        (b's', b'c', b'h', _) => (b"S", 3),
        (b's', b'h', ..) => (b"S", 2),
        (b't', b's', b'c', b'h') => (b"S", 4),
        (b't', b'c', b'h', _) => (b"S", 3),
        // French writes ch where English writes sh.
        (b'c', b'h', ..) | (b'c', b'z', ..) => (b"S", 2),
        (b'd', b'z', b'h', _) => (b"j", 3),
        (b'd', b'j', ..) | (b'z', b'h', ..) => (b"j", 2),
        (b'k', b'h', ..) => (b"h", 2),
        (b'g', b'h', ..) => (b"g", 2),
        (b'p', b'h', ..) => (b"f", 2),
        (b't', b'h', ..) => (b"t", 2),
        (b'd', b'h', ..) => (b"d", 2),
        (b't', b'z', ..) => (b"ts", 2),
        (b'c', b'k', ..) => (b"k", 2),
        (b'q', b'u', b'a' | b'e' | b'i' | b'o', _) => (b"k", 2),
        (b'c', b'e' | b'i' | b'y', ..) => (b"s", 1),
        (b'q' | b'c', ..) => (b"k", 1),
        (b'x', ..) => (b"ks", 1),
        (b'w', ..) => (b"v", 1),
        // Slavic and German j after a vowel or at the end is the i of other languages.
        (b'j', b' ', ..) if is_vowel(before) || before == b'y' => (b"i", 1),
        // But after ou it is French.
        (b'j', next, ..) if is_vowel(before) && !is_vowel(next) && !word[..at].ends_with(b"ou") => (b"i", 1),
        (b'o', b'u', b'a' | b'e' | b'i' | b'y', _) => (b"v", 2),
        (b'o', b'u', ..) | (b'o', b'o', ..) => (b"u", 2),
        (b'e', b'e', ..) => (b"i", 2),
        (b'i', b'e' | b'y' | b'j' | b'i', ..) => (b"i", 2),
        (b'y', b'i' | b'y', ..) => (b"i", 2),
        (b'y', b'e', b'o', _) => (b"io", 3),
        (b'y', b'e', ..) => (b"e", 2),
        (b'u' | b'o' | b'a', b'e', next, _) if before != b' ' && !is_vowel(before) && next != b' ' => {
            match word[at] {
                b'u' => (b"u", 2),
                b'o' => (b"o", 2),
                _ => (b"a", 2),
            }
        }
        (b'y', ..) => (b"i", 1),
        (other, ..) => (LETTERS.get(usize::from(other)).map_or(&[], std::slice::from_ref), 1),
    }
}

/// Every ASCII byte at its own place, to lend slices of one.
static LETTERS: [u8; 128] = {
    let mut letters = [0; 128];
    let mut at = 0;
    while at < 128 {
        letters[at] = at as u8;
        at += 1;
    }
    letters
};

pub(crate) fn is_vowel(letter: u8) -> bool {
    matches!(letter, b'a' | b'e' | b'i' | b'o' | b'u')
}

/// The consonants of a folded word, after an `a` where it begins with a vowel.
pub(crate) fn skeleton(folded: &str) -> String {
    let mut skeleton = String::with_capacity(folded.len());
    for (at, letter) in folded.bytes().enumerate() {
        if !is_vowel(letter) {
            skeleton.push(char::from(letter));
        } else if at == 0 {
            skeleton.push('a');
        }
    }
    skeleton
}

/// A word without its vowels, its first letter kept: what is left of it where someone leaves vowels out.
pub(crate) fn consonants(word: &str) -> String {
    word.char_indices()
        .filter(|(at, letter)| *at == 0 || !is_vowel(*letter as u8))
        .map(|(_, letter)| letter)
        .collect()
}

/// How far the vowels of two folded words with the same skeleton are apart; 0 for the same vowels.
///
/// `bare` says that one of the two comes from a script without short vowels: what it lacks then says nothing.
pub(crate) fn vowel_distance(one: &str, other: &str, bare: bool) -> f32 {
    let mut distance = 0.0;
    let (mut one, mut other) = (one.as_bytes(), other.as_bytes());
    let bare = bare || is_without_vowels(one) || is_without_vowels(other);
    let mut first = true;
    let (mut lacks_one, mut lacks_other) = (false, false);
    loop {
        let (left, right) = (vowels(one), vowels(other));
        distance += gap_distance(left, right, bare, first);
        first = false;
        lacks_one |= left.is_empty() && !right.is_empty();
        lacks_other |= right.is_empty() && !left.is_empty();
        // The consonants agree, so both end together.
        let (Some(next_one), Some(next_other)) = (one.get(left.len() + 1..), other.get(right.len() + 1..))
        else {
            // Who drops vowels drops them on one side.
            return if lacks_one && lacks_other && !bare { distance + 0.1 } else { distance };
        };
        (one, other) = (next_one, next_other);
    }
}

fn vowels(word: &[u8]) -> &[u8] {
    let length = word.iter().take_while(|letter| is_vowel(**letter)).count();
    &word[..length]
}

fn is_without_vowels(word: &[u8]) -> bool {
    word.len() > 1 && word[1..].iter().all(|letter| !is_vowel(*letter))
}

/// How far two groups of vowels between the same consonants are apart.
fn gap_distance(left: &[u8], right: &[u8], bare: bool, first: bool) -> f32 {
    if left == right {
        return 0.0;
    }
    let (Some(&a), Some(&b)) = (left.first(), right.first()) else {
        return if bare { 0.02 } else { 0.08 };
    };
    if first && bare {
        return 0.02;
    }
    let nearest = left
        .iter()
        .flat_map(|a| right.iter().map(move |b| vowel_pair_distance(*a, *b)))
        .fold(vowel_pair_distance(a, b), f32::min);
    let distance = if left.len() == right.len() { nearest } else { nearest + 0.04 };
    if bare { distance.min(0.14) } else { distance }
}

fn vowel_pair_distance(a: u8, b: u8) -> f32 {
    match (a.min(b), a.max(b)) {
        (a, b) if a == b => 0.0,
        (b'e', b'i') | (b'o', b'u') | (b'a', b'e') => 0.07,
        (b'a', b'o') => 0.12,
        _ => 0.24,
    }
}

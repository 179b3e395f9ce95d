//! Slavic names in German letters, where `ch` is the kh, `sch` the zh or the sh and `j` the y of English ones.

/// The text in English letters, where it looks like a Slavic name in German ones and sounds differ. What it says of
/// `sch` is one of two; the text itself says the other.
pub(super) fn from_german(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let german = ["sch", "w", "j"].iter().any(|letters| lower.contains(letters));
    let english =
        ["v", "sh", "zh", "kh", "ya", "ye", "yu", "yo"].iter().any(|letters| lower.contains(letters));
    if !german || english || !lower.split(|c: char| !c.is_ascii_alphabetic()).any(ends_as_slavic) {
        return None;
    }
    let mut read = String::with_capacity(lower.len());
    let mut rest = lower.as_str();
    while let Some(letter) = rest.chars().next() {
        let begins = !read.ends_with(|c: char| c.is_ascii_alphabetic());
        let (letters, sound) = SOUNDS
            .iter()
            .find(|(letters, _)| rest.starts_with(letters) && (*letters != "j" || begins))
            .copied()
            .unwrap_or((rest.get(..letter.len_utf8())?, ""));
        read.push_str(if sound.is_empty() { letters } else { sound });
        rest = rest.get(letters.len()..)?;
    }
    // These sound alike as they are.
    (read != lower.replace("tsch", "ch").replace('w', "v")).then_some(read)
}

/// The longest first.
const SOUNDS: &[(&str, &str)] = &[
    ("schtsch", "shch"),
    ("tsch", "ch"),
    ("sch", "zh"),
    ("ch", "kh"),
    ("lzi", "ltsi"),
    ("nzo", "ntso"),
    ("zyn", "tsyn"),
    ("nez", "nets"),
    ("j", "y"),
    ("w", "v"),
];

fn ends_as_slavic(word: &str) -> bool {
    const ENDINGS: &[&str] = &[
        "ow", "ew", "owa", "ewa", "ski", "skij", "skaja", "witsch", "wic", "in", "yn", "ina", "yna", "ko",
        "uk", "tsch",
    ];
    word.len() >= 5 && ENDINGS.iter().any(|ending| word.ends_with(ending))
}

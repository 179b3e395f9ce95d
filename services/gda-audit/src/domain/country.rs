//! Country words and their codes.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::record::Country;

/// Code and names, English and French, short, formal, former and demonym, one country a line. Codes: ISO 3166-1,
/// withdrawn ones ISO 3166-3, `XK` as the European Commission uses it; names: UN, OFAC, EU and French register usage.
const NAMES: &str = include_str!("country.tsv");

static CODES: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    NAMES
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .flat_map(|(code, names)| names.split('|').map(move |name| (fold(name), code)))
        .collect()
});

static KNOWN: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| NAMES.lines().filter_map(|line| line.split_once('\t')).map(|(code, _)| code).collect());

impl Country {
    /// The country that a word names; without a code where the word is none that we know.
    pub fn named(name: impl Into<String>) -> Self {
        let name = name.into();
        Self { code: code_of(&name).map(str::to_owned), name }
    }

    /// The country of a code that a list gives instead of a name.
    pub fn coded(code: &str) -> Self {
        Self { code: code_of_code(code).map(str::to_owned), name: code.to_owned() }
    }
}

/// The ISO 3166-1 alpha-2 code of a country's name in English or French, of its demonym in English, or of a former
/// name. States that were succeeded by several keep their withdrawn code (`SU`, `YU`, `CS`, `AN`): see
/// [`successors`].
pub fn code_of(name: &str) -> Option<&'static str> {
    CODES.get(&fold(name)).copied()
}

/// A code as lists write it (`ru`, `RU`, `suhh`, `us-ca`) as ISO 3166-1 alpha-2; a withdrawn one (ISO 3166-3) of a state
/// that was renamed or joined another is that state's of today.
pub fn code_of_code(code: &str) -> Option<&'static str> {
    let code = code.trim();
    let code = match code.to_ascii_lowercase().as_str() {
        "suhh" => "SU".to_owned(),
        "yucs" | "csxx" => "YU".to_owned(),
        "cshh" => "CS".to_owned(),
        "dd" | "ddde" => "DE".to_owned(),
        "bu" | "bumm" => "MM".to_owned(),
        "dy" | "dybj" => "BJ".to_owned(),
        "fx" | "fxfr" => "FR".to_owned(),
        "hv" | "hvbf" => "BF".to_owned(),
        "nh" | "nhvu" => "VU".to_owned(),
        "rh" | "rhzw" => "ZW".to_owned(),
        "tp" | "tptl" => "TL".to_owned(),
        "vd" | "vdvn" => "VN".to_owned(),
        "yd" | "ydye" => "YE".to_owned(),
        "zr" | "zrcd" => "CD".to_owned(),
        "anhh" => "AN".to_owned(),
        "uk" => "GB".to_owned(),
        lower => lower.split('-').next().unwrap_or_default().to_ascii_uppercase(),
    };
    KNOWN.get(code.as_str()).copied()
}

/// The states that a withdrawn code's territory belongs to now; empty for a country that exists.
pub fn successors(code: &str) -> &'static [&'static str] {
    match code {
        "SU" => &["AM", "AZ", "BY", "EE", "GE", "KG", "KZ", "LT", "LV", "MD", "RU", "TJ", "TM", "UA", "UZ"],
        "YU" => &["BA", "HR", "ME", "MK", "RS", "SI", "XK"],
        // Czechoslovakia's until 1993, Serbia and Montenegro's from 2003 to 2006.
        "CS" => &["CZ", "SK", "RS", "ME"],
        "AN" => &["BQ", "CW", "SX"],
        _ => &[],
    }
}

/// Letters and digits in upper case without accents, everything else one space.
fn fold(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    for c in name.chars().flat_map(char::to_uppercase) {
        match c {
            'À'..='Å' => folded.push('A'),
            'Ç' => folded.push('C'),
            'È'..='Ë' => folded.push('E'),
            'Ì'..='Ï' => folded.push('I'),
            'Ñ' => folded.push('N'),
            'Ò'..='Ö' => folded.push('O'),
            'Ù'..='Ü' => folded.push('U'),
            _ if c.is_alphanumeric() => folded.push(c),
            _ if folded.is_empty() || folded.ends_with(' ') => {}
            _ => folded.push(' '),
        }
    }
    folded.truncate(folded.trim_end().len());
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_names_two_countries() {
        let words: usize = NAMES.lines().map(|line| line.split('|').count()).sum();
        let mut seen: HashMap<String, &str> = HashMap::new();
        for (code, names) in NAMES.lines().map(|line| line.split_once('\t').unwrap()) {
            for name in names.split('|') {
                let earlier = seen.insert(fold(name), code);
                assert!(earlier.is_none_or(|earlier| earlier == code), "{name}: {earlier:?} and {code}");
            }
        }
        assert!(words > 600);
    }

    #[test]
    fn words_of_the_lists() {
        for (word, code) in [
            ("Korea, North", "KP"),
            ("Burma", "MM"),
            ("USSR", "SU"),
            ("CORÉE DU NORD", "KP"),
            ("RUSSIE", "RU"),
            ("Iran (Islamic Republic of)", "IR"),
            ("Democratic People's Republic of Korea", "KP"),
            ("Congo, Democratic Republic of the", "CD"),
            ("CÔTE D'IVOIRE", "CI"),
            ("Pakistani", "PK"),
            ("Palestinian", "PS"),
        ] {
            assert_eq!(code_of(word), Some(code), "{word}");
        }
        assert_eq!(code_of("Atlantis"), None);
        assert_eq!(code_of(""), None);
        assert_eq!(code_of_code("us-ca"), Some("US"));
        assert_eq!(code_of_code("suhh"), Some("SU"));
        assert_eq!(code_of_code("00"), None);
    }

    #[test]
    fn withdrawn_codes_lead_to_countries_of_today() {
        for code in ["SU", "YU", "CS", "AN"] {
            let successors = successors(code);
            assert!(successors.len() > 1 && successors.iter().all(|code| KNOWN.contains(code)), "{code}");
        }
        for (withdrawn, code) in
            [("DD", "DE"), ("ZR", "CD"), ("BU", "MM"), ("TP", "TL"), ("YD", "YE"), ("CSXX", "YU")]
        {
            assert_eq!(code_of_code(withdrawn), Some(code), "{withdrawn}");
        }
        assert!(successors("DE").is_empty());
    }
}

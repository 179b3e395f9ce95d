//! Texts of lists: spaces, places, and entries that hold several names in one.

use crate::domain::country::code_of;
use crate::domain::record::{Country, NameStrength, Place};

/// Without control characters and byte order marks, white space of any kind as one space, none at the ends.
pub(super) fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\u{feff}' {
            continue;
        }
        if c.is_whitespace() || c.is_control() {
            if !clean.is_empty() && !clean.ends_with(' ') {
                clean.push(' ');
            }
        } else {
            clean.push(c);
        }
    }
    clean.truncate(clean.trim_end().len());
    clean
}

/// The parts that are there, joined by a space.
pub(super) fn words<'a>(parts: impl IntoIterator<Item = Option<&'a str>>) -> String {
    join(parts, " ")
}

/// The parts that are there, joined.
pub(super) fn join<'a>(parts: impl IntoIterator<Item = Option<&'a str>>, separator: &str) -> String {
    let parts: Vec<&str> =
        parts.into_iter().flatten().map(str::trim).filter(|part| !part.is_empty()).collect();
    parts.join(separator)
}

/// A place of its parts (street, town, region) and its country; `None` where nothing is given.
pub(super) fn place<'a>(
    parts: impl IntoIterator<Item = Option<&'a str>>,
    country: Option<Country>,
) -> Option<Place> {
    let text = join(parts, ", ");
    let text = (!text.is_empty()).then_some(text);
    (text.is_some() || country.is_some()).then_some(Place { text, country })
}

/// A place whose country, if it is told, is its last word: `Cali, Colombia`, `Pyongyang, Korea, North`.
pub(super) fn place_with_country(text: &str) -> Place {
    let commas = text.rmatch_indices(',').map(|(at, _)| at);
    // Names with a comma in them come first: of `Pyongyang, Korea, North` the country is not `North`.
    for at in commas.take(2).collect::<Vec<_>>().into_iter().rev() {
        let (rest, country) = (&text[..at], text[at + 1..].trim());
        if code_of(country).is_some() {
            return Place { text: Some(rest.trim().to_owned()), country: Some(Country::named(country)) };
        }
    }
    match code_of(text) {
        Some(_) => Place { text: None, country: Some(Country::named(text.trim())) },
        None => Place { text: Some(text.trim().to_owned()), country: None },
    }
}

/// A number and the country that some lists write after it: `3520025509842-7 (Pakistani)`.
pub(super) fn number_and_country(text: &str) -> (&str, Option<Country>) {
    match last_parenthesis(text.trim()).filter(|(_, country)| code_of(country).is_some()) {
        Some((number, country)) => (number, Some(Country::named(country))),
        None => (text.trim(), None),
    }
}

/// The seven digits of ships and their owners in a free text: `IMO number: 5571322`, `Company Number IMO 5434358`.
pub(super) fn imo_numbers(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("IMO").filter_map(|(at, word)| {
        let after = text[at + word.len()..].trim_start_matches([' ', ':', '.']);
        let after =
            ["number", "Number", "No"].iter().find_map(|label| after.strip_prefix(label)).unwrap_or(after);
        let number = after.trim_start_matches([' ', ':', '.']);
        let digits = number.bytes().take_while(u8::is_ascii_digit).count();
        (digits == 7).then(|| &number[..7])
    })
}

/// The ISO 639-1 code of a language's name in English or French.
pub(super) fn language(name: &str) -> Option<&'static str> {
    Some(match name.trim().to_lowercase().as_str() {
        "arabic" | "arabe" => "ar",
        "armenian" | "arménien" => "hy",
        "belarusian" | "belarussian" | "biélorusse" | "bélarusse" => "be",
        "burmese" | "birman" => "my",
        "chinese" | "chinois" | "mandarin" | "cantonese" => "zh",
        "dari" | "farsi" | "persian" | "farsi/persian" | "persan" => "fa",
        "georgian" | "géorgien" => "ka",
        "greek" | "grec" => "el",
        "hebrew" | "hébreu" => "he",
        "japanese" | "japonais" => "ja",
        "kazakh" => "kk",
        "korean" | "coréen" => "ko",
        "macedonian" | "macédonien" => "mk",
        "pashto" | "pachto" => "ps",
        "russian" | "russe" => "ru",
        "serbian" | "serbe" => "sr",
        "thai" | "thaï" => "th",
        "ukrainian" | "ukrainien" => "uk",
        "urdu" | "ourdou" => "ur",
        _ => return None,
    })
}

/// The values of a cell that numbers them: `(1) Yemen (2) Saudi Arabia`; else the cell itself.
pub(super) fn numbered(text: &str) -> Vec<&str> {
    if !text.trim_start().starts_with("(1)") {
        return vec![text];
    }
    let (mut values, mut rest, mut next) = (Vec::new(), text, 1_u32);
    while let Some((value, after)) = rest.split_once(&format!("({next})")) {
        values.push(value);
        rest = after;
        next += 1;
    }
    values.push(rest);
    values.into_iter().map(str::trim).filter(|value| !value.is_empty()).collect()
}

/// Splits at a character outside parentheses.
pub(super) fn split_outside(text: &str, separator: char) -> Vec<&str> {
    let (mut pieces, mut start, mut depth) = (Vec::new(), 0, 0_u32);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            c if c == separator && depth == 0 => {
                pieces.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    pieces.push(&text[start..]);
    pieces
}

/// One of several names in a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Alternative<'a> {
    pub(super) text: &'a str,
    /// Where the text says so.
    pub(super) strength: Option<NameStrength>,
}

/// The names in a text: `A; B`, `A (script variant)`, `ARABIC (A; B)`, `A (previously listed as)`, `A (ACRONYM)`,
/// `A b) B`, `A / B`. Where the parenthesis or stroke may belong to the name, the whole stays too, first.
pub(super) fn alternatives(text: &str) -> Vec<Alternative<'_>> {
    let mut found = Vec::new();
    collect(text, None, 0, &mut found);
    found
}

/// More names than any entry may have: what follows is not looked at, for the entry is refused.
const ENOUGH: usize = super::intake::MAX_NAMES + 1;
/// Parentheses nest twice in the lists; more is left as it is.
const MAX_NESTING: u8 = 4;

fn collect<'a>(text: &'a str, strength: Option<NameStrength>, nesting: u8, found: &mut Vec<Alternative<'a>>) {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == ',' || c == ';');
    if text.is_empty() || found.len() >= ENOUGH {
        return;
    }
    let pieces = pieces(text);
    if nesting >= MAX_NESTING {
        found.push(Alternative { text, strength });
    } else if pieces.len() > 1 {
        pieces.into_iter().for_each(|piece| collect(piece, strength, nesting + 1, found));
    } else if let Some((name, other)) = text.split_once(" / ") {
        found.push(Alternative { text, strength });
        collect(name, strength.or(Some(NameStrength::Strong)), nesting + 1, found);
        acronym_or_name(other, strength, nesting + 1, found);
    } else if let Some((name, aside)) = last_parenthesis(text) {
        let note = aside.to_lowercase();
        let former = ["previously", "formerly", "birth name", "former name"];
        if former.iter().any(|word| note.starts_with(word)) {
            collect(name, Some(NameStrength::Former), nesting + 1, found);
        } else if note == "original script" {
            collect(name, strength, nesting + 1, found);
        } else if let Some(variant) = labelled(aside, "original script") {
            collect(name, strength, nesting + 1, found);
            collect(variant, strength, nesting + 1, found);
        } else if is_latin(name) != is_latin(aside) || (aside.contains(';') && nesting == 0) {
            collect(name, strength, nesting + 1, found);
            collect(aside, strength, nesting + 1, found);
        } else if is_acronym(aside) {
            found.push(Alternative { text, strength });
            collect(name, strength.or(Some(NameStrength::Strong)), nesting + 1, found);
            acronym_or_name(aside, strength, nesting + 1, found);
        } else {
            found.push(Alternative { text, strength });
        }
    } else {
        found.push(Alternative { text, strength });
    }
}

/// An acronym is shared by too many to be a strong name.
fn acronym_or_name<'a>(
    text: &'a str,
    strength: Option<NameStrength>,
    nesting: u8,
    found: &mut Vec<Alternative<'a>>,
) {
    if is_acronym(text.trim()) {
        found.push(Alternative { text, strength: Some(NameStrength::Weak) });
    } else {
        collect(text, strength.or(Some(NameStrength::Strong)), nesting, found);
    }
}

/// Splits at semicolons and at ` b) `, outside parentheses.
fn pieces(text: &str) -> Vec<&str> {
    let (mut pieces, mut start, mut depth) = (Vec::new(), 0, 0_u32);
    let bytes = text.as_bytes();
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0
                && at > 1
                && bytes[at - 1].is_ascii_lowercase()
                && bytes[at - 2] == b' '
                && bytes.get(at + 1) == Some(&b' ') =>
            {
                pieces.push(&text[start..at - 2]);
                start = at + 1;
            }
            ')' => depth = depth.saturating_sub(1),
            ';' | '؛' if depth == 0 && pieces.len() < ENOUGH => {
                pieces.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    pieces.push(&text[start..]);
    pieces
}

/// The text before and in the parenthesis that ends a text.
fn last_parenthesis(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_suffix(')')?;
    let mut depth = 1_u32;
    for (at, c) in inner.char_indices().rev() {
        match c {
            ')' => depth += 1,
            '(' => {
                depth -= 1;
                if depth == 0 {
                    let (name, aside) = (inner[..at].trim(), inner[at + 1..].trim());
                    return (!name.is_empty() && !aside.is_empty()).then_some((name, aside));
                }
            }
            _ => {}
        }
    }
    None
}

/// What follows `label:`.
pub(super) fn labelled<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    let rest = text
        .get(..label.len())
        .filter(|start| start.eq_ignore_ascii_case(label))
        .map(|_| &text[label.len()..])?;
    rest.trim_start().strip_prefix(':').map(str::trim)
}

/// Whether the first letter is a Latin one.
pub(super) fn is_latin(text: &str) -> bool {
    text.chars()
        .find(|c| c.is_alphabetic())
        .is_none_or(|c| matches!(c, '\0'..='\u{24f}' | '\u{1e00}'..='\u{1eff}'))
}

fn is_acronym(text: &str) -> bool {
    (2..=10).contains(&text.chars().count())
        && text.chars().all(|c| c.is_uppercase() || c == '-')
        && text.chars().filter(|c| c.is_alphabetic()).count() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        alternatives(text).into_iter().map(|alternative| alternative.text).collect()
    }

    #[test]
    fn several_names_in_one_text() {
        assert_eq!(texts("Azim Adhajani; Azim Agha-Jani"), ["Azim Adhajani", "Azim Agha-Jani"]);
        assert_eq!(
            texts("A Sabet; M Sabet b) M. Javad; M. Jawad"),
            ["A Sabet", "M Sabet", "M. Javad", "M. Jawad"]
        );
        assert_eq!(texts("El Harrachi (الحراشي)"), ["El Harrachi", "الحراشي"]);
        assert_eq!(texts("حسن غول (Hassan Ghul; Hasan Gul)"), ["حسن غول", "Hassan Ghul", "Hasan Gul"]);
        assert_eq!(texts("Abu (original script: Абу)"), ["Abu", "Абу"]);
        assert_eq!(texts("Lord’s Movement (LRM)"), ["Lord’s Movement (LRM)", "Lord’s Movement", "LRM"]);
        assert_eq!(texts("Leader (Hong Kong) Limited"), ["Leader (Hong Kong) Limited"]);
        assert_eq!(texts("Lom-ali Butayev (Butaev)"), ["Lom-ali Butayev (Butaev)"]);
        assert_eq!(texts("هيئة (original script); Hay’at"), ["هيئة", "Hay’at"]);
        assert_eq!(texts("AL-ITIHAAD / AIAI"), ["AL-ITIHAAD / AIAI", "AL-ITIHAAD", "AIAI"]);
        let former = alternatives("Ezatullah Haqqani (previously listed as)");
        assert_eq!(former, [Alternative { text: "Ezatullah Haqqani", strength: Some(NameStrength::Former) }]);
    }

    #[test]
    fn nothing_strange_harms() {
        for text in ["", ")", "((((((", "))))", "a) b) c)", ";;;", "(x)", "x ()", "é) b) ;é"] {
            let _ = texts(text);
        }
        let _ = texts(&"(".repeat(100_000));
        let _ = texts(&"a (".repeat(10_000));
        let _ = texts(&format!("{}{}", "a (".repeat(1_000), ")".repeat(1_000)));
    }

    #[test]
    fn places() {
        let place = place_with_country("Pyongyang, Korea, North");
        assert_eq!(place.text.as_deref(), Some("Pyongyang"));
        assert_eq!(place.country.and_then(|country| country.code).as_deref(), Some("KP"));
        assert_eq!(place_with_country("Shati").text.as_deref(), Some("Shati"));
        assert_eq!(place_with_country("Iran").text, None);
        let numbers = "IMO number: 5571322. Company Number IMO 5434358. IMO";
        assert_eq!(imo_numbers(numbers).collect::<Vec<_>>(), ["5571322", "5434358"]);
        assert_eq!(numbered("(1) Yemen (2) Saudi Arabia"), ["Yemen", "Saudi Arabia"]);
        assert_eq!(numbered("Korea (1)"), ["Korea (1)"]);
        assert_eq!(split_outside("a, b (c, d), e", ','), ["a", " b (c, d)", " e"]);
        assert_eq!(
            number_and_country("12 (Pakistani)").1.and_then(|country| country.code).as_deref(),
            Some("PK")
        );
        assert_eq!(number_and_country("12 (old)"), ("12 (old)", None));
        assert_eq!(clean(" a\u{a0}\t\u{1a} b \u{feff}"), "a b");
    }
}

//! Greek: ELOT 743 / ISO 843, with the digraphs read as they sound; names of other languages spell b, d, g, j with
//! two letters anywhere, and h with chi.

pub(super) fn transliterate(word: &[char], foreign: bool, into: &mut String) {
    let plain: Vec<char> = word.iter().map(|character| unaccented(*character)).collect();
    let mut at = 0;
    while at < plain.len() {
        let next = plain.get(at + 1).copied().unwrap_or(' ');
        let voiced = matches!(
            plain.get(at + 2),
            Some('α' | 'ε' | 'η' | 'ι' | 'ο' | 'υ' | 'ω' | 'β' | 'γ' | 'δ' | 'ζ' | 'λ' | 'μ' | 'ν' | 'ρ')
        );
        let (latin, length) = match (plain[at], next) {
            ('ο', 'υ') if foreign && matches!(plain.get(at + 2), Some('α' | 'ε' | 'ι')) => ("w", 2),
            ('ο', 'υ') => ("ou", 2),
            ('α', 'υ') => (if voiced { "av" } else { "af" }, 2),
            ('ε', 'υ') => (if voiced { "ev" } else { "ef" }, 2),
            ('μ', 'π') if at == 0 || foreign => ("b", 2),
            ('ν', 'τ') if at == 0 || foreign => ("d", 2),
            ('γ', 'κ') if at == 0 || foreign => ("g", 2),
            ('γ', 'γ') => ("ng", 2),
            ('γ', 'χ') => ("nch", 2),
            ('τ', 'ζ') if foreign => ("j", 2),
            ('τ', 'σ') if foreign => ("ch", 2),
            ('τ', 'ζ') => ("tz", 2),
            ('α', _) => ("a", 1),
            ('β', _) => ("v", 1),
            ('γ', _) => ("g", 1),
            ('δ', _) => ("d", 1),
            ('ε', _) => ("e", 1),
            ('ζ', _) => ("z", 1),
            ('η' | 'ι', _) => ("i", 1),
            ('θ', _) => ("th", 1),
            ('κ', _) => ("k", 1),
            ('λ', _) => ("l", 1),
            ('μ', _) => ("m", 1),
            ('ν', _) => ("n", 1),
            ('ξ', _) => ("x", 1),
            ('ο' | 'ω', _) => ("o", 1),
            ('π', _) => ("p", 1),
            ('ρ', _) => ("r", 1),
            ('σ' | 'ς', _) => ("s", 1),
            ('τ', _) => ("t", 1),
            ('υ', _) => ("y", 1),
            ('φ', _) => ("f", 1),
            ('χ', _) if foreign => ("h", 1),
            ('χ', _) => ("ch", 1),
            ('ψ', _) => ("ps", 1),
            (other, _) => {
                super::push_any_ascii(other, into);
                ("", 1)
            }
        };
        into.push_str(latin);
        at += length;
    }
}

/// A text with its Greek words read as foreign names.
pub(super) fn foreign(text: &str) -> String {
    let mut latin = String::new();
    let characters: Vec<char> = text.chars().collect();
    for run in characters.chunk_by(|one, other| super::is_greek(*one) == super::is_greek(*other)) {
        if super::is_greek(run[0]) {
            transliterate(run, true, &mut latin);
        } else {
            latin.extend(run);
        }
    }
    latin
}

/// Lower case without tonos and dialytika (monotonic; polytonic letters decompose to these first).
fn unaccented(character: char) -> char {
    let lower = character.to_lowercase().next().unwrap_or(character);
    let mut base = lower;
    unicode_normalization::char::decompose_canonical(lower, |part| {
        if !unicode_normalization::char::is_combining_mark(part) {
            base = part;
        }
    });
    base
}

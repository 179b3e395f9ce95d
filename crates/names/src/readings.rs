//! The names that one text may hold: former names, aliases, what stands in brackets.

use std::borrow::Cow;

use crate::script;

/// Words before a name that its bearer had before.
const FORMERLY: &[&str] = &[
    "née", "nee", "né", "born", "geb", "geb.", "geborene", "nata", "nacida", "formerly", "f.k.a.", "fka",
    "urodzona",
];
/// Words before another name of the same bearer.
const ALSO: &[&str] = &["a.k.a.", "a.k.a", "aka", "alias", "dit", "dite", ";"];

/// The whole names in a text, at least one: `Anna Schmidt née Müller` is Anna Schmidt, Anna Müller and Anna Schmidt
/// Müller.
#[must_use]
pub fn readings(text: &str) -> Vec<Cow<'_, str>> {
    let marks_another = |word: &str| is_one_of(word, FORMERLY) || is_one_of(word, ALSO);
    if !text.contains(['(', '[']) && !text.split_whitespace().skip(1).any(marks_another) {
        let others = script::other_readings(text).into_iter().map(Cow::Owned);
        return [Cow::Borrowed(text)].into_iter().chain(others).collect();
    }
    let spaced: String =
        text.chars().map(|c| if matches!(c, '(' | ')' | '[' | ']') { ' ' } else { c }).collect();
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut readings: Vec<Cow<'_, str>> = Vec::new();
    for whole in words.split(|word| is_one_of(word, ALSO)).filter(|whole| !whole.is_empty()) {
        match whole.iter().position(|word| is_one_of(word, FORMERLY)).filter(|at| *at > 0) {
            Some(at) => {
                let (now, before) = (&whole[..at], &whole[at + 1..]);
                readings.push(now.join(" ").into());
                // The given names stay: all but the last of the present name.
                let given = now.split_last().map_or(&[][..], |(_, given)| given);
                readings.push([given, before].concat().join(" ").into());
                readings.push([now, before].concat().join(" ").into());
            }
            None => readings.push(whole.join(" ").into()),
        }
    }
    if let Some((outside, inside)) = split_brackets(text) {
        // `Anna Petrova (Ivanova)`: a family name before or besides this one.
        let given = outside.split_whitespace().rev().skip(1).collect::<Vec<_>>();
        if let [word] = inside.split_whitespace().collect::<Vec<_>>()[..]
            && !given.is_empty()
            && text.trim_end().ends_with([')', ']'])
        {
            let given: Vec<&str> = given.into_iter().rev().collect();
            readings.push(format!("{} {word}", given.join(" ")).into());
        }
        readings.push(outside.into());
    }
    let others: Vec<Cow<'_, str>> =
        readings.iter().flat_map(|reading| script::other_readings(reading)).map(Cow::Owned).collect();
    readings.extend(others);
    readings.retain(|reading| reading.chars().any(char::is_alphanumeric));
    if readings.is_empty() { vec![Cow::Borrowed(text)] } else { readings }
}

fn is_one_of(word: &str, words: &[&str]) -> bool {
    words
        .iter()
        .any(|other| word.eq_ignore_ascii_case(other) || !word.is_ascii() && word.to_lowercase() == *other)
}

/// The text outside and that inside its brackets, where it has any.
fn split_brackets(text: &str) -> Option<(String, String)> {
    let mut depth = 0_usize;
    let (mut outside, mut inside) = (String::new(), String::new());
    for character in text.chars() {
        match character {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 => outside.push(character),
            _ => inside.push(character),
        }
    }
    (!inside.is_empty()).then_some((outside, inside))
}

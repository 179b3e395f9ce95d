//! Letters of one script that look like those of another (after Unicode Technical Standard 39, the pairs that occur
//! in names): in a word of mixed scripts the rarer script's letters become the commoner's.

use super::{Script, script_of};

/// Latin letter, and the Cyrillic and Greek ones that look like it.
const LOOKALIKES: &[(char, &str)] = &[
    ('a', "аα"),
    ('A', "АΑ"),
    ('b', "Ьь"),
    ('B', "ВΒ"),
    ('c', "сϲ"),
    ('C', "СϹ"),
    ('d', "ԁ"),
    ('e', "еε"),
    ('E', "ЕΕ"),
    ('g', "ɡ"),
    ('G', "Ԍ"),
    ('h', "һ"),
    ('H', "НΗ"),
    ('i', "іι"),
    ('I', "ІΙ"),
    ('j', "јϳ"),
    ('J', "Ј"),
    ('k', "кκ"),
    ('K', "КΚ"),
    ('l', "ӏ"),
    ('m', "м"),
    ('M', "МΜ"),
    ('n', "пη"),
    ('N', "Ν"),
    ('o', "оο"),
    ('O', "ОΟ"),
    ('p', "рρ"),
    ('P', "РΡ"),
    ('q', "ԛ"),
    ('r', "г"),
    ('s', "ѕ"),
    ('S', "Ѕ"),
    ('t', "тτ"),
    ('T', "ТΤ"),
    ('u', "υ"),
    ('v', "ѵν"),
    ('w', "ԝω"),
    ('x', "хχ"),
    ('X', "ХΧ"),
    ('y', "уγ"),
    ('Y', "УΥ"),
    ('Z', "Ζ"),
];

fn to_latin(character: char) -> Option<char> {
    LOOKALIKES.iter().find(|(_, others)| others.contains(character)).map(|(latin, _)| *latin)
}

fn from_latin(character: char, script: Script) -> Option<char> {
    let (_, others) = LOOKALIKES.iter().find(|(latin, _)| *latin == character)?;
    others.chars().find(|other| script_of(*other) == script)
}

/// Undoes look-alikes in a word of mixed scripts.
pub(super) fn undo(word: &mut [char]) {
    let count = |script| word.iter().filter(|character| script_of(**character) == script).count();
    let (latin, cyrillic, greek) = (count(Script::Latin), count(Script::Cyrillic), count(Script::Greek));
    if usize::from(latin > 0) + usize::from(cyrillic > 0) + usize::from(greek > 0) < 2 {
        return;
    }
    let into = if latin >= cyrillic.max(greek) {
        Script::Latin
    } else if cyrillic >= greek {
        Script::Cyrillic
    } else {
        Script::Greek
    };
    for character in word {
        let script = script_of(*character);
        if script == into || !matches!(script, Script::Latin | Script::Cyrillic | Script::Greek) {
            continue;
        }
        let latin = if script == Script::Latin { Some(*character) } else { to_latin(*character) };
        let replaced =
            if into == Script::Latin { latin } else { latin.and_then(|latin| from_latin(latin, into)) };
        if let Some(replaced) = replaced {
            *character = replaced;
        }
    }
}

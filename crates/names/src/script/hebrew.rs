//! Hebrew, letter by letter as a consonant skeleton, since vowels are not written.

use super::Word;

pub(super) fn transliterate(run: &[char], found: &mut Vec<Word>) {
    let mut text = String::new();
    for (at, letter) in run.iter().enumerate() {
        let (first, last) = (at == 0, at + 1 == run.len());
        text.push_str(match letter {
            'א' | 'ע' if first => "a",
            'א' | 'ע' => "",
            'ב' if first => "b",
            'ב' => "v",
            'ג' => "g",
            'ד' => "d",
            'ה' if last => "a",
            'ה' | 'ח' => "h",
            'ו' if first => "v",
            'ו' => "o",
            'ז' => "z",
            'ט' | 'ת' => "t",
            'י' if first => "y",
            'י' => "i",
            'כ' | 'ך' | 'ק' => "k",
            'ל' => "l",
            'מ' | 'ם' => "m",
            'נ' | 'ן' => "n",
            'ס' => "s",
            'פ' if first => "p",
            'פ' | 'ף' => "f",
            'צ' | 'ץ' => "ts",
            'ר' => "r",
            'ש' => "sh",
            other => {
                super::push_any_ascii(*other, &mut text);
                continue;
            }
        });
    }
    if !text.is_empty() {
        found.push(Word { text, unvocalised: true });
    }
}

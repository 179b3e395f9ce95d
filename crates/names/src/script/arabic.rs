//! Arabic, Persian, Urdu: frequent names through the lexicon's own spellings, others letter by letter as a consonant
//! skeleton, since short vowels are not written.

use crate::lexicon;

use super::Word;

/// One spelling for letters that writers interchange (hamza seats, final ya and ta marbuta, Persian kaf and ya).
pub(crate) fn plain(character: char) -> char {
    match character {
        'أ' | 'إ' | 'آ' | 'ٱ' => 'ا',
        'ى' | 'ی' | 'ئ' | 'ې' | 'ے' => 'ي',
        'ؤ' => 'و',
        'ة' | 'ۀ' | 'ہ' | 'ھ' | 'ە' => 'ه',
        'ک' => 'ك',
        other => other,
    }
}

/// A text as other readers of its letters would take it: as Persians, Turks and Indians do, who hear z where Arabs
/// hear d; and with each waw that may be a vowel as a consonant.
pub(super) fn other_letters(text: &str) -> Vec<String> {
    let with = |change: fn(usize, char) -> char| {
        let other = text.split_whitespace().map(|word| {
            let letters = word.strip_prefix("ال").unwrap_or(word);
            if lexicon::latin_of(&letters.chars().map(plain).collect::<String>()).is_some() {
                return word.to_owned();
            }
            word.chars().enumerate().map(|(at, letter)| change(at, letter)).collect()
        });
        Some(other.collect::<Vec<String>>().join(" ")).filter(|other| other != text)
    };
    let persian = with(|_, letter| if letter == 'ض' { 'ز' } else { letter });
    let consonants = with(|at, letter| match letter {
        'و' if at > 0 => 'ڤ',
        'ظ' => 'ض',
        other => other,
    });
    persian.into_iter().chain(consonants).collect()
}

pub(super) fn transliterate(run: &[char], found: &mut Vec<Word>) {
    let word: String = run.iter().copied().map(plain).filter(|character| *character != 'ء').collect();
    if word.is_empty() {
        return;
    }
    // `عبد الرحمن` is one name in two words: the first waits as `abd` and the tokens' rule joins them.
    if let Some(latin) = lexicon::latin_of(&word) {
        found.push(Word::new(latin));
        return;
    }
    match word.as_str() {
        "عبد" => return found.push(Word::new("abd")),
        "بن" | "ابن" => return found.push(Word::new("bin")),
        "بنت" => return found.push(Word::new("bint")),
        "ابو" | "ابي" | "ابا" => return found.push(Word::new("abu")),
        "ام" => return found.push(Word::new("umm")),
        "ال" => return found.push(Word::new("al")),
        "الله" => return found.push(Word::new("allah")),
        "الدين" => {
            found.push(Word::new("al"));
            return found.push(Word::new("din"));
        }
        _ => {}
    }
    for (ending, latin) in [("الله", "ullah"), ("الدين", "addin")] {
        if let Some(stem) =
            word.strip_suffix(ending).filter(|stem| stem.chars().count() >= 2 && *stem != "عبد")
        {
            let mut parts = Vec::new();
            transliterate(&stem.chars().collect::<Vec<_>>(), &mut parts);
            if let Some(last) = parts.last_mut() {
                last.text.push_str(latin);
            }
            return found.append(&mut parts);
        }
    }
    if let Some(rest) = word.strip_prefix("ال").filter(|rest| rest.chars().count() >= 3) {
        found.push(Word::new("al"));
        match lexicon::latin_of(rest) {
            Some(latin) => found.push(Word::new(latin)),
            None => push_letters(rest, found),
        }
        return;
    }
    push_letters(&word, found);
}

fn push_letters(word: &str, found: &mut Vec<Word>) {
    let letters: Vec<char> = word.chars().collect();
    let mut text = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let next = letters.get(at + 1);
        let latin = match letter {
            'ا' => "a",
            'ع' if at == 0 => "a",
            'ع' | 'ء' => "",
            'ب' => "b",
            'پ' => "p",
            'ت' | 'ط' | 'ث' | 'ٹ' => "t",
            'ج' => "j",
            'چ' => "ch",
            'ح' | 'ه' if at + 1 == letters.len() && *letter == 'ه' => "a",
            'ح' | 'ه' => "h",
            'خ' => "kh",
            'د' | 'ض' | 'ڈ' => "d",
            'ذ' | 'ز' | 'ظ' => "z",
            'ر' | 'ڑ' => "r",
            'ژ' => "zh",
            'س' | 'ص' => "s",
            'ش' => "sh",
            'غ' => "gh",
            'ف' => "f",
            'ڤ' => "v",
            'ق' => "q",
            'ك' => "k",
            'گ' | 'ڭ' => "g",
            'ل' => "l",
            'م' => "m",
            'ن' | 'ں' => "n",
            // A consonant at the start of a syllable, else the long vowel.
            'و' if at == 0 || matches!(next, Some('ا' | 'ي')) || letters[at - 1] == 'ا' => "w",
            'و' => "u",
            'ي' if at == 0 || matches!(next, Some('ا' | 'و')) => "y",
            'ي' => "i",
            other => {
                super::push_any_ascii(*other, &mut text);
                continue;
            }
        };
        text.push_str(latin);
    }
    if !text.is_empty() {
        found.push(Word { text, unvocalised: true });
    }
}

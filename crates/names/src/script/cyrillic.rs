//! Cyrillic: BGN/PCGN and ICAO Doc 9303 where they agree; Ukrainian letters after resolution 55 of 2010.

/// Letters that only Ukrainian has: in such a text `г` is `h` and `и` is `y`.
pub(super) fn is_ukrainian(character: char) -> bool {
    matches!(character, 'і' | 'І' | 'ї' | 'Ї' | 'є' | 'Є' | 'ґ' | 'Ґ')
}

pub(super) fn transliterate(word: &[char], ukrainian: bool, into: &mut String) {
    for character in word {
        let lower = character.to_lowercase().next().unwrap_or(*character);
        let latin = match lower {
            'а' | 'ә' => "a",
            'б' => "b",
            'в' => "v",
            'г' if ukrainian => "h",
            'г' | 'ґ' | 'ғ' | 'ѓ' => "g",
            'д' => "d",
            'е' | 'э' => "e",
            'ё' => "yo",
            'є' => "ye",
            'ж' | 'җ' => "zh",
            'з' | 'ҙ' => "z",
            'и' if ukrainian => "y",
            'и' | 'і' | 'ӣ' => "i",
            'ї' => "yi",
            'й' => "y",
            'ј' => "j",
            'к' | 'қ' | 'ќ' | 'ҡ' => "k",
            'л' => "l",
            'љ' => "lj",
            'м' => "m",
            'н' | 'ң' | 'ҥ' => "n",
            'њ' => "nj",
            'о' | 'ө' | 'ӧ' => "o",
            'п' => "p",
            'р' => "r",
            'с' | 'ҫ' => "s",
            'т' => "t",
            'ћ' => "c",
            'у' | 'ү' | 'ұ' | 'ӯ' | 'ў' => "u",
            'ф' => "f",
            'х' => "kh",
            'һ' | 'ҳ' => "h",
            'ц' => "ts",
            'ч' => "ch",
            'ҷ' => "j",
            'џ' => "dz",
            'ђ' => "dj",
            'ѕ' => "dz",
            'ш' => "sh",
            'щ' => "shch",
            'ъ' | 'ь' => "",
            'ы' => "y",
            'ю' => "yu",
            'я' => "ya",
            other => {
                super::push_any_ascii(other, into);
                continue;
            }
        };
        into.push_str(latin);
    }
}

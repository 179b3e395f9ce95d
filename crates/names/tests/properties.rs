//! Whatever the text, a name is read or refused, and what is read holds to its rules. A longer run:
//! `PROPTEST_CASES=1000000 cargo test --release -p names --test properties`.

use names::{Name, NameError, NameKind, NameRef, Token, VocabularyBuilder};
use proptest::prelude::*;

/// Texts of any characters, of those of the scripts that are treated apart, and of words that are.
fn text() -> impl Strategy<Value = String> {
    let scripts = "[A-Za-zÀ-ʯͰ-ϿЀ-ԯא-ת؀-ۿऀ-ॿ一-鿿ᄀ-ᇿ가-힣ぁ-ヿ0-9０-９ .,'’()\\[\\]/&+\\-\u{300}-\u{36f}\u{200b}-\u{202e}]{0,40}";
    let words = prop::sample::select(vec![
        "née",
        "aka",
        "dit",
        "abd",
        "al",
        "el",
        "bin",
        "Abdul",
        "allah",
        "ullah",
        "din",
        "eddine",
        "Md.",
        "Dr.",
        "von",
        "L.L.C.",
        "Ltd",
        "III",
        "3rd",
        "Kim",
        "Jong",
        "un",
        "Mao",
        "Tse-tung",
        "Хрущёв",
        "Chruschtschow",
        "Wladimir",
        "Lee",
        "hsü",
        "김정은",
        "毛泽东",
        "有限公司",
        "عبد الرحمن",
        "Γεώργιος",
        "a",
        "O'",
        "",
    ]);
    let phrase = prop::collection::vec(words, 0..8).prop_map(|words| words.join(" "));
    prop_oneof![
        prop::collection::vec(any::<char>(), 0..60).prop_map(String::from_iter),
        scripts,
        phrase.clone(),
        (phrase, prop::collection::vec(any::<char>(), 0..6), scripts)
            .prop_map(|(words, others, text)| words + &String::from_iter(others) + &text),
        (any::<char>(), 0..2_000_usize).prop_map(|(character, times)| character.to_string().repeat(times)),
    ]
}

fn kind() -> impl Strategy<Value = NameKind> {
    prop::sample::select(vec![NameKind::Person, NameKind::Organisation, NameKind::Vessel, NameKind::Unknown])
}

proptest! {
    #[test]
    fn a_text_is_read_or_refused(text in text(), kind in kind()) {
        match Name::parse(&text, kind) {
            Ok(name) => {
                prop_assert!((1..=32).contains(&name.tokens().len()));
                for token in name.tokens() {
                    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
                    prop_assert!(!token.text().is_empty() && token.text().bytes().all(is_plain), "{token:?}");
                    prop_assert!(token.weight() > 0.0 && token.weight() <= 1.0, "{token:?}");
                }
            }
            Err(NameError::Empty) => {}
            Err(NameError::TooLong) => prop_assert!(text.chars().count() > 1_000),
        }
    }

    #[test]
    fn every_reading_of_a_text_can_be_read_where_the_text_can(text in text(), kind in kind()) {
        let readings = names::readings(&text);
        prop_assert!(!readings.is_empty());
        if Name::parse(&text, kind).is_ok() {
            prop_assert!(readings.iter().any(|reading| Name::parse_reading(reading, &text, kind).is_ok()));
        }
    }

    #[test]
    fn a_comparison_is_graded_and_the_same_text_is_identical(one in text(), other in text(), kinds in (kind(), kind())) {
        let (Ok(one), Ok(other)) = (Name::parse(&one, kinds.0), Name::parse(&other, kinds.1)) else { return Ok(()) };
        let (left, right) = (NameRef::from(&one), NameRef::from(&other));
        prop_assert!((0.0..=1.0).contains(&names::compare(&left, &right).score));
        prop_assert_eq!(names::compare(&left, &left).score, 1.0);
    }

    /// The vocabulary finds every token that a comparison aligns, and every word that it joins.
    #[test]
    fn a_vocabulary_loses_nothing(one in text(), other in text(), kind in kind()) {
        let (Ok(one), Ok(other)) = (Name::parse(&one, kind), Name::parse(&other, kind)) else { return Ok(()) };
        let mut builder = VocabularyBuilder::default();
        other.tokens().iter().for_each(|token| _ = builder.number(token));
        let (vocabulary, _) = builder.finish();
        let left = NameRef::from(&one);
        let mut marks = vec![vec![false; vocabulary.len()]; left.tokens.len()];
        for (at, token) in left.tokens.iter().enumerate() {
            vocabulary.alike(token).into_iter().for_each(|number| marks[at][number as usize] = true);
        }
        for ((first, last), run) in names::runs(&left.tokens) {
            for number in names::joined(run).map(|joined| vocabulary.joined_as(&joined)).unwrap_or_default() {
                (first..=last).for_each(|at| marks[usize::from(at)][number as usize] = true);
            }
        }
        let mut numbers = Vec::new();
        for token in other.tokens() {
            let number = (0..vocabulary.len() as u32).find(|number| vocabulary.token(*number) == Some(token));
            numbers.extend(number.map(|number| number as usize));
        }
        prop_assert_eq!(numbers.len(), other.tokens().len());
        let right = NameRef::from(&other);
        let knowing = names::compare_knowing(&left, &right, true, |i, j| marks[i][numbers[j]]);
        prop_assert_eq!(knowing, names::compare(&left, &right));
    }

    /// A token's text, tag and provenance say all that its likeness to others depends on.
    #[test]
    fn a_token_is_recalled(text in text(), kind in kind()) {
        let Ok(name) = Name::parse(&text, kind) else { return Ok(()) };
        for token in name.tokens() {
            let recalled = Token::recalled(token.text(), token.tag(), token.provenance(), token.weight());
            prop_assert_eq!(&recalled, token);
        }
    }

    /// Neighbours that are a word as one are not missed by what is known of them before.
    #[test]
    fn words_that_neighbours_make_may_be_joined(one in text(), other in text(), kind in kind()) {
        let (Ok(one), Ok(other)) = (Name::parse(&one, kind), Name::parse(&other, kind)) else { return Ok(()) };
        let mut builder = VocabularyBuilder::default();
        other.tokens().iter().for_each(|token| _ = builder.number(token));
        let (vocabulary, _) = builder.finish();
        for joined in names::runs(&NameRef::from(&one).tokens).filter_map(|(_, run)| names::joined(run)) {
            let may_be = joined.keys().any(|key| vocabulary.may_be_joined_as(names::hash(key)));
            prop_assert!(may_be || vocabulary.joined_as(&joined).is_empty());
        }
    }

    /// What cannot be seen makes no other name.
    #[test]
    fn invisible_characters_change_nothing(
        text in "[A-Za-zа-яА-Яا-ي]{1,12}( [A-Za-zа-яА-Яا-ي]{1,12}){0,3}",
        at in any::<prop::sample::Index>(),
        invisible in prop::sample::select(vec!['\u{200b}', '\u{200e}', '\u{202e}', '\u{2066}', '\u{feff}', '\u{ad}']),
    ) {
        let places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
        let mut marked = text.clone();
        marked.insert(places[at.index(places.len())], invisible);
        let read = |text: &str| Name::parse(text, NameKind::Person).map(|name| name.tokens().to_vec());
        prop_assert_eq!(read(&marked), read(&text));
    }
}

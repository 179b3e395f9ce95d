//! Every input has an answer or a clear error. `PROPTEST_CASES` makes the run longer.

use gda_audit::domain::record::BirthDate;
use gda_audit::domain::screening::{self, Index, Person, PersonKind, Subject};
use names::NameError;
use proptest::prelude::*;

fn named(name: &str) -> Person {
    Person { name: Some(name.to_owned()), ..Person::default() }
}

#[test]
fn what_is_no_name_is_refused() {
    for text in
        ["", " ", "...", "\u{0}\u{1}\u{7f}", "\u{200f}\u{202e}\u{200b}", "—–‘’", "()", "（）", "\u{301}"]
    {
        assert_eq!(Subject::of_person(&named(text)).err(), Some(NameError::Empty), "{text:?}");
    }
    assert_eq!(Subject::of_person(&named(&"a".repeat(10_000))).err(), Some(NameError::TooLong));
    assert_eq!(Subject::of_person(&Person::default()).err(), Some(NameError::Empty));
}

#[test]
fn long_and_strange_names_have_an_answer() {
    let texts = [
        "a ".repeat(500),
        "محمد ".repeat(199),
        "習".repeat(1_000),
        "x".repeat(1_000),
        "\u{202e}nimda\u{202c} \u{0}Admin\u{1b}[31m".to_owned(),
        "(((née (alias ;".to_owned() + "née",
        "née née née x".to_owned(),
        "Abd Abd al Abd al-din al-allah".to_owned(),
        "ﷺ ﷲ İı ẞ ǅ".to_owned(),
        "0 00 1st th".to_owned(),
    ];
    for text in &texts {
        let subject = Subject::of_person(&named(text)).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        let comparison = screening::compare(&subject, &subject);
        assert!(comparison.score >= 99.0, "{text:?}: {}", comparison.score);
        assert!(Index::build([]).screen(&named(text), 0.0).is_ok_and(|hits| hits.is_empty()));
    }
}

/// Texts of any characters, and such as are names.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        prop::collection::vec(any::<char>(), 0..30).prop_map(String::from_iter),
        "[\\p{L}\\p{M}\\p{N}\\p{P}\\p{Cf} ]{0,60}",
        "(Kim|al|bin|née|aka|Dr|,|\\(|\\)|[A-Z][a-z]{0,9}|[а-я]{1,9}|[ا-ي]{1,6}|[가-힣]{1,4}|[一-鿿]{1,4}| ){0,8}",
    ]
}

fn person() -> impl Strategy<Value = Person> {
    let maybe = || prop::option::of(text());
    let texts = || prop::collection::vec(text(), 0..4);
    let birth =
        (any::<Option<i16>>(), any::<Option<i16>>(), any::<Option<u8>>(), any::<Option<u8>>(), any::<bool>());
    let birth = birth.prop_map(|(year, until_year, month, day, circa)| BirthDate {
        year,
        until_year,
        month,
        day,
        circa,
    });
    let kinds = [PersonKind::Natural, PersonKind::Legal, PersonKind::Vessel];
    let kind = prop::option::of(prop::sample::select(kinds.to_vec()));
    let names = (maybe(), maybe(), maybe(), maybe());
    (names, texts(), kind, prop::option::of(birth), texts(), texts()).prop_map(
        |((name, first_name, last_name, maiden_name), aliases, kind, birth, countries, documents)| Person {
            name,
            first_name,
            last_name,
            maiden_name,
            aliases,
            kind,
            birth,
            countries,
            gender: None,
            documents,
        },
    )
}

proptest! {
    #[test]
    fn a_person_of_any_texts_is_screened_or_refused(one in person(), other in person()) {
        let (one, other) = (Subject::of_person(&one), Subject::of_person(&other));
        if let (Ok(one), Ok(other)) = (one, other) {
            prop_assert!((0.0..=100.0).contains(&screening::compare(&one, &other).score));
        }
    }

    #[test]
    fn no_text_panics(one in any::<String>(), other in "[\\p{L}\\p{M}\\p{N}\\p{P}\\p{Cf} ]{0,60}") {
        let (one, other) = (Subject::of_person(&named(&one)), Subject::of_person(&named(&other)));
        if let (Ok(one), Ok(other)) = (one, other) {
            let (there, back) = (screening::compare(&one, &other), screening::compare(&other, &one));
            prop_assert!((0.0..=100.0).contains(&there.score));
            prop_assert!((there.score - back.score).abs() < 0.2, "{} {}", there.score, back.score);
        }
    }
}

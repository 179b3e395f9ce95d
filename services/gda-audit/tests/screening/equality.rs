//! The candidate step loses nothing.

use gda_audit::domain::record::{
    BirthDate, Country, Document, Gender, Kind, ListedName, NameStrength, Record,
};
use gda_audit::domain::screening::{self, Hit, Index, Person, PersonKind, Screener, Sieve, Subject, Words};
use proptest::prelude::*;
use proptest::sample::select;

/// Words that meet in every channel of the engine: spellings, short forms, other scripts, compounds, particles,
/// initials, numbers, company words, and words that differ by an edit, a vowel, an ending.
const WORDS: &[&str] = &[
    "Mohammed",
    "Muhammad",
    "Mohamed",
    "Mhmd",
    "محمد",
    "Ahmed",
    "Ahmad",
    "Hussein",
    "Husayn",
    "Hassan",
    "حسن",
    "Ali",
    "Abdul",
    "Abd",
    "Abdulrahman",
    "Rahman",
    "Karim",
    "Abdelkrim",
    "al",
    "al-Din",
    "Nur",
    "Nureddin",
    "Allah",
    "Nasr",
    "Nasrullah",
    "bin",
    "Sergey",
    "Serguei",
    "Сергей",
    "Ivan",
    "Иван",
    "Ivanov",
    "Iwanow",
    "Ivanova",
    "Petrovich",
    "Petrovitsch",
    "Sasha",
    "Alexander",
    "Aleksandr",
    "Alex",
    "William",
    "Bill",
    "José",
    "Pepe",
    "Müller",
    "Mueller",
    "Muller",
    "Milner",
    "Schmidt",
    "Smith",
    "Smyth",
    "J.",
    "J",
    "M",
    "Al",
    "Katarina",
    "Katrina",
    "Kataryna",
    "Katrin",
    "Kat",
    "Santorini",
    "Santorin",
    "Santo",
    "Rini",
    "Vladimirov",
    "Vldmrv",
    "Vladmirov",
    "Vladi",
    "Mirov",
    "Xi",
    "Jinping",
    "Jin",
    "Ping",
    "习近平",
    "Kim",
    "Jong",
    "Un",
    "Jongun",
    "김정은",
    "Kim Jong-un",
    "Gim Jeongeun",
    "Kim Chong Il",
    "U-yong Lee",
    "Lee Wooyong",
    "Choi Soo-bin",
    "Mao Tse-tung",
    "Mao Zedong",
    "毛泽东",
    "Michail Chodorkowski",
    "Mikhail Khodorkovsky",
    "Brigade",
    "313",
    "314",
    "Third",
    "3",
    "LLC",
    "GmbH",
    "OOO",
    "Trading",
    "International",
    "Bank",
    "Bnk",
    "Sea",
    "Star",
    "Seastar",
    "V",
    "Dr",
    "Sheikh",
    "van",
    "der",
    "Berg",
    "Vandenberg",
    "O'Brien",
    "Obrien",
    "Παπαδόπουλος",
    "Papadopoulos",
    "Tehran",
    "Qaida",
    "Al-Qaeda",
    "Alqaida",
    "née",
];

fn name() -> impl Strategy<Value = String> {
    prop::collection::vec(word(), 1..6).prop_map(|words| words.join(" "))
}

/// A word, sometimes with a typing error, cut, or written together with the next.
fn word() -> impl Strategy<Value = String> {
    (select(WORDS), 0..14_u8, any::<prop::sample::Index>(), prop::char::range('a', 'z')).prop_map(
        |(word, change, at, letter)| {
            let mut letters: Vec<char> = word.chars().collect();
            let at = at.index(letters.len());
            match change {
                0 => letters[at] = letter,
                1 => letters.insert(at, letter),
                2 if letters.len() > 1 => _ = letters.remove(at),
                3 if at > 0 => letters.swap(at - 1, at),
                4 => letters.truncate(at.max(1)),
                5 => letters.retain(|letter| !"aeiou".contains(*letter)),
                _ => {}
            }
            letters.into_iter().collect()
        },
    )
}

fn birth() -> impl Strategy<Value = Option<BirthDate>> {
    prop::option::of((
        1960..1964_i16,
        prop::option::of((1..3_u8, prop::option::of(1..4_u8))),
        any::<bool>(),
        prop::option::of(1963..1966_i16),
    ))
    .prop_map(|birth| {
        let (year, rest, circa, until_year) = birth?;
        let (month, day) = rest.map_or((None, None), |(month, day)| (Some(month), day));
        Some(BirthDate { year: Some(year), until_year, month, day, circa })
    })
}

fn gender() -> impl Strategy<Value = Option<Gender>> {
    prop::option::of(select(&[Gender::Female, Gender::Male][..]))
}

const COUNTRIES: &[&str] = &["RU", "IR", "SU", "FR"];

fn record() -> impl Strategy<Value = Record> {
    let kind = select(&[Kind::Person, Kind::Person, Kind::Organisation, Kind::Vessel][..]);
    let names = prop::collection::vec((name(), any::<bool>()), 1..4);
    let countries = prop::collection::vec(select(COUNTRIES), 0..2);
    let documents = prop::collection::vec(select(&["AB 12345", "99887766"][..]), 0..2);
    (kind, names, birth(), gender(), countries, documents).prop_map(
        |(kind, names, birth, gender, countries, documents)| Record {
            id: String::new(),
            kind,
            names: names
                .into_iter()
                .map(|(whole, weak)| ListedName {
                    whole,
                    family: None,
                    given: None,
                    strength: if weak { NameStrength::Weak } else { NameStrength::Primary },
                    language: None,
                })
                .collect(),
            births: birth.into_iter().collect(),
            birth_places: Vec::new(),
            nationalities: countries.into_iter().map(Country::coded).collect(),
            addresses: Vec::new(),
            documents: documents
                .into_iter()
                .map(|number| Document {
                    kind: "Passport".to_owned(),
                    number: number.to_owned(),
                    country: None,
                })
                .collect(),
            gender,
            programmes: Vec::new(),
            listed_on: None,
            remarks: Vec::new(),
        },
    )
}

fn person() -> impl Strategy<Value = Person> {
    let kind = prop::option::of(select(
        &[PersonKind::Natural, PersonKind::Natural, PersonKind::Legal, PersonKind::Vessel][..],
    ));
    let countries = prop::collection::vec(select(COUNTRIES), 0..2);
    let documents = prop::collection::vec(select(&["ab12345", "1234567"][..]), 0..2);
    let aliases = prop::collection::vec(name(), 0..2);
    (name(), aliases, kind, birth(), gender(), countries, documents).prop_map(
        |(name, aliases, kind, birth, gender, countries, documents)| Person {
            name: Some(name),
            aliases,
            kind,
            birth,
            gender,
            countries: countries.into_iter().map(str::to_owned).collect(),
            documents: documents.into_iter().map(str::to_owned).collect(),
            ..Person::default()
        },
    )
}

/// What comparing every record finds.
fn full_scan(records: &[Subject], query: &Subject, threshold: f32) -> Vec<(usize, screening::Comparison)> {
    let mut hits: Vec<_> = records
        .iter()
        .map(|record| screening::compare(query, record))
        .enumerate()
        .filter(|(_, comparison)| comparison.score >= threshold)
        .collect();
    hits.sort_by(|a, b| b.1.score.total_cmp(&a.1.score).then(a.0.cmp(&b.0)));
    hits
}

fn found(hits: Vec<Hit>) -> Vec<(usize, screening::Comparison)> {
    hits.into_iter().map(|hit| (hit.record, hit.comparison)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn the_index_finds_what_a_full_scan_finds(
        records in prop::collection::vec(record(), 1..70),
        persons in prop::collection::vec(person(), 60),
        threshold in prop_oneof![Just(screening::DEFAULT_THRESHOLD), 10.0..100.0_f32],
    ) {
        let index = Index::build(&records);
        let mut screener = Screener::new(&index);
        let subjects: Vec<Subject> = records.iter().map(Subject::of_record).collect();
        for person in &persons {
            let Ok(query) = Subject::of_person(person) else { continue };
            prop_assert_eq!(found(screener.screen(&query, threshold)), full_scan(&subjects, &query, threshold), "{:?}", person);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Of a few records, as an edition changes them: whom the sieve leaves out, a search finds nothing for.
    #[test]
    fn the_sieve_leaves_out_nobody_who_is_found(
        records in prop::collection::vec(record(), 1..6),
        persons in prop::collection::vec(person(), 60),
        threshold in prop_oneof![Just(screening::DEFAULT_THRESHOLD), 0.0..100.0_f32, Just(0.0_f32)],
    ) {
        let index = Index::build(&records);
        let (mut screener, mut sieve) = (Screener::new(&index), Sieve::new(&index, threshold, Words::default()));
        for person in &persons {
            let Ok(query) = Subject::of_person(person) else { continue };
            let keys = query.search_keys().unwrap();
            if !sieve.may_find(&keys) {
                prop_assert_eq!(found(screener.screen(&query, threshold)), [], "{:?} {:?}", person, records);
            }
            // What is cut short or is of another version says nothing of anybody.
            prop_assert!(sieve.may_find(&[]) && sieve.may_find(&keys[1..]) && sieve.may_find(&keys[..keys.len() - 1]));
        }
    }
}

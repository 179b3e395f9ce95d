//! What must match and what must not, one rule a test.

use gda_audit::domain::record::{BirthDate, Gender};
use gda_audit::domain::screening::{self, Comparison, Person, PersonKind, Subject};

fn person(name: &str) -> Person {
    Person { name: Some(name.to_owned()), kind: Some(PersonKind::Natural), ..Person::default() }
}

fn company(name: &str) -> Person {
    Person { name: Some(name.to_owned()), kind: Some(PersonKind::Legal), ..Person::default() }
}

fn born(name: &str, year: i16, month: u8, day: u8) -> Person {
    let birth =
        BirthDate { year: Some(year), until_year: None, month: Some(month), day: Some(day), circa: false };
    Person { birth: Some(birth), ..person(name) }
}

fn compare(one: &Person, other: &Person) -> Comparison {
    let subject = |person: &Person| Subject::of_person(person).expect("a name");
    screening::compare(&subject(one), &subject(other))
}

#[track_caller]
fn same(one: &Person, other: &Person) {
    let score = compare(one, other).score;
    assert!(compare(one, other).is_match, "{:?} {:?}: {score}", one.name, other.name);
}

#[track_caller]
fn different(one: &Person, other: &Person) {
    let score = compare(one, other).score;
    assert!(!compare(one, other).is_match, "{:?} {:?}: {score}", one.name, other.name);
}

#[test]
fn only_identical_names_make_100() {
    assert_eq!(compare(&person("Viktor Bout"), &person("viktor  BOUT")).score, 100.0);
    assert!(compare(&born("Viktor Bout", 1967, 1, 13), &born("Bout Viktor", 1967, 1, 13)).score < 100.0);
    assert!(compare(&person("Viktor Bout"), &person("Виктор Бут")).score < 100.0);
}

#[test]
fn variations_of_a_persons_name() {
    for (one, other) in [
        ("Muhammad Husayn al-Rashidi", "Mohamed Hussein Rashidi"),
        ("Abd al-Rahman al-Kuwari", "Abdulrahman Alkuwari"),
        ("Nur ad-Din Zengi", "Noureddine Zengui"),
        ("Vldmr Krpvch", "Vladimir Karpovich"),
        ("V. Karpovich", "Vladimir Karpovich"),
        ("KARPOVICH, Vladimir", "Vladimir Karpovich"),
        ("Vladimir Karpovi", "Vladimir Karpovich"),
        ("Vladimr Karpovihc", "Vladimir Karpovich"),
        ("Volodya Karpovich", "Vladimir Karpovich"),
        ("Anna-Maria Lindqvist", "Annamaria Lindqvist"),
        ("Anna Lindqvist née Sorokina", "Anna Sorokina"),
        ("Jürgen Weißenfels", "Juergen Weissenfels"),
        ("Dr. Jürgen von Weissenfels", "Jurgen Weissenfels"),
        ("Juan Carlos Echeverría Zubizarreta", "Juan Carlos Echeverria"),
        ("Vlаdimir Kаrpovich", "Vladimir Karpovich"), // two Cyrillic letters
        ("Vladimir\u{200b} \u{202e}Karpovich", "Vladimir Karpovich"),
    ] {
        same(&person(one), &person(other));
    }
}

#[test]
fn names_in_other_scripts() {
    for (one, other) in [
        ("Сергей Щербаков", "Sergei Shcherbakov"),
        ("Сергій Гриценко", "Serhiy Hrytsenko"),
        ("محمد حسين الرشيدي", "Mohammed Hussein al-Rashidi"),
        ("عبد الرحمن الكواري", "Abdulrahman al-Kuwari"),
        ("Γεώργιος Παπαδημητρίου", "Georgios Papadimitriou"),
        ("Βλαντιμίρ Πούτιν", "Vladimir Putin"),
        ("欧阳明华", "Ouyang Minghua"),
        ("曾庆红", "Zeng Qinghong"),
        ("김정은", "Kim Jong Un"),
        ("გიორგი მარგველაშვილი", "Giorgi Margvelashvili"),
        ("Սերժ Սարգսյան", "Serzh Sargsyan"),
    ] {
        same(&person(one), &person(other));
    }
}

#[test]
fn names_in_other_systems_and_languages() {
    for (one, other) in [
        ("반기문", "Ban Ki-moon"),
        ("김연아", "Kim Yuna"),
        ("박정희", "Park Chung-hee"),
        ("Kim Dae-jung", "Kim Tae-chung"),
        ("Choi Soo-bin", "Choe Su Bin"),
        ("毛泽东", "Mao Tse-tung"),
        ("Deng Xiaoping", "Teng Hsiao-p'ing"),
        ("Михаил Ходорковский", "Michail Chodorkowski"),
        ("Юрий Лужков", "Youri Loujkov"),
        ("Nikita Chruschtschow", "Nikita Khrushchev"),
        ("Boris Jelzin", "Boris Yeltsin"),
        ("Микола Азаров", "Nikolai Azarov"),
    ] {
        same(&person(one), &person(other));
    }
    for (one, other) in [
        ("김정은", "Kim Jong-il"),
        ("Choi Soo-jin", "Choi Soo-bin"),
        ("Park Seo-yeon", "Pak So-chin"),
        ("Mao Zedong", "Mao Tse-min"),
    ] {
        different(&person(one), &person(other));
    }
}

#[test]
fn the_state_that_was_and_those_that_came_after_are_no_contradiction() {
    let of = |country: &str| Person { countries: vec![country.to_owned()], ..person("Viktor Sorokin") };
    let points = |one: &str, other: &str| compare(&of(one), &of(other)).applied_scores[2].weight;
    for (was, is) in
        [("SU", "RU"), ("Soviet Union", "UA"), ("YU", "RS"), ("CS", "SK"), ("AN", "CW"), ("DD", "Germany")]
    {
        assert!(points(was, is) > 0.0 && points(is, was) > 0.0, "{was} {is}");
    }
    for (one, other) in [("SU", "PL"), ("RU", "UA"), ("YU", "RU")] {
        assert!(points(one, other) < 0.0, "{one} {other}");
    }
}

#[test]
fn near_misses_are_others() {
    for (one, other) in [
        ("Ahmed Hassan al-Kuwari", "Khalid Hassan al-Kuwari"),
        ("Maria Sorokina", "Marina Sorokina"),
        ("Hassan Nasser", "Hussein Nasser"),
        ("Mohammed Ali", "Mohammed Ali Hassan al-Tikriti"),
        ("Vladimir Karpovich", "Vladimir Sorokin"),
        ("Putin", "Vladimir Putin"),
    ] {
        different(&person(one), &person(other));
        let unsaid = |name: &str| Person { name: Some(name.to_owned()), ..Person::default() };
        different(&unsaid(one), &unsaid(other));
    }
}

#[test]
fn birth_dates_speak_for_and_against() {
    let listed = born("Vladimir Karpovich", 1961, 4, 12);
    for (year, month, day) in [(1962, 4, 12), (1971, 4, 12), (1961, 4, 13), (1961, 5, 12), (1981, 4, 12)] {
        different(&born("Vladimir Karpovich", year, month, day), &listed);
    }
    same(&born("Vladimir Karpovich", 1961, 4, 12), &listed);
    same(&born("Vladimir Karpovich", 1961, 12, 4), &listed);
    let mut year_only = born("Vladimir Karpovich", 1961, 4, 12);
    if let Some(birth) = &mut year_only.birth {
        (birth.month, birth.day) = (None, None);
    }
    same(&year_only, &listed);
}

#[test]
fn kind_and_gender_speak_against() {
    different(&person("Karpovich"), &company("Karpovich"));
    let woman = Person { gender: Some(Gender::Female), ..person("Sasha Karpovic") };
    let man = Person { gender: Some(Gender::Male), ..person("Aleksandr Karpovich") };
    different(&woman, &man);
}

#[test]
fn companies() {
    for (one, other) in [
        ("Rosgranit LLC", "OOO Rosgranit"),
        ("Rosgranit L.L.C.", "Rosgranit"),
        ("Rosgranit Trading Company", "Rosgranit Corp."),
        ("Alfa & Beta Shipping Co., Ltd.", "Alfa and Beta Shipping"),
        ("313th Brigade", "Brigade 313"),
        ("Third Brigade", "3rd Brigade"),
        ("深圳华海贸易有限公司", "Shenzhen Huahai Trading Co., Ltd."),
    ] {
        same(&company(one), &company(other));
    }
    for (one, other) in [
        ("Brigade 313", "Brigade 314"),
        ("Granit Trading LLC", "Orion Trading LLC"),
        ("International Trading Company", "International Shipping Company"),
        ("Bank Melli", "Bank Mellat"),
    ] {
        different(&company(one), &company(other));
    }
}

#[test]
fn every_property_is_explained() {
    let one = Person {
        countries: vec!["Russia".to_owned()],
        gender: Some(Gender::Male),
        ..born("Vladimir Karpovich", 1961, 4, 12)
    };
    let other = Person {
        countries: vec!["RU".to_owned()],
        gender: Some(Gender::Male),
        ..born("Wladimir Karpowitsch", 1961, 4, 12)
    };
    let comparison = compare(&one, &other);
    let properties: Vec<_> =
        comparison.applied_scores.iter().map(|applied| serde_json::json!(applied)).collect();
    assert_eq!(properties.len(), 5);
    assert_eq!(properties[0]["property"], "name");
    assert_eq!(properties[0]["personValue"], "Vladimir Karpovich");
    assert_eq!(properties[0]["recordValue"], "Wladimir Karpowitsch");
    assert_eq!(properties[2]["property"], "birthDate");
    assert_eq!(properties[2]["recordValue"], "1961-04-12");
}

//! Names through the crate's public face.
#![allow(clippy::expect_used, clippy::panic, reason = "a test's helpers fail as the test does")]

use names::{Name, NameKind, NameRef, Tag, VocabularyBuilder};

fn tokens(text: &str, kind: NameKind) -> Vec<(String, Tag)> {
    let name = Name::parse(text, kind).unwrap_or_else(|error| panic!("{text}: {error}"));
    name.tokens().iter().map(|token| (token.text().to_owned(), token.tag())).collect()
}

fn words(text: &str, kind: NameKind) -> Vec<String> {
    tokens(text, kind).into_iter().map(|(word, _)| word).collect()
}

fn score(one: &str, other: &str) -> f32 {
    let parse = |text| Name::parse(text, NameKind::Person).unwrap_or_else(|error| panic!("{text}: {error}"));
    names::compare(&NameRef::from(&parse(one)), &NameRef::from(&parse(other))).score
}

#[test]
fn scripts_become_latin() {
    for (text, expected) in [
        ("Сергей Щербаков", "sergey shcherbakov"),
        ("Володимир Грищенко і Ї", "volodymyr hryshchenko i yi"),
        ("Γεώργιος Παπαδόπουλος", "georgios papadopoulos"),
        ("محمد الحسن", "mohammed al hassan"),
        ("عبد الرحمن", "abdrahman"),
        ("习近平", "xi jinping"),
        ("欧阳娜娜", "ouyang nana"),
        ("김정은", "kim jeongeun"),
        ("Łukasz Ærø Straße", "lukasz aero strasse"),
        ("Ｆｕｌｌ Ｗｉｄｔｈ", "full width"),
        ("Pеtrоv", "petrov"), // two Cyrillic letters
        ("M0hamm3d", "mohammed"),
    ] {
        assert_eq!(words(text, NameKind::Person).join(" "), expected, "{text}");
    }
}

#[test]
fn tokens_are_tagged() {
    use Tag::{Common, Initial, Legal, Name, Number, Particle, Title};
    for (text, kind, expected) in [
        ("Dr. Jürgen von Berg", NameKind::Person, vec![Title, Name, Particle, Name]),
        ("J. R. Smith", NameKind::Person, vec![Initial, Initial, Name]),
        ("JR Smith", NameKind::Person, vec![Title, Name]),
        ("JC Smith", NameKind::Person, vec![Initial, Initial, Name]),
        ("Rosgranit Trading L.L.C.", NameKind::Organisation, vec![Name, Common, Legal]),
        ("3rd Brigade 313", NameKind::Organisation, vec![Number, Common, Number]),
        ("M/V Sea Star III", NameKind::Vessel, vec![Title, Name, Name, Number]),
        ("Stephen King", NameKind::Person, vec![Name, Name]),
        ("Le Van Minh", NameKind::Person, vec![Name, Particle, Name]),
    ] {
        let tags: Vec<Tag> = tokens(text, kind).into_iter().map(|(_, tag)| tag).collect();
        assert_eq!(tags, expected, "{text}");
    }
}

#[test]
fn compounds_have_one_spelling() {
    for variants in [
        &["Abd al-Rahman", "Abdul Rahman", "Abdulrahman", "Abdurrahman", "Abdel Rahman"][..],
        &["Nur al-Din", "Nuruddin", "Nur ud-Din"],
        &["Nasr Allah", "Nasrallah", "Nasrullah"],
    ] {
        for variant in variants {
            assert_eq!(words(variant, NameKind::Person), words(variants[0], NameKind::Person), "{variant}");
        }
    }
}

#[test]
fn readings_of_one_text() {
    assert_eq!(
        names::readings("Anna Schmidt née Müller"),
        ["Anna Schmidt", "Anna Müller", "Anna Schmidt Müller"]
    );
    assert_eq!(
        names::readings("Anna Petrova (Ivanova)"),
        ["Anna Petrova Ivanova", "Anna Ivanova", "Anna Petrova "]
    );
    assert_eq!(names::readings("Anna Petrova alias Masha"), ["Anna Petrova", "Masha"]);
    assert_eq!(names::readings("née"), ["née"]);
}

#[test]
fn scores_are_graded() {
    assert_eq!(score("Vladimir Karpovich", "VLADIMIR  Karpovich"), 1.0);
    let order =
        ["Karpovich Vladimir", "Wladimir Karpowitsch", "V. Karpovich", "Vladimir Karpo", "Vladimir Sorokin"];
    let scores = order.map(|other| score("Vladimir Karpovich", other));
    assert!(scores.iter().all(|score| *score < 1.0));
    assert!(scores.is_sorted_by(|a, b| a > &(b - 0.01)), "{scores:?}");
}

#[test]
fn a_vocabulary_finds_what_a_comparison_aligns() {
    let texts = "Mohammed Muhammad Mhmd محمد Mohamed Moham M Hassan Hussein Katarina Katrina Katarin Ktrn Rahman \
                 Abdulrahman Sasha Alexander Alexandra Bill William Wiliam Smith Smyth Smit al el";
    let parsed: Vec<Name> =
        texts.split_whitespace().map(|text| Name::parse(text, NameKind::Person).expect("a name")).collect();
    let mut builder = VocabularyBuilder::default();
    for token in parsed.iter().flat_map(Name::tokens) {
        builder.number(token);
    }
    let (vocabulary, _) = builder.finish();
    for name in &parsed {
        let token = &name.tokens()[0];
        let alike = vocabulary.alike(token);
        for number in 0..vocabulary.len() as u32 {
            let other = vocabulary.token(number).expect("a token");
            let both = [token, other].map(|token| NameRef {
                tokens: [token].into_iter().collect(),
                kind: NameKind::Person,
                fingerprint: 0,
            });
            let aligned = !names::compare(&both[0], &both[1]).pairs.is_empty();
            assert_eq!(aligned, alike.contains(&number), "{} {}", token.text(), other.text());
        }
    }
}

//! Labelled cases, made from a list's records by what happens to names on their way.

use std::hash::{DefaultHasher, Hash, Hasher};

use gda_audit::domain::record::{BirthDate, Gender, Kind, NameStrength, Record};
use gda_audit::domain::screening::{Person, PersonKind};

use super::random::Random;
use super::words::{
    COMMON, COMPANY, HAN, HANGUL, KOREAN_FAMILIES, KOREAN_SYLLABLES, NICKNAMES, WRITTEN_ELSEWHERE,
};

/// A pair and whether it is the same one.
pub(super) struct Case {
    pub(super) class: &'static str,
    pub(super) query: Person,
    pub(super) target: Person,
    pub(super) same: bool,
    /// Kept for the final check.
    pub(super) held_out: bool,
}

/// One in four records is kept for the final check.
pub(super) fn is_held_out(id: &str) -> bool {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish().is_multiple_of(4)
}

pub(super) fn kind_of(record: &Record) -> PersonKind {
    match record.kind {
        Kind::Person => PersonKind::Natural,
        Kind::Organisation => PersonKind::Legal,
        Kind::Vessel | Kind::Aircraft => PersonKind::Vessel,
    }
}

/// A record as one of a pair: its first name and its first facts.
fn target_of(record: &Record, name: &str) -> Person {
    Person {
        name: Some(name.to_owned()),
        kind: Some(kind_of(record)),
        birth: record.births.first().copied(),
        countries: record.nationalities.iter().filter_map(|country| country.code.clone()).collect(),
        gender: record.gender,
        ..Person::default()
    }
}

fn is_latin(text: &str) -> bool {
    !text.chars().any(|c| c.is_alphabetic() && !c.is_ascii() && !('\u{C0}'..='\u{24F}').contains(&c))
}

fn latin_name(record: &Record) -> Option<&str> {
    record.names.iter().map(|name| name.whole.as_str()).find(|name| is_latin(name))
}

/// All cases of a list.
pub(super) fn make(records: &[Record]) -> Vec<Case> {
    let mut cases = Vec::new();
    for record in records {
        let mut hasher = DefaultHasher::new();
        record.id.hash(&mut hasher);
        let mut random = Random::new(hasher.finish());
        let Some(name) = latin_name(record) else { continue };
        variations(record, name, &mut random, &mut cases);
        // The UN gives the name in its own script second.
        let own_script =
            record.names.get(1).filter(|variant| record.kind == Kind::Person && !is_latin(&variant.whole));
        if let Some((variant, class)) =
            own_script.and_then(|variant| Some((variant, script_class(&variant.whole)?)))
        {
            push(&mut cases, class, record, name, &variant.whole, true, &mut random);
        }
        for variant in
            record.names.iter().filter(|v| v.strength == NameStrength::Strong && is_latin(&v.whole))
        {
            if random.one_in(4) && shares_a_word(name, &variant.whole) {
                push(&mut cases, "alias of the list", record, name, &variant.whole, true, &mut random);
            }
        }
    }
    cases
}

fn shares_a_word(one: &str, other: &str) -> bool {
    let words =
        |text: &str| -> Vec<String> { text.to_lowercase().split_whitespace().map(str::to_owned).collect() };
    let other = words(other);
    words(one).iter().filter(|word| other.contains(word)).count() * 2 >= other.len().max(2)
}

fn script_class(text: &str) -> Option<&'static str> {
    let has = |from: char, to: char| text.chars().any(|c| (from..=to).contains(&c));
    if has('\u{400}', '\u{4FF}') {
        Some("Cyrillic")
    } else if has('\u{600}', '\u{6FF}') {
        Some("Arabic")
    } else if has('\u{370}', '\u{3FF}') {
        Some("Greek")
    } else if has('\u{4E00}', '\u{9FFF}') {
        Some("Han")
    } else if has('\u{AC00}', '\u{D7AF}') {
        Some("Hangul")
    } else {
        None
    }
}

fn push(
    cases: &mut Vec<Case>,
    class: &'static str,
    record: &Record,
    name: &str,
    query: &str,
    same: bool,
    random: &mut Random,
) {
    let target = target_of(record, name);
    let mut person = Person { name: Some(query.to_owned()), ..target.clone() };
    // What a client base knows: often no date, sometimes the year.
    if random.one_in(2) {
        person.birth = None;
    } else if random.one_in(4) {
        person.birth = person.birth.map(|birth| BirthDate { month: None, day: None, ..birth });
    }
    if random.one_in(2) {
        person.countries.clear();
    }
    if random.one_in(2) {
        person.gender = None;
    }
    cases.push(Case { class, query: person, target, same, held_out: is_held_out(&record.id) });
}

fn variations(record: &Record, name: &str, random: &mut Random, cases: &mut Vec<Case>) {
    let words: Vec<&str> = name.split_whitespace().collect();
    if name.len() < 6 || words.is_empty() {
        return;
    }
    let person = record.kind == Kind::Person;
    let mut add = |class, query: Option<String>, same, random: &mut Random| {
        if let Some(query) = query.filter(|query| query != name || class == "identical") {
            push(cases, class, record, name, &query, same, random);
        }
    };
    add("identical", random.one_in(4).then(|| name.to_owned()), true, random);
    add("case, accents, marks", random.one_in(2).then(|| accents(name, random)), true, random);
    add("dropped vowels", random.one_in(2).then(|| dropped_vowels(&words, random)), true, random);
    add("one typing error", random.one_in(2).then(|| typing_errors(name, 1, random)), true, random);
    add(
        "two typing errors",
        (random.one_in(2) && name.len() >= 10).then(|| typing_errors(name, 2, random)),
        true,
        random,
    );
    add("truncation", random.one_in(2).then(|| truncation(&words, random)).flatten(), true, random);
    add(
        "joined and split",
        random.one_in(2).then(|| joined_or_split(&words, random)).flatten(),
        true,
        random,
    );
    if person && words.len() >= 2 {
        add("initials", random.one_in(2).then(|| initials(&words, random)).flatten(), true, random);
        add("order", random.one_in(2).then(|| other_order(&words, random)), true, random);
        add("nickname", nickname(&words), true, random);
        add(
            "maiden name",
            (record.gender == Some(Gender::Female) || random.one_in(12)).then(|| maiden(&words, random)),
            true,
            random,
        );
        add("Latin transliteration", random.one_in(2).then(|| other_romanisation(name)), true, random);
        add(
            "title",
            random.one_in(6).then(|| {
                format!(
                    "{} {name}",
                    random.pick(&["Mr.", "Dr", "Sheikh", "Haji", "General", "Mullah", "Prof."])
                )
            }),
            true,
            random,
        );
        if let Some(greek) = random.one_in(6).then(|| in_greek(&words)).flatten() {
            add("Greek", Some(greek), true, random);
        }
        if let Some(cyrillic) = random.one_in(8).then(|| in_cyrillic(name)) {
            add("Cyrillic", Some(cyrillic), true, random);
        }
        let bears_a_title = TITLES.iter().any(|title| words[0].eq_ignore_ascii_case(title));
        add("sibling", (!bears_a_title && random.one_in(2)).then(|| sibling(&words, random)), false, random);
        if words.len() >= 4 {
            add("some of many names", random.one_in(2).then(|| some_words(&words, random)), true, random);
        }
        other_birth(record, name, random, cases);
    } else if !person {
        add("legal form", random.one_in(2).then(|| other_legal_form(&words, random)), true, random);
        add("company words", random.one_in(3).then(|| company_words(name, random)), true, random);
        add(
            "other company",
            random.one_in(2).then(|| other_company(&words, random)).flatten(),
            false,
            random,
        );
        number(record, name, random, cases);
    }
    if random.one_in(3) {
        unlisted(record, name, &words, random, cases);
    }
}

fn accents(name: &str, random: &mut Random) -> String {
    let lower = if random.one_in(2) { name.to_lowercase() } else { name.to_uppercase() };
    let accented = lower.chars().map(|c| match c {
        'a' if random.one_in(3) => 'á',
        'e' if random.one_in(3) => 'é',
        'i' if random.one_in(4) => 'ï',
        'o' if random.one_in(3) => 'ö',
        'u' if random.one_in(3) => 'ü',
        'n' if random.one_in(6) => 'ñ',
        ' ' if random.one_in(5) => '-',
        '-' => ' ',
        other => other,
    });
    let mut text: String = accented.collect();
    if random.one_in(4) {
        text = format!("\u{200e}{}\u{200f}", text.replacen(' ', " \u{200b}", 1));
    }
    text
}

fn dropped_vowels(words: &[&str], random: &mut Random) -> String {
    let all = random.one_in(2);
    let chosen = random.below(words.len());
    let drop = |word: &str| -> String {
        word.char_indices().filter(|(at, c)| *at == 0 || !"aeiouAEIOU".contains(*c)).map(|(_, c)| c).collect()
    };
    let each = words.iter().enumerate().map(|(at, word)| {
        if word.len() > 3 && (all || at == chosen) { drop(word) } else { (*word).to_owned() }
    });
    each.collect::<Vec<_>>().join(" ")
}

fn typing_errors(name: &str, count: usize, random: &mut Random) -> String {
    let mut letters: Vec<char> = name.chars().collect();
    for _ in 0..count {
        let at = 1 + random.below(letters.len().saturating_sub(2));
        if !letters[at].is_alphabetic() || !letters[at + 1].is_alphabetic() {
            continue;
        }
        let other = char::from(b'a' + random.below(26) as u8);
        match random.below(4) {
            0 => letters[at] = other,
            1 => letters.insert(at, other),
            2 => _ = letters.remove(at),
            _ => letters.swap(at, at + 1),
        }
        if letters.len() < 4 {
            break;
        }
    }
    letters.into_iter().collect()
}

fn truncation(words: &[&str], random: &mut Random) -> Option<String> {
    let whole = words.join(" ");
    if random.one_in(2) {
        // A field of fixed width.
        let keep = whole.chars().count() * 3 / 4 + random.below(3);
        return (words.len() > 1).then(|| whole.chars().take(keep).collect::<String>().trim().to_owned());
    }
    let at =
        (0..words.len()).filter(|at| words[*at].chars().count() >= 6).max_by_key(|at| words[*at].len())?;
    let cut: String = words[at].chars().take(words[at].chars().count() * 2 / 3).collect();
    let mut words = words.to_vec();
    words[at] = &cut;
    Some(words.join(" "))
}

fn initials(words: &[&str], random: &mut Random) -> Option<String> {
    let initial = |word: &str| {
        word.chars()
            .next()
            .map(|letter| if random_dot(word) { format!("{letter}.") } else { letter.to_string() })
    };
    let mut parts: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    // Given names first or last.
    let at = if random.one_in(4) { words.len() - 1 } else { 0 };
    parts[at] = initial(words[at])?;
    if words.len() > 2 && random.one_in(2) {
        parts[1] = initial(words[1])?;
    }
    parts.iter().any(|part| part.len() > 3).then(|| parts.join(" "))
}

fn random_dot(word: &str) -> bool {
    word.len().is_multiple_of(2)
}

fn other_order(words: &[&str], random: &mut Random) -> String {
    match random.below(3) {
        0 => format!("{}, {}", words[words.len() - 1], words[..words.len() - 1].join(" ")),
        1 => [&words[1..], &words[..1]].concat().join(" "),
        _ => words.iter().rev().copied().collect::<Vec<_>>().join(" "),
    }
}

fn joined_or_split(words: &[&str], random: &mut Random) -> Option<String> {
    if words.len() > 1 && random.one_in(2) {
        let at = random.below(words.len() - 1);
        let joined = format!("{}{}", words[at], words[at + 1]);
        return Some([&words[..at], &[joined.as_str()], &words[at + 2..]].concat().join(" "));
    }
    let at = words.iter().position(|word| word.is_ascii() && word.len() >= 7)?;
    let (one, other) = words[at].split_at(3 + random.below(words[at].len() - 5));
    Some([&words[..at], &[one, other], &words[at + 1..]].concat().join(" "))
}

fn nickname(words: &[&str]) -> Option<String> {
    words.iter().enumerate().find_map(|(at, word)| {
        let (_, short) = NICKNAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word))?;
        Some([&words[..at], &[*short], &words[at + 1..]].concat().join(" "))
    })
}

fn maiden(words: &[&str], random: &mut Random) -> String {
    let (families, _) = (COMMON[random.below(COMMON.len())].1, ());
    let married = families[random.below(families.len())];
    let (given, family) = (&words[..words.len() - 1], words[words.len() - 1]);
    match random.below(3) {
        0 => format!("{} {family}-{married}", given.join(" ")),
        1 => format!("{} {married} née {family}", given.join(" ")),
        _ => format!("{} {married} {family}", given.join(" ")),
    }
}

/// How French, German or Turkish writers spell what English ones spell otherwise.
fn other_romanisation(name: &str) -> String {
    let mut text = name.to_lowercase();
    for (from, to) in [
        ("sh", "ch"),
        ("oo", "ou"),
        ("ee", "i"),
        ("kh", "h"),
        ("q", "k"),
        ("dh", "d"),
        ("iy", "y"),
        ("yev", "ev"),
        ("zh", "j"),
        ("ov ", "off "),
        ("uddin", "eddine"),
        ("abdul", "abdel"),
        ("muhammad", "mohamed"),
        ("mohammed", "muhammad"),
        ("hussein", "husayn"),
        ("yusuf", "youssef"),
        ("ahmad", "ahmed"),
        ("sergei", "serguei"),
        ("w", "v"),
        ("ei ", "ey "),
    ] {
        if text.contains(from) && !text.contains("tch") {
            text = text.replacen(from, to, 1);
            if to.len() > 3 {
                break;
            }
        }
    }
    text
}

fn in_greek(words: &[&str]) -> Option<String> {
    words.iter().all(|word| word.chars().all(|c| c.is_ascii_alphabetic())).then(|| {
        let mut text = words.join(" ").to_lowercase();
        for (from, to) in [
            ("ce", "σε"),
            ("ci", "σι"),
            ("ch", "τσ"),
            ("mp", "μπ"),
            ("nt", "ντ"),
            ("th", "θ"),
            ("kh", "χ"),
            ("ph", "φ"),
            ("ps", "ψ"),
            ("ou", "ου"),
            ("sh", "σ"),
            ("a", "α"),
            ("b", "μπ"),
            ("c", "κ"),
            ("d", "ντ"),
            ("e", "ε"),
            ("f", "φ"),
            ("g", "γκ"),
            ("h", "χ"),
            ("i", "ι"),
            ("j", "τζ"),
            ("k", "κ"),
            ("l", "λ"),
            ("m", "μ"),
            ("n", "ν"),
            ("o", "ο"),
            ("p", "π"),
            ("q", "κ"),
            ("r", "ρ"),
            ("s", "σ"),
            ("t", "τ"),
            ("u", "ου"),
            ("v", "β"),
            ("w", "ου"),
            ("x", "ξ"),
            ("y", "ι"),
            ("z", "ζ"),
        ] {
            text = text.replace(from, to);
        }
        text
    })
}

fn in_cyrillic(name: &str) -> String {
    let mut text = name.to_lowercase();
    for (from, to) in [
        ("ce", "се"),
        ("ci", "си"),
        ("shch", "щ"),
        ("sh", "ш"),
        ("ch", "ч"),
        ("zh", "ж"),
        ("kh", "х"),
        ("ts", "ц"),
        ("yu", "ю"),
        ("ya", "я"),
        ("yo", "ё"),
        ("ye", "е"),
        ("iy", "ий"),
        ("oo", "у"),
        ("ou", "у"),
        ("ph", "ф"),
        ("th", "т"),
        ("a", "а"),
        ("b", "б"),
        ("c", "к"),
        ("d", "д"),
        ("e", "е"),
        ("f", "ф"),
        ("g", "г"),
        ("h", "х"),
        ("i", "и"),
        ("j", "дж"),
        ("k", "к"),
        ("l", "л"),
        ("m", "м"),
        ("n", "н"),
        ("o", "о"),
        ("p", "п"),
        ("q", "к"),
        ("r", "р"),
        ("s", "с"),
        ("t", "т"),
        ("u", "у"),
        ("v", "в"),
        ("w", "в"),
        ("x", "кс"),
        ("y", "й"),
        ("z", "з"),
    ] {
        text = text.replace(from, to);
    }
    text
}

/// First words that are no given name of their own.
const TITLES: &[&str] = &[
    "Abdul", "Abd", "'Abd", "‘Abd", "Abu", "Syed", "Sayyid", "Sayed", "Seyed", "Seyyed", "Haji", "General",
    "Mullah", "Maulana",
];

fn sibling(words: &[&str], random: &mut Random) -> String {
    let mut words = words.to_vec();
    let given = COMMON
        .iter()
        .find(|(given, family)| given.iter().chain(*family).any(|name| name.eq_ignore_ascii_case(words[0])));
    let (names, _) = given.copied().unwrap_or(COMMON[random.below(COMMON.len())]);
    let other = names[random.below(names.len())];
    words[0] = if other.eq_ignore_ascii_case(words[0]) {
        names[(random.below(names.len() - 1) + 1) % names.len()]
    } else {
        other
    };
    words.join(" ")
}

fn some_words(words: &[&str], random: &mut Random) -> String {
    let dropped = 1 + random.below(words.len() - 2);
    words
        .iter()
        .enumerate()
        .filter(|(at, _)| *at != dropped)
        .map(|(_, word)| *word)
        .collect::<Vec<_>>()
        .join(" ")
}

fn other_birth(record: &Record, name: &str, random: &mut Random, cases: &mut Vec<Case>) {
    let Some(birth) = record.births.first().copied().filter(|birth| birth.day.is_some() && !birth.circa)
    else {
        return;
    };
    let target = target_of(record, name);
    let Some((year, day)) = birth.year.zip(birth.day) else { return };
    let other = match random.below(3) {
        0 => BirthDate { year: Some(if year % 10 == 9 { year - 1 } else { year + 1 }), ..birth },
        1 => BirthDate { year: Some(if year % 100 >= 50 { year - 10 } else { year + 10 }), ..birth },
        _ => BirthDate { day: Some(if day % 10 < 8 && day < 28 { day + 1 } else { day - 1 }), ..birth },
    };
    let query = Person { birth: Some(other), ..target.clone() };
    cases.push(Case {
        class: "one digit of the birth date",
        query,
        target,
        same: false,
        held_out: is_held_out(&record.id),
    });
}

fn other_legal_form(words: &[&str], random: &mut Random) -> String {
    const FORMS: &[&str] = &[
        "llc",
        "l.l.c.",
        "ltd",
        "ltd.",
        "limited",
        "inc",
        "inc.",
        "corp",
        "corp.",
        "corporation",
        "co.",
        "co",
        "gmbh",
        "sarl",
        "s.a.",
        "ooo",
        "oao",
        "jsc",
        "company",
    ];
    let rest: Vec<&str> = words
        .iter()
        .copied()
        .filter(|word| !FORMS.contains(&word.trim_matches(',').to_lowercase().as_str()))
        .collect();
    let rest = rest.join(" ");
    let rest = rest.trim_end_matches(',');
    match random.below(3) {
        0 => format!("{rest} {}", random.pick(COMPANY.2)),
        1 => format!("{} {rest}", random.pick(&["OOO", "JSC", "PT", "LLC"])),
        _ => rest.to_owned(),
    }
}

fn company_words(name: &str, random: &mut Random) -> String {
    format!(
        "{name} {}",
        random.pick(&[
            "Group",
            "Holding",
            "International",
            "Trading",
            "Company",
            "Corp",
            "General Trading LLC"
        ])
    )
}

/// The same line of business under another name.
fn other_company(words: &[&str], random: &mut Random) -> Option<String> {
    let common = [
        "company",
        "trading",
        "shipping",
        "bank",
        "group",
        "international",
        "industries",
        "holding",
        "general",
        "the",
    ];
    let at =
        words.iter().position(|word| word.len() > 3 && !common.contains(&word.to_lowercase().as_str()))?;
    let mut words = words.to_vec();
    words[at] = random.pick(COMPANY.0);
    (words.len() > 1).then(|| words.join(" "))
}

fn number(record: &Record, name: &str, random: &mut Random, cases: &mut Vec<Case>) {
    let (one, other) = (1 + random.below(400), 1 + random.below(400));
    if one == other || !random.one_in(3) {
        return;
    }
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == ' ');
    let target = target_of(record, &format!("{name} {one}"));
    let query = Person { name: Some(format!("{name} {other}")), ..target.clone() };
    cases.push(Case {
        class: "number in the name",
        query,
        target: target.clone(),
        same: false,
        held_out: is_held_out(&record.id),
    });
    let query = Person { name: Some(format!("{name} No. {one}")), ..target.clone() };
    cases.push(Case { class: "same number", query, target, same: true, held_out: is_held_out(&record.id) });
}

/// Someone else who shares a word of the name.
fn unlisted(record: &Record, name: &str, words: &[&str], random: &mut Random, cases: &mut Vec<Case>) {
    let shared = words[random.below(words.len())];
    let query = if record.kind == Kind::Person {
        let (given, family) = COMMON[random.below(COMMON.len())];
        if random.one_in(2) {
            format!("{} {shared}", given[random.below(given.len())])
        } else {
            format!("{shared} {}", family[random.below(family.len())])
        }
    } else {
        format!("{} {shared} {}", random.pick(COMPANY.0), random.pick(COMPANY.2))
    };
    push(cases, "unlisted", record, name, &query, false, random);
}

/// Someone who is on no list: frequent names of a culture, and often their date of birth and country.
pub(super) fn unlisted_person(random: &mut Random) -> Person {
    let (given, family) = COMMON[random.below(COMMON.len())];
    let mut name = given[random.below(given.len())].to_owned();
    if random.one_in(4) {
        name = format!("{name} {}", given[random.below(given.len())]);
    }
    let birth = (!random.one_in(3)).then(|| BirthDate {
        year: Some(1940 + random.below(65) as i16),
        until_year: None,
        month: Some(1 + random.below(12) as u8),
        day: Some(1 + random.below(28) as u8),
        circa: false,
    });
    Person {
        name: Some(format!("{name} {}", family[random.below(family.len())])),
        kind: Some(PersonKind::Natural),
        birth,
        ..Person::default()
    }
}

/// Cases of no list: written by hand, and made-up Korean names.
pub(super) fn by_hand(cases: &mut Vec<Case>) {
    let mut add = |class, query: &str, target: &str, same, held_out| {
        let (query, target) = (natural(query), natural(target));
        cases.push(Case { class, query, target, same, held_out });
    };
    for (class, pairs) in [("Han", HAN), ("Hangul", HANGUL)] {
        for (at, (native, latin)) in pairs.iter().enumerate() {
            let held_out = is_held_out(latin);
            add(class, native, latin, true, held_out);
            let (other, _) = pairs[(at + 7) % pairs.len()];
            add("other script, other name", other, latin, false, held_out);
        }
    }
    for (one, other, same) in WRITTEN_ELSEWHERE {
        let class = if *same { "other languages' spelling" } else { "other languages' spelling, other name" };
        add(class, one, other, *same, is_held_out(other));
    }
    let mut random = Random::new(5);
    for _ in 0..KOREAN_NAMES {
        korean(&mut random, &mut add);
    }
}

const KOREAN_NAMES: usize = 400;

fn natural(name: &str) -> Person {
    Person { name: Some(name.to_owned()), kind: Some(PersonKind::Natural), ..Person::default() }
}

/// A made-up Korean name in Hangul and in two romanisations, and another's of the same family and first syllable.
fn korean(random: &mut Random, add: &mut impl FnMut(&'static str, &str, &str, bool, bool)) {
    let (family, families) = KOREAN_FAMILIES[random.below(KOREAN_FAMILIES.len())];
    let syllable = |random: &mut Random| KOREAN_SYLLABLES[random.below(KOREAN_SYLLABLES.len())];
    let (first, second, other) = (syllable(random), syllable(random), syllable(random));
    let native = format!("{family}{}{}", first.0, second.0);
    let held_out = is_held_out(&native);
    let system = random.below(3);
    let another = (system + 1 + random.below(2)) % 3;
    let latin = written(families, [first.1[system], second.1[system]], random);
    add("Hangul", &native, &latin, true, held_out);
    add(
        "Korean romanisation",
        &written(families, [first.1[another], second.1[another]], random),
        &latin,
        true,
        held_out,
    );
    // Some syllables are written alike.
    if other.1.iter().all(|spelling| !second.1.contains(spelling)) {
        let sibling = format!("{family}{}{}", first.0, other.0);
        add("other script, other name", &sibling, &latin, false, held_out);
        let sibling = written(families, [first.1[another], other.1[another]], random);
        add("Korean sibling", &sibling, &latin, false, held_out);
    }
}

/// `Kim Jong Un`, `Kim Jong-un`, `Kim Jongun`, `Jong-un Kim`.
fn written(families: &[&str], given: [&str; 2], random: &mut Random) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    let (family, [first, second]) = (families[random.below(families.len())], given);
    match random.below(4) {
        0 => format!("{family} {} {}", capital(first), capital(second)),
        1 => format!("{family} {}-{second}", capital(first)),
        2 => format!("{family} {}{second}", capital(first)),
        _ => format!("{}-{second} {family}", capital(first)),
    }
}

//! Names of consumers and companies: placeholders, and how alike two names are.

use names::{Name, NameKind, NameRef, Tag, Token};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// How alike two names are, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// Names of two.
    Mismatch,
    /// Perhaps names of one.
    Close,
    /// Names of one.
    Match,
}

/// Lower case words of ASCII letters and digits between single spaces, without accents. Letters of other scripts than
/// Latin are left out.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut push = |character: char| match character.to_ascii_lowercase() {
        letter @ ('a'..='z' | '0'..='9') => folded.push(letter),
        'œ' | 'Œ' => folded.push_str("oe"),
        'æ' | 'Æ' => folded.push_str("ae"),
        'ß' | 'ẞ' => folded.push_str("ss"),
        'þ' | 'Þ' => folded.push_str("th"),
        'ø' | 'Ø' => folded.push('o'),
        'ł' | 'Ł' => folded.push('l'),
        'đ' | 'Đ' | 'ð' | 'Ð' => folded.push('d'),
        'ı' => folded.push('i'),
        mark if is_combining_mark(mark) => {}
        _ if folded.ends_with(' ') || folded.is_empty() => {}
        _ => folded.push(' '),
    };
    if text.is_ascii() {
        text.chars().for_each(&mut push)
    } else {
        text.nfkd().for_each(&mut push)
    }
    if folded.ends_with(' ') {
        folded.pop();
    }
    folded
}

/// Words that stand for a name. As a field's only words they are no name: nobody is called `prénom`. A few people are
/// called Test or Nom; the contract takes these words for placeholders all the same, at a weight that other evidence
/// outweighs.
const NO_NAMES: [&str; 44] = [
    "abc",
    "abcd",
    "anonyme",
    "anonymous",
    "asdf",
    "azerty",
    "blabla",
    "consommateur",
    "consumer",
    "customer",
    "dummy",
    "example",
    "exemple",
    "firstname",
    "foobar",
    "inconnu",
    "inconnue",
    "ipsum",
    "lastname",
    "lorem",
    "nachname",
    "name",
    "nom",
    "nombre",
    "prenom",
    "qsdf",
    "qwerty",
    "qwertz",
    "surname",
    "test",
    "testeur",
    "testing",
    "tests",
    "undefined",
    "unknown",
    "usager",
    "username",
    "utilisateur",
    "voornaam",
    "vorname",
    "wxcv",
    "xyz",
    "zxcv",
    "blablabla",
];

/// Words that people are called by, too (Faux and Truc in France, Toto in Italy and the Congo, Null, Last and Tester in
/// English): placeholders only beside another of them.
const SELDOM_NAMES: [&str; 32] = [
    "admin",
    "aucun",
    "bar",
    "bidule",
    "client",
    "demo",
    "essai",
    "fake",
    "famille",
    "family",
    "faux",
    "first",
    "foo",
    "given",
    "last",
    "machin",
    "naam",
    "nil",
    "none",
    "null",
    "personne",
    "sample",
    "tata",
    "teste",
    "tester",
    "titi",
    "toto",
    "truc",
    "trucmuche",
    "tutu",
    "user",
    "xx",
];

/// Words beside a placeholder: `du test`, `nom de famille`.
const FILLING: [&str; 12] = ["de", "du", "des", "la", "le", "mon", "ma", "un", "une", "the", "my", "a"];

/// Keyboard rows and the alphabet.
const RUNS: [&str; 7] = [
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "abcdefghijklmnopqrstuvwxyz",
];

/// Whether a first and a last name are filled in for want of a name: `test`, `nom`, `aaaa`, `azerty`.
///
/// One field is enough, since each is mandatory and a person has both names.
pub fn is_placeholder(first: &str, last: &str) -> bool {
    let (first, last) = (Field::new(first), Field::new(last));
    first.is_placeholder()
        || last.is_placeholder()
        || first.is_seldom_name() && last.is_seldom_name()
        || matches!((&*first.folded, &*last.folded), ("john" | "jane", "doe") | ("doe", "john" | "jane"))
        // One letter for each.
        || first.letters() == 1 && last.letters() == 1
}

struct Field {
    folded: String,
    is_latin: bool,
    has_letters: bool,
}

impl Field {
    fn new(text: &str) -> Self {
        let is_latin =
            text.nfkd().all(|c| !c.is_alphabetic() || c.is_ascii() || "œŒæÆßẞþÞøØłŁđĐðÐıʼ".contains(c));
        Self {
            folded: fold(text),
            is_latin,
            has_letters: text.chars().any(char::is_alphabetic) && !text.eq_ignore_ascii_case("n/a"),
        }
    }

    /// Its words without the digits of `test1`.
    fn words(&self) -> impl Iterator<Item = &str> {
        let words =
            self.folded.split(' ').map(|word| word.trim_matches(|letter: char| letter.is_ascii_digit()));
        words.filter(|word| !word.is_empty())
    }

    fn letters(&self) -> usize {
        if self.is_latin { self.words().map(str::len).sum() } else { usize::MAX }
    }

    fn is_placeholder(&self) -> bool {
        if !self.has_letters {
            return true;
        }
        if !self.is_latin {
            return false;
        }
        let is_no_name = |word: &str| NO_NAMES.contains(&word) || is_gibberish(word);
        self.words().any(is_no_name)
            && self
                .words()
                .all(|word| is_no_name(word) || SELDOM_NAMES.contains(&word) || FILLING.contains(&word))
    }

    fn is_seldom_name(&self) -> bool {
        self.is_latin
            && self.words().next().is_some()
            && self.words().all(|word| SELDOM_NAMES.contains(&word))
    }
}

/// Whether a word was typed without thinking of one.
fn is_gibberish(word: &str) -> bool {
    let letters = word.as_bytes();
    let Some(first) = letters.first() else { return false };
    let is_same = letters.len() >= 3 && letters.iter().all(|letter| letter == first);
    let has_four_alike = letters.windows(4).any(|run| run.iter().all(|letter| Some(letter) == run.first()));
    // Shorter ones are names: Azer, Wert, Stu.
    let is_run = letters.len() >= 5 && RUNS.iter().any(|run| run.contains(word));
    // Of the Slavic languages r and l stand for vowels: Krč, Vlk, Hrdlk.
    let has_vowel = letters.iter().any(|letter| b"aeiouyrl".contains(letter));
    is_same || has_four_alike || is_run || letters.len() >= 5 && !has_vowel
}

/// Scores of [`names::compare`] from which two names are one's, and may be; measured on the pairs of the tests below.
const PERSONS: (f32, f32) = (0.85, 0.60);
const COMPANIES: (f32, f32) = (0.92, 0.70);

/// Compares the full names of two persons in any order and script: with initials, nicknames, particles, compound and
/// former names.
pub fn persons_alike(one: &str, other: &str) -> Likeness {
    let (ones, others) = (readings(one, NameKind::Person), readings(other, NameKind::Person));
    likeness(score(&ones, &others), PERSONS)
}

/// Compares a company's name as declared (cut to the contract's 32 characters) with one that it is registered under: a
/// corporate name, a usual name, an acronym.
pub fn companies_alike(declared: &str, registered: &str) -> Likeness {
    let (ones, others) =
        (readings(declared, NameKind::Organisation), readings(registered, NameKind::Organisation));
    let is_cut = || declared.chars().count() >= CUT && fold(registered).starts_with(&fold(declared));
    let mut alike = likeness(score(&ones, &others), COMPANIES);
    for (one, other) in ones.iter().flat_map(|one| others.iter().map(move |other| (one, other))) {
        let (one, other) = (own_words(one), own_words(other));
        let (fewer, more) = if one.len() <= other.len() { (&one, &other) } else { (&other, &one) };
        if one == other {
            alike = Likeness::Match;
        } else if fewer.iter().all(|word| more.contains(word)) || is_acronym(fewer, more) {
            // `Carrefour` may be `Carrefour Hypermarchés`.
            alike = alike.max(Likeness::Close);
        }
    }
    if alike != Likeness::Match && is_cut() { Likeness::Match } else { alike }
}

/// A declared name of so many characters may have been cut.
const CUT: usize = 30;

/// Words that a French company's name says or leaves out: legal forms that [`names`] doesn't drop, and what says only
/// that it is a business.
const BUSINESS_WORDS: [&str; 39] = [
    "aarpi",
    "asso",
    "association",
    "cabinet",
    "commune",
    "earl",
    "ei",
    "eirl",
    "entreprise",
    "epic",
    "etablissement",
    "etablissements",
    "ets",
    "gaec",
    "gfa",
    "gie",
    "groupe",
    "groupement",
    "maison",
    "sasu",
    "sca",
    "scea",
    "sci",
    "scic",
    "scm",
    "scop",
    "scp",
    "scpi",
    "scs",
    "sel",
    "selarl",
    "selas",
    "selasu",
    "sem",
    "snc",
    "soc",
    "societe",
    "spl",
    "ste",
];

/// The words of a company's name that are its own, in order.
fn own_words(name: &Name) -> Vec<&str> {
    let is_word = |token: &&Token| !matches!(token.tag(), Tag::Legal | Tag::Particle | Tag::Title);
    let words = || name.tokens().iter().filter(is_word).map(Token::text);
    let own: Vec<&str> = words().filter(|word| !BUSINESS_WORDS.contains(word)).collect();
    if own.is_empty() { name.tokens().iter().map(Token::text).collect() } else { own }
}

/// Whether the only word is made of the first letters of the others: `SNCF`, at least three.
fn is_acronym(word: &[&str], words: &[&str]) -> bool {
    let [word] = word else { return false };
    let mut initials = words.iter().filter_map(|word| word.bytes().next());
    words.len() >= 3 && word.len() >= 3 && word.bytes().all(|letter| initials.next() == Some(letter))
}

fn readings(text: &str, kind: NameKind) -> Vec<Name> {
    names::readings(text).iter().filter_map(|reading| Name::parse_reading(reading, text, kind).ok()).collect()
}

fn score(ones: &[Name], others: &[Name]) -> f32 {
    let others: Vec<NameRef<'_>> = others.iter().map(NameRef::from).collect();
    let scores = ones
        .iter()
        .map(NameRef::from)
        .flat_map(|one| others.iter().map(|other| names::compare(&one, other).score).collect::<Vec<_>>());
    scores.fold(0.0, f32::max)
}

fn likeness(score: f32, (to_match, to_be_close): (f32, f32)) -> Likeness {
    match score {
        score if score >= to_match => Likeness::Match,
        score if score >= to_be_close => Likeness::Close,
        _ => Likeness::Mismatch,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Likeness::{Close, Match, Mismatch};
    use super::*;

    #[test]
    fn placeholders_are_told() {
        for (first, last) in [
            ("du test", "Prenom"), // the provider's sample
            ("Prénom", "Nom"),
            ("Jean", "TEST"),
            ("test1", "test2"),
            ("Test", "Dupont"),
            ("Jean", "Nom de famille"),
            ("aaaa", "Dupont"),
            ("Jean", "xxx"),
            ("azerty", "Dupont"),
            ("Jean", "qsdfg"),
            ("Jean", "sdfsdf"),
            ("Jean", "Duponttttt"),
            ("toto", "tata"),
            ("John", "Doe"),
            ("first name", "last name"),
            ("client", "test"),
            ("Jean", "-"),
            ("Jean", "123"),
            ("N/A", "N/A"),
            ("x", "y"),
            ("", "Dupont"),
        ] {
            assert!(is_placeholder(first, last), "{first} {last}");
        }
    }

    #[test]
    fn rare_names_are_no_placeholders() {
        for (first, last) in [
            ("Jean", "Dupont"),
            ("J.", "Dupont"),
            ("Toto", "Mbemba"),
            ("Marco", "Totò"),
            ("John", "Smith"),
            ("Jean", "Faux"),
            ("Anh", "Truc"),
            ("James", "Last"),
            ("Jon", "Tester"),
            ("Hui", "Na"),
            ("Christopher", "Null"),
            ("Kim", "O"),
            ("Thi Mai", "Ng"),
            ("Vlk", "Krč"),
            ("Bob", "Lynch"),
            ("Azer", "Wert"),
            ("Aa", "van der Aa"),
            ("Anna", "Testa"),
            ("Nomi", "Nomura"),
            ("D'Artagnan", "L'Hôpital"),
            ("小明", "王"),
            ("سعيد", "محمد"),
            ("Ан", "Ли"),
        ] {
            assert!(!is_placeholder(first, last), "{first} {last}");
        }
    }

    #[test]
    fn names_of_one_person_are_alike() {
        for (one, other, expected) in [
            ("Jean Dupont", "DUPONT JEAN", Match),
            ("J. Dupont", "Jean Dupont", Match),
            ("Jean Dupont", "Dupont J", Match),
            ("M. Jean Dupont", "Jean Dupont", Match),
            ("Mme Marie Dupont", "Marie Dupont", Match),
            ("Marie Claire Dubois", "Dubois Marie-Claire", Match),
            ("Jean-Pierre de la Tour", "DE LA TOUR JEAN PIERRE", Match),
            ("Sophie Le Goff", "Sophie Legoff", Match),
            ("Alexandre Martin", "Alex Martin", Match),
            ("Catherine Lefevre", "Cathy Lefèvre", Match),
            ("Anna Schmidt née Müller", "Anna Müller", Match),
            ("Mohamed Benali", "Mohammed Ben Ali", Match),
            ("Jean Dupond", "Jean Dupont", Match),
            ("Сергей Щербаков", "Sergey Shcherbakov", Match),
            ("Marie-Claire Dubois", "Marie Dubois", Close),
            ("Marie Dupont-Martin", "Marie Dupont", Close),
            ("Maria Garcia Lopez", "Maria Garcia", Close),
            ("Jean Dupont", "Jean Paul Dupont", Close),
            ("Jean Dupont", "Marie Dupont", Mismatch),
            ("Jean Dupont", "Jeanne Dupont", Mismatch),
            ("Jean Dupont", "Jean Durand", Mismatch),
            ("Jean Dupont", "Paul Martin", Mismatch),
            ("Jean Paul Dupont", "Jean Pierre Dupont", Mismatch),
            ("Élodie Girard", "Émilie Girard", Mismatch),
            ("Jean Leroux", "Jean Leroy", Mismatch),
            ("P Durand", "Marie Durand", Mismatch),
            ("", "Jean Dupont", Mismatch),
        ] {
            assert_eq!(persons_alike(one, other), expected, "{one} | {other}");
            assert_eq!(persons_alike(other, one), expected, "{other} | {one}");
        }
    }

    #[test]
    fn names_of_one_company_are_alike() {
        for (one, other, expected) in [
            ("Boulangerie Martin", "BOULANGERIE MARTIN", Match),
            ("Boulangerie Martin SARL", "SARL BOULANGERIE MARTIN", Match),
            ("Lidl", "LIDL SNC", Match),
            ("Poste", "LA POSTE", Match),
            ("L'Oreal", "L OREAL", Match),
            ("SCI Les Tilleuls", "TILLEULS", Match),
            ("Etablissements Durand", "ETS DURAND", Match),
            ("Durand et Fils", "DURAND & FILS", Match),
            ("Transports Lefebvre", "TRANSPORT LEFEBVRE SAS", Match),
            ("SELARL Pharmacie Petit", "PHARMACIE PETIT", Match),
            ("Garage du Centre", "GARAGE DU CENTRE (GDC)", Match),
            ("GDC", "GARAGE DU CENTRE (GDC)", Close),
            ("Société d'exploitation de la Tour", "SOCIETE D'EXPLOITATION DE LA TOUR DES VENTS", Match),
            ("Jean Dupont", "DUPONT JEAN", Match),
            ("Acme France", "ACME", Close),
            ("Carrefour", "CARREFOUR HYPERMARCHES", Close),
            ("Orange", "ORANGE BANK", Close),
            ("Bnp Paribas", "BNP PARIBAS PERSONAL FINANCE", Close),
            ("SNCF", "SOCIETE NATIONALE SNCF", Close),
            ("Menuiserie Bernard", "MENUISERIE BERNARDIN", Close),
            ("Cabinet Moreau", "MOREAU AVOCATS", Close),
            ("SAS Dupont Plomberie", "DUPONT PLOMBERIE CHAUFFAGE", Close),
            ("RTE", "RESEAU TRANSPORT ELECTRICITE", Close),
            ("Acme France", "ACME ITALIA", Mismatch),
            ("Garage du Centre", "GARAGE DU NORD", Mismatch),
            ("SCI Les Tilleuls", "SCI LES LILAS", Mismatch),
            ("SCI", "SCI LES LILAS", Mismatch),
            ("EARL du Moulin", "EARL DU CHATEAU", Mismatch),
            ("Pharmacie de la Gare", "PHARMACIE DU MARCHE", Mismatch),
            ("Association sportive de Nantes", "ASSOCIATION SPORTIVE DE RENNES", Mismatch),
            ("Auchan", "LIDL", Mismatch),
            ("", "LIDL", Mismatch),
        ] {
            assert_eq!(companies_alike(one, other), expected, "{one} | {other}");
        }
    }

    proptest! {
        #[test]
        fn any_texts_are_compared(one in any::<String>(), other in any::<String>()) {
            is_placeholder(&one, &other);
            companies_alike(&one, &other);
            prop_assert_eq!(persons_alike(&one, &other), persons_alike(&other, &one));
        }

        #[test]
        fn a_name_is_alike_itself(name in "[A-Z][a-zé]{1,9}([ '-][A-Z][a-z]{0,9}){0,3}") {
            prop_assert_eq!(persons_alike(&name, &name), Match);
            prop_assert_eq!(companies_alike(&name, &name), Match);
        }

        #[test]
        fn folding_is_idempotent(text in any::<String>()) {
            let folded = fold(&text);
            prop_assert!(folded.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b' '));
            prop_assert_eq!(fold(&folded), folded);
        }
    }
}

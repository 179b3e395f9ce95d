//! Postal codes and communes of France.

use super::name::fold;

/// What a postal code and a city say of one another, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlaceFinding {
    /// No such postal code.
    UnknownZip,
    /// The postal code is another commune's.
    OtherCity,
    /// Nothing can be said: another country, CEDEX, an army's sector, Monaco, the Pacific.
    Abstains,
    /// The postal code is the city's.
    Match,
}

/// Why a table of places cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "line {line} of the communes by postal code is not a postal code above the line before and its communes"
)]
pub struct PlacesError {
    line: usize,
}

/// The postal codes of France and the names of the communes that each serves.
pub struct Places {
    /// Each postal code and where its names begin, ascending.
    zips: Vec<(u32, usize)>,
    /// The names as [`key`] has them.
    names: Vec<Box<str>>,
}

/// Where a postal code lies: France's overseas regions and territories have codes of their own in ISO 3166-1, whatever
/// country the sender names.
pub fn region<'a>(country: &'a str, zip: &str) -> &'a str {
    if country != "FR" {
        return country;
    }
    match zip.get(..3).unwrap_or_default() {
        _ if zip == "97133" => "BL",
        _ if zip == "97150" => "MF",
        "971" => "GP",
        "972" => "MQ",
        "973" => "GF",
        "974" => "RE",
        "975" => "PM",
        "976" => "YT",
        "977" => "BL",
        "978" => "MF",
        "980" => "MC",
        "984" => "TF",
        "986" => "WF",
        "987" => "PF",
        "988" => "NC",
        _ => country,
    }
}

/// The countries whose postal codes are France's.
const FRENCH: [&str; 14] =
    ["FR", "GP", "MQ", "GF", "RE", "PM", "YT", "BL", "MF", "MC", "TF", "WF", "PF", "NC"];

impl Places {
    /// Reads rows of a postal code and the names of its communes, separated by tabs, ascending by postal code.
    ///
    /// # Errors
    ///
    /// When a row is none.
    pub fn parse(tsv: &str) -> Result<Self, PlacesError> {
        let mut places = Self { zips: Vec::new(), names: Vec::new() };
        for (at, row) in tsv.lines().enumerate() {
            let error = PlacesError { line: at + 1 };
            let mut columns = row.split('\t');
            let zip = columns.next().and_then(number).ok_or(error)?;
            if places.zips.last().is_some_and(|(last, _)| *last >= zip) {
                return Err(error);
            }
            places.zips.push((zip, places.names.len()));
            places.names.extend(columns.map(|name| key(name).text.into_boxed_str()));
            if places.zips.last().is_none_or(|(_, first)| *first == places.names.len()) {
                return Err(error);
            }
        }
        Ok(places)
    }

    /// Checks a postal code and a city of a country (ISO 3166-1 alpha-2).
    pub fn check(&self, country: &str, zip: &str, city: &str) -> PlaceFinding {
        if !FRENCH.contains(&country) {
            return PlaceFinding::Abstains;
        }
        let Some(code) = number(zip) else { return PlaceFinding::UnknownZip };
        let city = key(city);
        let place = self.zips.binary_search_by_key(&code, |(zip, _)| *zip);
        if city.is_cedex {
            return PlaceFinding::Abstains;
        }
        // Of Monaco and the Pacific the table has little.
        let is_partly_known = code / 1_000 == 98;
        let Ok(at) = place else {
            // `00476 ARMEES`: the sectors of the army's post have no other city.
            let is_army = (1..1_000).contains(&code) && city.text.split(' ').any(|word| word == "armees");
            // The general code of a city (`69000 Lyon`), and CEDEX codes, which large receivers have, are in no table:
            // not known to be false where the city is one of the department.
            let is_plausible = || self.names_of_department(code).iter().any(|name| city.is(name));
            return if is_partly_known || is_army || is_plausible() {
                PlaceFinding::Abstains
            } else {
                PlaceFinding::UnknownZip
            };
        };
        let is_elsewhere = country != "FR" && region("FR", zip) != country;
        if !is_elsewhere && self.names_at(at..at + 1).iter().any(|name| city.is(name) || city.is_nearly(name))
        {
            PlaceFinding::Match
        } else if is_partly_known {
            PlaceFinding::Abstains
        } else {
            PlaceFinding::OtherCity
        }
    }

    fn names_at(&self, zips: std::ops::Range<usize>) -> &[Box<str>] {
        let begin = |at: usize| self.zips.get(at).map_or(self.names.len(), |(_, first)| *first);
        self.names.get(begin(zips.start)..begin(zips.end)).unwrap_or_default()
    }

    fn names_of_department(&self, code: u32) -> &[Box<str>] {
        let size = if code / 1_000 == 97 { 100 } else { 1_000 };
        let first = code / size * size;
        let place = |code: u32| self.zips.partition_point(|(zip, _)| *zip < code);
        self.names_at(place(first)..place(first + size))
    }
}

/// A postal code: five digits.
fn number(zip: &str) -> Option<u32> {
    let is_code = zip.len() == 5 && zip.bytes().all(|byte| byte.is_ascii_digit());
    if is_code { zip.parse().ok() } else { None }
}

/// What the spellings of one city have in common: its words without articles and prepositions, `St` spelled out,
/// arrondissements as plain numbers.
struct Key {
    text: String,
    is_cedex: bool,
}

/// Words that spellings of a commune add, shorten and leave out.
const SMALL_WORDS: [&str; 20] = [
    "le", "la", "les", "l", "de", "du", "des", "d", "en", "sur", "sous", "s", "ss", "lez", "aux", "au", "a",
    "et", "sr", "ls",
];

fn key(name: &str) -> Key {
    let folded = fold(name);
    let mut text = String::with_capacity(folded.len() + 8);
    let mut is_cedex = false;
    let mut after_number = false;
    for word in folded.split(' ') {
        let digits = word.trim_end_matches(|letter: char| !letter.is_ascii_digit());
        let ordinal = word.get(digits.len()..).unwrap_or_default();
        let is_ordinal = matches!(ordinal, "" | "e" | "er" | "eme" | "ieme" | "em" | "nd");
        let word = match word {
            "cedex" | "cdx" => {
                is_cedex = true;
                continue;
            }
            "st" => "saint",
            "ste" => "sainte",
            "arrondissement" | "arrondt" | "arrdt" | "ardt" | "arr" => continue,
            "e" | "er" | "eme" | "ieme" if after_number => continue,
            _ if !digits.is_empty() && is_ordinal => digits.trim_start_matches('0'),
            _ => word,
        };
        after_number = word.bytes().all(|byte| byte.is_ascii_digit());
        // A postal code repeated is not the city's name.
        if word.len() == 5 && after_number || SMALL_WORDS.contains(&word) {
            continue;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
    // `Les`, `Sus`: a commune's name may be nothing but such words.
    Key { text: if text.is_empty() { folded } else { text }, is_cedex }
}

/// What the first word or words of a name must have to stand for the whole.
const MIN_SHORT_NAME: usize = 5;
/// Shorter names are too near to one another.
const MIN_MISSPELLED: usize = 6;

impl Key {
    /// Whether this is the name or, as people say, its beginning (`Boulogne` of Boulogne-Billancourt).
    fn is(&self, name: &str) -> bool {
        let short = &*self.text;
        let is_short = short.len() >= MIN_SHORT_NAME
            && !matches!(
                short,
                "saint" | "sainte" | "ville" | "villers" | "villiers" | "notre dame" | "chateau"
            )
            && name.strip_prefix(short).is_some_and(|rest| rest.starts_with(' '));
        let is_letter = |byte: &u8| *byte != b' ';
        // `Saint Denis` and `Saintdenis`.
        is_short || short.bytes().filter(is_letter).eq(name.bytes().filter(is_letter))
    }

    /// Whether one letter was mistyped.
    fn is_nearly(&self, name: &str) -> bool {
        let has_digit = |text: &str| text.bytes().any(|byte| byte.is_ascii_digit());
        self.text.len().min(name.len()) >= MIN_MISSPELLED
            && !has_digit(&self.text)
            && !has_digit(name)
            && is_one_edit(self.text.as_bytes(), name.as_bytes())
    }
}

/// Whether two words differ by one letter added, left out or replaced, or by two neighbours swapped.
fn is_one_edit(one: &[u8], other: &[u8]) -> bool {
    let (shorter, longer) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    let same = shorter.iter().zip(longer).take_while(|(a, b)| a == b).count();
    let (shorter, longer) = (shorter.get(same..).unwrap_or_default(), longer.get(same..).unwrap_or_default());
    match (shorter, longer) {
        ([a, b, rest @ ..], [c, d, others @ ..]) if (a, b) == (d, c) && rest == others => true,
        ([_, rest @ ..], [_, others @ ..]) if rest == others => true,
        (rest, [_, others @ ..]) => rest == others,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::PlaceFinding::{Abstains, Match, OtherCity, UnknownZip};
    use super::*;

    static PLACES: LazyLock<Places> =
        LazyLock::new(|| Places::parse(include_str!("../../reference/communes_by_zip.tsv")).unwrap());

    fn assert_in(country: &str, cases: &[(&str, &str, PlaceFinding)]) {
        for (zip, city, expected) in cases {
            assert_eq!(PLACES.check(country, zip, city), *expected, "{zip} {city} in {country}");
        }
    }

    #[test]
    fn spellings_of_the_city_match() {
        for (zip, city) in [
            ("31000", "Toulouse"),
            ("31000", "TOULOUSE"),
            ("42000", "St Etienne"),
            ("42000", "Saint-Étienne"),
            ("42000", "ST. ETIENNE"),
            ("42000", "Saintetienne"),
            ("76600", "Havre"),
            ("76600", "LE HAVRE"),
            ("17000", "La Rochelle"),
            ("38080", "L Isle d'Abeau"),
            ("71100", "Châlon s/ Saône"),
            ("71100", "CHALON SUR SAONE"),
            ("78100", "St Germain en Laye"),
            ("94100", "Saint-Maur"),
            ("92100", "Boulogne"),
            ("92100", "Boulogne Billancourt"),
            ("06160", "Juan-les-Pins"),
            ("62150", "Fresnicourt-le-Dolmen"),
            ("80190", "Y"),
            ("95450", "Us"),
            ("63000", "Clermont-Ferrand"),
            ("63000", "63000 CLERMONT FERRAND"),
            ("69100", "Villeurbane"),
            ("33000", "Bordaeux"),
            ("97400", "Saint-Denis"),
            ("2A000", "Ajaccio"),
        ] {
            let expected = if zip == "2A000" { UnknownZip } else { Match };
            assert_in("FR", &[(zip, city, expected)]);
        }
    }

    #[test]
    fn arrondissements_match_their_own_code() {
        for city in
            ["Paris", "PARIS 12", "Paris 12e", "Paris 12ème", "PARIS 12 EME", "Paris 12e Arrondissement"]
        {
            assert_in("FR", &[("75012", city, Match)]);
        }
        assert_in(
            "FR",
            &[
                ("75116", "Paris 16", Match),
                ("69003", "Lyon 03", Match),
                ("13001", "Marseille 1er", Match),
                ("13008", "MARSEILLE 08", Match),
                ("75011", "Paris 12", OtherCity),
                ("69003", "Lyon 8", OtherCity),
            ],
        );
    }

    #[test]
    fn merged_communes_keep_their_names() {
        assert_in(
            "FR",
            &[
                ("61100", "Athis-de-l'Orne", Match), // déléguée of Athis-Val de Rouvre
                ("61100", "Athis Val de Rouvre", Match),
                ("50120", "Équeurdreville-Hainneville", Match), // déléguée of Cherbourg-en-Cotentin
            ],
        );
    }

    #[test]
    fn another_city_and_an_unknown_code_are_told_apart() {
        assert_in(
            "FR",
            &[
                ("75012", "Lyon", OtherCity),
                ("81310", "Paris", OtherCity), // Parisot
                ("93200", "Saint", OtherCity),
                ("31000", "Ville", OtherCity),
                ("31000", "", OtherCity),
                ("00000", "Ville", UnknownZip),
                ("00000", "Paris", UnknownZip),
                ("99999", "Paris", UnknownZip),
                ("12345", "Paris", UnknownZip),
                ("7501", "Paris", UnknownZip),
                ("ABCDE", "Paris", UnknownZip),
            ],
        );
    }

    #[test]
    fn what_the_table_lacks_is_not_held_against_anybody() {
        assert_in(
            "FR",
            &[
                ("92085", "Paris La Défense Cedex", Abstains),
                ("31062", "TOULOUSE CEDEX 9", Abstains),
                ("31000", "Toulouse Cédex", Abstains),
                ("31062", "Toulouse", Abstains),
                ("69000", "Lyon", Abstains),
                ("00476", "ARMEES", Abstains),
                ("00476", "Lille", UnknownZip),
                ("98000", "Monaco", Abstains),
                ("98845", "Nouméa", Abstains),
                ("98714", "Papeete", Match),
                ("98714", "Papette", Match),
                ("98714", "Pirae", Abstains),
            ],
        );
        assert_in("MC", &[("98000", "Monaco", Abstains)]);
        assert_in("DE", &[("10115", "Berlin", Abstains), ("00000", "Ville", Abstains)]);
    }

    #[test]
    fn an_overseas_country_has_its_own_codes() {
        assert_in("RE", &[("97410", "St Pierre", Match), ("75012", "Paris", OtherCity)]);
        assert_in("BL", &[("97133", "Saint-Barthélemy", Match)]);
        assert_in("FR", &[("97410", "Saint-Pierre", Match)]);
    }

    #[test]
    fn regions_are_told_by_the_code() {
        for (zip, expected) in [
            ("75012", "FR"),
            ("20000", "FR"),
            ("97110", "GP"),
            ("97133", "BL"),
            ("97150", "MF"),
            ("97200", "MQ"),
            ("97300", "GF"),
            ("97400", "RE"),
            ("97500", "PM"),
            ("97600", "YT"),
            ("98000", "MC"),
            ("98714", "PF"),
            ("98800", "NC"),
            ("", "FR"),
        ] {
            assert_eq!(region("FR", zip), expected, "{zip}");
        }
        assert_eq!(region("BE", "97400"), "BE");
    }

    #[test]
    fn tables_that_are_none_are_refused() {
        for (tsv, line) in [
            ("75012", 1),
            ("75012\tParis\n7501\tParis", 2),
            ("75012\tParis\n75011\tParis", 2),
            ("75012\tParis\n75012\tParis", 2),
        ] {
            assert_eq!(Places::parse(tsv).err(), Some(PlacesError { line }), "{tsv}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_checked(zip in any::<String>(), city in any::<String>()) {
            PLACES.check("FR", &zip, &city);
        }

        #[test]
        fn any_name_matches_its_code(at in 0_usize..6_000, other in any::<prop::sample::Index>(), upper in any::<bool>()) {
            let row = include_str!("../../reference/communes_by_zip.tsv").lines().nth(at).unwrap();
            let (zip, names) = row.split_once('\t').unwrap();
            let names: Vec<&str> = names.split('\t').collect();
            let name = names[other.index(names.len())];
            let city = if upper { fold(name).to_uppercase() } else { name.to_owned() };
            prop_assert_eq!(PLACES.check("FR", zip, &city), Match, "{} {}", zip, city);
        }

        #[test]
        fn any_table_is_read_or_refused(tsv in "([0-9]{4,6}\t?[a-z\t]{0,5}\n?){0,4}") {
            let _ = Places::parse(&tsv);
        }
    }
}

//! Who is screened, and what is known of a record: names read, facts in comparable form.

use names::{Name, NameError, NameKind};
use serde::{Deserialize, Serialize};

use crate::domain::country;
use crate::domain::record::{BirthDate, Country, Gender, Kind, NameStrength, Record};

/// Someone or something to screen, as a client knows it. At least one name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// The whole name.
    pub name: Option<String>,
    /// Given names, where the client tells parts apart.
    pub first_name: Option<String>,
    /// Family name, where the client tells parts apart.
    pub last_name: Option<String>,
    /// Family name before marriage.
    pub maiden_name: Option<String>,
    /// Other whole names.
    pub aliases: Vec<String>,
    /// What it is.
    pub kind: Option<PersonKind>,
    /// Birth date, as exact as it is known.
    pub birth: Option<BirthDate>,
    /// Nationalities or countries of registration: ISO 3166-1 alpha-2 codes or names.
    pub countries: Vec<String>,
    /// Where it is known.
    pub gender: Option<Gender>,
    /// Numbers of identity documents and registrations.
    pub documents: Vec<String>,
}

/// What is screened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PersonKind {
    /// A natural person.
    Natural,
    /// A company or another body.
    Legal,
    /// A ship or an aircraft.
    Vessel,
}

/// One side of a comparison: names read, facts in comparable form.
#[derive(Debug, Clone)]
pub struct Subject {
    pub(super) names: Vec<SubjectName>,
    pub(super) facts: Facts,
}

/// A name and the text that it was read from.
#[derive(Debug, Clone)]
pub(super) struct SubjectName {
    pub(super) text: String,
    pub(super) name: Name,
    /// The list says that this name is a poor one.
    pub(super) weak: bool,
}

/// What is known besides names.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    pub(super) kind: Option<PersonKind>,
    pub(super) births: Box<[BirthDate]>,
    /// Codes, or the list's words where they name no known country, upper case, ascending.
    pub(super) countries: Box<[Box<str>]>,
    pub(super) gender: Option<Gender>,
    /// Letters and digits only, upper case.
    pub(super) documents: Box<[Box<str>]>,
}

impl Subject {
    /// A client's person.
    ///
    /// # Errors
    ///
    /// When it has no name that can be read.
    pub fn of_person(person: &Person) -> Result<Self, NameError> {
        let kind = match person.kind {
            Some(PersonKind::Natural) => NameKind::Person,
            Some(PersonKind::Legal) => NameKind::Organisation,
            Some(PersonKind::Vessel) => NameKind::Vessel,
            None => NameKind::Unknown,
        };
        let mut subject = Self { names: Vec::new(), facts: Facts::of_person(person) };
        let mut fault = NameError::Empty;
        for text in texts(person) {
            if let Err(error) = subject.add_name(&text, kind, false)
                && error != NameError::Empty
            {
                fault = error;
            }
        }
        if subject.names.is_empty() { Err(fault) } else { Ok(subject) }
    }

    /// A list's record. Names that cannot be read are left out, so it may have none.
    #[must_use]
    pub fn of_record(record: &Record) -> Self {
        let kind = match record.kind {
            Kind::Person => NameKind::Person,
            Kind::Organisation => NameKind::Organisation,
            Kind::Vessel | Kind::Aircraft => NameKind::Vessel,
        };
        let mut subject = Self { names: Vec::new(), facts: Facts::of_record(record) };
        for name in &record.names {
            // What cannot be read is no name: the list's entry keeps it, the screening has nothing to compare.
            let _ = subject.add_name(&name.whole, kind, name.strength == NameStrength::Weak);
        }
        subject
    }

    fn add_name(&mut self, text: &str, kind: NameKind, weak: bool) -> Result<(), NameError> {
        for reading in names::readings(text) {
            let name = Name::parse_reading(&reading, text, kind)?;
            if !self.names.iter().any(|known| known.name == name) {
                self.names.push(SubjectName { text: reading.into_owned(), name, weak });
            }
        }
        Ok(())
    }
}

/// Every whole name of a person: as given, composed of its parts, with the maiden name in place of and beside the
/// family name.
fn texts(person: &Person) -> Vec<String> {
    let part = |part: &Option<String>| {
        part.as_deref().map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned)
    };
    let (first, last, maiden) =
        (part(&person.first_name), part(&person.last_name), part(&person.maiden_name));
    let compose = |parts: &[&Option<String>]| {
        let parts: Vec<&str> = parts.iter().filter_map(|part| part.as_deref()).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    };
    let mut texts: Vec<String> = Vec::new();
    texts.extend(part(&person.name));
    texts.extend(compose(&[&first, &last]));
    if maiden.is_some() {
        texts.extend(compose(&[&first, &maiden]));
        if last.is_some() {
            texts.extend(compose(&[&first, &last, &maiden]));
        }
    }
    texts
        .extend(person.aliases.iter().map(|alias| alias.trim().to_owned()).filter(|alias| !alias.is_empty()));
    texts
}

impl Facts {
    fn of_person(person: &Person) -> Self {
        Self {
            kind: person.kind,
            births: person.birth.filter(|birth| birth.year.is_some()).into_iter().collect(),
            countries: sorted(person.countries.iter().map(|country| country_key(country, None))),
            gender: person.gender,
            documents: sorted(person.documents.iter().filter_map(|number| document_key(number))),
        }
    }

    fn of_record(record: &Record) -> Self {
        Self {
            kind: Some(match record.kind {
                Kind::Person => PersonKind::Natural,
                Kind::Organisation => PersonKind::Legal,
                Kind::Vessel | Kind::Aircraft => PersonKind::Vessel,
            }),
            births: record.births.iter().filter(|birth| birth.year.is_some()).copied().collect(),
            countries: sorted(
                record
                    .nationalities
                    .iter()
                    .map(|country: &Country| country_key(&country.name, country.code.as_deref())),
            ),
            gender: record.gender,
            documents: sorted(record.documents.iter().filter_map(|document| document_key(&document.number))),
        }
    }
}

fn sorted(keys: impl Iterator<Item = Box<str>>) -> Box<[Box<str>]> {
    let mut keys: Vec<Box<str>> = keys.filter(|key| !key.is_empty()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.into()
}

fn country_key(name: &str, code: Option<&str>) -> Box<str> {
    let known = code.or_else(|| {
        if name.trim().len() == 2 { country::code_of_code(name) } else { country::code_of(name) }
    });
    known.map_or_else(|| name.trim().to_uppercase().into(), Box::from)
}

/// A document's number as far as it identifies: fewer than five letters and digits do not.
fn document_key(number: &str) -> Option<Box<str>> {
    let key: String =
        number.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    (key.len() >= 5 && key.bytes().any(|byte| byte.is_ascii_digit())).then(|| key.into())
}

//! One entry of an official list, as every importer writes it and the screening reads it.
//!
//! Nothing is completed: a birth date known by its year stays a year, an absent value stays absent.

use serde::{Deserialize, Serialize};

use super::person::{Hash, sha256};

/// An entry of one edition of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The list's own, stable identifier of the entry.
    pub id: String,
    /// What the entry is.
    pub kind: Kind,
    /// At least one; the first is the entry's primary name.
    pub names: Vec<ListedName>,
    /// Every birth date that the list gives, as exact as it gives it.
    pub births: Vec<BirthDate>,
    /// Birth places as the list writes them.
    pub birth_places: Vec<Place>,
    /// Nationalities, citizenships, flags or countries of registration.
    pub nationalities: Vec<Country>,
    /// Addresses and other countries of connection.
    pub addresses: Vec<Place>,
    /// Identity documents, registrations, IMO numbers.
    pub documents: Vec<Document>,
    /// Where the list gives it.
    pub gender: Option<Gender>,
    /// Sanction programmes, regimes or (politically exposed persons) positions.
    pub programmes: Vec<String>,
    /// When the entry was put on the list or last amended, `YYYY-MM-DD` or as exact as given.
    pub listed_on: Option<String>,
    /// Everything else worth showing to an analyst (reasons, titles, remarks), in the list's order.
    pub remarks: Vec<String>,
}

impl Record {
    /// Of what tells who it is, whatever order the list gives it in: the fields that `lists::changes` calls material.
    pub fn facts_hash(&self) -> Hash {
        fn sorted<T: Serialize>(values: &[T]) -> Vec<String> {
            let mut texts: Vec<String> =
                values.iter().filter_map(|v| serde_json::to_string(v).ok()).collect();
            texts.sort_unstable();
            texts
        }
        let facts = serde_json::json!([
            self.kind,
            sorted(&self.names),
            sorted(&self.births),
            sorted(&self.birth_places),
            sorted(&self.nationalities),
            sorted(&self.documents),
            self.gender,
        ]);
        sha256(facts.to_string().as_bytes())
    }
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Kind {
    /// A natural person.
    Person,
    /// A company, a body, a group.
    Organisation,
    /// A ship.
    Vessel,
    /// An aircraft.
    Aircraft,
}

/// One name of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ListedName {
    /// The whole name as the list writes it, parts joined in the list's natural order.
    pub whole: String,
    /// The family name, where the list tells parts apart.
    pub family: Option<String>,
    /// The given names, where the list tells parts apart.
    pub given: Option<String>,
    /// How much weight the list gives it.
    pub strength: NameStrength,
    /// The script variant's language (ISO 639), where the list gives it.
    pub language: Option<String>,
}

/// How much weight a list gives to a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NameStrength {
    /// The entry's main name.
    Primary,
    /// A good-quality alias.
    Strong,
    /// A low-quality alias (a nickname, a nom de guerre).
    Weak,
    /// A former name, a maiden name.
    Former,
}

/// A birth date as exact as the list gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BirthDate {
    /// The year, or the first of a range.
    pub year: Option<i16>,
    /// The last year of a range; equal to `year` or `None` where there is no range.
    pub until_year: Option<i16>,
    /// 1–12.
    pub month: Option<u8>,
    /// 1–31; only of a known month.
    pub day: Option<u8>,
    /// Whether the list says that it is approximate.
    pub circa: bool,
}

/// A place, as much of it as is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Street, town, region as the list writes them, joined by `, `.
    pub text: Option<String>,
    /// The country.
    pub country: Option<Country>,
}

/// A country: the list's word for it and its ISO 3166-1 alpha-2 code where it could be told.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Country {
    /// As the list writes it.
    pub name: String,
    /// Upper case.
    pub code: Option<String>,
}

/// A document or a registration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Document {
    /// What it is, in the list's words (`Passport`, `IMO number`, …).
    pub kind: String,
    /// Its number as the list writes it.
    pub number: String,
    /// Issuing country.
    pub country: Option<Country>,
}

/// Gender as a list gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Gender {
    /// Female.
    Female,
    /// Male.
    Male,
}

//! What a new edition changes, and whether it may replace the one in force.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use crate::domain::record::Record;

/// What differs between two editions of a list. Identifiers are in the order of the edition that they are in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Entries of the new edition only.
    pub added: Vec<String>,
    /// Entries of the old edition only.
    pub removed: Vec<String>,
    /// Entries of both that are not the same.
    pub amended: Vec<Amendment>,
}

/// An entry that was amended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amendment {
    /// The entry's identifier.
    pub id: String,
    /// The fields that differ, at least one.
    pub fields: Vec<Field>,
}

impl Amendment {
    /// Whether a hit on the entry that was decided must be looked at again.
    pub fn is_material(&self) -> bool {
        self.fields.iter().any(|field| field.is_material())
    }
}

/// A field of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the record's")]
pub enum Field {
    Kind,
    Names,
    Births,
    BirthPlaces,
    Nationalities,
    Addresses,
    Documents,
    Gender,
    Programmes,
    ListedOn,
    Remarks,
}

impl Field {
    /// The field's name, in lower camel case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Names => "names",
            Self::Births => "births",
            Self::BirthPlaces => "birthPlaces",
            Self::Nationalities => "nationalities",
            Self::Addresses => "addresses",
            Self::Documents => "documents",
            Self::Gender => "gender",
            Self::Programmes => "programmes",
            Self::ListedOn => "listedOn",
            Self::Remarks => "remarks",
        }
    }

    /// Whether the field tells who the entry is; the others say where it lives and why it is listed.
    pub fn is_material(self) -> bool {
        match self {
            Self::Kind
            | Self::Names
            | Self::Births
            | Self::BirthPlaces
            | Self::Nationalities
            | Self::Documents
            | Self::Gender => true,
            Self::Addresses | Self::Programmes | Self::ListedOn | Self::Remarks => false,
        }
    }
}

/// Compares two editions entry by entry. The order of names, dates or remarks in an entry is no change.
pub fn changes(old: &[Record], new: &[Record]) -> Changes {
    let before: HashMap<&str, &Record> = old.iter().map(|record| (record.id.as_str(), record)).collect();
    let after: HashSet<&str> = new.iter().map(|record| record.id.as_str()).collect();
    let mut changes = Changes::default();
    for record in new {
        match before.get(record.id.as_str()) {
            None => changes.added.push(record.id.clone()),
            Some(known) => {
                let fields = differing(known, record);
                if !fields.is_empty() {
                    changes.amended.push(Amendment { id: record.id.clone(), fields });
                }
            }
        }
    }
    let gone = old.iter().filter(|record| !after.contains(record.id.as_str()));
    changes.removed.extend(gone.map(|record| record.id.clone()));
    changes
}

fn differing(old: &Record, new: &Record) -> Vec<Field> {
    // Taken apart, so that a new field of the record is not forgotten here.
    let Record {
        id: _,
        kind,
        names,
        births,
        birth_places,
        nationalities,
        addresses,
        documents,
        gender,
        programmes,
        listed_on,
        remarks,
    } = old;
    [
        (Field::Kind, *kind == new.kind),
        (Field::Names, same(names, &new.names)),
        (Field::Births, same(births, &new.births)),
        (Field::BirthPlaces, same(birth_places, &new.birth_places)),
        (Field::Nationalities, same(nationalities, &new.nationalities)),
        (Field::Addresses, same(addresses, &new.addresses)),
        (Field::Documents, same(documents, &new.documents)),
        (Field::Gender, *gender == new.gender),
        (Field::Programmes, same(programmes, &new.programmes)),
        (Field::ListedOn, *listed_on == new.listed_on),
        (Field::Remarks, same(remarks, &new.remarks)),
    ]
    .into_iter()
    .filter(|(_, same)| !same)
    .map(|(field, _)| field)
    .collect()
}

fn same<T: Hash + Eq>(old: &[T], new: &[T]) -> bool {
    old == new || old.iter().collect::<HashSet<_>>() == new.iter().collect::<HashSet<_>>()
}

/// Why an edition that was read may still not replace the one in force.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("the list shrank from {previous} to {new} entries, more than {} % are gone", .max_shrink_share * 100.0)]
pub struct Shrunk {
    /// Entries of the edition in force.
    pub previous: u64,
    /// Entries of the new one.
    pub new: u64,
    /// The share of entries that may be gone, 0 to 1.
    pub max_shrink_share: f64,
}

/// Accepts an edition unless more than a share (0 to 1) of the entries in force is gone.
///
/// # Errors
/// [`Shrunk`], also where the share is no number.
pub fn acceptance(previous: u64, new: u64, max_shrink_share: f64) -> Result<(), Shrunk> {
    let lost = previous.saturating_sub(new) as f64;
    if lost == 0.0 || lost <= previous as f64 * max_shrink_share {
        Ok(())
    } else {
        Err(Shrunk { previous, new, max_shrink_share })
    }
}

#[cfg(test)]
mod tests {
    use super::super::intake::{blank, name};
    use super::*;
    use crate::domain::record::{Kind, NameStrength};

    #[test]
    fn an_edition_changes_records() {
        let record = |id: &str, names: &[&str], remark: &str| {
            let mut record = blank(id, Kind::Person);
            record.names.extend(names.iter().map(|text| name(text, NameStrength::Strong)));
            record.remarks.push(remark.to_owned());
            record
        };
        let old = [record("1", &["A", "B"], "x"), record("2", &["C"], "x"), record("3", &["D"], "x")];
        let new = [record("4", &["E"], "x"), record("1", &["B", "A"], "x"), record("3", &["D", "F"], "y")];
        let found = changes(&old, &new);
        assert_eq!(found.added, ["4"]);
        assert_eq!(found.removed, ["2"]);
        assert_eq!(found.amended, [Amendment { id: "3".into(), fields: vec![Field::Names, Field::Remarks] }]);
        assert!(found.amended[0].is_material());
        assert!(!Amendment { id: "3".into(), fields: vec![Field::Remarks, Field::Addresses] }.is_material());
        assert_eq!(changes(&old, &old), Changes::default());
    }

    #[test]
    fn an_edition_may_shrink_a_little() {
        assert_eq!(acceptance(100, 90, 0.1), Ok(()));
        assert!(acceptance(100, 89, 0.1).is_err());
        assert_eq!(acceptance(0, 0, 0.1), Ok(()));
        assert_eq!(acceptance(100, 200, 0.0), Ok(()));
        assert!(acceptance(100, 99, 0.0).is_err());
        assert!(acceptance(100, 99, f64::NAN).is_err());
        let refused = acceptance(100, 50, 0.2).unwrap_err().to_string();
        assert_eq!(refused, "the list shrank from 100 to 50 entries, more than 20 % are gone");
    }
}

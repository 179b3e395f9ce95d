//! The columns that a file of persons may have.

use crate::domain::field::FieldError;
use crate::domain::person::{PersonDocument, PersonType};

/// A column, by its place among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// The reference.
    Reference,
    /// The person's type.
    Type,
    /// Another one, by its place in [`TEXTS`].
    Text(usize),
    /// One with several values, by its place in [`LISTS`].
    List(usize),
}

const REFERENCE: &str = "externalRef.externalRefId";
const TYPE: &str = "personType";

type Text = fn(&mut PersonDocument) -> &mut Option<String>;

/// The contract's path, a shorter name, and where it goes.
const TEXTS: [(&str, &str, Text); 30] = [
    ("externalRef.sourceKey", "sourceKey", |it| &mut it.external_ref.source_key),
    ("identity.civility", "civility", |it| &mut it.identity.civility),
    ("identity.title", "title", |it| &mut it.identity.title),
    ("identity.firstName", "firstName", |it| &mut it.identity.first_name),
    ("identity.maidenName", "maidenName", |it| &mut it.identity.maiden_name),
    ("identity.lastName", "lastName", |it| &mut it.identity.last_name),
    ("identity.legalName", "legalName", |it| &mut it.identity.legal_name),
    ("identity.nationality", "nationality", |it| &mut it.identity.nationality),
    ("identity.birth.date", "birthDate", |it| &mut it.identity.birth.date),
    ("identity.birth.country", "birthCountry", |it| &mut it.identity.birth.country),
    ("identity.birth.place", "birthPlace", |it| &mut it.identity.birth.place),
    ("identity.birth.department", "birthDepartment", |it| &mut it.identity.birth.department),
    ("postalAddress.address", "address", |it| &mut it.postal_address.address),
    ("postalAddress.zipCode", "zipCode", |it| &mut it.postal_address.zip_code),
    ("postalAddress.city", "city", |it| &mut it.postal_address.city),
    ("postalAddress.state", "state", |it| &mut it.postal_address.state),
    ("postalAddress.country", "country", |it| &mut it.postal_address.country),
    ("postalAddress.building", "building", |it| &mut it.postal_address.building),
    ("additionalInformation.personType", "", |it| &mut it.additional_information.person_type),
    ("additionalInformation.genderCode", "genderCode", |it| &mut it.additional_information.gender_code),
    ("additionalInformation.birthYear", "birthYear", |it| &mut it.additional_information.birth_year),
    ("additionalInformation.birthMonth", "birthMonth", |it| &mut it.additional_information.birth_month),
    ("additionalInformation.birthPlace", "", |it| &mut it.additional_information.birth_place),
    ("proofOfId.number", "proofOfIdNumber", |it| &mut it.proof_of_id.number),
    ("proofOfId.issueDate", "proofOfIdIssueDate", |it| &mut it.proof_of_id.issue_date),
    ("proofOfId.type", "proofOfIdType", |it| &mut it.proof_of_id.kind),
    ("proofOfId.issuer", "proofOfIdIssuer", |it| &mut it.proof_of_id.issuer),
    ("legalForm", "", |it| &mut it.legal_form),
    ("sirenCode", "", |it| &mut it.siren_code),
    ("occupation", "", |it| &mut it.occupation),
];

type List = fn(&mut PersonDocument) -> &mut Vec<String>;

const LISTS: [(&str, &str, List); 2] = [
    ("personMetaData.entities", "entities", |it| &mut it.person_meta_data.entities),
    ("personMetaData.subEntities", "subEntities", |it| &mut it.person_meta_data.sub_entities),
];

impl Column {
    /// By the contract's path or the shorter name; case counts.
    pub(super) fn named(name: &str) -> Option<Self> {
        let is = |path: &str, short: &str| !name.is_empty() && (name == path || name == short);
        if is(REFERENCE, "externalRefId") {
            return Some(Self::Reference);
        }
        if name == TYPE {
            return Some(Self::Type);
        }
        let text = TEXTS.iter().position(|(path, short, _)| is(path, short)).map(Self::Text);
        text.or_else(|| LISTS.iter().position(|(path, short, _)| is(path, short)).map(Self::List))
    }

    /// Whether a person's name may be in it.
    pub(super) fn is_name(self) -> bool {
        let Self::Text(at) = self else { return false };
        TEXTS.get(at).is_some_and(|(path, ..)| ["identity.lastName", "identity.legalName"].contains(path))
    }

    /// Writes a value, which is not empty.
    pub(super) fn write(self, person: &mut PersonDocument, value: &str) -> Result<(), FieldError> {
        match self {
            Self::Reference => person.external_ref.external_ref_id = value.to_owned(),
            Self::Type => {
                person.person_type = Some(match value.trim() {
                    "NATURAL" => PersonType::Natural,
                    "LEGAL" => PersonType::Legal,
                    _ => return Err(FieldError::new(TYPE, "must be NATURAL or LEGAL")),
                });
            }
            Self::Text(at) => {
                if let Some((.., text)) = TEXTS.get(at) {
                    *text(person) = Some(value.to_owned());
                }
            }
            Self::List(at) => {
                if let Some((.., list)) = LISTS.get(at) {
                    *list(person) = value.split('|').map(str::to_owned).collect();
                }
            }
        }
        Ok(())
    }
}

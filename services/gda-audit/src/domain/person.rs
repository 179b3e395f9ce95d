//! A client base's person: what a caller says of it, and what of that tells who it is.

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::country;
use super::field::FieldError;
use super::record::{BirthDate, Gender};
use super::screening::{self, PersonKind};

/// SHA-256.
pub type Hash = [u8; 32];

/// SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

/// A person in the contract's fields, in the order in which `GET /pisteaudit` shows them. Absent scalars stay absent,
/// absent objects are empty, absent lists too.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PersonDocument {
    /// Who it is in its source.
    #[serde(default)]
    pub external_ref: ExternalRef,
    /// Names, birth, nationality.
    #[serde(default, deserialize_with = "or_default")]
    pub identity: Identity,
    /// Where it lives or has its seat.
    #[serde(default, deserialize_with = "or_default")]
    pub postal_address: PostalAddress,
    /// What is known from elsewhere.
    #[serde(default, deserialize_with = "or_default")]
    pub additional_information: AdditionalInformation,
    /// An identity document.
    #[serde(default, deserialize_with = "or_default")]
    pub proof_of_id: ProofOfId,
    /// Contracts with the caller, as the caller describes them.
    #[serde(default, deserialize_with = "or_default")]
    #[schema(value_type = Vec<Object>)]
    pub contracts: Vec<Value>,
    /// What it is; unknown where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person_type: Option<PersonType>,
    /// SA, SARL, GmbH…
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_form: Option<String>,
    /// The French register's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub siren_code: Option<String>,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occupation: Option<String>,
    /// The caller's own divisions.
    #[serde(default, deserialize_with = "or_default")]
    pub person_meta_data: PersonMetaData,
}

/// `null` for an object or a list is the same as none.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(value: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(value).map(Option::unwrap_or_default)
}

/// A person's name in its source.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExternalRef {
    /// The source; where the caller gives it, it is the flow's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_key: Option<String>,
    /// The caller's reference, to the byte as it was sent.
    #[serde(default)]
    pub external_ref_id: String,
}

/// NATURAL or LEGAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum PersonType {
    /// A natural person.
    Natural,
    /// A company or another body.
    Legal,
}

/// Who somebody is.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the contract's fields")]
pub struct Identity {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub civility: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maiden_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// A company's name, where it is not in `lastName`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub legal_name: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub birth: Birth,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nationality: Option<String>,
}

/// Where and when somebody was born.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the contract's fields")]
pub struct Birth {
    /// `YYYY-MM-DD`, `YYYY-MM` or `YYYY`; never completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
}

/// An address.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the contract's fields")]
pub struct PostalAddress {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zip_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub building: Option<String>,
}

/// What is known from elsewhere.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the contract's fields")]
pub struct AdditionalInformation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person_type: Option<String>,
    /// `H` or `M`: male; `F`: female.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gender_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birth_year: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birth_month: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birth_place: Option<String>,
}

/// An identity document.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the contract's fields")]
pub struct ProofOfId {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issue_date: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
}

/// The caller's own divisions of its client base.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the contract's fields")]
pub struct PersonMetaData {
    #[serde(deserialize_with = "or_default")]
    pub entities: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub sub_entities: Vec<String>,
}

/// Characters of a value at most.
const LONGEST: usize = 1_000;
/// Values of a list at most.
const MOST: usize = 100;

impl PersonDocument {
    /// The document of a person of this source, and what the engine is told of it.
    ///
    /// # Errors
    /// [`FieldError`]: what is mandatory is missing, or a value is not what it should be.
    pub fn of_source(mut self, source: &str) -> Result<(Self, screening::Subject), FieldError> {
        if self.external_ref.source_key.as_deref().is_some_and(|key| key != source) {
            return Err(FieldError::new("externalRef.sourceKey", "is not the source of the flow"));
        }
        self.external_ref.source_key = Some(source.to_owned());
        let reference = &self.external_ref.external_ref_id;
        if reference.is_empty() {
            return Err(FieldError::new("externalRef.externalRefId", "is mandatory"));
        }
        self.check_texts()?;
        if self.family_name().is_none() {
            return Err(FieldError::new("identity.lastName", "is mandatory"));
        }
        let subject = self.subject()?;
        Ok((self, subject))
    }

    fn check_texts(&self) -> Result<(), FieldError> {
        let Self {
            external_ref,
            identity,
            postal_address: at,
            additional_information: more,
            proof_of_id: id,
            ..
        } = self;
        let texts: [(&'static str, Option<&String>); 29] = [
            ("externalRef.externalRefId", Some(&external_ref.external_ref_id)),
            ("identity.civility", identity.civility.as_ref()),
            ("identity.title", identity.title.as_ref()),
            ("identity.firstName", identity.first_name.as_ref()),
            ("identity.maidenName", identity.maiden_name.as_ref()),
            ("identity.lastName", identity.last_name.as_ref()),
            ("identity.legalName", identity.legal_name.as_ref()),
            ("identity.nationality", identity.nationality.as_ref()),
            ("identity.birth.date", identity.birth.date.as_ref()),
            ("identity.birth.country", identity.birth.country.as_ref()),
            ("identity.birth.place", identity.birth.place.as_ref()),
            ("identity.birth.department", identity.birth.department.as_ref()),
            ("postalAddress.address", at.address.as_ref()),
            ("postalAddress.zipCode", at.zip_code.as_ref()),
            ("postalAddress.city", at.city.as_ref()),
            ("postalAddress.state", at.state.as_ref()),
            ("postalAddress.country", at.country.as_ref()),
            ("postalAddress.building", at.building.as_ref()),
            ("additionalInformation.personType", more.person_type.as_ref()),
            ("additionalInformation.genderCode", more.gender_code.as_ref()),
            ("additionalInformation.birthYear", more.birth_year.as_ref()),
            ("additionalInformation.birthMonth", more.birth_month.as_ref()),
            ("additionalInformation.birthPlace", more.birth_place.as_ref()),
            ("proofOfId.number", id.number.as_ref()),
            ("proofOfId.type", id.kind.as_ref()),
            ("proofOfId.issuer", id.issuer.as_ref()),
            ("legalForm", self.legal_form.as_ref()),
            ("sirenCode", self.siren_code.as_ref()),
            ("occupation", self.occupation.as_ref()),
        ];
        for (field, text) in texts {
            if let Some(text) = text {
                check_text(field, text)?;
            }
        }
        let lists = [
            ("personMetaData.entities", &self.person_meta_data.entities),
            ("personMetaData.subEntities", &self.person_meta_data.sub_entities),
        ];
        for (field, values) in lists {
            if values.len() > MOST {
                return Err(FieldError::new(field, "at most 100 values"));
            }
            values.iter().try_for_each(|value| check_text(field, value))?;
        }
        if let Some(date) = &id.issue_date {
            birth_date("proofOfId.issueDate", date)?;
        }
        // PostgreSQL's text and JSON know no NUL.
        if self.contracts.len() > MOST || json!(self.contracts).to_string().contains("\\u0000") {
            return Err(FieldError::new("contracts", "at most 100, without NUL characters"));
        }
        Ok(())
    }

    /// Family name or company name, then first name (contract, `personIdentity`).
    pub fn person_identity(&self) -> String {
        let last = self.family_name().unwrap_or_default();
        match self.identity.first_name.as_deref().map(str::trim).filter(|name| !name.is_empty()) {
            Some(first) => format!("{last} {first}"),
            None => last.to_owned(),
        }
    }

    fn family_name(&self) -> Option<&str> {
        let Identity { last_name, legal_name, .. } = &self.identity;
        let given = |name: &'_ &String| !name.trim().is_empty();
        last_name.as_ref().filter(given).or(legal_name.as_ref().filter(given)).map(String::as_str)
    }

    /// What the engine is told of it.
    ///
    /// # Errors
    /// A birth date that is none.
    pub fn screened(&self) -> Result<screening::Person, FieldError> {
        let Self { identity, additional_information: more, .. } = self;
        let known = |country: &String| {
            let country = country.trim();
            let code =
                if country.len() == 2 { country::code_of_code(country) } else { country::code_of(country) };
            code.map(str::to_owned)
        };
        let kind = self.person_type.or(identity.legal_name.as_ref().map(|_| PersonType::Legal));
        let documents = [&self.proof_of_id.number, &self.siren_code];
        Ok(screening::Person {
            name: None,
            first_name: identity.first_name.clone(),
            last_name: self.family_name().map(str::to_owned),
            maiden_name: identity.maiden_name.clone(),
            aliases: match (&identity.last_name, &identity.legal_name) {
                (Some(_), Some(legal)) => vec![legal.clone()],
                _ => Vec::new(),
            },
            kind: kind.map(|kind| match kind {
                PersonType::Natural => PersonKind::Natural,
                PersonType::Legal => PersonKind::Legal,
            }),
            birth: match &identity.birth.date {
                Some(date) => Some(birth_date("identity.birth.date", date)?),
                None => more.birth()?,
            },
            countries: identity.nationality.iter().filter_map(known).collect(),
            gender: more.gender().or_else(|| gender_of_civility(identity.civility.as_deref()?)),
            documents: documents.into_iter().flatten().cloned().collect(),
        })
    }

    /// What the engine compares.
    ///
    /// # Errors
    /// No name that can be read, or a birth date that is none.
    pub fn subject(&self) -> Result<screening::Subject, FieldError> {
        let person = self.screened()?;
        screening::Subject::of_person(&person)
            .map_err(|error| FieldError::new("identity.lastName", error.to_string()))
    }

    /// Of what tells who it is: a decision holds until it changes.
    pub fn facts_hash(&self) -> Hash {
        let Ok(person) = self.screened() else { return [0; 32] };
        let birth = person.birth.map(|birth| (birth.year, birth.month, birth.day));
        let facts = json!([
            person.first_name,
            person.last_name,
            person.maiden_name,
            person.aliases,
            person.kind,
            birth,
            person.countries,
            person.gender,
            person.documents,
        ]);
        sha256(facts.to_string().as_bytes())
    }
}

impl AdditionalInformation {
    fn birth(&self) -> Result<Option<BirthDate>, FieldError> {
        let Some(year) = &self.birth_year else { return Ok(None) };
        let field = "additionalInformation.birthYear";
        let Some(month) = &self.birth_month else { return birth_date(field, year).map(Some) };
        birth_date("additionalInformation.birthMonth", &format!("{}-{:0>2}", year.trim(), month.trim()))
            .map(Some)
    }

    fn gender(&self) -> Option<Gender> {
        match self.gender_code.as_deref()?.trim().to_ascii_uppercase().as_str() {
            "H" | "M" => Some(Gender::Male),
            "F" => Some(Gender::Female),
            _ => None,
        }
    }
}

fn gender_of_civility(civility: &str) -> Option<Gender> {
    match civility.trim().trim_end_matches('.').to_uppercase().as_str() {
        "M" | "MR" | "MONSIEUR" | "MISTER" => Some(Gender::Male),
        "MME" | "MRS" | "MS" | "MISS" | "MLLE" | "MADAME" | "MADEMOISELLE" => Some(Gender::Female),
        _ => None,
    }
}

fn check_text(field: &'static str, text: &str) -> Result<(), FieldError> {
    if text.len() > LONGEST && text.chars().count() > LONGEST {
        return Err(FieldError::new(field, "longer than 1000 characters"));
    }
    if text.contains('\0') {
        return Err(FieldError::new(field, "has a NUL character"));
    }
    Ok(())
}

/// `YYYY-MM-DD`, `YYYY-MM` or `YYYY`; nothing is completed.
///
/// # Errors
/// It is none of them, or no day of the calendar.
pub fn birth_date(field: &'static str, text: &str) -> Result<BirthDate, FieldError> {
    let wrong = || FieldError::new(field, "must be a date: YYYY-MM-DD, YYYY-MM or YYYY");
    let mut parts = text.trim().split('-');
    let mut part = |digits: usize| -> Result<Option<i16>, FieldError> {
        let Some(part) = parts.next() else { return Ok(None) };
        let is_number = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse().ok().filter(|_| is_number).map(Some).ok_or_else(wrong)
    };
    let (year, month, day) = (part(4)?, part(2)?, part(2)?);
    let small = |part: Option<i16>| part.and_then(|part| u8::try_from(part).ok());
    let (year, month, day) = (year.ok_or_else(wrong)?, small(month), small(day));
    let exists = match (month, day) {
        (None, _) => true,
        (Some(month), day) => {
            chrono::NaiveDate::from_ymd_opt(year.into(), month.into(), day.unwrap_or(1).into()).is_some()
        }
    };
    if parts.next().is_some() || !exists {
        return Err(wrong());
    }
    Ok(BirthDate { year: Some(year), until_year: None, month, day, circa: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(json: Value) -> Result<PersonDocument, String> {
        let document: PersonDocument = serde_json::from_value(json).map_err(|error| error.to_string())?;
        document.of_source("S").map(|(document, _)| document).map_err(|error| error.field.to_string())
    }

    #[test]
    fn two_fields_are_mandatory_and_each_wrong_one_is_named() {
        let minimal = json!({"externalRef": {"externalRefId": "1"}, "identity": {"lastName": "Durand"}});
        assert!(document(minimal.clone()).is_ok());
        let wrong = |path: &str, value: Value| {
            let mut body = minimal.clone();
            *path.split('.').fold(&mut body, |at, key| &mut at[key]) = value;
            document(body).err().unwrap_or_default()
        };
        assert_eq!(wrong("externalRef.externalRefId", json!("")), "externalRef.externalRefId");
        assert_eq!(wrong("externalRef.sourceKey", json!("other")), "externalRef.sourceKey");
        assert_eq!(wrong("identity.lastName", json!(" ")), "identity.lastName");
        assert_eq!(wrong("identity.lastName", json!("?!")), "identity.lastName");
        assert_eq!(wrong("identity.birth.date", json!("1994-02-30")), "identity.birth.date");
        assert_eq!(wrong("postalAddress.city", json!("a\0b")), "postalAddress.city");
        assert_eq!(wrong("occupation", json!("x".repeat(1_001))), "occupation");
        assert_eq!(wrong("additionalInformation.birthYear", json!("94")), "additionalInformation.birthYear");
        assert!(wrong("identity.surname", json!("x")).contains("surname"));
    }

    #[test]
    fn absent_values_are_as_the_contract_shows_them() {
        let document = document(json!({
            "externalRef": {"externalRefId": "00/1+ é"}, "identity": {"lastName": "Durand", "birth": null},
        }));
        let expected = json!({
            "externalRef": {"sourceKey": "S", "externalRefId": "00/1+ é"},
            "identity": {"lastName": "Durand", "birth": {}}, "postalAddress": {}, "additionalInformation": {},
            "proofOfId": {}, "contracts": [], "personMetaData": {"entities": [], "subEntities": []},
        });
        assert_eq!(serde_json::to_value(document.ok().unwrap()).unwrap(), expected);
    }

    #[test]
    fn only_what_tells_who_it_is_makes_a_decision_old() {
        let base = json!({
            "externalRef": {"externalRefId": "1"},
            "identity": {"firstName": "Ana", "lastName": "Durand", "nationality": "French"},
        });
        let hash = |path: &str, value: Value| {
            let mut body = base.clone();
            *path.split('.').fold(&mut body, |at, key| &mut at[key]) = value;
            document(body).ok().unwrap().facts_hash()
        };
        let known = document(base.clone()).ok().unwrap().facts_hash();
        assert_eq!(hash("postalAddress.city", json!("Lyon")), known);
        assert_eq!(hash("identity.nationality", json!("FR")), known);
        assert_eq!(hash("occupation", json!("baker")), known);
        assert_ne!(hash("identity.birth.date", json!("1980")), known);
        assert_ne!(hash("identity.firstName", json!("Anna")), known);
        assert_ne!(hash("proofOfId.number", json!("12AB34567")), known);
    }

    #[test]
    fn a_birth_date_is_as_exact_as_it_is_written() {
        let read = |text: &str| birth_date("birthDate", text).map(|b| (b.year.unwrap_or(0), b.month, b.day));
        assert_eq!(read("1965"), Ok((1965, None, None)));
        assert_eq!(read("1965-03"), Ok((1965, Some(3), None)));
        assert_eq!(read("1964-02-29"), Ok((1964, Some(2), Some(29))));
        for wrong in
            ["", "65", "1965-2", "1965-13", "1965-00", "1965-02-30", "1965-02-03-04", "1965/02", "+196-01"]
        {
            assert_eq!(read(wrong).unwrap_err().field, "birthDate", "{wrong}");
        }
    }
}

//! What a merchant sends: the form of the body (contract, "Decisions"). What the fields say is judged elsewhere.

use std::collections::HashSet;
use std::fmt;

use common::redact::Personal;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use unicode_normalization::UnicodeNormalization;

use super::country;

/// The largest body, in bytes.
pub const MAX_BODY: usize = 16 * 1024;

/// What is wrong with a body's form: the contract's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Code {
    /// No set of fields was sent.
    #[error("MAND_001")]
    NoSet,
    /// A field of the identity is missing.
    #[error("MAND_002")]
    Identity,
    /// A field of the company is missing.
    #[error("MAND_003")]
    Company,
    /// Not a JSON object, or a key twice.
    #[error("FORM_001")]
    Json,
    /// A value that is not a string.
    #[error("FORM_002")]
    Type,
    /// A field or the body is too long.
    #[error("FORM_003")]
    Length,
    /// A control character.
    #[error("FORM_004")]
    Characters,
    /// `consumer_country` is no code of ISO 3166-1 alpha-2.
    #[error("FORM_005")]
    Country,
    /// The body's media type is not `application/json`.
    #[error("FORM_006")]
    MediaType,
}

impl Code {
    /// As the answer has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoSet => "MAND_001",
            Self::Identity => "MAND_002",
            Self::Company => "MAND_003",
            Self::Json => "FORM_001",
            Self::Type => "FORM_002",
            Self::Length => "FORM_003",
            Self::Characters => "FORM_004",
            Self::Country => "FORM_005",
            Self::MediaType => "FORM_006",
        }
    }
}

/// A body of wrong form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{code}")]
pub struct FormFault {
    /// The contract's code.
    pub code: Code,
    /// The field at fault, when one is.
    pub field: Option<&'static str>,
}

/// What is to be scored: at least one of the sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// Who the consumer is.
    pub consumer: Option<Consumer>,
    /// The account to be debited, without white space, dots and hyphens.
    pub iban: Option<Personal<String>>,
    /// The company that is to be debited.
    pub company: Option<Company>,
}

/// A consumer. Texts are trimmed, in NFC and not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    /// Family name.
    pub last_name: Personal<String>,
    /// Given name.
    pub first_name: Personal<String>,
    /// `12`, `12B`
    pub street_number: Personal<String>,
    /// `rue`, `avenue`
    pub street_type: Personal<String>,
    /// The rest of the street's name.
    pub street_name: Personal<String>,
    /// Building, floor; it is not checked.
    pub complement: Option<Personal<String>>,
    /// Postal code.
    pub zip_code: Personal<String>,
    /// Town.
    pub city: Personal<String>,
    /// ISO 3166-1 alpha-2, upper case.
    pub country: String,
    /// E-mail address.
    pub email: Personal<String>,
    /// Without white space, dots and hyphens.
    pub phone_number: Personal<String>,
}

/// A company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Company {
    /// Corporate name.
    pub social_reference: Personal<String>,
    /// Without white space, dots and hyphens.
    pub siren: Personal<String>,
}

struct Field {
    name: &'static str,
    /// In characters.
    longest: usize,
    /// Whether white space, dots and hyphens mean nothing.
    compact: bool,
}

const fn text(name: &'static str, longest: usize) -> Field {
    Field { name, longest, compact: false }
}

const fn number(name: &'static str, longest: usize) -> Field {
    Field { name, longest, compact: true }
}

/// In the contract's order. The identity's come first.
const FIELDS: [Field; 14] = [
    text("consumer_last_name", 70),
    text("consumer_first_name", 70),
    text("consumer_address_street_number", 16),
    text("consumer_address_street_type", 16),
    text("consumer_address_street_name", 70),
    text("consumer_address_complement", 70),
    text("consumer_zip_code", 16),
    text("consumer_city", 35),
    text("consumer_country", 2),
    text("consumer_email", 70),
    number("consumer_phone_number", 16),
    number("iban", 34),
    text("social_reference", 32),
    number("siren", 9),
];
const COMPLEMENT: usize = 5;
const COUNTRY: usize = 8;

impl Form {
    /// Reads a body.
    ///
    /// # Errors
    /// [`FormFault`]: the first fault, of the JSON, then of the fields in the contract's order, then what is missing.
    pub fn read(body: &[u8]) -> Result<Self, FormFault> {
        let fault = |code, field| FormFault { code, field };
        if body.len() > MAX_BODY {
            return Err(fault(Code::Length, None));
        }
        let Fields(values) = serde_json::from_slice(body).map_err(|_| fault(Code::Json, None))?;
        let mut fields: [Option<String>; FIELDS.len()] = Default::default();
        for ((field, value), text) in FIELDS.iter().zip(values).zip(&mut fields) {
            *text = match value {
                None => None,
                Some(Value::Other) => return Err(fault(Code::Type, Some(field.name))),
                Some(Value::Text(value)) => {
                    normalised(field, &value).map_err(|code| fault(code, Some(field.name)))?
                }
            };
        }
        if let Some(code) = &mut fields[COUNTRY] {
            code.make_ascii_uppercase();
            if !country::exists(code) {
                return Err(fault(Code::Country, Some(FIELDS[COUNTRY].name)));
            }
        }
        Self::of_fields(fields)
    }

    fn of_fields(fields: [Option<String>; FIELDS.len()]) -> Result<Self, FormFault> {
        let missing = |code, range: std::ops::Range<usize>| {
            let field = range.clone().find(|at| *at != COMPLEMENT && fields[*at].is_none());
            let is_opened = range.clone().any(|at| at != COMPLEMENT && fields[at].is_some());
            match field {
                Some(at) if is_opened => {
                    Err(FormFault { code, field: FIELDS.get(at).map(|field| field.name) })
                }
                _ => Ok(()),
            }
        };
        missing(Code::Identity, 0..11)?;
        missing(Code::Company, 12..14)?;
        let [
            last_name,
            first_name,
            street_number,
            street_type,
            street_name,
            complement,
            zip_code,
            city,
            country,
            email,
            phone_number,
            iban,
            social_reference,
            siren,
        ] = fields;
        let consumer = (|| {
            Some(Consumer {
                last_name: last_name?.into(),
                first_name: first_name?.into(),
                street_number: street_number?.into(),
                street_type: street_type?.into(),
                street_name: street_name?.into(),
                complement: complement.map(Personal::new),
                zip_code: zip_code?.into(),
                city: city?.into(),
                country: country?,
                email: email?.into(),
                phone_number: phone_number?.into(),
            })
        })();
        let company = social_reference
            .zip(siren)
            .map(|(name, siren)| Company { social_reference: name.into(), siren: siren.into() });
        let form = Self { consumer, iban: iban.map(Personal::new), company };
        if form.consumer.is_none() && form.iban.is_none() && form.company.is_none() {
            return Err(FormFault { code: Code::NoSet, field: None });
        }
        Ok(form)
    }
}

/// Trimmed and in NFC; `None` where nothing is left.
fn normalised(field: &Field, value: &str) -> Result<Option<String>, Code> {
    let mut text: String = value.trim().nfc().collect();
    if field.compact {
        // Hyphens of typesetters too.
        text.retain(|c| !c.is_whitespace() && !matches!(c, '.' | '-' | '\u{2010}' | '\u{2011}'));
    }
    if text.chars().any(char::is_control) {
        return Err(Code::Characters);
    }
    if text.chars().count() > field.longest {
        return Err(Code::Length);
    }
    Ok((!text.is_empty()).then_some(text))
}

enum Value {
    Text(String),
    Other,
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_str<E>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Value::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
                while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Value::Other)
            }
        }

        deserializer.deserialize_any(Any)
    }
}

/// The known fields of an object, none of whose keys comes twice.
struct Fields([Option<Value>; FIELDS.len()]);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Fields, A::Error> {
                let twice = || serde::de::Error::custom("a key comes twice");
                let mut fields = Fields(Default::default());
                let mut unknown: HashSet<String> = HashSet::new();
                while let Some(key) = entries.next_key::<std::borrow::Cow<'de, str>>()? {
                    match FIELDS.iter().position(|field| field.name == key) {
                        Some(at) => {
                            if fields.0[at].replace(entries.next_value()?).is_some() {
                                return Err(twice());
                            }
                        }
                        None => {
                            entries.next_value::<IgnoredAny>()?;
                            if !unknown.insert(key.into_owned()) {
                                return Err(twice());
                            }
                        }
                    }
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::*;

    fn identity() -> Map<String, serde_json::Value> {
        let fields = FIELDS[..11].iter().map(|field| (field.name.to_owned(), json!("1")));
        let mut fields: Map<_, _> = fields.collect();
        fields["consumer_country"] = json!("fr");
        fields
    }

    fn read(body: impl serde::Serialize) -> Result<Form, (&'static str, Option<&'static str>)> {
        Form::read(&serde_json::to_vec(&body).unwrap()).map_err(|fault| (fault.code.as_str(), fault.field))
    }

    #[test]
    fn each_set_alone_and_all_together() {
        assert!(read(identity()).unwrap().consumer.is_some());
        assert!(read(json!({"iban": "x"})).unwrap().iban.is_some());
        assert!(read(json!({"siren": "1", "social_reference": "x"})).unwrap().company.is_some());
        let mut all = identity();
        all.extend([("iban".to_owned(), json!("x")), ("unknown".to_owned(), json!({"a": [1, null]}))]);
        assert_eq!(read(all).unwrap().consumer.unwrap().country, "FR");
    }

    #[test]
    fn an_opened_set_must_be_complete_and_the_missing_field_is_named() {
        for field in identity().keys().filter(|name| *name != "consumer_address_complement") {
            let mut body = identity();
            body[field] = json!(" \u{a0} ");
            let fault = read(&body).unwrap_err();
            assert_eq!(fault, ("MAND_002", FIELDS.iter().map(|f| f.name).find(|name| name == field)));
        }
        assert_eq!(read(json!({"siren": "1"})).unwrap_err(), ("MAND_003", Some("social_reference")));
        assert_eq!(read(json!({"social_reference": "x"})).unwrap_err(), ("MAND_003", Some("siren")));
        assert_eq!(read(json!({})).unwrap_err(), ("MAND_001", None));
        assert_eq!(read(json!({"consumer_address_complement": "x"})).unwrap_err(), ("MAND_001", None));
    }

    #[test]
    fn wrong_form_has_its_code_and_field() {
        for body in
            ["", "[]", "null", "{", r#"{"iban":"a","iban":"b"}"#, r#"{"x":1,"x":1}"#, r#"{"iban":"\ud800"}"#]
        {
            assert_eq!(Form::read(body.as_bytes()).unwrap_err().code, Code::Json, "{body}");
        }
        for value in
            [json!(1), json!(null), json!(true), json!(1.5), json!(-1), json!(["x"]), json!({"a": "b"})]
        {
            assert_eq!(read(json!({"iban": value})).unwrap_err(), ("FORM_002", Some("iban")));
        }
        assert_eq!(read(json!({"iban": "1".repeat(35)})).unwrap_err(), ("FORM_003", Some("iban")));
        assert_eq!(read(json!({"iban": "a\u{0}b"})).unwrap_err(), ("FORM_004", Some("iban")));
        assert_eq!(
            read(json!({"social_reference": "a\tb"})).unwrap_err(),
            ("FORM_004", Some("social_reference"))
        );
        assert_eq!(
            read(json!({"consumer_country": "UK"})).unwrap_err(),
            ("FORM_005", Some("consumer_country"))
        );
        assert_eq!(
            read(json!({"consumer_country": "FRA"})).unwrap_err(),
            ("FORM_003", Some("consumer_country"))
        );
        let long = format!(r#"{{"iban":"{}"}}"#, " ".repeat(MAX_BODY));
        assert_eq!(Form::read(long.as_bytes()).unwrap_err().code, Code::Length);
    }

    #[test]
    fn numbers_lose_white_space_dots_and_hyphens_of_any_kind() {
        let form = read(json!({"iban": "\tFR76 3000.6000-0112\u{2011}34\u{a0}\u{2009}5\n"})).unwrap();
        assert_eq!(form.iban.unwrap().expose(), "FR76300060000112345");
    }

    #[test]
    fn lengths_count_characters_in_nfc() {
        let decomposed = "e\u{301}".repeat(32);
        assert!(read(json!({"siren": "1", "social_reference": decomposed})).is_ok());
        let longer = "é".repeat(33);
        let fault = read(json!({"siren": "1", "social_reference": longer})).unwrap_err();
        assert_eq!(fault, ("FORM_003", Some("social_reference")));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body: Vec<u8>) {
            let _ = Form::read(&body);
        }

        #[test]
        fn what_was_read_reads_the_same_again(iban in "\\PC{0,40}") {
            if let Ok(Form { iban: Some(once), .. }) = read(json!({"iban": iban})) {
                let twice = read(json!({"iban": once.expose()})).unwrap().iban.unwrap();
                prop_assert_eq!(once, twice);
            }
        }
    }
}

//! FollowTheMoney entities, one JSON object a line, as OpenSanctions publishes its lists of politically exposed
//! persons and others (`entities.ftm.json`; properties: <https://followthemoney.tech/explorer/>).

use std::collections::HashMap;
use std::io::{BufRead, BufReader};

use serde::Deserialize;
use serde_json::Value;

use super::date;
use super::error::{Fault, ListError, Position};
use super::input::Input;
use super::intake::{Intake, blank, name};
use super::text::place_with_country;
use crate::domain::record::{Country, Document, Gender, Kind, NameStrength, Place, Record};

pub(super) fn read(input: Input<'_>, intake: &mut Intake<'_>) -> Result<(), ListError> {
    let (file, meter) = (input.name, input.meter());
    let mut lines = super::input::without_mark(BufReader::new(input));
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        meter.reset();
        number += 1;
        let fail = |fault| ListError::new(file, Position::Line(number), fault);
        if lines.read_until(b'\n', &mut line).map_err(|error| fail(error.into()))? == 0 {
            return Ok(());
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        entity(&line, number == 1, intake).map_err(fail)?;
    }
}

fn entity(line: &[u8], first: bool, intake: &mut Intake<'_>) -> Result<(), Fault> {
    // What is passed over must be text too.
    let line = std::str::from_utf8(line)
        .map_err(|error| Fault::Encoding(format!("the file is not UTF-8: {error}")))?;
    let entity: Entity = serde_json::from_str(line).map_err(|error| match first && !error.is_eof() {
        true => Fault::WrongFormat("FollowTheMoney in JSON lines"),
        false => Fault::from(error),
    })?;
    // What is no target is there to explain others: owners, relatives, addresses.
    match kind(&entity.schema).filter(|_| entity.target != Some(false)) {
        Some(kind) => intake.take(record(&entity, kind)),
        None => {
            intake.facts.skipped += 1;
            Ok(())
        }
    }
}

#[derive(Deserialize)]
struct Entity {
    #[serde(default)]
    id: String,
    schema: String,
    caption: Option<String>,
    #[serde(default)]
    properties: HashMap<String, Vec<Value>>,
    target: Option<bool>,
    first_seen: Option<String>,
    last_change: Option<String>,
}

impl Entity {
    /// Texts only: nested entities are other entities' matter.
    fn texts(&self, property: &str) -> impl Iterator<Item = &str> {
        self.properties.get(property).into_iter().flatten().filter_map(Value::as_str)
    }
}

/// `None` for what is no party: addresses, sanctions, positions, relations.
pub(super) fn kind(schema: &str) -> Option<Kind> {
    match schema {
        "Person" => Some(Kind::Person),
        "LegalEntity" | "Organization" | "Company" | "PublicBody" => Some(Kind::Organisation),
        "Vessel" => Some(Kind::Vessel),
        "Airplane" => Some(Kind::Aircraft),
        _ => None,
    }
}

/// The properties that tell one party from another, and what a document is called.
const DOCUMENTS: &[(&str, &str)] = &[
    ("passportNumber", "Passport"),
    ("idNumber", "Identification"),
    ("socialSecurityNumber", "Social security number"),
    ("taxNumber", "Tax number"),
    ("vatCode", "VAT number"),
    ("registrationNumber", "Registration number"),
    ("innCode", "INN"),
    ("ogrnCode", "OGRN"),
    ("kppCode", "KPP"),
    ("okpoCode", "OKPO"),
    ("uscCode", "Unified social credit code"),
    ("leiCode", "LEI"),
    ("dunsCode", "D-U-N-S number"),
    ("swiftBic", "SWIFT/BIC"),
    ("isinCode", "ISIN"),
    ("imoNumber", "IMO number"),
    ("mmsi", "MMSI"),
    ("callSign", "Call sign"),
    ("serialNumber", "Serial number"),
];

/// What else is worth showing.
const REMARKS: &[(&str, &str)] = &[
    ("title", "Title"),
    ("deathDate", "Died"),
    ("status", "Status"),
    ("type", "Type"),
    ("model", "Model"),
    ("buildDate", "Built"),
    ("owner", "Owner"),
    ("pastFlags", "Former flag"),
    ("website", "Website"),
    ("email", "Email"),
    ("phone", "Phone"),
    ("notes", "Notes"),
];

fn record(entity: &Entity, kind: Kind) -> Record {
    let mut record = blank(&entity.id, kind);
    let caption = entity.caption.iter().map(String::as_str);
    // The caption is one of the names: which one is the main one is the publisher's choice.
    record.names.extend(caption.map(|text| name(text, NameStrength::Primary)));
    for (property, strength) in [
        ("name", NameStrength::Strong),
        ("alias", NameStrength::Strong),
        ("previousName", NameStrength::Former),
        ("weakAlias", NameStrength::Weak),
        ("abbreviation", NameStrength::Weak),
    ] {
        record.names.extend(entity.texts(property).map(|text| name(text, strength)));
    }
    if let ([only], Some(family)) =
        (entity.texts("firstName").collect::<Vec<_>>().as_slice(), one(entity, "lastName"))
        && let Some(primary) = record.names.first_mut()
    {
        primary.given = Some((*only).to_owned());
        primary.family = Some(family.to_owned());
    }
    for text in entity.texts("birthDate") {
        let dates = date::of_text(text);
        record.remarks.extend(dates.is_empty().then(|| format!("Date of birth: {text}")));
        record.births.extend(dates);
    }
    record.birth_places.extend(entity.texts("birthPlace").map(place_with_country));
    record.birth_places.extend(entity.texts("birthCountry").map(in_country));
    for property in ["nationality", "citizenship", "jurisdiction", "flag"] {
        record.nationalities.extend(entity.texts(property).map(Country::coded));
    }
    record.addresses.extend(entity.texts("address").map(place_with_country));
    for property in ["country", "mainCountry"] {
        record.addresses.extend(entity.texts(property).map(in_country));
    }
    for (property, kind) in DOCUMENTS {
        record.documents.extend(entity.texts(property).map(|number| Document {
            kind: (*kind).to_owned(),
            number: number.strip_prefix("IMO").unwrap_or(number).to_owned(),
            country: None,
        }));
    }
    record.gender = one(entity, "gender").and_then(Gender::of);
    for property in ["position", "program", "programId", "topics"] {
        record.programmes.extend(entity.texts(property).map(str::to_owned));
    }
    let listed_on = one(entity, "createdAt").map(str::to_owned);
    record.listed_on = listed_on.or_else(|| entity.last_change.clone()).or_else(|| entity.first_seen.clone());
    for (property, label) in REMARKS {
        record.remarks.extend(entity.texts(property).map(|text| format!("{label}: {text}")));
    }
    record
}

fn one<'e>(entity: &'e Entity, property: &str) -> Option<&'e str> {
    let mut texts = entity.texts(property);
    texts.next().filter(|_| texts.next().is_none())
}

fn in_country(code: &str) -> Place {
    Place { text: None, country: Some(Country::coded(code)) }
}

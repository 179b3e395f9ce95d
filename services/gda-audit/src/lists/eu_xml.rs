//! The European Union's financial sanctions files (FSF), XML 1.1
//! (<https://webgate.ec.europa.eu/fsd/fsf>, namespace `http://eu.europa.ec/fpi/fsd/export`).

use super::date;
use super::error::ListError;
use super::input::Input;
use super::intake::{Intake, blank};
use super::text::{join, place, words};
use super::xml::{Element, Xml};
use crate::domain::record::{BirthDate, Country, Document, Gender, Kind, ListedName, NameStrength, Record};

pub(super) fn read(input: Input<'_>, intake: &mut Intake<'_>) -> Result<(), ListError> {
    let mut xml = Xml::open(input, "export", "the EU's list in XML 1.1", &[])?;
    intake.dated(xml.root.attribute("generationDate"));
    while let Some(entry) = xml.next()? {
        let taken = match entry.name.as_str() {
            // Excerpts of the list hold an identifier twice.
            "sanctionEntity" => intake.take_repeated(record(&entry)),
            _ => Err(entry.unexpected()),
        };
        taken.map_err(|fault| xml.error(fault))?;
    }
    Ok(())
}

fn record(entry: &Element) -> Record {
    let kind = match entry.all("subjectType").find_map(|subject| subject.attribute("code")) {
        Some("person") => Kind::Person,
        _ => Kind::Organisation,
    };
    let mut record = blank(entry.attribute("logicalId").unwrap_or_default(), kind);
    record.names.extend(entry.all("nameAlias").map(name));
    if let Some(first) = record.names.iter_mut().find(|name| name.strength == NameStrength::Strong) {
        first.strength = NameStrength::Primary;
    }
    record.gender = entry.all("nameAlias").find_map(|alias| alias.attribute("gender")).and_then(Gender::of);
    entry.all("birthdate").for_each(|birth| self::birth(birth, &mut record));
    record.nationalities.extend(entry.all("citizenship").filter_map(country));
    for at in entry.all("address") {
        let parts = ["street", "poBox", "zipCode", "city", "place", "region"];
        record.addresses.extend(place(parts.map(|part| given(at, part)), country(at)));
    }
    for paper in entry.all("identification") {
        let kind = paper.attribute("identificationTypeDescription");
        let kind = kind.or_else(|| paper.attribute("identificationTypeCode")).unwrap_or_default().to_owned();
        let number = paper.attribute("number").or_else(|| paper.attribute("latinNumber")).unwrap_or_default();
        record.documents.push(Document { kind, number: number.to_owned(), country: country(paper) });
    }
    record
        .programmes
        .extend(entry.all("regulation").filter_map(|act| act.attribute("programme").map(str::to_owned)));
    let in_force = || entry.all("regulation").filter_map(|act| act.attribute("entryIntoForceDate")).min();
    record.listed_on = entry.attribute("designationDate").or_else(in_force).map(str::to_owned);
    for (attribute, label) in [("euReferenceNumber", "EU reference"), ("unitedNationId", "UN reference")] {
        record.remarks.extend(entry.attribute(attribute).map(|value| format!("{label}: {value}")));
    }
    for alias in entry.all("nameAlias") {
        for (attribute, label) in [("title", "Title"), ("function", "Function")] {
            record.remarks.extend(alias.attribute(attribute).map(|value| format!("{label}: {value}")));
        }
    }
    record.remarks.extend(entry.attribute("designationDetails").map(str::to_owned));
    record.remarks.extend(entry.texts("remark").map(str::to_owned));
    for part in ["nameAlias", "birthdate", "address", "identification", "citizenship"] {
        record.remarks.extend(entry.texts_in(part, "remark").map(str::to_owned));
    }
    record
}

fn name(alias: &Element) -> ListedName {
    let [first, middle, last] = ["firstName", "middleName", "lastName"].map(|part| alias.attribute(part));
    let given = words([first, middle]);
    let whole = alias.attribute("wholeName").map_or_else(|| words([first, middle, last]), str::to_owned);
    ListedName {
        whole,
        family: last.map(str::to_owned),
        given: (!given.is_empty()).then_some(given),
        strength: match alias.attribute("strong") {
            Some("false") => NameStrength::Weak,
            _ => NameStrength::Strong,
        },
        language: alias.attribute("nameLanguage").map(str::to_lowercase),
    }
}

fn birth(birth: &Element, record: &mut Record) {
    let part = |name| birth.attribute(name).unwrap_or_default();
    let gregorian = matches!(birth.attribute("calendarType"), None | Some("GREGORIAN"));
    let dates = match (birth.attribute("birthdate"), birth.attribute("yearRangeFrom")) {
        _ if !gregorian => Vec::new(),
        (Some(exact), _) => date::of_text(exact),
        (None, Some(from)) => date::of_text(&format!("{from} to {}", part("yearRangeTo"))),
        (None, None) => {
            date::of_parts(part("year"), part("monthOfYear"), part("dayOfMonth")).into_iter().collect()
        }
    };
    let text = join(["birthdate", "year", "calendarType"].map(|name| birth.attribute(name)), " ");
    if dates.is_empty() && (birth.attribute("birthdate").is_some() || birth.attribute("year").is_some()) {
        record.remarks.push(format!("Date of birth: {text}"));
    }
    let circa = part("circa") == "true";
    record.births.extend(dates.into_iter().map(|date| BirthDate { circa: date.circa || circa, ..date }));
    let parts = ["city", "place", "region", "zipCode"].map(|name| given(birth, name));
    record.birth_places.extend(place(parts, country(birth)));
}

/// `-` is no place.
fn given<'a>(element: &'a Element, attribute: &str) -> Option<&'a str> {
    element.attribute(attribute).filter(|value| *value != "-")
}

/// `00`, UNKNOWN, is no country.
fn country(element: &Element) -> Option<Country> {
    let code = element.attribute("countryIso2Code").filter(|code| *code != "00");
    let name = element.attribute("countryDescription").filter(|name| *name != "UNKNOWN");
    match (code, name) {
        (Some(code), Some(name)) => Some(Country { name: name.to_owned(), ..Country::coded(code) }),
        (Some(code), None) => Some(Country::coded(code)),
        (None, name) => name.map(Country::named),
    }
}

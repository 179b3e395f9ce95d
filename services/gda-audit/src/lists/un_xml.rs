//! The consolidated list of the United Nations Security Council, official XML
//! (<https://www.un.org/sc/resources/sc-sanctions.xsd>).

use super::date;
use super::error::ListError;
use super::input::Input;
use super::intake::{Intake, blank, name};
use super::text::{alternatives, imo_numbers, is_latin, join, labelled, place, words};
use super::xml::{Element, Xml};
use crate::domain::record::{BirthDate, Country, Document, Gender, Kind, NameStrength, Record};

pub(super) fn read(input: Input<'_>, intake: &mut Intake<'_>) -> Result<(), ListError> {
    let format = "the UN's consolidated list in XML";
    let mut xml = Xml::open(input, "CONSOLIDATED_LIST", format, &["INDIVIDUALS", "ENTITIES"])?;
    intake.dated(xml.root.attribute("dateGenerated"));
    while let Some(entry) = xml.next()? {
        let taken = match entry.name.as_str() {
            "INDIVIDUAL" => intake.take(record(&entry, Kind::Person)),
            "ENTITY" => intake.take(record(&entry, Kind::Organisation)),
            _ => Err(entry.unexpected()),
        };
        taken.map_err(|fault| xml.error(fault))?;
    }
    Ok(())
}

fn record(entry: &Element, kind: Kind) -> Record {
    // DATAID changes between editions, the reference doesn't.
    let mut record = blank(entry.text("REFERENCE_NUMBER").unwrap_or_default(), kind);
    names(entry, &mut record);
    entry.all("INDIVIDUAL_DATE_OF_BIRTH").for_each(|date| birth(date, &mut record));
    for at in entry.all("INDIVIDUAL_PLACE_OF_BIRTH") {
        record.birth_places.extend(place(parts(at), at.text("COUNTRY").map(Country::named)));
        record.remarks.extend(at.text("NOTE").map(|note| format!("Place of birth: {note}")));
    }
    for at in entry.all("INDIVIDUAL_ADDRESS").chain(entry.all("ENTITY_ADDRESS")) {
        record.addresses.extend(place(parts(at), at.text("COUNTRY").map(Country::named)));
        let of = join(parts(at).into_iter().chain([at.text("COUNTRY")]), ", ");
        record.remarks.extend(at.text("NOTE").map(|note| labelled_note(&["Address", &of], note)));
    }
    record.nationalities.extend(entry.texts_in("NATIONALITY", "VALUE").map(Country::named));
    entry.all("INDIVIDUAL_DOCUMENT").for_each(|paper| document(paper, &mut record));
    let comments = entry.text("COMMENTS1");
    record.documents.extend(comments.into_iter().flat_map(imo_numbers).map(|number| Document {
        kind: "IMO number".to_owned(),
        number: number.to_owned(),
        country: None,
    }));
    record.gender = entry.text("GENDER").or_else(|| comments.and_then(gender_in)).and_then(Gender::of);
    record.programmes.extend(entry.text("UN_LIST_TYPE").map(str::to_owned));
    record.listed_on = entry.text("LISTED_ON").map(str::to_owned);
    let titles = entry.texts_in("TITLE", "VALUE").map(|title| format!("Title: {title}"));
    let designations = entry.texts_in("DESIGNATION", "VALUE").map(|text| format!("Designation: {text}"));
    record.remarks.extend(titles.chain(designations).chain(comments.map(str::to_owned)));
    record
}

fn names(entry: &Element, record: &mut Record) {
    let parts = ["FIRST_NAME", "SECOND_NAME", "THIRD_NAME", "FOURTH_NAME"];
    let whole = words(parts.map(|part| entry.text(part)));
    record.names.push(name(&whole, NameStrength::Primary));
    push(record, &whole, NameStrength::Strong);
    push(record, entry.text("NAME_ORIGINAL_SCRIPT").unwrap_or_default(), NameStrength::Strong);
    for alias in entry.all("INDIVIDUAL_ALIAS").chain(entry.all("ENTITY_ALIAS")) {
        let whole = alias.text("ALIAS_NAME").unwrap_or_default();
        let note = alias.text("NOTE").unwrap_or_default();
        let folded = note.to_lowercase();
        let strength = match alias.text("QUALITY") {
            Some("Low") => NameStrength::Weak,
            Some("f.k.a.") => NameStrength::Former,
            _ if folded.starts_with("previously listed") || folded.starts_with("formerly listed") => {
                NameStrength::Former
            }
            _ => NameStrength::Strong,
        };
        push(record, whole, strength);
        if let Some((label, variant)) = note.rsplit_once(':').filter(|(_, variant)| !is_latin(variant)) {
            // `original script: …`, `In Arabic: …`
            push(record, variant, strength);
            record.remarks.extend((label.len() > 40).then(|| labelled_note(&["Alias", whole], note)));
        } else if !is_latin(whole)
            && note.contains(';')
            && !note.contains(|c: char| c == '(' || c.is_numeric())
        {
            push(record, note, strength);
        } else if !note.is_empty() {
            record.remarks.push(labelled_note(&["Alias", whole], note));
        }
        record.births.extend(alias.text("DATE_OF_BIRTH").map(date::of_text).unwrap_or_default());
        let (city, country) = (alias.text("CITY_OF_BIRTH"), alias.text("COUNTRY_OF_BIRTH"));
        record.birth_places.extend(place([city], country.map(Country::named)));
    }
}

fn push(record: &mut Record, text: &str, strength: NameStrength) {
    let names = alternatives(text).into_iter();
    record.names.extend(names.map(|found| name(found.text, found.strength.unwrap_or(strength))));
}

fn birth(date: &Element, record: &mut Record) {
    let note = date.text("NOTE").unwrap_or_default();
    let circa =
        date.text("TYPE_OF_DATE") == Some("APPROXIMATELY") || note.eq_ignore_ascii_case("approximately");
    let dates = match (date.text("FROM_YEAR"), date.text("TO_YEAR"), date.text("DATE"), date.text("YEAR")) {
        (Some(from), Some(to), ..) => date::of_text(&format!("{from} to {to}")),
        (_, _, Some(exact), _) => date::of_text(exact),
        // `YEAR` 1975 with the note `Sep.`
        (_, _, _, Some(year)) => {
            let month = date::of_parts(year, note, "");
            month.or_else(|| date::of_parts(year, "", "")).into_iter().collect()
        }
        _ => date::of_text(note),
    };
    record.births.extend(dates.into_iter().map(|date| BirthDate { circa: date.circa || circa, ..date }));
    if !note.is_empty() && !note.eq_ignore_ascii_case("approximately") {
        record.remarks.push(format!("Date of birth: {note}"));
    }
}

fn document(paper: &Element, record: &mut Record) {
    let kind = paper.text("TYPE_OF_DOCUMENT2").or_else(|| paper.text("TYPE_OF_DOCUMENT"));
    let kind = kind.unwrap_or_default();
    let country =
        paper.text("ISSUING_COUNTRY").or_else(|| paper.text("COUNTRY_OF_ISSUE")).map(Country::named);
    let number = paper.text("NUMBER");
    if let Some(number) = number {
        record.documents.push(Document { kind: kind.to_owned(), number: number.to_owned(), country });
    }
    let issued = paper.text("DATE_OF_ISSUE").map(|date| format!("issued {date}"));
    let note = join([issued.as_deref(), paper.text("CITY_OF_ISSUE"), paper.text("NOTE")], ", ");
    if !note.is_empty() || number.is_none() && !kind.is_empty() {
        record.remarks.push(labelled_note(&[kind, number.unwrap_or_default()], &note));
    }
}

fn parts(at: &Element) -> [Option<&str>; 4] {
    ["STREET", "CITY", "STATE_PROVINCE", "ZIP_CODE"].map(|part| at.text(part))
}

/// `label label: note`
fn labelled_note(labels: &[&str], note: &str) -> String {
    let label = words(labels.iter().copied().map(Some));
    join([Some(label.as_str()), Some(note)], ": ")
}

/// The comments of many entries without the element GENDER begin or end with `Gender: male`.
fn gender_in(comments: &str) -> Option<&str> {
    comments
        .match_indices("Gender")
        .find_map(|(at, _)| labelled(&comments[at..], "Gender"))?
        .split_whitespace()
        .next()
}

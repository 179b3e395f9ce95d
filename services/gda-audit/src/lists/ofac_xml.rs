//! OFAC's SDN and consolidated lists, XML (`SDN.XML`, `CONSOLIDATED.XML`: element `sdnList`).

use super::error::{Fault, ListError};
use super::input::Input;
use super::intake::{Intake, blank, name, name_of};
use super::ofac;
use super::text::{join, place};
use super::xml::{Element, Xml};
use crate::domain::record::{Kind, ListedName, NameStrength, Record};

pub(super) fn read(input: Input<'_>, intake: &mut Intake<'_>) -> Result<(), ListError> {
    let mut xml = Xml::open(input, "sdnList", "an OFAC list in XML", &[])?;
    let mut announced = None;
    while let Some(entry) = xml.next()? {
        match entry.name.as_str() {
            "sdnEntry" => intake.take(record(&entry)).map_err(|fault| xml.error(fault))?,
            "publshInformation" => {
                intake.dated_as(entry.text("Publish_Date"), "%m/%d/%Y");
                announced = entry.text("Record_Count").and_then(|count| count.parse::<u64>().ok());
            }
            _ => return Err(xml.error(entry.unexpected())),
        }
    }
    let found = intake.facts.total();
    match announced {
        Some(announced) if announced != found => {
            Err(xml.error(Fault::Cut(format!("{announced} records are announced, {found} are there"))))
        }
        _ => Ok(()),
    }
}

fn record(entry: &Element) -> Record {
    let kind = match entry.text("sdnType") {
        Some("Individual") => Kind::Person,
        Some("Vessel") => Kind::Vessel,
        Some("Aircraft") => Kind::Aircraft,
        _ => Kind::Organisation,
    };
    let mut record = blank(entry.text("uid").unwrap_or_default(), kind);
    record.names.push(name_in(entry, kind, NameStrength::Primary));
    for alias in entry.each_in("akaList", "aka") {
        let strength = match (alias.text("category"), alias.text("type")) {
            (Some("weak"), _) => NameStrength::Weak,
            (_, Some("f.k.a.")) => NameStrength::Former,
            _ => NameStrength::Strong,
        };
        record.names.push(name_in(alias, kind, strength));
    }
    for (list, item, value, label) in [
        ("dateOfBirthList", "dateOfBirthItem", "dateOfBirth", "DOB"),
        ("placeOfBirthList", "placeOfBirthItem", "placeOfBirth", "POB"),
        ("nationalityList", "nationality", "country", "nationality"),
        ("citizenshipList", "citizenship", "country", "citizen"),
    ] {
        for value in entry.each_in(list, item).filter_map(|item| item.text(value)) {
            ofac::fact(label, value, &mut record);
        }
    }
    for at in entry.each_in("addressList", "address") {
        let parts = ["address1", "address2", "address3", "city", "stateOrProvince"];
        let street_and_town = join(parts.map(|part| at.text(part)), ", ");
        let text = join([Some(street_and_town.as_str()), at.text("postalCode")], " ");
        record.addresses.extend(place([Some(text.as_str())], at.text("country").map(ofac::address_country)));
    }
    entry.each_in("idList", "id").for_each(|id| identifier(id, &mut record));
    if let Some(vessel) = entry.all("vesselInfo").next() {
        record.nationalities.extend(vessel.text("vesselFlag").and_then(ofac::flag));
        let call_sign = vessel.text("callSign").map(|sign| ofac::document("Call sign", sign, None));
        record.documents.extend(call_sign);
        for (element, label) in [
            ("vesselType", "Vessel type"),
            ("tonnage", "Tonnage"),
            ("grossRegisteredTonnage", "Gross registered tonnage"),
            ("vesselOwner", "Vessel owner"),
        ] {
            record.remarks.extend(vessel.text(element).map(|value| format!("{label}: {value}")));
        }
    }
    record.programmes.extend(entry.texts_in("programList", "program").map(str::to_owned));
    record.remarks.extend(entry.text("title").map(|title| format!("Title: {title}")));
    record.remarks.extend(entry.text("remarks").map(str::to_owned));
    record
}

/// Only persons' names have parts: what stands in `lastName` of others is the whole.
fn name_in(element: &Element, kind: Kind, strength: NameStrength) -> ListedName {
    let (family, given) = (element.text("lastName"), element.text("firstName"));
    match kind {
        Kind::Person => name_of(family, given, strength),
        _ => name(&join([given, family], " "), strength),
    }
}

fn identifier(id: &Element, record: &mut Record) {
    let (kind, number) = (id.text("idType").unwrap_or_default(), id.text("idNumber").unwrap_or_default());
    let country = id.text("idCountry");
    if ofac::fact(kind, if number.is_empty() { country.unwrap_or_default() } else { number }, record) {
        return;
    }
    let dates = [("issued", id.text("issueDate")), ("expires", id.text("expirationDate"))];
    let dates = dates.map(|(label, date)| date.map(|date| format!("{label} {date}")));
    let dates = join([dates[0].as_deref(), dates[1].as_deref()], ", ");
    if ofac::document_kind(kind).is_some() {
        record.documents.push(ofac::document(kind, number, country));
        if !dates.is_empty() {
            record.remarks.push(format!("{kind} {number}: {dates}"));
        }
    } else {
        record.remarks.push(join([Some(kind), Some(number), country, Some(dates.as_str())], " "));
    }
}

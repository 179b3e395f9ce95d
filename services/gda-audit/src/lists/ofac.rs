//! What OFAC's XML and CSV have in common: words for documents, dates and places.

use super::date;
use super::text::{number_and_country, place_with_country};
use crate::domain::record::{Country, Document, Gender, Record};

/// The kinds of identifiers (OFAC's reference values of identity documents and registrations, as they occur in its
/// lists) that tell one entry from another. What is none of them (web sites, directives, tickers) is a remark.
const DOCUMENTS: &[&str] = &[
    "Afghan Money Service Provider License Number",
    "Aircraft Construction Number (also called L/N or S/N or F/N)",
    "Aircraft Manufacturer's Serial Number (MSN)",
    "Aircraft Mode S Transponder Code",
    "Aircraft Serial Identification",
    "Aircraft Tail Number",
    "BIK (RU)",
    "Birth Certificate Number",
    "Bosnian Personal ID No.",
    "Branch Unit Number",
    "British National Overseas Passport",
    "Business Number",
    "Business Registration Document #",
    "Business Registration Number",
    "C.I.F.",
    "C.R. No.",
    "C.U.I.",
    "C.U.I.P.",
    "C.U.I.T.",
    "C.U.R.P.",
    "CNP (Personal Numerical Code)",
    "Cartilla de Servicio Militar Nacional",
    "Cedula No.",
    "Central Registration System Number",
    "Certificate of Incorporation Number",
    "Chamber of Commerce Number",
    "Chinese Commercial Code",
    "Citizen's Card Number",
    "Commercial Registry Number",
    "Company ID",
    "Company Number",
    "Credencial electoral",
    "D-U-N-S Number",
    "D.N.I.",
    "Digital Currency Address",
    "Diplomatic Passport",
    "Driver's License No.",
    "Dubai Chamber of Commerce Membership No.",
    "Economic Register Number (CBLS)",
    "Electoral Registry No.",
    "Enterprise Number",
    "File Number",
    "Fiscal Code",
    "Folio Mercantil No.",
    "Global Intermediary Identification Number",
    "Government Gazette Number",
    "I.F.E.",
    "ISIN",
    "Identification Number",
    "Immigration No.",
    "International Maritime Organization No.",
    "Istanbul Chamber of Comm. No.",
    "Italian Fiscal Code",
    "Kenyan ID No.",
    "Kuwaiti Civil ID No.",
    "LE Number",
    "Legal Entity Number",
    "License",
    "MMSI",
    "MSB Registration Number",
    "Matricula Mercantil No",
    "Military Registration Number",
    "Moroccan Personal ID No.",
    "N.I.E.",
    "N.I.F.",
    "NIT #",
    "National Foreign ID Number",
    "National ID No.",
    "Numero Unico de Identificacao Tributaria (NUIT)",
    "Numero de Identidad",
    "Other Vessel Call Sign",
    "Paraguayan tax identification number",
    "Passport",
    "Passport Booklet",
    "Passport No.",
    "Personal ID Card",
    "Pilot License Number",
    "Previous Aircraft Tail Number",
    "Professional Registration Number",
    "Public Registration Number",
    "Public Security and Immigration No.",
    "R.F.C.",
    "RFC",
    "RIF #",
    "RSIN",
    "RTN",
    "RUC #",
    "Refugee ID Card",
    "Registered Charity No.",
    "Registration ID",
    "Registration Number",
    "Residency Number",
    "Romanian C.R.",
    "Romanian Permanent Resident",
    "Romanian Tax Registration",
    "SRE Permit No.",
    "SSN",
    "SWIFT/BIC",
    "Seafarer's Identification Document",
    "Serial No.",
    "Stateless Person ID Card",
    "Stateless Person Passport",
    "Tax ID No.",
    "Tazkira National ID Card",
    "Tourism License No.",
    "Trade License No.",
    "Travel Document Number",
    "Turkish Identification Number",
    "UAE Identification",
    "UK Company Number",
    "US FEIN",
    "Unified Social Credit Code (USCC)",
    "United Social Credit Code Certificate (USCCC)",
    "V.A.T. Number",
    "Vessel Registration Identification",
    "VisaNumberID",
];

/// The kind of document that a text begins with, and the rest.
pub(super) fn document_kind(text: &str) -> Option<(&str, &str)> {
    let of =
        |kind: &&str| text.strip_prefix(*kind).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    // `C.U.I.P.` is no `C.U.I.`, and of `Passport Booklet` the second word is no number.
    let kind = DOCUMENTS.iter().filter(|kind| of(kind)).max_by_key(|kind| kind.len())?;
    let end = match *kind {
        // `Digital Currency Address - XBT 1Abc…`: the currency belongs to the kind.
        "Digital Currency Address" => text.rfind(' ').unwrap_or(text.len()),
        kind => kind.len(),
    };
    let (kind, rest) = text.split_at(end);
    Some((kind.trim_end_matches([' ', '-']), rest.trim_start_matches(':').trim()))
}

/// A document of its parts: ships' numbers get one kind in whatever field they stand.
pub(super) fn document(kind: &str, number: &str, country: Option<&str>) -> Document {
    let (kind, number) = match number.strip_prefix("IMO ") {
        Some(number) => ("IMO number", number),
        None => (kind, number),
    };
    let (number, in_number) = number_and_country(number);
    let country = country.map(Country::named).or(in_number);
    Document { kind: kind.to_owned(), number: number.to_owned(), country }
}

/// A birth date, or a remark where it is none that we can read.
pub(super) fn birth(text: &str, record: &mut Record) {
    let dates = date::of_text(text);
    if dates.is_empty() {
        record.remarks.push(format!("DOB {text}"));
    }
    record.births.extend(dates);
}

/// One fact of an entry that its XML gives as an element and its CSV in the remarks; `false` for one of another
/// kind.
pub(super) fn fact(label: &str, value: &str, record: &mut Record) -> bool {
    match label {
        "DOB" => birth(value, record),
        "POB" => record.birth_places.push(place_with_country(value)),
        "nationality" | "citizen" | "Nationality of Registration" => {
            record.nationalities.push(Country::named(value));
        }
        "Gender" => record.gender = Gender::of(value),
        _ => return false,
    }
    true
}

/// `SDGT] [IFSR` is how the CSV joins programmes.
pub(super) fn programmes(text: &str) -> impl Iterator<Item = String> {
    text.split(']').map(|programme| programme.trim_matches(['[', ' ']).to_owned())
}

/// The country of an address: `Region: Gaza` where it is none.
pub(super) fn address_country(text: &str) -> Country {
    let region = text.strip_prefix("Region:").unwrap_or(text);
    Country { name: text.to_owned(), ..Country::named(region) }
}

/// Words for no flag.
pub(super) fn flag(text: &str) -> Option<Country> {
    (!text.eq_ignore_ascii_case("none identified")).then(|| Country::named(text))
}

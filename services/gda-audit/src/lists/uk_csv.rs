//! The United Kingdom's lists, CSV: the OFSI consolidated list (`ConList.csv`, until January 2026) and the UK
//! Sanctions List that replaced it (`UK-Sanctions-List.csv`). Two header rows: the list's date, the columns.
//!
//! A row is a combination of a name, a birth date and an address: an entry's rows make one record, and need not
//! follow each other.

use std::collections::HashMap;

use super::date;
use super::error::{Fault, ListError, Position};
use super::input::Input;
use super::intake::{Intake, blank, name, name_of};
use super::rows::{Charset, Columns, Rows};
use super::text::{alternatives, language, number_and_country, numbered, place, words};
use crate::domain::record::{Country, Document, Gender, Kind, ListedName, NameStrength, Record};

const FORMAT: &str = "the UK's list in CSV";

/// What the two lists call the same column; the OFSI list's name first.
const ALIAS_TYPE: [&str; 2] = ["Alias Type", "Name type"];
const ALIAS_QUALITY: [&str; 2] = ["Alias Quality", "Alias strength"];
const BIRTH: [&str; 2] = ["DOB", "D.O.B"];
const ID: [&str; 2] = ["Group ID", "Unique ID"];
const KIND: [&str; 2] = ["Group Type", "Designation Type"];
const LISTED: [&str; 2] = ["Listed On", "Date Designated"];
const NATIONALITY: [&str; 2] = ["Nationality", "Nationality(/ies)"];
const REGIME: [&str; 2] = ["Regime", "Regime Name"];

pub(super) fn read(input: Input<'_>, intake: &mut Intake<'_>) -> Result<(), ListError> {
    let mut rows = Rows::new(input, Charset::Utf8OrWindows1252);
    let Some(first) = rows.next()? else { return Ok(()) };
    let first: Vec<&str> = first.iter().map(|cell| cell.trim().trim_start_matches('\u{feff}')).collect();
    match *first.as_slice() {
        ["Last Updated", date, ..] => intake.dated_as(Some(date), "%d/%m/%Y"),
        [report, ..] if report.starts_with("Report Date:") => {
            intake.dated_as(Some(report["Report Date:".len()..].trim()), "%d-%b-%Y");
        }
        _ => return Err(rows.error(Fault::WrongFormat(FORMAT))),
    }
    let Some(header) = rows.next()? else { return Err(rows.error(Fault::Cut("no columns".to_owned()))) };
    let columns = Columns::new(header);
    if !columns.has("Name 6") || ![ID, KIND].iter().all(|names| names.iter().any(|name| columns.has(name))) {
        return Err(rows.error(Fault::WrongFormat(FORMAT)));
    }
    let mut records: Vec<Record> = Vec::new();
    let mut by_id: HashMap<String, usize> = HashMap::new();
    while let Some(row) = rows.next_of(columns.len())? {
        let row = Row { columns: &columns, cells: &row };
        let Some(id) = row.any(ID) else {
            if row.cells.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            return Err(rows.error(Fault::NoId("its identifier")));
        };
        let at = *by_id.entry(id.to_owned()).or_insert_with(|| {
            records.push(blank(id, row.kind()));
            records.len() - 1
        });
        if let Some(record) = records.get_mut(at) {
            row.add_to(record);
        }
    }
    for record in records {
        intake.take(record).map_err(|fault| ListError::new(rows.name(), Position::Whole, fault))?;
    }
    Ok(())
}

struct Row<'r> {
    columns: &'r Columns,
    cells: &'r [String],
}

impl<'r> Row<'r> {
    fn get(&self, column: &str) -> Option<&'r str> {
        self.columns.get(self.cells, column)
    }

    fn any(&self, names: [&str; 2]) -> Option<&'r str> {
        names.into_iter().find_map(|name| self.get(name))
    }

    fn kind(&self) -> Kind {
        match self.any(KIND) {
            Some("Individual") => Kind::Person,
            Some("Ship") => Kind::Vessel,
            _ => Kind::Organisation,
        }
    }

    fn add_to(&self, record: &mut Record) {
        self.names(record);
        for text in self.any(BIRTH).map(numbered).unwrap_or_default() {
            let dates = date::of_text(text);
            record.remarks.extend(dates.is_empty().then(|| format!("Date of birth: {text}")));
            record.births.extend(dates);
        }
        let town = self.get("Town of Birth").map(numbered).unwrap_or_default();
        let country = self.get("Country of Birth").map(numbered).unwrap_or_default();
        for at in 0..town.len().max(country.len()) {
            // Numbered towns may share one country.
            let country = country.get(at).or(country.first()).map(|name| Country::named(*name));
            record.birth_places.extend(place([town.get(at).copied()], country));
        }
        let nationalities = self.any(NATIONALITY).map(numbered).unwrap_or_default();
        record.nationalities.extend(nationalities.into_iter().map(Country::named));
        self.addresses(record);
        self.documents(record);
        record.gender = record.gender.or(self.get("Gender").and_then(Gender::of));
        record.programmes.extend(self.any(REGIME).map(str::to_owned));
        if record.listed_on.is_none() {
            record.listed_on = self.any(LISTED).map(iso);
        }
        for column in [
            "Title",
            "Position",
            "UK Statement of Reasons",
            "Designation source",
            "Sanctions Imposed",
            "UN Reference Number",
            "OFSI Group ID",
            "Phone number",
            "Website",
            "Email address",
            "Type of entity",
            "Subsidiaries",
            "Parent company",
            "Current owner/operator (s)",
            "Previous owner/operator (s)",
            "Previous flags",
            "Type of ship",
            "Tonnage of ship",
            "Length of ship",
            "Year Built",
        ] {
            record.remarks.extend(self.get(column).map(|text| format!("{column}: {text}")));
        }
        if let Some(text) = self.get("Other Information") {
            other_information(text, record);
        }
    }

    fn names(&self, record: &mut Record) {
        let alias_type = self.any(ALIAS_TYPE).unwrap_or_default().to_lowercase();
        let quality = self.any(ALIAS_QUALITY).unwrap_or_default().to_lowercase();
        let strength = match alias_type.as_str() {
            "prime alias" | "primary name" => NameStrength::Primary,
            _ if quality.starts_with("low") => NameStrength::Weak,
            "fka" => NameStrength::Former,
            _ => NameStrength::Strong,
        };
        let given = words(["Name 1", "Name 2", "Name 3", "Name 4", "Name 5"].map(|column| self.get(column)));
        record.names.push(match self.get("Name 6") {
            family if record.kind == Kind::Person => name_of(family, Some(&given), strength),
            last => name(&words([Some(given.as_str()), last]), strength),
        });
        let language = self.get("Non-Latin Script Language").and_then(language);
        for text in self.get("Name Non-Latin Script").map(alternatives).unwrap_or_default() {
            let strength = if strength == NameStrength::Primary { NameStrength::Strong } else { strength };
            record
                .names
                .push(ListedName { language: language.map(str::to_owned), ..name(text.text, strength) });
        }
    }

    fn addresses(&self, record: &mut Record) {
        let line = |column: u8| {
            self.get(&format!("Address {column}")).or_else(|| self.get(&format!("Address Line {column}")))
        };
        let code = self.any(["Post/Zip Code", "Address Postal Code"]);
        let lines = [line(1), line(2), line(3), line(4), line(5), line(6), code];
        let country = self.any(["Country", "Address Country"]);
        // `Pakistan (location as at May 2008)`
        let named = country.map(|text| match text.split_once(" (") {
            Some((name, _)) if Country::named(text).code.is_none() => {
                Country { name: text.to_owned(), ..Country::named(name) }
            }
            _ => Country::named(text),
        });
        record.addresses.extend(place(lines, named));
    }

    fn documents(&self, record: &mut Record) {
        for (number, details, kind) in [
            (["Passport Number"; 2], ["Passport Details", "Passport additional information", ""], "Passport"),
            (
                ["National Identification Number", "National Identifier number"],
                [
                    "NI Details",
                    "National Identification Details",
                    "National Identifier additional information",
                ],
                "National identification",
            ),
            (["Business registration number (s)"; 2], [""; 3], "Business registration"),
            (["IMO number"; 2], [""; 3], "IMO number"),
            (["Hull identification number (HIN)"; 2], [""; 3], "Hull identification"),
        ] {
            for text in self.any(number).map(numbered).unwrap_or_default() {
                record.documents.push(document(kind, text));
            }
            let details = details.into_iter().find_map(|column| self.get(column));
            record.remarks.extend(details.map(|details| format!("{kind}: {details}")));
        }
        let flag = self.get("Current believed flag of ship");
        record.nationalities.extend(flag.map(Country::named));
    }
}

fn document(kind: &str, text: &str) -> Document {
    let (number, country) = number_and_country(text);
    let number = if kind == "IMO number" { number.trim_start_matches("IMO").trim() } else { number };
    Document { kind: kind.to_owned(), number: number.to_owned(), country }
}

/// The OFSI list's free text holds `(Gender):Male`, `(IMO number):9187629`, `(Flag of ship):Iran` among others.
fn other_information(text: &str, record: &mut Record) {
    for (label, value) in text.split('(').filter_map(|piece| piece.split_once("):")) {
        let value = value.trim().trim_end_matches('.');
        match label.to_lowercase().as_str() {
            "gender" => record.gender = record.gender.or(Gender::of(value)),
            "imo number" => record.documents.push(document("IMO number", value)),
            "flag of ship" | "flag of vessel" | "current believed flag of ship" => {
                record.nationalities.push(Country::named(value));
            }
            _ => {}
        }
    }
    record.remarks.push(text.to_owned());
}

/// `24/03/2007`, `24/03/2007 00:00:00` → `2007-03-24`
fn iso(date: &str) -> String {
    match date.split(' ').next().unwrap_or_default().split('/').collect::<Vec<_>>().as_slice() {
        [day, month, year] => format!("{year}-{month}-{day}"),
        _ => date.to_owned(),
    }
}

//! Lists of politically exposed persons as OpenSanctions' `targets.simple.csv`, in UTF-8.
//!
//! Columns, found by name: `id`, `schema` (as in FollowTheMoney) and `name` are mandatory; read where they are there:
//! `aliases`, `birth_date`, `countries` (ISO 3166-1 alpha-2), `addresses`, `identifiers`, `sanctions`,
//! `program_ids`, `first_seen`, `last_change`, and, beyond OpenSanctions, `weak_aliases`, `former_names`, `gender`,
//! `nationalities`, `positions`. A cell holds several values parted by `;`, quoted where they hold one.

use super::date;
use super::error::{Fault, ListError};
use super::ftm_jsonl::kind;
use super::input::Input;
use super::intake::{Intake, blank, name};
use super::rows::{Charset, Columns, Rows};
use super::text::place_with_country;
use crate::domain::record::{Country, Document, Gender, Kind, NameStrength, Place, Record};

pub(super) fn read(input: Input<'_>, intake: &mut Intake<'_>) -> Result<(), ListError> {
    let mut rows = Rows::new(input, Charset::Utf8);
    let Some(header) = rows.next()? else { return Ok(()) };
    let columns = Columns::new(header);
    if !["id", "schema", "name"].iter().all(|column| columns.has(column)) {
        return Err(rows.error(Fault::WrongFormat("a list in OpenSanctions' simple CSV")));
    }
    while let Some(row) = rows.next_of(columns.len())? {
        match columns.get(&row, "schema").and_then(kind) {
            Some(kind) => intake.take(record(&columns, &row, kind)).map_err(|fault| rows.error(fault))?,
            None => intake.facts.skipped += 1,
        }
    }
    Ok(())
}

fn record(columns: &Columns, row: &[String], kind: Kind) -> Record {
    let values = |column| columns.get(row, column).map(values).unwrap_or_default();
    let mut record = blank(columns.get(row, "id").unwrap_or_default(), kind);
    record.names.extend(columns.get(row, "name").map(|text| name(text, NameStrength::Primary)));
    for (column, strength) in [
        ("aliases", NameStrength::Strong),
        ("former_names", NameStrength::Former),
        ("weak_aliases", NameStrength::Weak),
    ] {
        record.names.extend(values(column).iter().map(|text| name(text, strength)));
    }
    for text in values("birth_date") {
        let dates = date::of_text(&text);
        record.remarks.extend(dates.is_empty().then(|| format!("Date of birth: {text}")));
        record.births.extend(dates);
    }
    record.nationalities.extend(values("nationalities").iter().map(|code| Country::coded(code)));
    record.addresses.extend(values("addresses").iter().map(|text| place_with_country(text)));
    // A country of any connection: whether it is the nationality isn't told.
    let countries = values("countries").into_iter();
    record.addresses.extend(countries.map(|code| Place { text: None, country: Some(Country::coded(&code)) }));
    record.documents.extend(values("identifiers").into_iter().map(|number| Document {
        kind: "Identifier".to_owned(),
        number,
        country: None,
    }));
    record.gender = columns.get(row, "gender").and_then(Gender::of);
    for column in ["positions", "program_ids", "sanctions"] {
        record.programmes.extend(values(column));
    }
    let listed_on = columns.get(row, "last_change").or_else(|| columns.get(row, "first_seen"));
    record.listed_on = listed_on.map(str::to_owned);
    for (column, label) in [("phones", "Phone"), ("emails", "Email"), ("dataset", "Dataset")] {
        record.remarks.extend(values(column).iter().map(|text| format!("{label}: {text}")));
    }
    record
}

/// `a;"b; c"` → `a`, `b; c`
fn values(cell: &str) -> Vec<String> {
    let mut csv = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(b';')
        .from_reader(cell.as_bytes());
    csv.records()
        .filter_map(Result::ok)
        .flat_map(|row| row.iter().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

//! OFAC's SDN and consolidated lists, CSV: `sdn.csv` or `cons_prim.csv` with their `alt`, `add` and `comments`
//! (<https://ofac.treasury.gov/sdn-list-data-formats-data-schemas>). `-0-` is null; the files end with the byte
//! 0x1A.
//!
//! What the XML gives as elements stands in the column Remarks, in pieces: `DOB 1962; POB Shati; a.k.a. 'X'.`, at
//! most 1,000 characters, the rest in the comments' file.

use std::collections::{HashMap, HashSet};

use super::error::{Fault, ListError, Position};
use super::input::{Input, NamedFile};
use super::intake::{Intake, blank, name, name_of};
use super::ofac;
use super::rows::{Charset, Rows};
use super::text::place;
use crate::domain::record::{Kind, ListedName, NameStrength, Place, Record};

pub(super) fn read(files: &mut [NamedFile<'_>], intake: &mut Intake<'_>) -> Result<(), ListError> {
    let mut main = None;
    let (mut aliases, mut addresses, mut comments) = (Side::default(), Side::default(), Side::default());
    for file in files {
        let name = file.name.to_owned();
        let once = match part(&name) {
            Part::Main => main.replace(file).is_none(),
            Part::Aliases => aliases.read(file, true, |[_, _, kind, name, _]: &[String; 5]| {
                (kind.trim().to_owned(), name.trim().to_owned())
            })?,
            Part::Addresses => {
                addresses.read(file, true, |[_, _, street, town, country, _]: &[String; 6]| {
                    place([given(street), given(town)], given(country).map(ofac::address_country))
                })?
            }
            Part::Comments => comments.read(file, false, |[_, text]: &[String; 2]| text.clone())?,
        };
        if !once {
            let fault = Fault::Malformed("a second file of its kind".to_owned());
            return Err(ListError::new(&name, Position::Whole, fault));
        }
    }
    let Some(main) = main else {
        return Err(ListError::new(
            "OFAC",
            Position::Whole,
            Fault::Malformed("the main file is missing".to_owned()),
        ));
    };
    let mut rows = Rows::new(Input::new(main), Charset::Utf8OrWindows1252);
    let mut first = true;
    while let Some(row) = next(&mut rows, 12, true, &mut first)? {
        let Ok(row) = <&[String; 12]>::try_from(row.as_slice()) else { continue };
        let number = row[0].trim();
        let record = record(row, aliases.take(number), addresses.take(number), comments.take(number));
        intake.take(record).map_err(|fault| rows.error(fault))?;
    }
    [aliases.orphan(), addresses.orphan(), comments.orphan()].into_iter().flatten().try_for_each(Err)
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Main,
    Aliases,
    Addresses,
    Comments,
}

/// Which of the four files are missing.
pub(super) fn missing<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Vec<&'static str> {
    let is_missing = |wanted: &(Part, &str)| !names.clone().any(|name| part(name) == wanted.0);
    let parts = [
        (Part::Main, "the main file"),
        (Part::Aliases, "the aliases (alt)"),
        (Part::Addresses, "the addresses (add)"),
        (Part::Comments, "the comments (comments)"),
    ];
    parts.into_iter().filter(is_missing).map(|(_, name)| name).collect()
}

fn part(name: &str) -> Part {
    let name = name.to_ascii_lowercase();
    let words: HashSet<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    if words.contains("comments") {
        Part::Comments
    } else if words.contains("alt") {
        Part::Aliases
    } else if words.contains("add") {
        Part::Addresses
    } else {
        Part::Main
    }
}

/// The next row that is one: past a header that somebody added, before the end mark.
fn next(
    rows: &mut Rows<'_>,
    columns: usize,
    marked: bool,
    first: &mut bool,
) -> Result<Option<Vec<String>>, ListError> {
    loop {
        let Some(row) = rows.next()? else {
            return match (marked, *first) {
                (true, true) => Err(rows.error(Fault::Empty)),
                (true, false) => Err(rows.error(Fault::Cut("the end mark 0x1A is missing".to_owned()))),
                (false, _) => Ok(None),
            };
        };
        let is_first = std::mem::take(first);
        let id = row.first().map(|id| id.trim().trim_start_matches('\u{feff}')).unwrap_or_default();
        if id == "\u{1a}" && row[1..].iter().all(|cell| cell.trim().is_empty()) {
            return match rows.end()? {
                true => Ok(None),
                false => Err(rows.error(Fault::Malformed("something follows the end mark".to_owned()))),
            };
        }
        if is_first && row.len() == columns && ["id", "ent_num"].contains(&id.to_ascii_lowercase().as_str()) {
            continue;
        }
        let is_number = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
        let fault = match is_number && row.len() == columns {
            true => return Ok(Some(row)),
            false if is_first => Fault::WrongFormat("a file of an OFAC list in CSV"),
            false if !is_number => Fault::NoId("its number"),
            false => Fault::Malformed(format!("{columns} columns are expected, {} are there", row.len())),
        };
        return Err(rows.error(fault));
    }
}

/// One of the three files beside the main one, by the number of the entry.
struct Side<T> {
    file: Option<String>,
    of: HashMap<String, Vec<T>>,
}

impl<T> Default for Side<T> {
    fn default() -> Self {
        Self { file: None, of: HashMap::new() }
    }
}

impl<T> Side<T> {
    /// `false` where it was read before.
    fn read<const N: usize>(
        &mut self,
        file: &mut NamedFile<'_>,
        marked: bool,
        value: impl Fn(&[String; N]) -> T,
    ) -> Result<bool, ListError> {
        let once = self.file.replace(file.name.to_owned()).is_none();
        let mut rows = Rows::new(Input::new(file), Charset::Utf8OrWindows1252);
        let mut first = true;
        while let Some(row) = next(&mut rows, N, marked, &mut first)? {
            if let Ok(row) = <&[String; N]>::try_from(row.as_slice()) {
                self.of.entry(row[0].trim().to_owned()).or_default().push(value(row));
            }
        }
        Ok(once)
    }

    fn take(&mut self, number: &str) -> Vec<T> {
        self.of.remove(number).unwrap_or_default()
    }

    /// What is left belongs to no entry: the files are of different editions, or the main one is cut.
    fn orphan(&self) -> Option<ListError> {
        let (file, number) = (self.file.as_ref()?, self.of.keys().min()?);
        let fault = Fault::Malformed(format!("a row of entry {number}, which the main file doesn't have"));
        Some(ListError::new(file, Position::Whole, fault))
    }
}

/// `-0-` is null.
fn given(cell: &str) -> Option<&str> {
    Some(cell.trim()).filter(|cell| !cell.is_empty() && *cell != "-0-")
}

fn record(
    row: &[String; 12],
    aliases: Vec<(String, String)>,
    addresses: Vec<Option<Place>>,
    comments: Vec<String>,
) -> Record {
    let [number, whole, kind, programmes, title, call_sign, vessel_type, tonnage, grt, flag, owner, remarks] =
        row;
    let kind = match given(kind) {
        Some("individual") => Kind::Person,
        Some("vessel") => Kind::Vessel,
        Some("aircraft") => Kind::Aircraft,
        _ => Kind::Organisation,
    };
    let mut record = blank(number.trim(), kind);
    record.names.extend(given(whole).map(|whole| name_in(whole, kind, NameStrength::Primary)));
    for (alias_kind, alias) in &aliases {
        let strength = if alias_kind == "fka" { NameStrength::Former } else { NameStrength::Strong };
        record.names.extend(given(alias).map(|alias| name_in(alias, kind, strength)));
    }
    record.addresses.extend(addresses.into_iter().flatten());
    record.nationalities.extend(given(flag).and_then(ofac::flag));
    record.documents.extend(given(call_sign).map(|sign| ofac::document("Call sign", sign, None)));
    record.programmes.extend(given(programmes).into_iter().flat_map(ofac::programmes));
    record.remarks.extend(given(title).map(|title| format!("Title: {title}")));
    for (label, cell) in [
        ("Vessel type", vessel_type),
        ("Tonnage", tonnage),
        ("Gross registered tonnage", grt),
        ("Vessel owner", owner),
    ] {
        record.remarks.extend(given(cell).map(|value| format!("{label}: {value}")));
    }
    let remarks = [given(remarks).unwrap_or_default(), &comments.concat()].concat();
    self::remarks(&remarks, &mut record);
    record
}

fn name_in(whole: &str, kind: Kind, strength: NameStrength) -> ListedName {
    match whole.split_once(", ") {
        Some((family, given)) if kind == Kind::Person => name_of(Some(family), Some(given), strength),
        _ => name(whole, strength),
    }
}

fn remarks(remarks: &str, record: &mut Record) {
    // Without its comments a long remark breaks off anywhere: what is left of its last piece is no fact.
    let whole = remarks.strip_suffix('.');
    let mut pieces = whole.unwrap_or(remarks).split("; ").map(str::trim).peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_some() || whole.is_some() {
            remark(piece.strip_prefix("alt. ").unwrap_or(piece), record);
        } else {
            record.remarks.push(piece.to_owned());
        }
    }
}

fn remark(piece: &str, record: &mut Record) {
    for (label, strength) in [
        ("a.k.a. ", NameStrength::Weak),
        ("f.k.a. ", NameStrength::Former),
        ("n.k.a. ", NameStrength::Strong),
    ] {
        if let Some(alias) = piece.strip_prefix(label).and_then(quoted) {
            record.names.push(name_in(alias, record.kind, strength));
            return;
        }
    }
    for label in ["DOB", "POB", "nationality", "citizen", "Nationality of Registration", "Gender"] {
        let value = piece.strip_prefix(label).and_then(|rest| rest.strip_prefix(' '));
        if value.is_some_and(|value| ofac::fact(label, value, record)) {
            return;
        }
    }
    let Some((kind, rest)) = ofac::document_kind(piece).filter(|(_, rest)| !rest.is_empty()) else {
        record.remarks.push(piece.to_owned());
        return;
    };
    // `284158 (Iraq) expires 21 Aug 2005`
    let ends = [" (", " issued ", " expires "].into_iter().filter_map(|end| rest.find(end));
    let (number, after) = rest.split_at(ends.min().unwrap_or(rest.len()));
    let country = after.strip_prefix(" (").and_then(|after| after.split_once(')'));
    record.documents.push(ofac::document(kind, number, country.map(|(country, _)| country)));
    let dates = country.map_or(after, |(_, dates)| dates).trim();
    if !dates.is_empty() {
        record.remarks.push(format!("{kind} {number}: {dates}"));
    }
}

fn quoted(text: &str) -> Option<&str> {
    text.strip_prefix('\'')?.strip_suffix('\'')
}

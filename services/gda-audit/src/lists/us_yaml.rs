//! US legislators and presidents, YAML of <https://github.com/unitedstates/congress-legislators> (CC0): an example
//! of a list of politically exposed persons that anyone may use.

use std::io::{BufRead, BufReader};

use serde::Deserialize;

use super::date;
use super::error::{Fault, ListError, Position};
use super::input::Input;
use super::intake::{Intake, blank, name};
use super::text::words;
use crate::domain::record::{Country, Gender, Kind, ListedName, NameStrength, Place, Record};

const FORMAT: &str = "the list of US legislators in YAML";

pub(super) fn read(input: Input<'_>, intake: &mut Intake<'_>) -> Result<(), ListError> {
    let (file, meter) = (input.name, input.meter());
    let mut lines = super::input::without_mark(BufReader::new(input));
    // One item of the outer sequence at a time: it begins with `- ` in the first column.
    let (mut item, mut begins) = (Vec::new(), 0);
    let (mut line, mut number) = (Vec::new(), 0);
    loop {
        line.clear();
        number += 1;
        let read = lines
            .read_until(b'\n', &mut line)
            .map_err(|error| ListError::new(file, Position::Line(number), error.into()))?;
        if read > 0 && line.last() != Some(&b'\n') {
            let fault = Fault::Cut("the last line has no end".to_owned());
            return Err(ListError::new(file, Position::Line(number), fault));
        }
        let (starts, ends) = (line.starts_with(b"- ") || line == b"-\n", read == 0);
        if (starts || ends) && !item.is_empty() {
            take(&item, intake).map_err(|fault| ListError::new(file, Position::Line(begins), fault))?;
            meter.reset();
            item.clear();
        }
        if ends {
            return Ok(());
        }
        if starts {
            begins = number;
        } else if item.is_empty() {
            let text = line.trim_ascii();
            if text.is_empty() || text.starts_with(b"#") || text == b"---" {
                continue;
            }
            return Err(ListError::new(file, Position::Line(number), Fault::WrongFormat(FORMAT)));
        }
        item.extend_from_slice(&line);
    }
}

fn take(item: &[u8], intake: &mut Intake<'_>) -> Result<(), Fault> {
    let text = std::str::from_utf8(item)
        .map_err(|error| Fault::Encoding(format!("the file is not UTF-8: {error}")))?;
    let options = serde_saphyr::options! {
        // The list has no anchors, and an alias of one is how a small file becomes a large one.
        budget: serde_saphyr::budget! { max_depth: 16, max_anchors: 0, max_aliases: 0, max_documents: 1 },
        with_snippet: false,
    };
    let persons: Vec<Person> = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| Fault::Malformed(error.to_string()))?;
    persons.iter().try_for_each(|person| intake.take(record(person)))
}

#[derive(Deserialize)]
struct Person {
    id: Ids,
    name: Name,
    #[serde(default)]
    other_names: Vec<Name>,
    #[serde(default)]
    bio: Bio,
    terms: Vec<Term>,
    #[serde(default)]
    leadership_roles: Vec<Role>,
}

#[derive(Deserialize)]
struct Ids {
    bioguide: Option<String>,
    govtrack: Option<u64>,
}

#[derive(Deserialize)]
struct Name {
    first: Option<String>,
    middle: Option<String>,
    last: Option<String>,
    suffix: Option<String>,
    nickname: Option<String>,
    official_full: Option<String>,
}

#[derive(Deserialize, Default)]
struct Bio {
    birthday: Option<String>,
    gender: Option<String>,
}

#[derive(Deserialize)]
struct Term {
    r#type: String,
    start: String,
    end: String,
    state: Option<String>,
    district: Option<i32>,
    party: Option<String>,
}

#[derive(Deserialize)]
struct Role {
    title: String,
    start: String,
    end: Option<String>,
}

fn record(person: &Person) -> Record {
    // Presidents who never sat in Congress have no bioguide number.
    let govtrack = || person.id.govtrack.map(|number| format!("govtrack-{number}"));
    let mut record = blank(person.id.bioguide.clone().or_else(govtrack).unwrap_or_default(), Kind::Person);
    let Name { first, middle, last, suffix, nickname, official_full } = &person.name;
    record.names.push(full(&person.name, first.as_deref(), NameStrength::Primary));
    record.names.extend(official_full.as_deref().map(|whole| name(whole, NameStrength::Strong)));
    let without = |parts: [&Option<String>; 3]| words(parts.map(Option::as_deref));
    if middle.is_some() {
        record.names.push(name(&without([first, last, suffix]), NameStrength::Strong));
    }
    if nickname.is_some() {
        record.names.push(name(&without([nickname, last, suffix]), NameStrength::Strong));
    }
    for other in &person.other_names {
        let first = other.first.as_deref().or(first.as_deref());
        record.names.push(full(other, first, NameStrength::Former));
    }
    let birthday = person.bio.birthday.as_deref();
    record.births.extend(birthday.map(date::of_text).unwrap_or_default());
    record.gender = person.bio.gender.as_deref().and_then(Gender::of);
    record.addresses.extend(person.terms.last().map(|term| Place {
        text: term.state.clone(),
        country: Some(Country { name: "United States".to_owned(), ..Country::coded("US") }),
    }));
    record.programmes.extend(person.terms.iter().map(|term| {
        let office = match term.r#type.as_str() {
            "rep" => "US Representative",
            "sen" => "US Senator",
            "prez" => "President of the United States",
            "viceprez" => "Vice President of the United States",
            other => other,
        };
        let district = term.district.filter(|number| *number > 0).map(|number| format!("-{number}"));
        let seat = term.state.as_deref().map(|state| format!(", {state}{}", district.unwrap_or_default()));
        format!("{office}{} ({} – {})", seat.unwrap_or_default(), term.start, term.end)
    }));
    record.programmes.extend(person.leadership_roles.iter().map(|role| {
        format!("{} ({} – {})", role.title, role.start, role.end.as_deref().unwrap_or_default())
    }));
    let party = person.terms.last().and_then(|term| term.party.as_deref());
    record.remarks.extend(party.map(|party| format!("Party: {party}")));
    record
}

fn full(parts: &Name, first: Option<&str>, strength: NameStrength) -> ListedName {
    let given = words([first, parts.middle.as_deref()]);
    let (last, suffix) = (parts.last.as_deref(), parts.suffix.as_deref());
    let whole = words([Some(given.as_str()), last, suffix]);
    let given = (!given.is_empty()).then_some(given);
    ListedName { whole, family: last.map(str::to_owned), given, strength, language: None }
}

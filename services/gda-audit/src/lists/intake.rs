//! Takes entries from a format's reader, in order, and hands the sound ones on.

use std::collections::HashSet;
use std::hash::Hash;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use super::EditionFacts;
use super::error::Fault;
use super::text::clean;
use crate::domain::record::{Country, Gender, Kind, ListedName, NameStrength, Place, Record};

/// Bytes. The longest text of a real list has 10 kB.
const MAX_FIELD: usize = 1 << 20;
/// The most names that an entry of a real list has is some 200.
pub(super) const MAX_NAMES: usize = 2_000;

pub(super) struct Intake<'a> {
    each: &'a mut dyn FnMut(Record),
    ids: HashSet<String>,
    pub(super) facts: EditionFacts,
}

impl<'a> Intake<'a> {
    pub(super) fn new(each: &'a mut dyn FnMut(Record)) -> Self {
        Self { each, ids: HashSet::new(), facts: EditionFacts::default() }
    }

    /// The edition's own date as the list writes it: RFC 3339, `MM/DD/YYYY` is [`Self::dated_as`]'s.
    pub(super) fn dated(&mut self, date: Option<&str>) {
        self.facts.date = date.map(str::to_owned);
        let parsed = date.and_then(|date| DateTime::parse_from_rfc3339(date).ok());
        self.facts.published = parsed.map(|date| date.with_timezone(&Utc));
    }

    /// The edition's own date without an hour, in a format of its own: midnight UTC.
    pub(super) fn dated_as(&mut self, date: Option<&str>, format: &str) {
        self.facts.date = date.map(str::to_owned);
        let parsed = date.and_then(|date| NaiveDate::parse_from_str(date, format).ok());
        self.facts.published = parsed.map(|date| date.and_time(NaiveTime::MIN).and_utc());
    }

    /// An entry of a list whose identifiers are its own.
    pub(super) fn take(&mut self, record: Record) -> Result<(), Fault> {
        let record = tidy(record)?;
        if !self.ids.insert(record.id.clone()) {
            return Err(Fault::DuplicateId(record.id));
        }
        self.hand_on(record);
        Ok(())
    }

    /// An entry of a list whose identifiers may repeat: the second `X` becomes `X#2`.
    pub(super) fn take_repeated(&mut self, record: Record) -> Result<(), Fault> {
        let mut record = tidy(record)?;
        let id = record.id.clone();
        let mut times = 1;
        while !self.ids.insert(record.id.clone()) {
            times += 1;
            record.id = format!("{id}#{times}");
        }
        self.hand_on(record);
        Ok(())
    }

    fn hand_on(&mut self, record: Record) {
        self.facts.count(record.kind);
        (self.each)(record);
    }
}

/// A record with nothing but its identifier and kind.
pub(super) fn blank(id: impl Into<String>, kind: Kind) -> Record {
    Record {
        id: id.into(),
        kind,
        names: Vec::new(),
        births: Vec::new(),
        birth_places: Vec::new(),
        nationalities: Vec::new(),
        addresses: Vec::new(),
        documents: Vec::new(),
        gender: None,
        programmes: Vec::new(),
        listed_on: None,
        remarks: Vec::new(),
    }
}

/// A name that the list does not take apart.
pub(super) fn name(whole: &str, strength: NameStrength) -> ListedName {
    ListedName { whole: whole.to_owned(), family: None, given: None, strength, language: None }
}

/// A name of parts, given names first; where only the family name is there it is the whole.
pub(super) fn name_of(family: Option<&str>, given: Option<&str>, strength: NameStrength) -> ListedName {
    let present = |part: Option<&str>| part.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned);
    let (family, given) = (present(family), present(given));
    let whole = super::text::words([given.as_deref(), family.as_deref()]);
    ListedName { whole, family, given, strength, language: None }
}

impl Gender {
    /// The gender that a list's word means.
    pub(super) fn of(word: &str) -> Option<Self> {
        match word.trim_matches(|c: char| !c.is_alphabetic()).to_lowercase().as_str() {
            "male" | "m" | "masculin" => Some(Self::Male),
            "female" | "f" | "féminin" => Some(Self::Female),
            _ => None,
        }
    }
}

/// One spelling of white space, nothing empty, nothing twice, the primary name first; refused without identifier
/// or name, or where it is longer than any entry of a list.
fn tidy(mut record: Record) -> Result<Record, Fault> {
    field(&mut record.id)?;
    if record.id.is_empty() {
        return Err(Fault::NoId("its identifier"));
    }
    record.names = names(std::mem::take(&mut record.names))?;
    if record.names.is_empty() {
        return Err(Fault::NoName(record.id));
    }
    distinct(&mut record.births);
    places(&mut record.birth_places)?;
    places(&mut record.addresses)?;
    for country in &mut record.nationalities {
        field(&mut country.name)?;
    }
    record.nationalities.retain(|country| !country.name.is_empty());
    distinct(&mut record.nationalities);
    for document in &mut record.documents {
        field(&mut document.kind)?;
        field(&mut document.number)?;
        optional_country(&mut document.country)?;
    }
    record.documents.retain(|document| !document.number.is_empty());
    distinct(&mut record.documents);
    for texts in [&mut record.programmes, &mut record.remarks] {
        texts.iter_mut().try_for_each(field)?;
        texts.retain(|text| !text.is_empty());
        distinct(texts);
    }
    optional(&mut record.listed_on)?;
    Ok(record)
}

/// Of equal names the one that the list trusts most; the first primary one first, and there is always one.
fn names(mut names: Vec<ListedName>) -> Result<Vec<ListedName>, Fault> {
    if names.len() > MAX_NAMES {
        return Err(Fault::TooLarge { what: "the list of an entry's names", limit: MAX_NAMES as u64 });
    }
    for name in &mut names {
        field(&mut name.whole)?;
        optional(&mut name.family)?;
        optional(&mut name.given)?;
    }
    names.retain(|name| name.whole.contains(char::is_alphanumeric));
    names.sort_by_key(|name| match name.strength {
        NameStrength::Primary => 0,
        NameStrength::Strong | NameStrength::Weak | NameStrength::Former => 1,
    });
    let trust = |name: &ListedName| match name.strength {
        NameStrength::Primary => 0,
        NameStrength::Strong => 1,
        NameStrength::Former => 2,
        NameStrength::Weak => 3,
    };
    let mut best: std::collections::HashMap<String, (u8, usize)> = std::collections::HashMap::new();
    let mut kept: Vec<ListedName> = Vec::new();
    for name in names {
        match best.get_mut(&name.whole) {
            Some((known, at)) => {
                let earlier = &mut kept[*at];
                if trust(&name) < *known {
                    *known = trust(&name);
                    earlier.strength = name.strength;
                }
                earlier.family = earlier.family.take().or(name.family);
                earlier.given = earlier.given.take().or(name.given);
                earlier.language = earlier.language.take().or(name.language);
            }
            None => {
                best.insert(name.whole.clone(), (trust(&name), kept.len()));
                kept.push(name);
            }
        }
    }
    for (at, name) in kept.iter_mut().enumerate() {
        match (at, name.strength) {
            (0, _) => name.strength = NameStrength::Primary,
            (_, NameStrength::Primary) => name.strength = NameStrength::Strong,
            _ => {}
        }
    }
    Ok(kept)
}

fn places(places: &mut Vec<Place>) -> Result<(), Fault> {
    for place in places.iter_mut() {
        optional(&mut place.text)?;
        optional_country(&mut place.country)?;
    }
    places.retain(|place| place.text.is_some() || place.country.is_some());
    distinct(places);
    Ok(())
}

fn optional_country(country: &mut Option<Country>) -> Result<(), Fault> {
    if let Some(known) = country {
        field(&mut known.name)?;
        if known.name.is_empty() {
            *country = None;
        }
    }
    Ok(())
}

fn optional(text: &mut Option<String>) -> Result<(), Fault> {
    if let Some(known) = text {
        field(known)?;
        if known.is_empty() {
            *text = None;
        }
    }
    Ok(())
}

fn field(text: &mut String) -> Result<(), Fault> {
    if text.len() > MAX_FIELD {
        return Err(Fault::TooLarge { what: "a field", limit: MAX_FIELD as u64 });
    }
    *text = clean(text);
    Ok(())
}

fn distinct<T: Hash + Eq + Clone>(values: &mut Vec<T>) {
    let mut seen = HashSet::new();
    values.retain(|value| seen.insert(value.clone()));
}

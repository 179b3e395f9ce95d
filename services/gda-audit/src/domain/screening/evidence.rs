//! What facts besides the name add to a score or take from it, in points of 100.

use crate::domain::country;
use crate::domain::record::BirthDate;

use super::compare::Property;
use super::subject::{Facts, PersonKind};

/// A fact that both sides know, and what it is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Evidence {
    pub(super) property: Property,
    /// How well the two sides agree, 0–100.
    pub(super) agreement: f32,
    /// Added to the name's points.
    pub(super) points: f32,
}

const SAME_BIRTH_DATE: f32 = 8.0;
const SAME_COUNTRY: f32 = 3.0;
const SAME_GENDER: f32 = 1.0;
const OTHER_KIND: f32 = -45.0;
const SAME_DOCUMENT: f32 = 20.0;

/// The most points that facts can add for someone of whom these are known, a shared document aside.
pub(super) fn most_points(facts: &Facts) -> f32 {
    let if_known = |known: bool, points: f32| if known { points } else { 0.0 };
    if_known(!facts.births.is_empty(), SAME_BIRTH_DATE)
        + if_known(!facts.countries.is_empty(), SAME_COUNTRY)
        + if_known(facts.gender.is_some(), SAME_GENDER)
}

/// Every fact that both sides know.
pub(super) fn weigh(query: &Facts, record: &Facts) -> impl Iterator<Item = Evidence> {
    [
        kind(query, record),
        birth(query, record),
        gender(query, record),
        countries(query, record),
        documents(query, record),
    ]
    .into_iter()
    .flatten()
}

fn evidence(property: Property, agreement: f32, points: f32) -> Option<Evidence> {
    Some(Evidence { property, agreement, points })
}

fn kind(query: &Facts, record: &Facts) -> Option<Evidence> {
    let agreement = if query.kind? == record.kind? { 100.0 } else { 0.0 };
    evidence(Property::Type, agreement, kind_points(query.kind, record.kind))
}

/// What the kinds add or take.
pub(super) fn kind_points(query: Option<PersonKind>, record: Option<PersonKind>) -> f32 {
    match query.zip(record) {
        Some((one, other)) if one != other => OTHER_KIND,
        _ => 0.0,
    }
}

fn gender(query: &Facts, record: &Facts) -> Option<Evidence> {
    let (one, other) = (query.gender?, record.gender?);
    if one == other {
        evidence(Property::Gender, 100.0, SAME_GENDER)
    } else {
        evidence(Property::Gender, 0.0, -20.0)
    }
}

fn countries(query: &Facts, record: &Facts) -> Option<Evidence> {
    if query.countries.is_empty() || record.countries.is_empty() {
        return None;
    }
    let same = |one: &str, other: &str| {
        one == other || country::successors(one).contains(&other) || country::successors(other).contains(&one)
    };
    let shared = query.countries.iter().any(|one| record.countries.iter().any(|other| same(one, other)));
    if shared {
        evidence(Property::Country, 100.0, SAME_COUNTRY)
    } else {
        evidence(Property::Country, 0.0, -6.0)
    }
}

fn documents(query: &Facts, record: &Facts) -> Option<Evidence> {
    let shared = query.documents.iter().any(|number| record.documents.binary_search(number).is_ok());
    if shared { evidence(Property::Document, 100.0, SAME_DOCUMENT) } else { None }
}

/// The best of the record's birth dates.
fn birth(query: &Facts, record: &Facts) -> Option<Evidence> {
    let pairs =
        query.births.iter().flat_map(|one| record.births.iter().map(move |other| compare_births(one, other)));
    let (agreement, points) = pairs.reduce(|best, pair| if pair.1 > best.1 { pair } else { best })?;
    evidence(Property::BirthDate, agreement, points)
}

/// Agreement and points of two birth dates, each as exact as it is known.
fn compare_births(one: &BirthDate, other: &BirthDate) -> (f32, f32) {
    let years = |birth: &BirthDate| {
        let from = birth.year.unwrap_or_default();
        (from, birth.until_year.unwrap_or(from).max(from))
    };
    let ((from, until), (other_from, other_until)) = (years(one), years(other));
    let apart =
        (i32::from(other_from) - i32::from(until)).max(i32::from(from) - i32::from(other_until)).max(0);
    let is_range = from != until || other_from != other_until;
    let is_rough = one.circa || other.circa;
    if apart > 0 {
        return match apart {
            ..=2 if is_rough => (50.0, 0.0),
            3..=5 if is_rough => (20.0, -10.0),
            // A year known without its day is often wrong by one.
            1 if one.day.is_none() || other.day.is_none() => (20.0, -20.0),
            _ => (0.0, -40.0),
        };
    }
    if is_range || is_rough {
        return (70.0, 1.0);
    }
    let Some((month, other_month)) = one.month.zip(other.month) else { return (80.0, 3.0) };
    let Some((day, other_day)) = one.day.zip(other.day) else {
        return if month == other_month { (90.0, 5.0) } else { (0.0, -25.0) };
    };
    let is_placeholder = (month, day) == (1, 1) || (other_month, other_day) == (1, 1);
    let digits = digits_apart(month, other_month) + digits_apart(day, other_day);
    match (month == other_month, day == other_day) {
        (true, true) => (100.0, SAME_BIRTH_DATE),
        // The day and the month swapped.
        _ if month == other_day && day == other_month => (60.0, -3.0),
        // The first of January stands for an unknown day, unless the other day is all but the same.
        _ if is_placeholder && digits > 1 => (70.0, 0.0),
        _ => (0.0, -35.0),
    }
}

/// In how many of its two digits a day or a month differs from another.
fn digits_apart(one: u8, other: u8) -> u8 {
    u8::from(one / 10 != other / 10) + u8::from(one % 10 != other % 10)
}

//! Scores one subject against another.

use names::NameRef;
use serde::{Deserialize, Serialize};

use super::evidence::{self, Evidence};
use super::subject::{Facts, Subject};

/// The score from which two subjects are taken for the same; chosen on the development set of
/// `make quality`.
pub const DEFAULT_THRESHOLD: f32 = 75.0;

/// A weak alias is worth this much less.
const WEAK_ALIAS: f32 = 4.0;

/// What a score is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Property {
    /// The names.
    Name,
    /// Natural person, body or vessel.
    Type,
    /// The birth dates.
    BirthDate,
    /// The gender.
    Gender,
    /// Nationality or registration.
    Country,
    /// An identity document or a registration number.
    Document,
}

/// One property's part in a score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppliedScore {
    /// Which.
    pub property: Property,
    /// How well the two sides agree, 0–100.
    pub score: f32,
    /// Points of the whole score, negative where the property speaks against.
    pub weight: f32,
    /// What the person has.
    pub person_value: String,
    /// What the record has.
    pub record_value: String,
}

/// How alike two subjects are and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// 0–100; 100 only for identical names that no fact speaks against.
    pub score: f32,
    /// Whether the score reaches the default threshold.
    pub is_match: bool,
    /// The name first, then every fact that both sides know.
    pub applied_scores: Vec<AppliedScore>,
}

/// Compares a person with a record, or two of the same kind.
#[must_use]
pub fn compare(query: &Subject, target: &Subject) -> Comparison {
    let mut best: Option<(f32, &str, &str)> = None;
    for one in &query.names {
        for other in &target.names {
            let score = names::compare(&NameRef::from(&one.name), &NameRef::from(&other.name)).score;
            let points = name_points(score, one.weak || other.weak);
            if best.is_none_or(|(most, ..)| points > most) {
                best = Some((points, &one.text, &other.text));
            }
        }
    }
    let (points, one, other) = best.unwrap_or((0.0, "", ""));
    explain(points, one, other, &query.facts, &target.facts)
}

/// The names' part of a score, 0–100.
pub(super) fn name_points(score: f32, weak: bool) -> f32 {
    let points = 100.0 * score;
    if weak { (points - WEAK_ALIAS).max(0.0) } else { points }
}

/// The score from the names' points and the facts'. Only identical names make 100.
pub(super) fn total(name_points: f32, facts_points: f32) -> f32 {
    let most = if name_points >= 100.0 { 100.0 } else { 99.0 };
    round((name_points + facts_points).clamp(0.0, most))
}

pub(super) fn explain(name_points: f32, one: &str, other: &str, query: &Facts, record: &Facts) -> Comparison {
    let mut applied = vec![AppliedScore {
        property: Property::Name,
        score: round(name_points),
        weight: round(name_points),
        person_value: one.to_owned(),
        record_value: other.to_owned(),
    }];
    let mut facts_points = 0.0;
    for Evidence { property, agreement, points } in evidence::weigh(query, record) {
        facts_points += points;
        let (person_value, record_value) = (shown(query, property), shown(record, property));
        applied.push(AppliedScore { property, score: agreement, weight: points, person_value, record_value });
    }
    let score = total(name_points, facts_points);
    Comparison { score, is_match: score >= DEFAULT_THRESHOLD, applied_scores: applied }
}

/// More than rounding to a tenth adds to a score.
pub(super) const ROUNDING: f32 = 0.06;

/// To a tenth of a point, so that the score shown is the score decided by.
fn round(points: f32) -> f32 {
    (points * 10.0).round() / 10.0
}

fn shown(facts: &Facts, property: Property) -> String {
    match property {
        Property::Name => String::new(),
        Property::Type => facts.kind.map_or_else(String::new, |kind| match kind {
            super::PersonKind::Natural => "NATURAL".to_owned(),
            super::PersonKind::Legal => "LEGAL".to_owned(),
            super::PersonKind::Vessel => "VESSEL".to_owned(),
        }),
        Property::BirthDate => facts.births.iter().map(shown_birth).collect::<Vec<_>>().join(", "),
        Property::Gender => facts.gender.map_or_else(String::new, |gender| match gender {
            crate::domain::record::Gender::Female => "FEMALE".to_owned(),
            crate::domain::record::Gender::Male => "MALE".to_owned(),
        }),
        Property::Country => facts.countries.join(", "),
        Property::Document => facts.documents.join(", "),
    }
}

/// `1962`, `1962-03`, `1962-03-09`, `1960–1965`, `~1962`.
fn shown_birth(birth: &crate::domain::record::BirthDate) -> String {
    let mut text = String::from(if birth.circa { "~" } else { "" });
    text += &birth.year.map_or_else(String::new, |year| format!("{year:04}"));
    if let Some(until) = birth.until_year.filter(|until| Some(*until) != birth.year) {
        text += &format!("–{until:04}");
    }
    for part in [birth.month, birth.day].into_iter().map_while(|part| part) {
        text += &format!("-{part:02}");
    }
    text
}

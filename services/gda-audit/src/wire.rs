//! Persons and pairs as clients write them, over HTTP and on standard input; and what they are told of hits.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::field::FieldError;
use crate::domain::person::birth_date;
use crate::domain::record::Gender;
use crate::domain::screening::{self, Comparison, Person, PersonKind};

/// A person, a company or a vessel to screen or to compare.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PersonBody {
    /// The caller's own reference, given back with the result.
    pub id: Option<String>,
    /// The whole name; else `firstName` and `lastName`.
    pub name: Option<String>,
    /// Given names.
    #[serde(alias = "first_name")]
    pub first_name: Option<String>,
    /// Family name.
    #[serde(alias = "last_name")]
    pub last_name: Option<String>,
    /// Family name before marriage.
    #[serde(alias = "maiden_name")]
    pub maiden_name: Option<String>,
    /// Other whole names.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// What it is; unknown where absent.
    #[serde(rename = "type")]
    pub kind: Option<TypeBody>,
    /// `YYYY-MM-DD`, `YYYY-MM` or `YYYY`.
    #[serde(alias = "birth_date")]
    #[schema(pattern = "^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$")]
    pub birth_date: Option<String>,
    /// Nationality or country of registration: ISO 3166-1 alpha-2 or a name.
    pub country: Option<String>,
    /// Further countries.
    #[serde(default)]
    pub countries: Vec<String>,
    /// Where it is known.
    pub gender: Option<GenderBody>,
    /// Numbers of identity documents and registrations.
    #[serde(default)]
    pub documents: Vec<String>,
}

/// What is screened.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "the contract's words")]
pub enum TypeBody {
    Natural,
    Legal,
    Vessel,
}

/// A gender.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "the words say it")]
pub enum GenderBody {
    Female,
    Male,
}

/// Names longer than this are no names.
const LONGEST: usize = 1_000;
/// Aliases, countries or documents of one person at most.
const MOST: usize = 100;

impl PersonBody {
    /// The person in the domain's terms.
    ///
    /// # Errors
    /// [`FieldError`], also where there is no name with a letter or a digit in it.
    pub fn parse(&self) -> Result<screening::Subject, FieldError> {
        let wrong = |field: &'static str, detail: &str| FieldError::new(field, detail);
        for (field, texts) in
            [("aliases", &self.aliases), ("countries", &self.countries), ("documents", &self.documents)]
        {
            if texts.len() > MOST || texts.iter().any(|text| text.chars().count() > LONGEST) {
                return Err(wrong(field, "at most 100 values of 1000 characters"));
            }
        }
        for (field, text) in [
            ("name", &self.name),
            ("firstName", &self.first_name),
            ("lastName", &self.last_name),
            ("maidenName", &self.maiden_name),
            ("country", &self.country),
        ] {
            if text.as_ref().is_some_and(|text| text.chars().count() > LONGEST) {
                return Err(wrong(field, "longer than 1000 characters"));
            }
        }
        let birth = self.birth_date.as_deref().map(|date| birth_date("birthDate", date)).transpose()?;
        let person = Person {
            name: self.name.clone(),
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
            maiden_name: self.maiden_name.clone(),
            aliases: self.aliases.clone(),
            kind: self.kind.map(|kind| match kind {
                TypeBody::Natural => PersonKind::Natural,
                TypeBody::Legal => PersonKind::Legal,
                TypeBody::Vessel => PersonKind::Vessel,
            }),
            birth,
            countries: self.country.iter().chain(&self.countries).cloned().collect(),
            gender: self.gender.map(|gender| match gender {
                GenderBody::Female => Gender::Female,
                GenderBody::Male => Gender::Male,
            }),
            documents: self.documents.clone(),
        };
        screening::Subject::of_person(&person).map_err(|error| FieldError::new("name", error.to_string()))
    }
}

/// Two persons to compare.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PairBody {
    /// The one.
    pub query: PersonBody,
    /// The other.
    pub target: PersonBody,
}

impl PairBody {
    /// Compares the two at the default threshold.
    ///
    /// # Errors
    /// The side at fault, and what is wrong with it.
    pub fn compare(&self) -> Result<ComparisonBody, (&'static str, FieldError)> {
        let query = self.query.parse().map_err(|error| ("query", error))?;
        let target = self.target.parse().map_err(|error| ("target", error))?;
        Ok(screening::compare(&query, &target).into())
    }
}

/// How alike two persons are and why.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComparisonBody {
    /// 0–100; 100 only for identical names that no fact speaks against.
    #[schema(minimum = 0, maximum = 100)]
    pub score: f32,
    /// Whether the score reaches the default threshold.
    pub r#match: bool,
    /// What the score is made of: the name first, then every fact that both sides know.
    pub applied_scores: Vec<AppliedScoreBody>,
}

impl From<Comparison> for ComparisonBody {
    fn from(comparison: Comparison) -> Self {
        Self {
            score: comparison.score,
            r#match: comparison.is_match,
            applied_scores: applied_scores(comparison.applied_scores),
        }
    }
}

/// One property's part in a score.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppliedScoreBody {
    /// `name`, `type`, `birthDate`, `gender`, `country` or `document`.
    #[schema(value_type = String)]
    pub property: screening::Property,
    /// How well the two sides agree, 0–100.
    pub score: f32,
    /// Points of the whole score, negative where the property speaks against.
    pub weight: f32,
    /// What the person has.
    pub person_value: String,
    /// What the record has.
    pub record_value: String,
}

/// The parts of a score as they are told.
pub fn applied_scores(scores: Vec<screening::AppliedScore>) -> Vec<AppliedScoreBody> {
    let told = |score: screening::AppliedScore| AppliedScoreBody {
        property: score.property,
        score: score.score,
        weight: score.weight,
        person_value: score.person_value,
        record_value: score.record_value,
    };
    scores.into_iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_without_a_name_is_told_so() {
        for body in [r#"{}"#, r#"{"name":" "}"#, r#"{"name":"\u202e?!\u0000"}"#] {
            let person: PersonBody = serde_json::from_str(body).unwrap();
            assert_eq!(person.parse().unwrap_err().field, "name", "{body}");
        }
        let long = PersonBody { name: Some("x".repeat(10_000)), ..PersonBody::default() };
        assert_eq!(long.parse().unwrap_err().field, "name");
    }
}

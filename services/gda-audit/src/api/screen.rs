//! `POST /screen`: up to 1,000 persons against the lists in force, without keeping anything.

use std::sync::Arc;
use std::time::Instant;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use common::auth::Caller;
use common::body::{self, BodyError};
use common::error::{Problem, ToProblem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ProblemBody;
use super::scope::ScreeningRead;
use crate::State;
use crate::catalogue::{Catalogue, InForce};
use crate::domain::audit::EditionRef;
pub(super) use crate::domain::audit::instant;
use crate::domain::control::ControlType;
use crate::domain::field::FieldError;
use crate::domain::screening::{DEFAULT_THRESHOLD, Hit, Screener, Subject};
use crate::metrics;
use crate::wire::{AppliedScoreBody, PersonBody, applied_scores};

const PERSONS: usize = 1_000;

/// Why nobody was screened.
#[derive(Debug, thiserror::Error)]
pub enum ScreenError {
    /// 400, 408, 413, 415
    #[error(transparent)]
    Body(#[from] BodyError),
    /// 400
    #[error("1 to {PERSONS} persons are screened at once")]
    Count,
    /// 400 at the field
    #[error("{1}")]
    Person(usize, FieldError),
    /// 400
    #[error("must be 0 to 100")]
    Threshold,
    /// 400
    #[error("there is no such list")]
    UnknownList(usize),
    /// 503
    #[error("the lists are not loaded yet")]
    NotLoaded,
    /// 500
    #[error("the screening ended early")]
    Ended,
}

impl ToProblem for ScreenError {
    fn problem(&self) -> Problem {
        let detail = self.to_string();
        match self {
            Self::Body(error) => error.problem(),
            Self::Count => Problem::invalid("persons", detail),
            Self::Person(n, error) => Problem::invalid(format!("persons[{n}].{}", error.field), detail),
            Self::Threshold => Problem::invalid("threshold", detail),
            Self::UnknownList(n) => Problem::invalid(format!("lists[{n}]"), detail),
            Self::NotLoaded => Problem::unavailable(),
            Self::Ended => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "internal error"),
        }
    }
}

common::error_response!(ScreenError);

/// Whom to screen, and how.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScreenBody {
    /// 1 to 1,000.
    #[schema(min_items = 1, max_items = 1000)]
    persons: Vec<PersonBody>,
    /// Sources of the lists to screen against; by default all.
    #[schema(nullable = false)]
    lists: Option<Vec<String>>,
    /// The least score of a hit, 0–100; by default the engine's.
    #[schema(nullable = false, minimum = 0, maximum = 100)]
    threshold: Option<f32>,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScreenedBody {
    /// The editions that were screened against.
    editions: Vec<EditionBody>,
    /// The least score of a hit.
    threshold: f32,
    /// One for each person, in their order.
    results: Vec<ResultBody>,
}

/// An edition that was screened against.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ScreenedEditionBody)]
pub struct EditionBody {
    source: String,
    #[schema(pattern = "^(BLACKLIST|PEP)$", value_type = String)]
    control_type: ControlType,
    id: String,
    /// Its last update.
    date: String,
    total_entries: u64,
}

impl From<&EditionRef> for EditionBody {
    fn from(edition: &EditionRef) -> Self {
        Self {
            source: edition.source.clone(),
            control_type: edition.control_type,
            id: edition.id.to_string(),
            date: instant(edition.date),
            total_entries: edition.total,
        }
    }
}

impl EditionBody {
    /// `UN 12 2026-02-27T00:00:00.000000Z 712`
    pub(super) fn in_one_cell(&self) -> String {
        format!("{} {} {} {}", self.source, self.id, self.date, self.total_entries)
    }

    fn of(edition: &InForce) -> Self {
        Self {
            source: edition.source.clone(),
            control_type: edition.control_type,
            id: edition.id.to_string(),
            date: instant(edition.last_update),
            total_entries: edition.total as u64,
        }
    }
}

/// A person's hits, the highest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResultBody {
    /// The caller's own reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    id: Option<String>,
    hits: Vec<HitBody>,
}

/// A record that reaches the threshold.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HitBody {
    /// The list.
    list: String,
    /// The record's identifier on the list.
    record_id: String,
    /// Its main name.
    name: String,
    /// Its programmes or positions.
    programmes: Vec<String>,
    /// 0–100
    score: f32,
    /// What the score is made of.
    applied_scores: Vec<AppliedScoreBody>,
}

/// Screens persons, companies and vessels. Nothing is kept.
#[utoipa::path(post, path = "/screen", tag = "screening", operation_id = "screen",
    request_body = ScreenBody,
    security(("bearer" = ["screening:read"])),
    responses(
        (status = 200, description = "Hits", body = ScreenedBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn screen(
    state: web::Data<State>,
    _caller: Caller<ScreeningRead>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ScreenError> {
    let body: ScreenBody = body::json(&request, payload).await?;
    let catalogue = state.holder.current().ok_or(ScreenError::NotLoaded)?;
    if !(1..=PERSONS).contains(&body.persons.len()) {
        return Err(ScreenError::Count);
    }
    let threshold = body.threshold.unwrap_or(DEFAULT_THRESHOLD);
    if !(0.0..=100.0).contains(&threshold) {
        return Err(ScreenError::Threshold);
    }
    let wanted = wanted(&catalogue, body.lists.as_deref())?;
    let mut subjects = Vec::with_capacity(body.persons.len());
    for (n, person) in body.persons.iter().enumerate() {
        subjects.push(person.parse().map_err(|error| ScreenError::Person(n, error))?);
    }
    let editions = wanted.iter().zip(&catalogue.editions).filter(|(wanted, _)| **wanted);
    let editions = editions.map(|(_, edition)| EditionBody::of(edition)).collect();
    // Up to a second of one core, which the other requests of this thread must not wait for.
    let hits = web::block(move || found(&catalogue, &wanted, &subjects, threshold));
    let hits = hits.await.map_err(|_| ScreenError::Ended)?;
    let results = body.persons.into_iter().zip(hits).map(|(person, hits)| ResultBody { id: person.id, hits });
    Ok(HttpResponse::Ok().json(ScreenedBody { editions, threshold, results: results.collect() }))
}

/// Of each edition in force, whether it is screened against.
fn wanted(catalogue: &Catalogue, lists: Option<&[String]>) -> Result<Vec<bool>, ScreenError> {
    let Some(lists) = lists else { return Ok(vec![true; catalogue.editions.len()]) };
    let known = |source: &String| catalogue.editions.iter().any(|edition| edition.source == *source);
    if let Some(n) = lists.iter().position(|source| !known(source)) {
        return Err(ScreenError::UnknownList(n));
    }
    Ok(catalogue.editions.iter().map(|edition| lists.contains(&edition.source)).collect())
}

fn found(
    catalogue: &Arc<Catalogue>,
    wanted: &[bool],
    subjects: &[Subject],
    threshold: f32,
) -> Vec<Vec<HitBody>> {
    let mut screener = Screener::new(&catalogue.index);
    let told = |hit: Hit| {
        let entry = catalogue.entries.get(hit.record)?;
        let edition =
            catalogue.editions.get(entry.edition).filter(|_| wanted.get(entry.edition) == Some(&true))?;
        Some(HitBody {
            list: edition.source.clone(),
            record_id: hit.id,
            name: entry.name.to_string(),
            programmes: entry.programmes.to_vec(),
            score: hit.comparison.score,
            applied_scores: applied_scores(hit.comparison.applied_scores),
        })
    };
    let screened = |subject: &Subject| {
        let started = Instant::now();
        let hits: Vec<HitBody> = screener.screen(subject, threshold).into_iter().filter_map(told).collect();
        metrics::screened("screen", !hits.is_empty(), started.elapsed());
        hits
    };
    subjects.iter().map(screened).collect()
}

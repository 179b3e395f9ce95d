//! `GET /lists` and `GET /lists/{source}/editions/{id}`: what is in force, and what an edition changed.

use std::collections::HashMap;

use actix_web::{HttpResponse, web};
use common::auth::Caller;
use common::error::{Problem, ToProblem};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ProblemBody;
use super::scope::ScreeningRead;
use super::screen::instant;
use crate::State;
use crate::config::ListConfig;
use crate::domain::control::ControlType;
use crate::store::editions::{self, StoredEdition};
use crate::store::lists::{self, StoredList};

/// Why lists or an edition were not shown.
#[derive(Debug, thiserror::Error)]
pub enum ListsError {
    /// 404
    #[error("there is no such list or edition")]
    NotFound,
    /// 400
    #[error("{0}")]
    Query(String),
    /// 503, 500
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

impl ToProblem for ListsError {
    fn problem(&self) -> Problem {
        match self {
            Self::NotFound => Problem::not_found(self.to_string()),
            Self::Query(field) => Problem::invalid(field, "wrong value"),
            Self::Database(error) => common::db::problem(error),
        }
    }
}

common::error_response!(ListsError);

/// A list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListBody {
    source: String,
    #[schema(pattern = "^(BLACKLIST|PEP)$", value_type = String)]
    control_type: ControlType,
    format: &'static str,
    /// Official URLs that it can be fetched from.
    urls: Vec<String>,
    /// The edition in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    edition: Option<EditionBody>,
    /// The last attempt to renew it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    last_attempt: Option<AttemptBody>,
}

/// An attempt to renew a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttemptBody {
    at: String,
    /// Absent while it is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^(IMPORTED|UNCHANGED|REFUSED|UNREACHABLE)$")]
    outcome: Option<String>,
    /// Why, where the edition was refused or could not be had.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
}

/// An edition of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EditionBody {
    id: String,
    /// Its last update: the edition's own date, else its import's.
    date: String,
    /// Its date as it writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    printed_date: Option<String>,
    format: String,
    total_entries: u64,
    persons: i32,
    organisations: i32,
    vessels: i32,
    aircraft: i32,
    /// Things in its files that are no entry.
    skipped: i32,
    imported_at: String,
    imported_by: String,
    /// The edition that it replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    previous: Option<String>,
}

impl From<StoredEdition> for EditionBody {
    fn from(edition: StoredEdition) -> Self {
        Self {
            id: edition.id.to_string(),
            date: instant(edition.last_update()),
            total_entries: edition.total(),
            printed_date: edition.date,
            format: edition.format,
            persons: edition.persons,
            organisations: edition.organisations,
            vessels: edition.vessels,
            aircraft: edition.aircraft,
            skipped: edition.skipped,
            imported_at: instant(edition.imported_at),
            imported_by: edition.imported_by,
            previous: edition.previous.map(|id| id.to_string()),
        }
    }
}

/// All lists, with the editions in force.
#[utoipa::path(get, path = "/lists", tag = "lists", operation_id = "listLists",
    security(("bearer" = ["screening:read"])),
    responses(
        (status = 200, description = "The lists of the configuration", body = Vec<ListBody>),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn list(
    state: web::Data<State>,
    _caller: Caller<ScreeningRead>,
) -> Result<HttpResponse, ListsError> {
    let mut stored: HashMap<String, StoredList> =
        lists::all(&state.pool).await?.into_iter().map(|list| (list.source.clone(), list)).collect();
    let mut bodies = Vec::new();
    for config in &state.config.lists {
        let stored = stored.remove(&config.source);
        let edition = match stored.as_ref().and_then(|list| list.in_force) {
            Some(id) => editions::by_id(&state.pool, id).await?,
            None => None,
        };
        bodies.push(body(config, stored, edition));
    }
    Ok(HttpResponse::Ok().json(bodies))
}

fn body(config: &ListConfig, stored: Option<StoredList>, edition: Option<StoredEdition>) -> ListBody {
    let last_attempt = stored.and_then(|list| {
        Some(AttemptBody { at: instant(list.attempted_at?), outcome: list.outcome, reason: list.reason })
    });
    ListBody {
        source: config.source.clone(),
        control_type: config.control_type,
        format: config.format.as_str(),
        urls: config.urls.iter().map(ToString::to_string).collect(),
        edition: edition.map(EditionBody::from),
        last_attempt,
    }
}

/// Which of an edition's changes to show.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ChangesQuery {
    /// Changes of records after this identifier: the last one of the page before.
    #[serde(default)]
    after: String,
    /// Changes at most.
    #[serde(default = "page")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: i64,
}

fn page() -> i64 {
    100
}

/// An edition and what it changed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShownEditionBody {
    source: String,
    #[serde(flatten)]
    edition: EditionBody,
    /// Whether it is the one in force.
    in_force: bool,
    added: i64,
    removed: i64,
    amended: i64,
    /// A page of the changes, in the order of the records' identifiers.
    changes: Vec<ChangeBody>,
}

/// What an edition changed of a record.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeBody {
    record_id: String,
    #[schema(pattern = "^(ADDED|REMOVED|AMENDED)$")]
    kind: String,
    /// The fields that differ, of an amended one.
    fields: Vec<String>,
    /// Whether a hit on it that was decided must be looked at again.
    material: bool,
}

/// An edition, with a page of what it changed of the one before it.
#[utoipa::path(get, path = "/lists/{source}/editions/{id}", tag = "lists", operation_id = "showEdition",
    params(("source" = String, Path), ("id" = String, Path), ChangesQuery),
    security(("bearer" = ["screening:read"])),
    responses(
        (status = 200, description = "The edition", body = ShownEditionBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn show_edition(
    state: web::Data<State>,
    _caller: Caller<ScreeningRead>,
    path: web::Path<(String, String)>,
    query: Result<web::Query<ChangesQuery>, actix_web::Error>,
) -> Result<HttpResponse, ListsError> {
    let query = query.map_err(|_| ListsError::Query("limit".to_owned()))?;
    if !(1..=1_000).contains(&query.limit) {
        return Err(ListsError::Query("limit".to_owned()));
    }
    let (source, id) = path.into_inner();
    let id: i64 = id.parse().map_err(|_| ListsError::NotFound)?;
    let edition = editions::by_id(&state.pool, id).await?.filter(|edition| edition.source == source);
    let edition = edition.ok_or(ListsError::NotFound)?;
    let counts = editions::count_changes(&state.pool, id).await?;
    let changes = editions::changes(&state.pool, id, &query.after, query.limit).await?;
    let in_force = lists::all(&state.pool).await?.iter().any(|list| list.in_force == Some(id));
    let told = |change: editions::StoredChange| ChangeBody {
        record_id: change.record_id,
        kind: change.kind,
        fields: change.fields,
        material: change.material,
    };
    Ok(HttpResponse::Ok().json(ShownEditionBody {
        source,
        edition: edition.into(),
        in_force,
        added: counts.added,
        removed: counts.removed,
        amended: counts.amended,
        changes: changes.into_iter().map(told).collect(),
    }))
}

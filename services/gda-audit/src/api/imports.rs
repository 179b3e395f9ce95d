//! `GET /imports`, `GET /imports/{id}` and `GET /imports/{id}/rejections`: how batches of persons get on.

use actix_web::{HttpResponse, web};
use common::auth::Caller;
use common::error::{Problem, ToProblem};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::scope::ScreeningRead;
use super::screen::instant;
use super::{ProblemBody, ids};
use crate::State;
use crate::domain::field::FieldError;
use crate::store::imports::{self, RejectedLine, StoredImport};

/// Why an import was not shown.
#[derive(Debug, thiserror::Error)]
pub enum ImportsError {
    /// 404
    #[error("there is no such import")]
    NotFound,
    /// 400 at the parameter
    #[error(transparent)]
    Field(#[from] FieldError),
    /// 503, 500
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

impl ToProblem for ImportsError {
    fn problem(&self) -> Problem {
        match self {
            Self::NotFound => Problem::not_found(self.to_string()),
            Self::Field(error) => error.problem(),
            Self::Database(error) => common::db::problem(error),
        }
    }
}

common::error_response!(ImportsError);

/// An import of persons.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportBody {
    data_import_id: String,
    #[schema(pattern = "^(STOCK|ACCIDENT)$")]
    import_type: String,
    source: String,
    flow_name: String,
    sub_sources: Vec<String>,
    #[schema(pattern = "^(CSV|NDJSON)$")]
    format: String,
    state: ImportState,
    /// Persons in the file, good and bad.
    lines: i64,
    /// How many of them were worked on.
    done: i64,
    /// Those that were screened.
    accepted: i64,
    /// Those that were not; `/imports/{id}/rejections` tells why.
    rejected: i64,
    /// The editions that they were screened against.
    editions: Vec<String>,
    login: String,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    ended_at: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    failure: Option<String>,
}

/// Where an import stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "the words say it")]
pub enum ImportState {
    Queued,
    Running,
    Done,
    Failed,
}

impl From<StoredImport> for ImportBody {
    fn from(import: StoredImport) -> Self {
        let state = match &import {
            StoredImport { failure: Some(_), .. } => ImportState::Failed,
            StoredImport { ended_at: Some(_), .. } => ImportState::Done,
            StoredImport { started_at: Some(_), .. } => ImportState::Running,
            _ => ImportState::Queued,
        };
        Self {
            data_import_id: import.id.to_string(),
            import_type: import.r#type,
            source: import.source,
            flow_name: import.flow_name,
            sub_sources: import.sub_sources,
            format: import.format,
            state,
            lines: import.lines,
            done: import.accepted + import.rejected,
            accepted: import.accepted,
            rejected: import.rejected,
            editions: import.editions.iter().map(i64::to_string).collect(),
            login: import.login,
            created_at: instant(import.created_at),
            started_at: import.started_at.map(instant),
            ended_at: import.ended_at.map(instant),
            failure: import.failure,
        }
    }
}

/// A page of something.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// What follows this: the last one of the page before.
    #[param(nullable = false)]
    after: Option<String>,
    /// At most so many.
    #[serde(default = "page")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: i64,
}

fn page() -> i64 {
    100
}

impl PageQuery {
    fn checked(query: Result<web::Query<Self>, actix_web::Error>) -> Result<(Option<i64>, i64), FieldError> {
        let wrong_limit = || FieldError::new("limit", "must be 1 to 1000");
        let query = query.map_err(|_| wrong_limit())?;
        let after = match &query.after {
            Some(after) => Some(ids::number(after).ok_or_else(|| FieldError::new("after", "is no cursor"))?),
            None => None,
        };
        if (1..=1_000).contains(&query.limit) { Ok((after, query.limit)) } else { Err(wrong_limit()) }
    }
}

/// A page of imports.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportsBody {
    /// The newest first.
    imports: Vec<ImportBody>,
    /// `after` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

/// Imports, the newest first.
#[utoipa::path(get, path = "/imports", tag = "imports", operation_id = "listImports",
    params(PageQuery),
    security(("bearer" = ["screening:read"])),
    responses(
        (status = 200, description = "A page of imports", body = ImportsBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn list(
    state: web::Data<State>,
    _caller: Caller<ScreeningRead>,
    query: Result<web::Query<PageQuery>, actix_web::Error>,
) -> Result<HttpResponse, ImportsError> {
    let (after, limit) = PageQuery::checked(query)?;
    let imports = imports::before(&state.pool, after.unwrap_or(i64::MAX), limit).await?;
    let next = imports.last().filter(|_| imports.len() as i64 == limit).map(|last| last.id.to_string());
    let imports = imports.into_iter().map(ImportBody::from).collect();
    Ok(HttpResponse::Ok().json(ImportsBody { imports, next }))
}

/// An import and its progress.
#[utoipa::path(get, path = "/imports/{id}", tag = "imports", operation_id = "showImport",
    params(("id" = String, Path)),
    security(("bearer" = ["screening:read"])),
    responses(
        (status = 200, description = "The import", body = ImportBody),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn show(
    state: web::Data<State>,
    _caller: Caller<ScreeningRead>,
    id: web::Path<String>,
) -> Result<HttpResponse, ImportsError> {
    let import = find(&state, &id).await?;
    Ok(HttpResponse::Ok().json(ImportBody::from(import)))
}

async fn find(state: &State, id: &str) -> Result<StoredImport, ImportsError> {
    let id = ids::number(id).ok_or(ImportsError::NotFound)?;
    imports::by_id(&state.pool, id).await?.ok_or(ImportsError::NotFound)
}

/// A line that was not taken.
#[derive(Debug, Serialize, ToSchema)]
pub struct RejectionBody {
    /// Its number in the file, from 1.
    line: i64,
    /// The field at fault, where one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    field: Option<String>,
    /// Why.
    reason: String,
}

impl From<RejectedLine> for RejectionBody {
    fn from(RejectedLine { line, field, reason }: RejectedLine) -> Self {
        Self { line, field, reason }
    }
}

/// A page of rejected lines.
#[derive(Debug, Serialize, ToSchema)]
pub struct RejectionsBody {
    /// In the file's order.
    rejections: Vec<RejectionBody>,
    /// `after` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

/// The lines of an import that were not taken, and why.
#[utoipa::path(get, path = "/imports/{id}/rejections", tag = "imports", operation_id = "showRejections",
    params(("id" = String, Path), PageQuery),
    security(("bearer" = ["screening:read"])),
    responses(
        (status = 200, description = "A page of rejected lines", body = RejectionsBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn rejections(
    state: web::Data<State>,
    _caller: Caller<ScreeningRead>,
    id: web::Path<String>,
    query: Result<web::Query<PageQuery>, actix_web::Error>,
) -> Result<HttpResponse, ImportsError> {
    let (after, limit) = PageQuery::checked(query)?;
    let import = find(&state, &id).await?;
    let rejected = imports::rejected(&state.pool, import.id, after.unwrap_or(0), limit).await?;
    let next = rejected.last().filter(|_| rejected.len() as i64 == limit).map(|last| last.line.to_string());
    let rejections = rejected.into_iter().map(RejectionBody::from).collect();
    Ok(HttpResponse::Ok().json(RejectionsBody { rejections, next }))
}

//! `GET /taches/` and `GET /taches/{id}`.

use actix_web::{HttpResponse, web};
use common::auth::{AuthError, Identity, Scope};
use common::error::{Problem, ToProblem};
use serde::Serialize;
use utoipa::ToSchema;

use super::ErrorBody;
use super::scope::{Read, TASKS_ALL};
use super::wire::TaskBody;
use crate::State;
use crate::store::tasks::{self, StoredTask, Visibility};

/// Why tasks were not shown.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// 401, 403
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// 404: unknown, or another user's
    #[error("task not found")]
    NotFound,
    /// 503, 500
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

impl ToProblem for TaskError {
    fn problem(&self) -> Problem {
        match self {
            Self::Auth(error) => error.problem(),
            Self::NotFound => Problem::not_found(self.to_string()),
            Self::Database(error) => common::db::problem(error),
        }
    }
}

common::error_response!(TaskError);

/// Who reads tasks: a holder of `read`, or anybody where `auth.public_reads` is on.
pub(super) struct Reader(Option<Identity>);

impl Reader {
    /// 401 and 403 where the contract asks for a token.
    pub(super) fn admit(state: &State, identity: Result<Identity, AuthError>) -> Result<Self, AuthError> {
        if state.config.auth.public_reads {
            return Ok(Self(None));
        }
        let identity = identity?;
        if !identity.has_scope(Read::NAME) {
            return Err(AuthError::Scope(Read::NAME));
        }
        Ok(Self(Some(identity)))
    }

    /// Whose tasks the reader may see.
    pub(super) fn visibility(&self) -> Visibility<'_> {
        self.0.as_ref().map_or(Visibility::All, visibility)
    }
}

/// Whose tasks a caller may see.
pub(super) fn visibility(identity: &Identity) -> Visibility<'_> {
    if identity.has_scope(TASKS_ALL) {
        Visibility::All
    } else {
        Visibility::Own { issuer: identity.issuer(), subject: identity.subject() }
    }
}

/// Finds a task that the reader may see.
pub(super) async fn find(state: &State, reader: &Reader, id: i64) -> Result<StoredTask, TaskError> {
    tasks::find(&state.pool, id, reader.visibility()).await?.ok_or(TaskError::NotFound)
}

/// The caller's tasks, newest first; everybody's with the scope `tasks:all`.
#[utoipa::path(get, path = "/taches/", tag = "taches", operation_id = "listTaches",
    security(("bearer" = ["read"])),
    responses(
        (status = 200, body = Vec<TaskBody>),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    ))]
pub async fn list(
    state: web::Data<State>,
    identity: Result<Identity, AuthError>,
) -> Result<HttpResponse, TaskError> {
    let reader = Reader::admit(&state, identity)?;
    let tasks = tasks::list(&state.pool, reader.visibility()).await?;
    Ok(HttpResponse::Ok().json(tasks.iter().map(TaskBody::listed).collect::<Vec<_>>()))
}

/// One task. Its six figures are numbers, or `ENCOURS` until they are known.
#[utoipa::path(get, path = "/taches/{id}", tag = "taches", operation_id = "showTache",
    params(("id" = i64, Path, minimum = 1)),
    security(("bearer" = ["read"])),
    responses(
        (status = 200, body = TaskBody),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
    ))]
pub async fn show(
    state: web::Data<State>,
    identity: Result<Identity, AuthError>,
    id: web::Path<i64>,
) -> Result<HttpResponse, TaskError> {
    let reader = Reader::admit(&state, identity)?;
    let task = find(&state, &reader, *id).await?;
    Ok(HttpResponse::Ok().json(TaskBody::detailed(&task)))
}

/// How far the matching of a task is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProgressBody {
    #[schema(pattern = "^(ATTENTE|ENCOURS|TERMINE|ECHEC)$")]
    etat: String,
    /// Rows of both sides whose result is written.
    done: i64,
    /// Rows of both sides; 0 until they are counted.
    total: i64,
}

/// How far the background matching of a task is, in rows (ours; the original has no such operation).
#[utoipa::path(get, path = "/taches/{id}/progress", tag = "taches", operation_id = "showTacheProgress",
    params(("id" = i64, Path, minimum = 1)),
    security(("bearer" = ["read"])),
    responses(
        (status = 200, body = ProgressBody),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
    ))]
pub async fn progress(
    state: web::Data<State>,
    identity: Result<Identity, AuthError>,
    id: web::Path<i64>,
) -> Result<HttpResponse, TaskError> {
    let reader = Reader::admit(&state, identity)?;
    let task = find(&state, &reader, *id).await?;
    let status = jobs::status(&state.pool, jobs::JobId(task.job_id)).await?;
    let (done, total) = status.map_or((0, 0), |status| (status.progress_done, status.progress_total));
    Ok(HttpResponse::Ok().json(ProgressBody { etat: task.state, done, total }))
}

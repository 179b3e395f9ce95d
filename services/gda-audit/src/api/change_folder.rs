//! What people do with a risk folder: `POST …/status`, `POST …/comments`, `DELETE …/comments/{id}`,
//! `PUT …/manual-information`.

use actix_web::http::StatusCode;
use actix_web::http::header::IF_MATCH;
use actix_web::{HttpRequest, HttpResponse, web};
use common::auth::Caller;
use common::body::{self, BodyError};
use common::error::{Problem, ToProblem};
use serde::Deserialize;
use utoipa::ToSchema;

use super::audit_trail::{self, CommentBody, ManualInformation};
use super::risk_folders::{self, FolderDetailBody, FolderError};
use super::scope::ScreeningDecide;
use super::{ProblemBody, ids};
use crate::State;
use crate::domain::field::FieldError;
use crate::domain::folder::{self, DecisionError};
use crate::domain::person::birth_date;
use crate::store::audit_trail as trails;
use crate::store::folders::Key;
use crate::work::control::{DecidedHit, StatusBody};
use crate::work::folders::{Change, ChangeError, Changes, Done, StoredComment, StoredDeletion};
use crate::work::ledger::LedgerError;

/// Characters of a reason or a comment at most.
const LONGEST: usize = 4_000;

/// Why a folder was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeFolderError {
    /// 400, 408, 413, 415
    #[error(transparent)]
    Body(#[from] BodyError),
    /// 400 at the field
    #[error(transparent)]
    Field(#[from] FieldError),
    /// 404
    #[error("there is no such risk folder")]
    NotFound,
    /// 404
    #[error("the risk folder has no such comment")]
    NoSuchComment,
    /// 409
    #[error("the risk folder has changed: it is at version {0}")]
    Stale(i64),
    /// 409
    #[error("the risk folder has nothing to qualify")]
    NothingToQualify,
    /// 412
    #[error("the risk folder has changed: it is at version {0}")]
    Precondition(i64),
    /// 428
    #[error("the header If-Match is mandatory: the folder's ETag")]
    NoIfMatch,
    /// 503, 500
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// 500
    #[error("the change cannot be written")]
    Unwritten(#[from] serde_json::Error),
    /// The folder cannot be shown.
    #[error(transparent)]
    Shown(#[from] FolderError),
}

impl From<sqlx::Error> for ChangeFolderError {
    fn from(error: sqlx::Error) -> Self {
        Self::Ledger(error.into())
    }
}

impl From<ChangeError<Self>> for ChangeFolderError {
    fn from(error: ChangeError<Self>) -> Self {
        match error {
            ChangeError::NotFound => Self::NotFound,
            ChangeError::Stale(version) => Self::Stale(version),
            ChangeError::Refused(error) => error,
            ChangeError::Ledger(error) => Self::Ledger(error),
        }
    }
}

impl ToProblem for ChangeFolderError {
    fn problem(&self) -> Problem {
        let detail = self.to_string();
        match self {
            Self::Body(error) => error.problem(),
            Self::Field(error) => error.problem(),
            Self::NotFound | Self::NoSuchComment => Problem::not_found(detail),
            Self::Stale(_) => Problem::new(StatusCode::CONFLICT, "folder_changed", detail).at("version"),
            Self::NothingToQualify => Problem::new(StatusCode::CONFLICT, "nothing_to_qualify", detail),
            Self::Precondition(_) => {
                Problem::new(StatusCode::PRECONDITION_FAILED, "folder_changed", detail).at("If-Match")
            }
            Self::NoIfMatch => {
                Problem::new(StatusCode::PRECONDITION_REQUIRED, "if_match_required", detail).at("If-Match")
            }
            Self::Ledger(error) => error.problem(),
            Self::Unwritten(_) => Problem::internal(),
            Self::Shown(error) => error.problem(),
        }
    }
}

common::error_response!(ChangeFolderError);

/// A decision.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DecisionBody {
    /// `MATCH`, `NO_MATCH` or `UNKNOWN`; `POTENTIAL_RISK` opens the folder again.
    #[schema(value_type = String, pattern = "^(MATCH|NO_MATCH|UNKNOWN|POTENTIAL_RISK)$")]
    state: folder::State,
    /// Why: mandatory.
    #[schema(min_length = 1, max_length = 4000)]
    #[serde(default)]
    reason: String,
    /// The folder's version that was looked at; or as `If-Match`.
    #[schema(nullable = false)]
    version: Option<i64>,
    /// The hits that are decided of; by default those that are open, else all.
    #[schema(nullable = false, min_items = 1)]
    hits: Option<Vec<DecidedHitBody>>,
}

/// A hit by its record.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DecidedHitBody {
    list: String,
    record_id: String,
}

/// A comment.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCommentBody {
    /// 1 to 4,000 characters.
    #[schema(min_length = 1, max_length = 4000)]
    text: String,
}

fn key(id: &str) -> Result<Key, ChangeFolderError> {
    ids::parse_folder(id).ok_or(ChangeFolderError::NotFound)
}

fn changes(state: &State) -> Changes<'_> {
    Changes { pool: &state.pool, ledger: &state.ledger, clock: &state.clock }
}

fn text(field: &'static str, text: &str) -> Result<(), FieldError> {
    if text.trim().is_empty() {
        return Err(FieldError::new(field, "is mandatory"));
    }
    if text.chars().count() > LONGEST || text.contains('\0') {
        return Err(FieldError::new(field, "at most 4000 characters, without NUL"));
    }
    Ok(())
}

/// The version that `If-Match` names.
fn if_match(request: &HttpRequest) -> Result<Option<i64>, ChangeFolderError> {
    let Some(value) = request.headers().get(IF_MATCH) else { return Ok(None) };
    let version = value.to_str().ok().map(|value| value.trim().trim_matches('"')).and_then(ids::number);
    version.map(Some).ok_or_else(|| FieldError::new("If-Match", "must be the folder's ETag").into())
}

/// Decides of a folder's hits. Of two who decide of the same version one is refused with 409.
#[utoipa::path(post, path = "/riskfolders/{id}/status", tag = "risk folders", operation_id = "decide",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "The folder's ETag, in place of `version`")),
    request_body = DecisionBody,
    security(("bearer" = ["screening:decide"])),
    responses(
        (status = 200, description = "The folder as it stands now", body = FolderDetailBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The folder has changed since, or has nothing to qualify",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn decide(
    state: web::Data<State>,
    caller: Caller<ScreeningDecide>,
    id: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ChangeFolderError> {
    let body: DecisionBody = body::json(&request, payload).await?;
    let key = key(&id)?;
    if body.state == folder::State::NoRiskFound {
        return Err(FieldError::new("state", "must be MATCH, NO_MATCH, UNKNOWN or POTENTIAL_RISK").into());
    }
    text("reason", &body.reason)?;
    let expected = body.version.or(if_match(&request)?);
    let expected = expected.ok_or_else(|| FieldError::new("version", "is mandatory, here or as If-Match"))?;
    let named: Option<Vec<(String, String)>> =
        body.hits.map(|hits| hits.into_iter().map(|hit| (hit.list, hit.record_id)).collect());
    if named.as_ref().is_some_and(Vec::is_empty) {
        return Err(FieldError::new("hits", "names no hit").into());
    }
    let change = Change { key, expected: Some(expected), login: caller.login() };
    changes(&state)
        .change(&change, |stored| -> Result<Done, ChangeFolderError> {
            let before = stored.folder.clone();
            stored.folder.decide(body.state, named.as_deref()).map_err(|error| match error {
                DecisionError::NothingToQualify => ChangeFolderError::NothingToQualify,
                DecisionError::NoSuchHit => FieldError::new("hits", error.to_string()).into(),
            })?;
            let is_meant = |hit: &&folder::KnownHit| match &named {
                Some(named) => {
                    named.iter().any(|(list, record)| *list == hit.list && *record == hit.record_id)
                }
                None => before.hits.iter().all(|known| known != *hit),
            };
            let decided = stored.folder.active().filter(is_meant).map(|hit| DecidedHit {
                list: hit.list.clone(),
                record_id: hit.record_id.clone(),
                state: hit.state,
            });
            let status = StatusBody {
                state: stored.folder.state(),
                max_matching_score: stored.folder.max_score(),
                author: caller.login().to_owned(),
                reason: body.reason.clone(),
                decided: decided.collect(),
            };
            Ok(Done::Decided(status))
        })
        .await?;
    Ok(risk_folders::shown(&state.pool, key).await?)
}

/// Adds a comment.
#[utoipa::path(post, path = "/riskfolders/{id}/comments", tag = "risk folders", operation_id = "comment",
    params(("id" = String, Path)),
    request_body = NewCommentBody,
    security(("bearer" = ["screening:decide"])),
    responses(
        (status = 201, description = "Added", body = CommentBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn comment(
    state: web::Data<State>,
    caller: Caller<ScreeningDecide>,
    id: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ChangeFolderError> {
    let NewCommentBody { text: said } = body::json(&request, payload).await?;
    text("text", &said)?;
    let (key, author) = (key(&id)?, caller.login().to_owned());
    let said_by = StoredComment { text: said.clone(), author: author.clone() };
    let change = Change { key, expected: None, login: caller.login() };
    let changes = changes(&state);
    let commented =
        changes.change(&change, |_| -> Result<Done, ChangeFolderError> { Ok(Done::Commented(said_by)) });
    let changed = commented.await?;
    let id = ids::row(changed.segment, 0);
    Ok(HttpResponse::Created().json(CommentBody { id, text: said, timestamp: changed.at, author }))
}

/// Deletes a comment: it is shown no more; that it was there, and who deleted it, stays in the audit trail.
#[utoipa::path(delete, path = "/riskfolders/{id}/comments/{comment}", tag = "risk folders", operation_id = "deleteComment",
    params(("id" = String, Path), ("comment" = String, Path)),
    security(("bearer" = ["screening:decide"])),
    responses(
        (status = 204, description = "Deleted"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn delete_comment(
    state: web::Data<State>,
    caller: Caller<ScreeningDecide>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ChangeFolderError> {
    let (id, comment) = path.into_inner();
    let key = key(&id)?;
    let events = trails::events(&state.pool, key.0, key.1.code()).await?;
    // One of two who delete it at once may write a second deletion, which changes nothing.
    if !audit_trail::comments(&events)?.iter().any(|known| known.id == comment) {
        return Err(ChangeFolderError::NoSuchComment);
    }
    let deletion = StoredDeletion { comment, author: caller.login().to_owned() };
    let change = Change { key, expected: None, login: caller.login() };
    let changes = changes(&state);
    changes
        .change(&change, |_| -> Result<Done, ChangeFolderError> { Ok(Done::CommentDeleted(deletion)) })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Replaces what was added to a folder by hand.
#[utoipa::path(put, path = "/riskfolders/{id}/manual-information", tag = "risk folders", operation_id = "putManualInformation",
    params(("id" = String, Path), ("If-Match" = String, Header, description = "The folder's ETag")),
    request_body = ManualInformation,
    security(("bearer" = ["screening:decide"])),
    responses(
        (status = 200, description = "The folder as it stands now", body = FolderDetailBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "The folder has changed since", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json"),
        (status = 428, description = "`If-Match` is wanting", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn put_manual_information(
    state: web::Data<State>,
    caller: Caller<ScreeningDecide>,
    id: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ChangeFolderError> {
    let expected = if_match(&request)?.ok_or(ChangeFolderError::NoIfMatch)?;
    let body: ManualInformation = body::json(&request, payload).await?;
    let key = key(&id)?;
    if let Some(date) = &body.birth_date {
        birth_date("birthDate", date)?;
    }
    let json = serde_json::to_string(&body)?;
    // PostgreSQL's text knows no NUL.
    if json.contains("\\u0000") {
        return Err(FieldError::new("body", "has a NUL character").into());
    }
    let stored =
        serde_json::to_string(&StoredManualInformation { information: &body, author: caller.login() })?;
    let change = Change { key, expected: Some(expected), login: caller.login() };
    let changes = changes(&state);
    let changed = changes.change(&change, |folder| -> Result<Done, ChangeFolderError> {
        folder.manual_information = Some(json);
        Ok(Done::Added(stored))
    });
    match changed.await {
        Ok(_) => Ok(risk_folders::shown(&state.pool, key).await?),
        Err(ChangeError::Stale(version)) => Err(ChangeFolderError::Precondition(version)),
        Err(error) => Err(error.into()),
    }
}

/// What was added by hand, as its event keeps it.
#[derive(serde::Serialize)]
struct StoredManualInformation<'a> {
    information: &'a ManualInformation,
    author: &'a str,
}

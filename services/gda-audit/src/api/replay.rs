//! `GET /persons/{id}/controls/{controlId}/replay`: a past control, made again.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use common::auth::Caller;
use common::error::{Problem, ToProblem};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::controls::{RecordedHitBody, hits};
use super::scope::ScreeningRead;
use super::screen::EditionBody;
use super::{ProblemBody, ids};
use crate::State;
use crate::store::audit_trail;
use crate::work::replay::ReplayError;

/// Why a control was not shown again.
#[derive(Debug, thiserror::Error)]
pub enum ShowReplayError {
    /// 404
    #[error("the person has no such control")]
    NotFound,
    /// 409, 503, 500
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// 503, 500
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// 500
    #[error("what is stored cannot be read")]
    Unreadable(#[from] serde_json::Error),
}

impl ToProblem for ShowReplayError {
    fn problem(&self) -> Problem {
        let conflict = |code| Problem::new(StatusCode::CONFLICT, code, self.to_string());
        match self {
            Self::NotFound => Problem::not_found(self.to_string()),
            Self::Replay(ReplayError::OtherEngine(_)) => conflict("other_engine_version"),
            Self::Replay(ReplayError::Changed(_)) => conflict("not_as_it_was"),
            Self::Replay(ReplayError::Database(error)) | Self::Database(error) => common::db::problem(error),
            Self::Replay(ReplayError::Unreadable) | Self::Unreadable(_) => Problem::internal(),
        }
    }
}

common::error_response!(ShowReplayError);

/// A control as it was recorded, and made again.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayBody {
    /// Whether both are the same to the byte.
    identical: bool,
    engine_version: String,
    /// The editions that the person was screened against, both times.
    editions: Vec<EditionBody>,
    #[schema(value_type = Vec<RecordedHitBody>)]
    recorded: Box<RawValue>,
    #[schema(value_type = Vec<RecordedHitBody>)]
    replayed: Box<RawValue>,
}

/// Makes a past control again from the frozen snapshot, editions and flow. Nothing is recorded. For editions that are
/// not in force the answer may take seconds.
#[utoipa::path(get, path = "/persons/{id}/controls/{controlId}/replay", tag = "persons",
    operation_id = "replayControl",
    params(("id" = String, Path, description = "The person's number"),
           ("controlId" = String, Path, description = "The control")),
    security(("bearer" = ["screening:read"])),
    responses(
        (status = 200, description = "Made again", body = ReplayBody),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Another version of the engine made it", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn replay(
    state: web::Data<State>,
    _caller: Caller<ScreeningRead>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ShowReplayError> {
    let (person, control) = path.into_inner();
    let key = ids::number(&person).zip(ids::parse_row(&control)).ok_or(ShowReplayError::NotFound)?;
    let control = audit_trail::control(&state.pool, key.0, key.1).await?.ok_or(ShowReplayError::NotFound)?;
    let replayed = state.replayer.replay(&state.pool, &control).await?;
    Ok(HttpResponse::Ok().json(ReplayBody {
        identical: control.hits == replayed.hits,
        engine_version: replayed.screening.engine,
        editions: replayed.screening.editions.iter().map(EditionBody::from).collect(),
        recorded: hits(control.hits)?,
        replayed: hits(replayed.hits)?,
    }))
}

//! `GET /ssp/secure_consumer/{decisionId}`: a past decision, for its maker.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use common::error::{Problem, ToProblem};
use common::request::canonical_uuid;
use serde::Serialize;
use utoipa::ToSchema;

use super::RefusedBody;
use crate::State;
use crate::accounts::AccessError;
use crate::domain::score::{Colour, Reason, colour};
use crate::store::decisions;

/// Why it is not shown.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    /// 401, 429
    #[error(transparent)]
    Access(#[from] AccessError),
    /// 404 `FIND_001`: none of this account.
    #[error("there is no such decision")]
    Unknown,
    /// 503, 500
    #[error("database")]
    Database(#[from] sqlx::Error),
    /// 500
    #[error("a stored decision cannot be read")]
    Unreadable(#[from] serde_json::Error),
}

impl ToProblem for DecisionError {
    fn problem(&self) -> Problem {
        match self {
            Self::Access(error) => error.problem(),
            Self::Unknown => Problem::new(StatusCode::NOT_FOUND, "FIND_001", self.to_string()),
            Self::Database(error) => common::db::problem(error),
            Self::Unreadable(_) => Problem::internal(),
        }
    }
}

common::error_response!(DecisionError);

/// A past decision.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecisionBody {
    decision_id: String,
    decided_at: DateTime<Utc>,
    /// `true`
    result: bool,
    /// `0` to `100`
    score: String,
    colour: Colour,
    /// Before the caps.
    raw: i16,
    /// Systems that should have been asked and did not answer.
    degraded: Vec<String>,
    /// What the score is made of.
    reasons: Vec<Reason>,
}

/// A past decision of the same account: score, colour and reasons. Nothing of the consumer was kept.
#[utoipa::path(get, path = "/ssp/secure_consumer/{decisionId}", tag = "secure_consumer", operation_id = "showDecision",
    params(("decisionId" = String, Path, description = "`X-Decision-Id` of the answer")),
    security(("basic" = [])),
    responses(
        (status = 200, description = "The decision", body = DecisionBody),
        (status = 401, description = "AUTH_001 to AUTH_005", body = RefusedBody),
        (status = 404, description = "FIND_001: no decision of this account", body = RefusedBody),
        (status = 429, description = "RATE_001", body = RefusedBody),
    ))]
pub async fn show(
    state: web::Data<State>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, DecisionError> {
    let merchant = state.accounts.merchant(&request).await?;
    let id = canonical_uuid(&id).ok_or(DecisionError::Unknown)?;
    let stored = decisions::of_account(&state.pool, merchant.account_id, id).await?;
    let stored = stored.ok_or(DecisionError::Unknown)?;
    Ok(HttpResponse::Ok().json(DecisionBody {
        decision_id: id.to_string(),
        decided_at: stored.decided_at,
        result: true,
        score: stored.score.to_string(),
        colour: colour(u8::try_from(stored.score).unwrap_or_default()),
        raw: stored.raw,
        degraded: stored.degraded,
        reasons: serde_json::from_str(&stored.reasons)?,
    }))
}

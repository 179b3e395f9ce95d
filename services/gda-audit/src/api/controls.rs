//! `GET /persons/{id}/controls`: what was found when.

use actix_web::{HttpResponse, web};
use common::auth::Caller;
use common::error::{Problem, ToProblem};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::audit_trail::TriggerBody;
use super::scope::ScreeningRead;
use super::screen::{EditionBody, instant};
use super::{ProblemBody, ids};
use crate::State;
use crate::domain::audit::{Header, Trigger};
use crate::domain::control::ControlType;
use crate::domain::field::FieldError;
use crate::store::audit_trail::{self, StoredControl};
use crate::store::persons;
use crate::wire::AppliedScoreBody;

/// Why there are no controls.
#[derive(Debug, thiserror::Error)]
pub enum ControlsError {
    /// 400 at the parameter
    #[error(transparent)]
    Field(#[from] FieldError),
    /// 404
    #[error("there is no such person")]
    NotFound,
    /// 503, 500
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// 500
    #[error("what is stored cannot be read")]
    Unreadable(#[from] serde_json::Error),
}

impl ToProblem for ControlsError {
    fn problem(&self) -> Problem {
        match self {
            Self::Field(error) => error.problem(),
            Self::NotFound => Problem::not_found(self.to_string()),
            Self::Database(error) => common::db::problem(error),
            Self::Unreadable(_) => Problem::internal(),
        }
    }
}

common::error_response!(ControlsError);

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ControlsQuery {
    /// `next` of the page before.
    #[param(nullable = false)]
    cursor: Option<String>,
    /// Controls at most.
    #[serde(default = "page")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: i64,
}

fn page() -> i64 {
    50
}

/// A page of a person's controls.
#[derive(Debug, Serialize, ToSchema)]
pub struct ControlsBody {
    /// The newest first.
    controls: Vec<ControlBody>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

/// A control.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ControlBody {
    id: String,
    r#type: ControlType,
    date: String,
    #[schema(value_type = TriggerBody)]
    trigger: Trigger,
    flow_name: String,
    engine_version: String,
    /// The editions that the person was screened against, as they were.
    editions: Vec<EditionBody>,
    /// What was found, the highest score first.
    #[schema(value_type = Vec<RecordedHitBody>)]
    hits: Box<RawValue>,
}

/// A hit as the audit trail keeps it.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "only described, in the OpenAPI document")]
pub struct RecordedHitBody {
    /// The list.
    list: String,
    /// The record's identifier on it.
    record_id: String,
    /// SHA-256 of the record as the edition had it.
    record: String,
    /// 0–100
    score: f32,
    /// What the score is made of.
    applied_scores: Vec<AppliedScoreBody>,
}

/// Hits as they are stored, to the byte.
pub(super) fn hits(stored: Option<String>) -> Result<Box<RawValue>, serde_json::Error> {
    RawValue::from_string(stored.unwrap_or_else(|| "[]".to_owned()))
}

fn told(control: StoredControl) -> Result<ControlBody, serde_json::Error> {
    let header: Header = serde_json::from_str(&control.header)?;
    let control_type = ControlType::of_code(control.r#type).unwrap_or(ControlType::Blacklist);
    let (flow_name, engine_version, editions) = match header.screening {
        Some(screening) => (screening.flow_name, screening.engine, screening.editions),
        None => Default::default(),
    };
    Ok(ControlBody {
        id: ids::row(control.segment, control.position),
        r#type: control_type,
        date: instant(header.at),
        trigger: header.trigger,
        flow_name,
        engine_version,
        editions: editions
            .iter()
            .filter(|edition| edition.control_type == control_type)
            .map(EditionBody::from)
            .collect(),
        hits: hits(control.hits)?,
    })
}

/// A person's controls, of all control types, the newest first.
#[utoipa::path(get, path = "/persons/{id}/controls", tag = "persons", operation_id = "listControls",
    params(("id" = String, Path, description = "The person's number"), ControlsQuery),
    security(("bearer" = ["screening:read"])),
    responses(
        (status = 200, description = "A page", body = ControlsBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn list(
    state: web::Data<State>,
    _caller: Caller<ScreeningRead>,
    path: web::Path<String>,
    query: Result<web::Query<ControlsQuery>, actix_web::Error>,
) -> Result<HttpResponse, ControlsError> {
    let query = query.map_err(|_| FieldError::new("limit", "wrong value"))?;
    if !(1..=200).contains(&query.limit) {
        return Err(FieldError::new("limit", "must be 1 to 200").into());
    }
    let before = match &query.cursor {
        Some(cursor) => {
            ids::parse_row(cursor).ok_or_else(|| FieldError::new("cursor", "is not of a page before"))?
        }
        None => (i64::MAX, 0),
    };
    let person = ids::number(&path).ok_or(ControlsError::NotFound)?;
    persons::by_id(&state.pool, person).await?.ok_or(ControlsError::NotFound)?;
    let stored = audit_trail::controls(&state.pool, person, before, query.limit).await?;
    let last = stored.last().filter(|_| stored.len() as i64 == query.limit);
    let next = last.map(|control| ids::row(control.segment, control.position));
    let controls = stored.into_iter().map(told).collect::<Result<_, _>>()?;
    Ok(HttpResponse::Ok().json(ControlsBody { controls, next }))
}

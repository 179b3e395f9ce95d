//! `PUT /checkrisk?flowName=…`: adds or updates a person, and screens it at once.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use common::auth::Caller;
use common::body::{self, BodyError};
use common::error::{Problem, ToProblem};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::scope::ScreeningWrite;
use super::{ProblemBody, ids};
use crate::State;
use crate::domain::audit::{Trigger, TriggerKind};
use crate::domain::control::{ControlType, Hit};
use crate::domain::field::FieldError;
use crate::domain::flow::Flow;
use crate::domain::folder;
use crate::domain::person::PersonDocument;
use crate::domain::screening::Screener;
use crate::store::flows;
use crate::store::folders::StoredFolder;
use crate::wire::{AppliedScoreBody, applied_scores};
use crate::work::control::{self, Recorded, Recording, Screened};
use crate::work::ledger::LedgerError;

/// How often a person that another call has just added is looked for again.
const ATTEMPTS: usize = 3;

/// Why nobody was controlled.
#[derive(Debug, thiserror::Error)]
pub enum CheckRiskError {
    /// 400 at `flowName`
    #[error("`flowName` is mandatory")]
    NoFlowName,
    /// 404 at `flowName`
    #[error("there is no such flow")]
    NoSuchFlow,
    /// 400, 408, 413, 415
    #[error(transparent)]
    Body(#[from] BodyError),
    /// 400 at the field
    #[error(transparent)]
    Field(#[from] FieldError),
    /// 503
    #[error("no edition of {0} is in force")]
    NotInForce(String),
    /// 503
    #[error("the lists are not loaded yet")]
    NotLoaded,
    /// 503, 500
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// 500
    #[error("the person cannot be written")]
    Unwritten(#[from] serde_json::Error),
}

impl From<sqlx::Error> for CheckRiskError {
    fn from(error: sqlx::Error) -> Self {
        Self::Ledger(error.into())
    }
}

impl ToProblem for CheckRiskError {
    fn problem(&self) -> Problem {
        let detail = self.to_string();
        match self {
            Self::NoFlowName => Problem::invalid("flowName", detail),
            Self::NoSuchFlow => Problem::not_found(detail).at("flowName"),
            Self::Body(error) => error.problem(),
            Self::Field(error) => error.problem(),
            Self::NotInForce(_) => {
                let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "list_not_in_force", detail);
                problem.retry_after(std::time::Duration::from_secs(5))
            }
            Self::NotLoaded => Problem::unavailable(),
            Self::Ledger(error) => error.problem(),
            Self::Unwritten(_) => Problem::internal(),
        }
    }
}

common::error_response!(CheckRiskError);

/// By which flow.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct FlowQuery {
    /// The flow's name.
    #[param(required = true, nullable = false)]
    pub(super) flow_name: Option<String>,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckedBody {
    /// The person's number.
    person_id: String,
    /// One for each control type of the flow.
    risks: Vec<RiskBody>,
}

/// A person's risk of one type.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RiskBody {
    /// The risk folder's.
    id: String,
    r#type: ControlType,
    /// The highest score of the hits, 0–100.
    max_matching_score: f32,
    /// The folder's state.
    status: folder::State,
    /// What this control has found, the highest score first.
    hits: Vec<HitBody>,
}

/// A record that corresponds to the person.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RiskHitBody)]
pub struct HitBody {
    /// The list.
    list: String,
    /// The record's identifier on it.
    record_id: String,
    /// 0–100
    score: f32,
    /// `POTENTIAL_RISK` until it is qualified.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    status: Option<folder::State>,
    /// What the score is made of.
    applied_scores: Vec<AppliedScoreBody>,
}

impl HitBody {
    pub(super) fn new(hit: Hit, folder: Option<&StoredFolder>) -> Self {
        let known = folder.and_then(|stored| {
            stored.folder.hits.iter().find(|known| known.list == hit.list && known.record_id == hit.record_id)
        });
        Self {
            status: known.map(|known| known.state),
            list: hit.list,
            record_id: hit.record_id,
            score: hit.score,
            applied_scores: applied_scores(hit.applied_scores),
        }
    }
}

/// Adds or updates a person in the flow's source and screens it at once. The control and its outcome are in the audit
/// trail before the answer; sent again, the same person is controlled again.
#[utoipa::path(put, path = "/checkrisk", tag = "persons", operation_id = "checkRisk",
    params(FlowQuery),
    request_body = PersonDocument,
    security(("bearer" = ["screening:write"])),
    responses(
        (status = 200, description = "What was found", body = CheckedBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such flow", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn check(
    state: web::Data<State>,
    caller: Caller<ScreeningWrite>,
    query: web::Query<FlowQuery>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, CheckRiskError> {
    let name =
        query.flow_name.as_deref().filter(|name| !name.is_empty()).ok_or(CheckRiskError::NoFlowName)?;
    let document: PersonDocument = body::json(&request, payload).await?;
    let flow = flows::by_name(&state.pool, name).await?.ok_or(CheckRiskError::NoSuchFlow)?;
    let (document, subject) = document.of_source(&flow.source)?;
    let catalogue = state.holder.current().ok_or(CheckRiskError::NotLoaded)?;
    if let Some(wanting) = catalogue.wants(&flow) {
        return Err(CheckRiskError::NotInForce(wanting));
    }
    let mut screener = Screener::new(&catalogue.index);
    let screened = Screened::new(&document, &subject, &flow, &catalogue, &mut screener)?;
    let recording = Recording {
        flow: &flow,
        catalogue: &catalogue,
        trigger: Trigger { kind: TriggerKind::Api, login: caller.login().to_owned() },
        at: state.clock.now(),
        import: None,
    };
    let recorded = recorded(&state, &recording, std::slice::from_ref(&screened)).await?;
    Ok(HttpResponse::Ok().json(told(&flow, screened, &recorded)))
}

async fn recorded(
    state: &State,
    recording: &Recording<'_>,
    screened: &[Screened],
) -> Result<Recorded, LedgerError> {
    let mut attempt = 1;
    loop {
        let mut tx = state.pool.begin().await?;
        match control::record(&mut tx, &state.ledger, recording, screened).await {
            Ok(recorded) => {
                tx.commit().await?;
                state.ledger.keep(recorded.head).await?;
                return Ok(recorded);
            }
            Err(LedgerError::Database(error)) if attempt < ATTEMPTS && control::is_conflict(&error) => {
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

fn told(flow: &Flow, screened: Screened, recorded: &Recorded) -> CheckedBody {
    let person_id = recorded.persons.first().copied().unwrap_or_default();
    let risk = |(control_type, findings): (&ControlType, crate::catalogue::Findings)| {
        let folder = recorded.folders.get(&(person_id, *control_type));
        RiskBody {
            id: ids::folder(person_id, *control_type),
            r#type: *control_type,
            max_matching_score: folder.map_or(0.0, |stored| stored.folder.max_score()),
            status: folder.map_or(folder::State::NoRiskFound, |stored| stored.folder.state()),
            hits: findings.hits.into_iter().map(|hit| HitBody::new(hit, folder)).collect(),
        }
    };
    CheckedBody {
        person_id: person_id.to_string(),
        risks: flow.control_types.iter().zip(screened.findings).map(risk).collect(),
    }
}

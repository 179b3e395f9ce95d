//! `POST /sources`, `POST /flows`, `GET /flows`: where persons are, and how they are screened.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use common::auth::Caller;
use common::body::{self, BodyError};
use common::error::{Problem, ToProblem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ProblemBody;
use super::scope::{ScreeningRead, ScreeningWrite};
use crate::State;
use crate::domain::control::ControlType;
use crate::domain::field::FieldError;
use crate::domain::flow::Flow;
use crate::store::flows::{self, NewFlow};

/// Why nothing was added.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// 400, 408, 413, 415
    #[error(transparent)]
    Body(#[from] BodyError),
    /// 400 at the field
    #[error(transparent)]
    Field(#[from] FieldError),
    /// 409
    #[error("there is another flow of this name")]
    Exists,
    /// 503, 500
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

impl ToProblem for FlowError {
    fn problem(&self) -> Problem {
        match self {
            Self::Body(error) => error.problem(),
            Self::Field(error) => error.problem(),
            Self::Exists => Problem::new(StatusCode::CONFLICT, "flow_exists", self.to_string()).at("name"),
            Self::Database(error) => common::db::problem(error),
        }
    }
}

common::error_response!(FlowError);

/// A source.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceBody {
    /// 1 to 128 characters.
    #[schema(min_length = 1, max_length = 128)]
    name: String,
}

/// A flow.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FlowBody {
    /// 1 to 128 characters.
    #[schema(min_length = 1, max_length = 128)]
    name: String,
    /// The source whose persons it screens.
    source: String,
    /// What it controls.
    #[schema(min_items = 1)]
    control_types: Vec<ControlType>,
    /// The lists that it screens against; by default all of its control types.
    #[serde(default)]
    lists: Vec<String>,
    /// The least score of a hit, 0–100, by control type; by default the engine's.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, f32>)]
    thresholds: BTreeMap<ControlType, f32>,
}

impl From<Flow> for FlowBody {
    fn from(flow: Flow) -> Self {
        let Flow { name, source, control_types, lists, thresholds, .. } = flow;
        Self { name, source, control_types, lists, thresholds }
    }
}

/// All flows.
#[derive(Debug, Serialize, ToSchema)]
pub struct FlowsBody {
    /// By name.
    flows: Vec<FlowBody>,
}

fn check_name(field: &'static str, name: &str) -> Result<(), FieldError> {
    let is_name = !name.trim().is_empty() && name.chars().count() <= 128 && !name.contains('\0');
    if is_name { Ok(()) } else { Err(FieldError::new(field, "1 to 128 characters")) }
}

/// Adds a source. Sent again, it is found.
#[utoipa::path(post, path = "/sources", tag = "persons", operation_id = "addSource",
    request_body = SourceBody,
    security(("bearer" = ["screening:write"])),
    responses(
        (status = 200, description = "There was one of this name already", body = SourceBody),
        (status = 201, description = "Added", body = SourceBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn add_source(
    state: web::Data<State>,
    caller: Caller<ScreeningWrite>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, FlowError> {
    let body: SourceBody = body::json(&request, payload).await?;
    check_name("name", &body.name)?;
    let (_, is_new) = flows::add_source(&state.pool, &body.name, state.clock.now(), caller.login()).await?;
    let mut response = if is_new { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(response.json(body))
}

/// Adds a flow. The same sent again is found; another one of its name is refused: what a past control was made with must
/// stay what it was.
#[utoipa::path(post, path = "/flows", tag = "persons", operation_id = "addFlow",
    request_body = FlowBody,
    security(("bearer" = ["screening:write"])),
    responses(
        (status = 200, description = "There was this flow already", body = FlowBody),
        (status = 201, description = "Added", body = FlowBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "There is another flow of this name", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn add_flow(
    state: web::Data<State>,
    caller: Caller<ScreeningWrite>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, FlowError> {
    let mut body: FlowBody = body::json(&request, payload).await?;
    check_name("name", &body.name)?;
    check(&state, &mut body)?;
    let source_id = flows::source(&state.pool, &body.source)
        .await?
        .ok_or_else(|| FieldError::new("source", "there is no such source"))?;
    let flow = NewFlow {
        name: &body.name,
        source_id,
        control_types: &body.control_types,
        lists: &body.lists,
        thresholds: &body.thresholds,
    };
    let is_new = flows::add(&state.pool, &flow, state.clock.now(), caller.login()).await?;
    let stored = flows::by_name(&state.pool, &body.name).await?.ok_or(sqlx::Error::RowNotFound)?;
    let is_same = stored.source == body.source
        && stored.control_types == body.control_types
        && stored.lists == body.lists
        && stored.thresholds == body.thresholds;
    if !is_same {
        return Err(FlowError::Exists);
    }
    let mut response = if is_new { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(response.json(FlowBody::from(stored)))
}

/// Checks a flow against the configured lists, and brings what has no order into one.
fn check(state: &State, flow: &mut FlowBody) -> Result<(), FieldError> {
    flow.control_types.sort_unstable();
    flow.control_types.dedup();
    if flow.control_types.is_empty() {
        return Err(FieldError::new("controlTypes", "at least one is mandatory"));
    }
    for (n, source) in flow.lists.iter().enumerate() {
        let list = state.config.list(source);
        if !list.is_some_and(|list| flow.control_types.contains(&list.control_type)) {
            return Err(FieldError::new(
                format!("lists[{n}]"),
                "there is no such list of these control types",
            ));
        }
    }
    flow.lists.sort_unstable();
    flow.lists.dedup();
    for (control_type, threshold) in &flow.thresholds {
        let field = format!("thresholds.{}", control_type.as_str());
        if !(0.0..=100.0).contains(threshold) || !flow.control_types.contains(control_type) {
            return Err(FieldError::new(field, "must be 0 to 100, of a control type of the flow"));
        }
    }
    Ok(())
}

/// All flows, by name.
#[utoipa::path(get, path = "/flows", tag = "persons", operation_id = "listFlows",
    security(("bearer" = ["screening:read"])),
    responses(
        (status = 200, description = "Flows", body = FlowsBody),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn list_flows(
    state: web::Data<State>,
    _caller: Caller<ScreeningRead>,
) -> Result<HttpResponse, FlowError> {
    let flows = flows::all(&state.pool).await?.into_iter().map(FlowBody::from).collect();
    Ok(HttpResponse::Ok().json(FlowsBody { flows }))
}

//! `GET /lists/{source}/editions/{id}/rescreening`: how far everybody is screened against an edition.

use actix_web::{HttpResponse, web};
use common::auth::Caller;
use serde::Serialize;
use utoipa::ToSchema;

use super::lists::ListsError;
use super::scope::ScreeningRead;
use super::screen::instant;
use super::{ProblemBody, ids};
use crate::State;
use crate::store::editions;
use crate::store::rescreenings::{self, StoredRescreening};

/// How far everybody is screened against an edition.
#[derive(Debug, Serialize, ToSchema)]
pub struct RescreeningBody {
    /// One for each flow that screens against the list; none before its persons are counted.
    flows: Vec<FlowProgressBody>,
}

/// How far the persons of a flow are.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FlowProgressBody {
    flow_name: String,
    #[schema(pattern = "^(RUNNING|DONE|FAILED)$")]
    state: &'static str,
    /// Chunks of persons.
    chunks: i32,
    /// How many of them were worked on.
    chunks_done: i32,
    /// Persons that were controlled; others had been, against this edition or a newer one.
    persons: i64,
    started_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    ended_at: Option<String>,
    /// Why some of them were given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    failure: Option<String>,
}

impl From<StoredRescreening> for FlowProgressBody {
    fn from(stored: StoredRescreening) -> Self {
        Self {
            state: match &stored {
                StoredRescreening { failure: Some(_), .. } => "FAILED",
                StoredRescreening { ended_at: Some(_), .. } => "DONE",
                _ => "RUNNING",
            },
            flow_name: stored.flow_name,
            chunks: stored.chunks,
            chunks_done: stored.chunks_done,
            persons: stored.persons,
            started_at: instant(stored.started_at),
            ended_at: stored.ended_at.map(instant),
            failure: stored.failure,
        }
    }
}

/// How far everybody is screened against an edition.
#[utoipa::path(get, path = "/lists/{source}/editions/{id}/rescreening", tag = "lists", operation_id = "showRescreening",
    params(("source" = String, Path), ("id" = String, Path)),
    security(("bearer" = ["screening:read"])),
    responses(
        (status = 200, description = "Progress by flow", body = RescreeningBody),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn show(
    state: web::Data<State>,
    _caller: Caller<ScreeningRead>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ListsError> {
    let (source, id) = path.into_inner();
    let id = ids::number(&id).ok_or(ListsError::NotFound)?;
    let edition = editions::by_id(&state.pool, id).await?.filter(|edition| edition.source == source);
    let edition = edition.ok_or(ListsError::NotFound)?;
    let flows = rescreenings::of_edition(&state.pool, edition.id).await?;
    let flows = flows.into_iter().map(FlowProgressBody::from).collect();
    Ok(HttpResponse::Ok().json(RescreeningBody { flows }))
}

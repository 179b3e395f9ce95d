//! The contract's operations, one file each: request and answer, handler, error, OpenAPI.

pub mod applications;
pub mod authentication;
pub mod get_user;
pub mod ingest_transactions;
pub mod oauth;
pub mod openapi;
pub mod operators;
pub mod profiles;
pub mod put_operator;
pub mod reconcile;
pub mod scope;
pub mod task_details;
pub mod tasks;
pub mod update_reconciliation;

mod upload;
mod wire;

use common::error::{Problem, Renderer};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

/// Errors of this contract that have no fixed body: `{"detail":"…","code":"…","field":"…"}`.
pub const RENDERER: Renderer = Renderer { content_type: "application/json", body: render };

fn render(problem: &Problem, correlation_id: Uuid) -> Option<Value> {
    let detail = match problem.code {
        "internal" => format!("{}, correlation id {correlation_id}", problem.detail),
        _ => problem.detail.clone(),
    };
    Some(match &problem.field {
        Some(field) => json!({"detail": detail, "code": problem.code, "field": field}),
        None => json!({"detail": detail, "code": problem.code}),
    })
}

/// The body of an error.
#[derive(ToSchema)]
pub struct ErrorBody {
    /// What went wrong, for people.
    pub detail: String,
    /// What went wrong, for programs.
    pub code: ErrorCode,
    /// The field or parameter at fault, when one is.
    #[schema(nullable = false)]
    pub field: Option<String>,
}

/// What went wrong, for programs.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, missing_docs, reason = "only described, in the OpenAPI document")]
pub enum ErrorCode {
    Csrf,
    Internal,
    Invalid,
    InvalidToken,
    InsufficientScope,
    MethodNotAllowed,
    NoUser,
    NotFound,
    NotOwnToken,
    RegistrationDisabled,
    ServerError,
    TaskRunning,
    TemporarilyUnavailable,
    Timeout,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
    UsernameTaken,
}

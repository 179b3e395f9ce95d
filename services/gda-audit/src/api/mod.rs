//! The contract's operations, one file each: request and answer, handler, error, OpenAPI.

pub mod audit_trail;
pub mod change_folder;
pub mod check_risk;
pub mod compare;
pub mod controls;
pub mod export;
pub mod flows;
pub mod import_list;
pub mod import_persons;
pub mod imports;
pub mod lists;
pub mod openapi;
pub mod replay;
pub mod rescreening;
pub mod risk_folders;
pub mod scope;
pub mod screen;
pub mod verify;
pub mod webhooks;

use common::error::{Problem, Renderer, ToProblem};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::field::FieldError;
use crate::ids;
use crate::work::ledger::LedgerError;

/// Errors of this contract: `application/problem+json` (RFC 9457) with `code` and, when one is at fault, `field`.
pub const RENDERER: Renderer = Renderer { content_type: "application/problem+json", body: render };

fn render(problem: &Problem, correlation_id: Uuid) -> Option<Value> {
    let mut body = json!({
        "type": "about:blank",
        "title": problem.status.canonical_reason().unwrap_or("Error"),
        "status": problem.status.as_u16(),
        "detail": problem.detail,
        "code": problem.code,
        "correlationId": correlation_id,
    });
    if let Some(field) = &problem.field {
        body["field"] = field.as_str().into();
    }
    Some(body)
}

impl ToProblem for FieldError {
    fn problem(&self) -> Problem {
        Problem::invalid(self.field.clone(), self.to_string())
    }
}

impl ToProblem for LedgerError {
    fn problem(&self) -> Problem {
        match self {
            Self::Anchor(_) => Problem::unavailable().cause(self.to_string()),
            Self::Database(error) => common::db::problem(error),
            Self::Header(_) => Problem::internal(),
        }
    }
}

/// An error (RFC 9457).
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "only described, in the OpenAPI document")]
pub struct ProblemBody {
    /// `about:blank`: the status says what kind it is.
    r#type: String,
    /// The status in words.
    title: String,
    /// The status.
    status: u16,
    /// What went wrong, for people.
    detail: String,
    /// What went wrong, for programs.
    code: String,
    /// Ties the answer to the logs.
    correlation_id: Uuid,
    /// The field or parameter at fault, when one is.
    #[schema(nullable = false)]
    field: Option<String>,
}

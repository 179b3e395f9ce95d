//! The contract's operations, one file each: request and answer, handler, error, OpenAPI.

pub mod check;
pub mod decision;
pub mod openapi;

use common::error::{Problem, Renderer};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

/// Errors of this contract: `{"result":false,"code":"…"}`.
pub const RENDERER: Renderer = Renderer { content_type: "application/json", body: render };

fn render(problem: &Problem, _: Uuid) -> Option<Value> {
    let code = match problem.code {
        "not_found" => "FIND_001",
        "method_not_allowed" => "FORM_007",
        "too_large" => "FORM_003",
        "unsupported_media_type" => "FORM_006",
        "timeout" | "unavailable" => "TECH_002",
        "internal" => "TECH_001",
        "invalid" => "FORM_001",
        code => code,
    };
    Some(json!({"result": false, "code": code}))
}

/// Why there is no score.
#[derive(Serialize, ToSchema)]
pub struct RefusedBody {
    /// `false`
    pub result: bool,
    /// `AUTH_001`, `MAND_002`, …: the service's README has the table.
    pub code: &'static str,
    /// The field at fault, when one is; with `detail=1` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub field: Option<&'static str>,
}

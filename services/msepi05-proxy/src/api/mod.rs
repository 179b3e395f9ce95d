//! The contract's operations, one file each: request and answer, handler, error.

pub mod client_application;
pub mod openapi;
pub mod search_indicators;
pub mod show_limits;

mod hashes_body;
mod requester;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName};
use common::error::{Problem, Renderer};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::limits::Remaining;

/// Codes of the contract's errors.
mod code {
    pub(super) const HEADER: &str = "REQ0001";
    pub(super) const BODY: &str = "REQ0002";
    pub(super) const BUCKET: &str = "LIM0001";
    pub(super) const CAPS: &str = "EXT0000";
    pub(super) const TECHNICAL: &str = "TEC0000";
    /// Ours: no operation of the contract was asked for.
    pub(super) const NO_OPERATION: &str = "REQ0000";
}

static CUSTOMER_TOKENS: HeaderName = HeaderName::from_static("x-customer-tokens-remaining");
static CLIENT_HASHES: HeaderName = HeaderName::from_static("x-client-hashes-remaining");

/// Errors of this contract: `{"code":"…","message":"…"}`, and 401 without a body.
pub const RENDERER: Renderer = Renderer { content_type: "application/json", body: render };

fn render(problem: &Problem, correlation_id: Uuid) -> Option<Value> {
    let (code, message) = match problem.status {
        StatusCode::UNAUTHORIZED => return None,
        status if status.is_server_error() => {
            (code::TECHNICAL, format!("Erreur technique, identifiant de corrélation {correlation_id}."))
        }
        _ if ["REQ", "LIM", "EXT"].iter().any(|family| problem.code.starts_with(family)) => {
            (problem.code, problem.detail.clone())
        }
        StatusCode::NOT_FOUND => (code::NO_OPERATION, "Ressource inconnue.".to_owned()),
        StatusCode::METHOD_NOT_ALLOWED => {
            (code::NO_OPERATION, "Méthode non autorisée pour cette ressource.".to_owned())
        }
        _ => (code::NO_OPERATION, "La requête est mal formée.".to_owned()),
    };
    Some(json!({"code": code, "message": message}))
}

/// Tells the client what is left, on every answer after authentication.
fn tell(headers: &mut HeaderMap, remaining: Remaining) {
    headers.insert(CUSTOMER_TOKENS.clone(), remaining.customer.into());
    headers.insert(CLIENT_HASHES.clone(), remaining.client.into());
}

fn tell_problem(problem: Problem, remaining: Remaining) -> Problem {
    problem
        .header(CUSTOMER_TOKENS.clone(), remaining.customer)
        .header(CLIENT_HASHES.clone(), remaining.client)
}

//! Handlers of the OAuth endpoints (RFC 6749 §3.2, 7009, 7662, 7517). A service routes its contract's paths to them,
//! with the [`AuthorizationServer`](crate::AuthorizationServer) as `web::Data`, and puts the schemas here into its
//! OpenAPI document. Failures render through [`OAuthError`](crate::OAuthError).

mod client_auth;
mod form;
mod introspect;
mod jwks;
mod revoke;
mod token;

pub use introspect::{Introspection, IntrospectionRequest, introspect};
pub use jwks::jwks;
pub use revoke::{RevocationRequest, revoke};
pub use token::{TokenRequest, token};

use actix_web::http::header::{CACHE_CONTROL, PRAGMA};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use utoipa::ToSchema;

/// The body of every refusal (RFC 6749 §5.2).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OAuthErrorBody {
    /// A code of RFC 6749 §5.2, or `too_many_requests`, `temporarily_unavailable`, `server_error`.
    #[schema(example = "invalid_grant")]
    pub error: String,
    /// A sentence for people.
    pub error_description: String,
}

/// RFC 6749 §5.1: nobody may keep the answer.
fn uncached(mut response: HttpResponseBuilder) -> HttpResponseBuilder {
    response.insert_header((CACHE_CONTROL, "no-store")).insert_header((PRAGMA, "no-cache"));
    response
}

/// 200 with a JSON body that nobody may keep.
fn answer(body: &impl Serialize) -> HttpResponse {
    uncached(HttpResponse::Ok()).json(body)
}

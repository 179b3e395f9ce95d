//! `/o/token/`, `/o/revoke_token/`, `/o/introspect/` and the JWKS: the authorization server's endpoints under this
//! contract's paths.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use identity::http::{Introspection, IntrospectionRequest, OAuthErrorBody, RevocationRequest, TokenRequest};
use identity::{AuthorizationServer, KeySet, OAuthError, Tokens};

/// Issues tokens: grants `password`, `client_credentials` and `refresh_token` (RFC 6749).
#[utoipa::path(post, path = "/o/token/", tag = "oauth", operation_id = "issueToken",
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    security((), ("client" = [])),
    responses(
        (status = 200, body = Tokens),
        (status = 400, body = OAuthErrorBody), (status = 401, body = OAuthErrorBody),
        (status = 413, body = OAuthErrorBody), (status = 415, body = OAuthErrorBody),
        (status = 429, body = OAuthErrorBody),
    ))]
pub async fn token(
    server: Data<AuthorizationServer>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, OAuthError> {
    identity::http::token(server, request, payload).await
}

/// Revokes a token of the client's (RFC 7009); 200 also when it is unknown.
#[utoipa::path(post, path = "/o/revoke_token/", tag = "oauth", operation_id = "revokeClientToken",
    request_body(content = RevocationRequest, content_type = "application/x-www-form-urlencoded"),
    security((), ("client" = [])),
    responses(
        (status = 200, description = "Revoked, or unknown"),
        (status = 400, body = OAuthErrorBody), (status = 401, body = OAuthErrorBody),
        (status = 413, body = OAuthErrorBody), (status = 415, body = OAuthErrorBody),
        (status = 429, body = OAuthErrorBody),
    ))]
pub async fn revoke(
    server: Data<AuthorizationServer>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, OAuthError> {
    identity::http::revoke(server, request, payload).await
}

/// Tells an authenticated client about a token (RFC 7662).
#[utoipa::path(post, path = "/o/introspect/", tag = "oauth", operation_id = "introspectToken",
    request_body(content = IntrospectionRequest, content_type = "application/x-www-form-urlencoded"),
    security((), ("client" = [])),
    responses(
        (status = 200, body = Introspection),
        (status = 400, body = OAuthErrorBody), (status = 401, body = OAuthErrorBody),
        (status = 413, body = OAuthErrorBody), (status = 415, body = OAuthErrorBody),
        (status = 429, body = OAuthErrorBody),
    ))]
pub async fn introspect(
    server: Data<AuthorizationServer>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, OAuthError> {
    identity::http::introspect(server, request, payload).await
}

/// The public keys of the tokens (RFC 7517).
#[utoipa::path(get, path = "/o/.well-known/jwks.json", tag = "oauth", operation_id = "showJwks",
    responses((status = 200, body = KeySet)))]
pub async fn jwks(server: Data<AuthorizationServer>) -> HttpResponse {
    identity::http::jwks(server).await
}

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use utoipa::ToSchema;

use super::form::Form;
use super::{client_auth, uncached};
use crate::AuthorizationServer;
use crate::error::OAuthError;

/// The form of a revocation (RFC 7009 §2.1), with the client as in [`TokenRequest`](super::TokenRequest).
#[derive(ToSchema)]
pub struct RevocationRequest {
    /// An access or refresh token.
    #[schema(max_length = 8192)]
    pub token: String,
    /// `access_token` or `refresh_token`; we find out by ourselves.
    #[schema(max_length = 64)]
    pub token_type_hint: Option<String>,
    /// The client, where it doesn't authenticate by HTTP Basic.
    #[schema(max_length = 128)]
    pub client_id: Option<String>,
    /// Its secret; a public client has none.
    #[schema(max_length = 256, format = Password)]
    pub client_secret: Option<String>,
}

/// The revocation endpoint: 200 without a body, also for a token that we don't know.
///
/// # Errors
/// As RFC 6749 §5.2; `invalid_grant` for another client's token.
pub async fn revoke(
    server: Data<AuthorizationServer>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, OAuthError> {
    let form = Form::read(&request, payload).await?;
    let client = client_auth::authenticate(&server, &request, &form).await?;
    server.revoke(form.require("token")?, Some(&client)).await?;
    Ok(uncached(HttpResponse::Ok()).finish())
}

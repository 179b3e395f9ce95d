use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use utoipa::ToSchema;

use super::form::Form;
use super::{answer, client_auth};
use crate::AuthorizationServer;
use crate::domain::scopes::Scopes;
use crate::error::OAuthError;

/// The form of a token request (RFC 6749 §4.3.2, §4.4.2, §6). The client authenticates by HTTP Basic or by
/// `client_id` and `client_secret`, not both.
#[derive(ToSchema)]
pub struct TokenRequest {
    /// `password`, `client_credentials` or `refresh_token`.
    #[schema(max_length = 64, example = "client_credentials")]
    pub grant_type: String,
    /// The client, where it doesn't authenticate by HTTP Basic.
    #[schema(max_length = 128)]
    pub client_id: Option<String>,
    /// Its secret; a public client has none.
    #[schema(max_length = 256, format = Password)]
    pub client_secret: Option<String>,
    /// Separated by spaces; all that may be granted, where missing.
    #[schema(max_length = 1024)]
    pub scope: Option<String>,
    /// With `password`.
    #[schema(max_length = 600)]
    pub username: Option<String>,
    /// With `password`.
    #[schema(max_length = 256, format = Password)]
    pub password: Option<String>,
    /// With `refresh_token`.
    #[schema(max_length = 512)]
    pub refresh_token: Option<String>,
}

/// The token endpoint: 200 with [`Tokens`](crate::Tokens).
///
/// # Errors
/// As RFC 6749 §5.2; 429 after failures in a row.
pub async fn token(
    server: Data<AuthorizationServer>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, OAuthError> {
    let form = Form::read(&request, payload).await?;
    let grant_type = form.require("grant_type")?;
    if !["password", "client_credentials", "refresh_token"].contains(&grant_type) {
        return Err(OAuthError::UnsupportedGrantType);
    }
    let client = client_auth::authenticate(&server, &request, &form).await?;
    let scope = match form.get("scope") {
        Some(scope) => Some(scope.parse::<Scopes>().map_err(|_| OAuthError::InvalidScope)?),
        None => None,
    };
    let tokens = match grant_type {
        "password" => {
            let username = form.require("username")?;
            let password = form.require("password")?.into();
            server.password_grant(&client, username, &password, scope, server.address_of(&request)).await?
        }
        "refresh_token" => server.refresh(form.require("refresh_token")?, Some(&client), scope).await?,
        _ => server.client_credentials_grant(&client, scope)?,
    };
    Ok(answer(&tokens))
}

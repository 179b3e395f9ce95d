use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use common::auth::{Audience, Claims};
use common::redact::Personal;
use serde::Serialize;
use utoipa::ToSchema;

use super::form::Form;
use super::{answer, client_auth};
use crate::AuthorizationServer;
use crate::domain::client::ClientType;
use crate::error::OAuthError;
use crate::tokens::RefreshTokenState;

/// The form of an introspection (RFC 7662 §2.1), with the client as in [`TokenRequest`](super::TokenRequest).
#[derive(ToSchema)]
pub struct IntrospectionRequest {
    /// An access token, or a refresh token of the client's own.
    #[schema(max_length = 8192)]
    pub token: String,
    /// `access_token` or `refresh_token`; we find out by ourselves.
    #[schema(max_length = 64)]
    pub token_type_hint: Option<String>,
    /// The client, where it doesn't authenticate by HTTP Basic.
    #[schema(max_length = 128)]
    pub client_id: Option<String>,
    /// Its secret.
    #[schema(max_length = 256, format = Password)]
    pub client_secret: Option<String>,
}

/// What is told of a token (RFC 7662 §2.2); of one that is not active, `active` alone.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Introspection {
    /// Whether the token may be used now.
    pub active: bool,
    /// Granted scopes, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The client to which it was issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The user's login.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub username: Option<Personal<String>>,
    /// `Bearer`, of an access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub token_type: Option<&'static str>,
    /// Expiry, seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// Time of issue, seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// Subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// The services that may accept the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aud: Option<Vec<String>>,
    /// Issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// The token's identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// Roles of the user or client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
}

impl From<Claims> for Introspection {
    fn from(claims: Claims) -> Self {
        Self {
            active: true,
            scope: Some(claims.scope),
            client_id: Some(claims.client_id),
            username: claims.preferred_username,
            token_type: Some("Bearer"),
            exp: Some(claims.exp),
            iat: Some(claims.iat),
            sub: Some(claims.sub),
            aud: Some(match claims.aud {
                Audience::Many(names) => names,
                Audience::One(name) => vec![name],
            }),
            iss: Some(claims.iss),
            jti: Some(claims.jti),
            roles: Some(claims.roles).filter(|roles| !roles.is_empty()),
        }
    }
}

impl Introspection {
    fn of_refresh_token(state: RefreshTokenState, client_id: String, issuer: &str) -> Self {
        Self {
            active: true,
            scope: Some(state.scopes.to_string()),
            client_id: Some(client_id),
            username: Some(state.user.username),
            exp: Some(state.expires_at.timestamp()),
            iat: Some(state.issued_at.timestamp()),
            sub: Some(state.user.subject.to_string()),
            iss: Some(issuer.to_owned()),
            ..Self::default()
        }
    }
}

/// The introspection endpoint: 200 with [`Introspection`].
///
/// # Errors
/// As RFC 6749 §5.2; `invalid_client` also for a public client, which can prove nothing.
pub async fn introspect(
    server: Data<AuthorizationServer>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, OAuthError> {
    let form = Form::read(&request, payload).await?;
    let client = client_auth::authenticate(&server, &request, &form).await?;
    if client.client_type == ClientType::Public {
        return Err(OAuthError::InvalidClient);
    }
    let token = form.require("token")?;
    let introspection = match server.inspect_access_token(token).await? {
        Some(claims) => claims.into(),
        None => match server.inspect_refresh_token(token, &client).await? {
            Some(state) => Introspection::of_refresh_token(state, client.client_id, server.issuer()),
            None => Introspection::default(),
        },
    };
    Ok(answer(&introspection))
}

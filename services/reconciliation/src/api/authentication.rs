//! `POST /authentication/register/`, `/authentication/token/`, `…/token/refresh/`, `…/token/revoke/`: the service's own
//! sign-in, without a client.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use common::body::{self, BodyError};
use common::error::{Problem, ToProblem};
use common::redact::Personal;
use identity::http::OAuthErrorBody;
use identity::{OAuthError, RegistrationError, Tokens};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ErrorBody;
use super::profiles::{self, ProfileBody};
use crate::State;

/// Longest token that is looked at, in bytes.
pub(super) const MAX_TOKEN: usize = 8 * 1024;

/// Why the sign-in failed.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationError {
    /// 400, 413, 415
    #[error(transparent)]
    Body(#[from] BodyError),
    /// 400 at `token` or `refresh_token`
    #[error("longer than {MAX_TOKEN} bytes")]
    TokenTooLong(&'static str),
    /// As RFC 6749 §5.2
    #[error(transparent)]
    OAuth(#[from] OAuthError),
    /// 403, 409, 429, 400
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    /// 503, 500
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

impl ToProblem for AuthenticationError {
    fn problem(&self) -> Problem {
        match self {
            Self::Body(error) => error.problem(),
            Self::TokenTooLong(field) => Problem::invalid(*field, self.to_string()),
            Self::OAuth(error) => error.problem(),
            Self::Registration(error) => error.problem(),
            Self::Database(error) => common::db::problem(error),
        }
    }
}

common::error_response!(AuthenticationError);

/// An OAuth failure of an operation that is not OAuth's, in this contract's shape.
pub(super) fn in_own_shape(error: &OAuthError) -> Problem {
    Problem { body: None, ..error.problem() }
}

/// A user's name and password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CredentialsBody {
    #[schema(value_type = String)]
    username: Personal<String>,
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// The name and password of a new user.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUserBody {
    /// Letters, digits and `@.+-_`.
    #[schema(value_type = String, min_length = 1, max_length = 150)]
    username: Personal<String>,
    /// Not the username; at most 256 bytes, none of them a control character.
    #[schema(value_type = String, min_length = 10, max_length = 256, format = Password)]
    password: SecretString,
}

/// A refusal: by OAuth, or of a body that is not what the operation takes.
#[derive(ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only described, in the OpenAPI document")]
pub enum SignInErrorBody {
    /// RFC 6749 §5.2
    OAuth(OAuthErrorBody),
    /// The body is at fault.
    Body(ErrorBody),
}

/// A token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenBody {
    #[schema(value_type = String, max_length = 8192)]
    pub(super) token: Personal<String>,
}

/// A refresh token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshBody {
    #[schema(value_type = String, max_length = 8192)]
    refresh_token: Personal<String>,
}

/// Tokens, with the user's profile.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignedInBody {
    token: Tokens,
    /// None or one.
    profile: Vec<ProfileBody>,
}

fn tokens(mut response: actix_web::HttpResponseBuilder, body: impl Serialize) -> HttpResponse {
    response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::PRAGMA, "no-cache"))
        .json(body)
}

fn bounded(field: &'static str, token: &Personal<String>) -> Result<(), AuthenticationError> {
    if token.expose().len() > MAX_TOKEN {
        return Err(AuthenticationError::TokenTooLong(field));
    }
    Ok(())
}

/// Registers a user and signs them in. Off by default (`identity.registration`).
#[utoipa::path(post, path = "/authentication/register/", tag = "authentication", operation_id = "registerUser",
    request_body = NewUserBody,
    responses(
        (status = 201, body = Tokens),
        (status = 400, body = ErrorBody),
        (status = 403, description = "Registration is off", body = ErrorBody),
        (status = 409, description = "The name is taken", body = ErrorBody),
        (status = 413, body = ErrorBody), (status = 415, body = ErrorBody), (status = 429, body = ErrorBody),
    ))]
pub async fn register(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, AuthenticationError> {
    let body: NewUserBody = body::json(&request, payload).await?;
    let address = state.identity.address_of(&request);
    let (registered, _) =
        state.identity.register_user(body.username.expose(), &body.password, address).await?;
    Ok(tokens(HttpResponse::Created(), registered))
}

/// Signs a user in.
#[utoipa::path(post, path = "/authentication/token/", tag = "authentication", operation_id = "signIn",
    request_body = CredentialsBody,
    responses(
        (status = 200, body = SignedInBody),
        (status = 400, description = "`invalid_grant` for a wrong name or password", body = SignInErrorBody),
        (status = 413, body = ErrorBody), (status = 415, body = ErrorBody),
        (status = 429, body = OAuthErrorBody),
    ))]
pub async fn token(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, AuthenticationError> {
    let body: CredentialsBody = body::json(&request, payload).await?;
    let address = state.identity.address_of(&request);
    let (token, user) =
        state.identity.password_login(body.username.expose(), &body.password, address).await?;
    let profile = profiles::of_user(&state, user.id).await?;
    Ok(tokens(HttpResponse::Ok(), SignedInBody { token, profile }))
}

/// Exchanges a refresh token for a new pair. It is good for one use: a second one revokes all that came of the sign-in.
#[utoipa::path(post, path = "/authentication/token/refresh/", tag = "authentication",
    operation_id = "refreshToken",
    request_body = RefreshBody,
    responses(
        (status = 200, body = Tokens),
        (status = 400, description = "`invalid_grant` for a token that is not good any more",
            body = SignInErrorBody),
        (status = 413, body = ErrorBody), (status = 415, body = ErrorBody),
    ))]
pub async fn refresh(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, AuthenticationError> {
    let body: RefreshBody = body::json(&request, payload).await?;
    bounded("refresh_token", &body.refresh_token)?;
    let refreshed = state.identity.refresh(body.refresh_token.expose(), None, None).await?;
    Ok(tokens(HttpResponse::Ok(), refreshed))
}

/// Revokes an access or refresh token; `{}` also when it is unknown.
#[utoipa::path(post, path = "/authentication/token/revoke/", tag = "authentication",
    operation_id = "revokeToken",
    request_body = TokenBody,
    responses(
        (status = 200, description = "`{}`", body = Object),
        (status = 400, body = ErrorBody), (status = 413, body = ErrorBody), (status = 415, body = ErrorBody),
    ))]
pub async fn revoke(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, AuthenticationError> {
    let body: TokenBody = body::json(&request, payload).await?;
    bounded("token", &body.token)?;
    state.identity.revoke(body.token.expose(), None).await?;
    Ok(tokens(HttpResponse::Ok(), serde_json::json!({})))
}

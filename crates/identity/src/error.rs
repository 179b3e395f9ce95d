//! What callers of the authorization server are told.

use std::time::Duration;

use actix_web::http::StatusCode;
use common::auth::Unavailable;
use common::body::BodyError;
use common::error::{Problem, ToProblem};
use serde_json::json;

use crate::domain::client::{UnknownClientType, UnknownGrant};
use crate::domain::user::RuleBroken;
use crate::keys::KeyError;
use common::passwords::HashingError;

/// Why a token was not issued, revoked or looked at. The body is RFC 6749 §5.2's,
/// `{"error":"…","error_description":"…"}`, whatever the service's own shape is.
#[derive(Debug, thiserror::Error)]
pub enum OAuthError {
    /// 400 `invalid_request`: a parameter is missing, repeated, too long, or where it doesn't belong.
    #[error("{0}")]
    InvalidRequest(String),
    /// 401 `invalid_client`: no client, an unknown one, or the wrong secret.
    #[error("the client could not be authenticated")]
    InvalidClient,
    /// 400 `invalid_grant`: a wrong username or password, or a refresh token that is unknown, expired, used, revoked
    /// or another client's.
    #[error("{0}")]
    InvalidGrant(&'static str),
    /// 400 `unauthorized_client`: the client may not use this grant, or is not subscribed to the authorization server.
    #[error("the client may not use this grant")]
    UnauthorizedClient,
    /// 400 `unsupported_grant_type`
    #[error("the grants served are password, client_credentials and refresh_token")]
    UnsupportedGrantType,
    /// 400 `invalid_scope`: malformed, or more than the client and the user may have.
    #[error("the scope is malformed or more than may be granted")]
    InvalidScope,
    /// 429 `too_many_requests`: after failures in a row; also for accounts that don't exist.
    #[error("too many failed attempts")]
    Blocked(Duration),
    /// The status of what went wrong with the body, `invalid_request`.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// 503 `temporarily_unavailable`, or 500 where the parameters of a stored hash are broken.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// 500 `server_error`
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// 503 `temporarily_unavailable`
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// 503 `temporarily_unavailable` where the database is away, else 500 `server_error`.
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
}

impl ToProblem for OAuthError {
    fn problem(&self) -> Problem {
        let detail = self.to_string();
        let bad_request = |code| Problem::new(StatusCode::BAD_REQUEST, code, detail.as_str());
        let problem = match self {
            Self::InvalidRequest(_) => bad_request("invalid_request"),
            Self::InvalidClient => Problem::new(StatusCode::UNAUTHORIZED, "invalid_client", detail)
                .challenge("Basic realm=\"oauth\", charset=\"UTF-8\""),
            Self::InvalidGrant(_) => bad_request("invalid_grant"),
            Self::UnauthorizedClient => bad_request("unauthorized_client"),
            Self::UnsupportedGrantType => bad_request("unsupported_grant_type"),
            Self::InvalidScope => bad_request("invalid_scope"),
            Self::Blocked(after) => {
                Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail).retry_after(*after)
            }
            Self::Body(error) => Problem { code: "invalid_request", ..error.problem() },
            Self::Hashing(error) => hashing_problem(error),
            Self::Keys(KeyError::Sql(error)) | Self::Sql(error) => common::db::problem(error),
            Self::Keys(_) => Problem::internal(),
            Self::Unavailable(_) => Problem::unavailable(),
        };
        // RFC 6749 has its own names for these two.
        let code = match problem.code {
            "unavailable" => "temporarily_unavailable",
            "internal" => "server_error",
            code => code,
        };
        let body = json!({ "error": code, "error_description": problem.detail });
        Problem { code, ..problem }.body(body)
    }
}

/// Why a user was not registered.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// 403 `registration_disabled`: `identity.registration` is off.
    #[error("registration is not open")]
    Disabled,
    /// 429 `too_many_requests`
    #[error("too many registrations from this address")]
    RateLimited(Duration),
    /// 400 `invalid` at `username` or `password`
    #[error(transparent)]
    Rule(#[from] RuleBroken),
    /// 409 `username_taken` at `username`
    #[error("the username is taken")]
    Taken,
    /// As [`OAuthError`]'s, in the service's own shape.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// 503 where the database is away, else 500: the user was not stored, for no tokens could be issued.
    #[error("the new user could not be signed in: {0}")]
    NotSignedIn(#[source] OAuthError),
    /// As [`OAuthError`]'s, in the service's own shape.
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
}

impl ToProblem for RegistrationError {
    fn problem(&self) -> Problem {
        let detail = self.to_string();
        match self {
            Self::Disabled => Problem::new(StatusCode::FORBIDDEN, "registration_disabled", detail),
            Self::RateLimited(after) => {
                Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail).retry_after(*after)
            }
            Self::Rule(RuleBroken::Username) => Problem::invalid("username", detail),
            Self::Rule(RuleBroken::Password | RuleBroken::PasswordIsUsername) => {
                Problem::invalid("password", detail)
            }
            Self::Taken => Problem::new(StatusCode::CONFLICT, "username_taken", detail).at("username"),
            Self::Hashing(error) => hashing_problem(error),
            Self::NotSignedIn(OAuthError::Keys(KeyError::Sql(error)) | OAuthError::Sql(error))
            | Self::Sql(error) => common::db::problem(error),
            Self::NotSignedIn(_) => Problem::internal(),
        }
    }
}

/// Why an application was not registered.
#[derive(Debug, thiserror::Error)]
pub enum ApplicationError {
    /// 400 at `name`
    #[error("a name has 1 to 255 characters, without control characters")]
    Name,
    /// 400 at `client_type`
    #[error(transparent)]
    ClientType(#[from] UnknownClientType),
    /// 400 at `authorization_grant_type`
    #[error(transparent)]
    Grant(#[from] UnknownGrant),
    /// 400 at `authorization_grant_type`: RFC 6749 §4.4
    #[error("a public client may not use client-credentials")]
    PublicClientCredentials,
    /// 400 at `redirect_uris`
    #[error(
        "redirect URIs are at most 10 absolute http or https URLs without fragment, of 500 characters each"
    )]
    RedirectUris,
    /// 500: two ids of 238 random bits were taken, so the generator is broken.
    #[error("two random client ids were taken")]
    NoFreeId,
    /// As [`OAuthError`]'s, in the service's own shape.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// As [`OAuthError`]'s, in the service's own shape.
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
}

impl ToProblem for ApplicationError {
    fn problem(&self) -> Problem {
        let detail = self.to_string();
        match self {
            Self::Name => Problem::invalid("name", detail),
            Self::ClientType(_) => Problem::invalid("client_type", detail),
            Self::Grant(_) | Self::PublicClientCredentials => {
                Problem::invalid("authorization_grant_type", detail)
            }
            Self::RedirectUris => Problem::invalid("redirect_uris", detail),
            Self::NoFreeId => Problem::internal(),
            Self::Hashing(error) => hashing_problem(error),
            Self::Sql(error) => common::db::problem(error),
        }
    }
}

common::error_response!(OAuthError, RegistrationError, ApplicationError);

fn hashing_problem(error: &HashingError) -> Problem {
    match error {
        HashingError::Busy => Problem::unavailable(),
        HashingError::Argon2(_) => Problem::internal(),
    }
}

//! `POST /get_user/`: who a token belongs to.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use common::auth::Caller;
use common::body::{self, BodyError};
use common::error::{Problem, ToProblem};
use common::redact::Personal;
use identity::OAuthError;
use serde::Serialize;
use utoipa::ToSchema;

use super::authentication::TokenBody;
use super::profiles::{self, ProfileBody};
use super::scope::Read;
use super::{ErrorBody, authentication};
use crate::State;

/// Why a token's user was not told.
#[derive(Debug, thiserror::Error)]
pub enum GetUserError {
    /// 400, 413, 415
    #[error(transparent)]
    Body(#[from] BodyError),
    /// 403
    #[error("the token is another user's, or no user's")]
    NotOwn,
    /// 503, 500
    #[error(transparent)]
    Identity(#[from] OAuthError),
    /// 503, 500
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

impl ToProblem for GetUserError {
    fn problem(&self) -> Problem {
        match self {
            Self::Body(error) => error.problem(),
            Self::NotOwn => {
                Problem::new(StatusCode::FORBIDDEN, "not_own_token", self.to_string()).at("token")
            }
            Self::Identity(error) => authentication::in_own_shape(error),
            Self::Database(error) => common::db::problem(error),
        }
    }
}

common::error_response!(GetUserError);

/// A user with their profile.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserWithProfileBody {
    user: UserBody,
    /// None or one.
    profile: Vec<ProfileBody>,
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserBody {
    id: i64,
    #[schema(value_type = String)]
    username: Personal<String>,
}

/// Whose access token this is: the caller's own only.
#[utoipa::path(post, path = "/get_user/", tag = "authentication", operation_id = "getUser",
    request_body = TokenBody,
    security(("bearer" = ["read"])),
    responses(
        (status = 200, body = UserWithProfileBody),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, description = "Another user's token, or the scope is missing", body = ErrorBody),
        (status = 413, body = ErrorBody), (status = 415, body = ErrorBody),
    ))]
pub async fn get_user(
    state: web::Data<State>,
    caller: Caller<Read>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, GetUserError> {
    let body: TokenBody = body::json(&request, payload).await?;
    if body.token.expose().len() > authentication::MAX_TOKEN {
        return Err(GetUserError::NotOwn);
    }
    let claims =
        state.identity.inspect_access_token(body.token.expose()).await?.ok_or(GetUserError::NotOwn)?;
    if (claims.iss.as_str(), claims.sub.as_str()) != (caller.issuer(), caller.subject()) {
        return Err(GetUserError::NotOwn);
    }
    let subject = claims.sub.parse().map_err(|_| GetUserError::NotOwn)?;
    let user = state.identity.user_by_subject(subject).await?.ok_or(GetUserError::NotOwn)?;
    let profile = profiles::of_user(&state, user.id).await?;
    let user = UserBody { id: user.id, username: user.username };
    Ok(HttpResponse::Ok().json(UserWithProfileBody { user, profile }))
}

//! `GET /profiles/`, `GET` and `PUT /profiles/{id}`: the caller's own profile. A profile has its user's number. With the
//! scope `tasks:all` others may be read.

use actix_web::{HttpRequest, HttpResponse, web};
use common::auth::{Caller, Identity};
use common::body::{self, BodyError};
use common::error::{Problem, ToProblem};
use common::redact::Personal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ErrorBody;
use super::scope::{Read, TASKS_ALL, Write};
use crate::State;
use crate::store::profiles::{self, StoredProfile};

/// Longest value of a field, in characters.
const MAX_CHARS: usize = 100;

/// Why a profile was not shown or stored.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// 404: unknown, or another user's
    #[error("profile not found")]
    NotFound,
    /// 400, 413, 415
    #[error(transparent)]
    Body(#[from] BodyError),
    /// 400 at the field
    #[error("at most {MAX_CHARS} characters, none of them a control character")]
    Field(&'static str),
    /// 400 at `user`
    #[error("a profile belongs to the user whose number it has")]
    OtherUser,
    /// 503, 500
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

impl ToProblem for ProfileError {
    fn problem(&self) -> Problem {
        match self {
            Self::NotFound => Problem::not_found(self.to_string()),
            Self::Body(error) => error.problem(),
            Self::Field(field) => Problem::invalid(*field, self.to_string()),
            Self::OtherUser => Problem::invalid("user", self.to_string()),
            Self::Database(error) => common::db::problem(error),
        }
    }
}

common::error_response!(ProfileError);

/// A user's profile.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProfileBody {
    id: i64,
    #[schema(value_type = String)]
    telephone: Personal<String>,
    #[schema(value_type = String)]
    numero_whatsapp: Personal<String>,
    #[schema(value_type = String)]
    fonction: Personal<String>,
    #[schema(value_type = String)]
    matricule: Personal<String>,
    user: i64,
}

impl From<StoredProfile> for ProfileBody {
    fn from(profile: StoredProfile) -> Self {
        Self {
            id: profile.user_id,
            telephone: profile.telephone,
            numero_whatsapp: profile.numero_whatsapp,
            fonction: profile.fonction,
            matricule: profile.matricule,
            user: profile.user_id,
        }
    }
}

/// The five fields of a profile.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutProfileBody {
    #[serde(default)]
    #[schema(value_type = String, max_length = 100)]
    telephone: Personal<String>,
    #[serde(default)]
    #[schema(value_type = String, max_length = 100)]
    numero_whatsapp: Personal<String>,
    #[serde(default)]
    #[schema(value_type = String, max_length = 100)]
    fonction: Personal<String>,
    #[serde(default)]
    #[schema(value_type = String, max_length = 100)]
    matricule: Personal<String>,
    /// The caller's own number.
    user: Option<i64>,
}

/// The profiles of a user, none or one, as several operations show them.
pub(super) async fn of_user(state: &State, user_id: i64) -> Result<Vec<ProfileBody>, sqlx::Error> {
    Ok(profiles::of_user(&state.pool, user_id).await?.map(ProfileBody::from).into_iter().collect())
}

/// The number of the caller among our users; `None` for a client, and for users of another issuer.
pub(super) async fn own_number(state: &State, identity: &Identity) -> Result<Option<i64>, sqlx::Error> {
    if identity.issuer() != state.config.identity.issuer {
        return Ok(None);
    }
    let Ok(subject) = identity.subject().parse() else { return Ok(None) };
    Ok(state.identity.user_by_subject(subject).await?.map(|user| user.id))
}

/// The caller's profile, in a list; everybody's with the scope `tasks:all`.
#[utoipa::path(get, path = "/profiles/", tag = "profiles", operation_id = "listProfiles",
    security(("bearer" = ["read"])),
    responses(
        (status = 200, body = Vec<ProfileBody>),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    ))]
pub async fn list(state: web::Data<State>, caller: Caller<Read>) -> Result<HttpResponse, ProfileError> {
    let profiles = if caller.has_scope(TASKS_ALL) {
        profiles::all(&state.pool).await?.into_iter().map(ProfileBody::from).collect()
    } else if let Some(user_id) = own_number(&state, &caller).await? {
        of_user(&state, user_id).await?
    } else {
        Vec::new()
    };
    Ok(HttpResponse::Ok().json(profiles))
}

/// The caller's profile; anybody's with the scope `tasks:all`.
#[utoipa::path(get, path = "/profiles/{id}", tag = "profiles", operation_id = "showProfile",
    params(("id" = i64, Path, minimum = 1)),
    security(("bearer" = ["read"])),
    responses(
        (status = 200, body = ProfileBody),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
    ))]
pub async fn show(
    state: web::Data<State>,
    caller: Caller<Read>,
    id: web::Path<i64>,
) -> Result<HttpResponse, ProfileError> {
    if !caller.has_scope(TASKS_ALL) {
        require_own(&state, &caller, *id).await?;
    }
    let profile = profiles::of_user(&state.pool, *id).await?.ok_or(ProfileError::NotFound)?;
    Ok(HttpResponse::Ok().json(ProfileBody::from(profile)))
}

/// Creates or replaces the caller's profile, under the caller's own number.
#[utoipa::path(put, path = "/profiles/{id}", tag = "profiles", operation_id = "putProfile",
    params(("id" = i64, Path, minimum = 1)),
    request_body = PutProfileBody,
    security(("bearer" = ["write"])),
    responses(
        (status = 200, body = ProfileBody),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 413, body = ErrorBody), (status = 415, body = ErrorBody),
    ))]
pub async fn put(
    state: web::Data<State>,
    caller: Caller<Write>,
    id: web::Path<i64>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ProfileError> {
    let body: PutProfileBody = body::json(&request, payload).await?;
    let user_id = require_own(&state, &caller, *id).await?;
    if body.user.is_some_and(|user| user != user_id) {
        return Err(ProfileError::OtherUser);
    }
    let profile = StoredProfile {
        user_id,
        telephone: checked("telephone", body.telephone)?,
        numero_whatsapp: checked("numero_whatsapp", body.numero_whatsapp)?,
        fonction: checked("fonction", body.fonction)?,
        matricule: checked("matricule", body.matricule)?,
    };
    profiles::put(&state.pool, &profile).await?;
    Ok(HttpResponse::Ok().json(ProfileBody::from(profile)))
}

async fn require_own(state: &State, caller: &Identity, id: i64) -> Result<i64, ProfileError> {
    own_number(state, caller).await?.filter(|own| *own == id).ok_or(ProfileError::NotFound)
}

fn checked(field: &'static str, value: Personal<String>) -> Result<Personal<String>, ProfileError> {
    let text = value.expose();
    if text.chars().count() > MAX_CHARS || text.chars().any(char::is_control) {
        return Err(ProfileError::Field(field));
    }
    Ok(value)
}

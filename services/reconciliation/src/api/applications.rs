//! `/o/applications/`: the caller's registered applications, as JSON for programs (bearer token) and as pages for
//! browsers (session cookie, CSRF token).

mod browser;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, web};
use common::auth::{AuthError, Identity, Scope};
use common::body::{self, BodyError};
use common::error::{Problem, ToProblem};
use common::redact::Personal;
use identity::domain::client::{Client, Grant};
use identity::{Application, ApplicationDraft, ApplicationError, NewApplication, OAuthError, User};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::browser::{sign_in, sign_out};
use super::scope::{Read, Write};
use super::{ErrorBody, authentication, profiles};
use crate::State;

const ALGORITHM: &str = "No OIDC support";

/// Why applications were not shown or registered.
#[derive(Debug, thiserror::Error)]
pub enum ApplicationsError {
    /// 401, 403
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// 403: the token is a client's, or a user's of another issuer
    #[error("applications belong to users of this service")]
    NoUser,
    /// 403
    #[error("the form is not one of ours, or too old: load the page again")]
    Csrf,
    /// 400, 413, 415
    #[error(transparent)]
    Body(#[from] BodyError),
    /// 400 at the field
    #[error(transparent)]
    Application(#[from] ApplicationError),
    /// 400, 429, 503
    #[error(transparent)]
    SignIn(#[from] OAuthError),
    /// 503, 500
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// 500
    #[error("page: {0}")]
    Page(#[from] askama::Error),
}

impl ToProblem for ApplicationsError {
    fn problem(&self) -> Problem {
        let forbidden = |code| Problem::new(StatusCode::FORBIDDEN, code, self.to_string());
        match self {
            Self::Auth(error) => error.problem(),
            Self::NoUser => forbidden("no_user"),
            Self::Csrf => forbidden("csrf"),
            Self::Body(error) => error.problem(),
            Self::Application(error) => error.problem(),
            Self::SignIn(error) => authentication::in_own_shape(error),
            Self::Database(error) => common::db::problem(error),
            Self::Page(_) => Problem::internal(),
        }
    }
}

common::error_response!(ApplicationsError);

/// An application, as far as it may be shown again.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApplicationBody {
    name: String,
    client_id: String,
    /// `confidential` or `public`
    client_type: &'static str,
    /// `password` or `client-credentials`
    authorization_grant_type: &'static str,
    /// Separated by spaces.
    redirect_uris: String,
    /// `No OIDC support`
    algorithm: &'static str,
}

/// The form's defaults; and an application just registered, with its secret, which is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct RegisteredApplicationBody {
    name: String,
    client_id: String,
    /// Empty for a public application.
    #[schema(value_type = String)]
    client_secret: Personal<String>,
    /// `confidential` or `public`
    client_type: &'static str,
    /// `password` or `client-credentials`
    authorization_grant_type: &'static str,
    /// Separated by spaces.
    redirect_uris: String,
    /// `No OIDC support`
    algorithm: &'static str,
}

/// What registering an application takes. Without `name` nothing is registered, and the form's defaults are the answer.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RegisterApplicationBody {
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255)]
    name: Option<String>,
    /// As the form had it; taken if it is free and of our making.
    client_id: Option<String>,
    /// As the form had it.
    #[schema(value_type = Option<String>)]
    client_secret: Option<Personal<String>>,
    /// `confidential` (default) or `public`
    client_type: Option<String>,
    /// `password` (default) or `client-credentials`
    authorization_grant_type: Option<String>,
    /// Separated by white space.
    redirect_uris: Option<String>,
    /// Ignored: there is one.
    algorithm: Option<String>,
}

/// As the contract's form writes it.
const fn wire_grant(grant: Grant) -> &'static str {
    match grant {
        Grant::Password => "password",
        Grant::ClientCredentials => "client-credentials",
    }
}

fn grant_of(client: &Client) -> &'static str {
    client.grants.first().copied().map_or("", wire_grant)
}

impl From<Client> for ApplicationBody {
    fn from(client: Client) -> Self {
        Self {
            client_type: client.client_type.as_str(),
            authorization_grant_type: grant_of(&client),
            redirect_uris: client.redirect_uris.join(" "),
            name: client.name,
            client_id: client.client_id,
            algorithm: ALGORITHM,
        }
    }
}

impl From<ApplicationDraft> for RegisteredApplicationBody {
    fn from(draft: ApplicationDraft) -> Self {
        Self {
            name: String::new(),
            client_id: draft.client_id,
            client_secret: draft.client_secret.expose_secret().to_owned().into(),
            client_type: "confidential",
            authorization_grant_type: wire_grant(Grant::Password),
            redirect_uris: String::new(),
            algorithm: ALGORITHM,
        }
    }
}

impl From<Application> for RegisteredApplicationBody {
    fn from(application: Application) -> Self {
        let secret = application.client_secret.as_ref().map(ExposeSecret::expose_secret);
        let client_secret = secret.unwrap_or_default().to_owned().into();
        let ApplicationBody {
            name,
            client_id,
            client_type,
            authorization_grant_type,
            redirect_uris,
            algorithm,
        } = application.client.into();
        Self {
            name,
            client_id,
            client_secret,
            client_type,
            authorization_grant_type,
            redirect_uris,
            algorithm,
        }
    }
}

/// Whether the client asks for a page: `text/html` in `Accept`.
fn wants_page(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

/// The user behind a bearer token that was granted scope `S`.
async fn user<S: Scope>(
    state: &State,
    identity: Result<Identity, AuthError>,
) -> Result<User, ApplicationsError> {
    let identity = identity?;
    if !identity.has_scope(S::NAME) {
        return Err(AuthError::Scope(S::NAME).into());
    }
    let number = profiles::own_number(state, &identity).await?.ok_or(ApplicationsError::NoUser)?;
    state.identity.user(number).await?.ok_or(ApplicationsError::NoUser)
}

/// The caller's applications. A browser (`Accept: text/html`) gets the page, or the form to sign in.
#[utoipa::path(get, path = "/o/applications/", tag = "oauth", operation_id = "listApplications",
    security(("bearer" = ["read"])),
    responses(
        (status = 200, body = Vec<ApplicationBody>),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    ))]
pub async fn list(
    state: web::Data<State>,
    request: HttpRequest,
    identity: Result<Identity, AuthError>,
) -> Result<HttpResponse, ApplicationsError> {
    if wants_page(request.headers()) {
        return browser::list(&state, &request).await;
    }
    let user = user::<Read>(&state, identity).await?;
    let applications = state.identity.applications_of(&user).await?;
    let body: Vec<_> = applications.into_iter().map(ApplicationBody::from).collect();
    Ok(HttpResponse::Ok().json(body))
}

/// The defaults of a new application, with a fresh id and secret; nothing is stored. A browser gets the form.
#[utoipa::path(get, path = "/o/applications/register/", tag = "oauth", operation_id = "showApplicationForm",
    security(("bearer" = ["read"])),
    responses(
        (status = 200, body = RegisteredApplicationBody),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    ))]
pub async fn form(
    state: web::Data<State>,
    request: HttpRequest,
    identity: Result<Identity, AuthError>,
) -> Result<HttpResponse, ApplicationsError> {
    if wants_page(request.headers()) {
        return browser::form(&state, &request).await;
    }
    user::<Read>(&state, identity).await?;
    Ok(answer(HttpResponse::Ok(), state.identity.draft_application().into()))
}

/// Registers an application of the caller's; the secret is shown this once. With `{}`: the form's defaults, and nothing
/// is stored.
#[utoipa::path(post, path = "/o/applications/register/", tag = "oauth", operation_id = "registerApplication",
    request_body = RegisterApplicationBody,
    security(("bearer" = ["write"])),
    responses(
        (status = 200, description = "The defaults, for a body without `name`", body = RegisteredApplicationBody),
        (status = 201, body = RegisteredApplicationBody),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 413, body = ErrorBody), (status = 415, body = ErrorBody),
    ))]
pub async fn register(
    state: web::Data<State>,
    request: HttpRequest,
    identity: Result<Identity, AuthError>,
    payload: web::Payload,
) -> Result<HttpResponse, ApplicationsError> {
    if body::has_media_type(&request, browser::FORM) {
        return browser::register(&state, &request, payload).await;
    }
    let user = user::<Write>(&state, identity).await?;
    let body: RegisterApplicationBody = body::json(&request, payload).await?;
    if body.name.is_none() {
        return Ok(answer(HttpResponse::Ok(), state.identity.draft_application().into()));
    }
    let application = store(&state, &user, &body).await?;
    Ok(answer(HttpResponse::Created(), application.into()))
}

async fn store(
    state: &State,
    user: &User,
    body: &RegisterApplicationBody,
) -> Result<Application, ApplicationError> {
    let secret = body.client_secret.as_ref().map(|secret| secret.expose().as_str());
    let new = NewApplication {
        name: body.name.as_deref().unwrap_or_default(),
        client_type: body.client_type.as_deref().unwrap_or("confidential"),
        authorization_grant_type: body.authorization_grant_type.as_deref().unwrap_or("password"),
        redirect_uris: body.redirect_uris.as_deref().unwrap_or_default(),
        prefilled: body.client_id.as_deref().zip(secret),
    };
    state.identity.register_application(user, &new).await
}

/// An answer with a secret in it, which nobody may keep.
fn answer(mut response: actix_web::HttpResponseBuilder, body: RegisteredApplicationBody) -> HttpResponse {
    response.insert_header((header::CACHE_CONTROL, "no-store")).json(body)
}

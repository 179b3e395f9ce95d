//! The pages. A form carries the CSRF token of the cookie that came with its page; the session's cookie is of no use to
//! another site (`SameSite=Strict`) nor to scripts (`HttpOnly`).

use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::body::{self, BodyError};
use common::error::{Rendered, ToProblem};
use identity::{OAuthError, User};
use secrecy::SecretString;
use serde::Deserialize;

use super::{ApplicationBody, ApplicationsError, RegisterApplicationBody, RegisteredApplicationBody, store};
use crate::State;

pub(super) const FORM: &str = "application/x-www-form-urlencoded";
const SESSION: &str = "garant_session";
const CSRF: &str = "garant_csrf";
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    csrf_token: &'a str,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "applications.html")]
struct ApplicationsPage<'a> {
    csrf_token: &'a str,
    applications: Vec<ApplicationBody>,
}

#[derive(Template)]
#[template(path = "register.html")]
struct RegisterPage<'a> {
    csrf_token: &'a str,
    problem: Option<String>,
    draft: RegisteredApplicationBody,
}

#[derive(Template)]
#[template(path = "registered.html")]
struct RegisteredPage {
    application: RegisteredApplicationBody,
}

#[derive(Deserialize)]
struct SignInForm {
    csrf_token: String,
    username: String,
    password: SecretString,
}

#[derive(Deserialize)]
struct SignOutForm {
    csrf_token: String,
}

#[derive(Deserialize)]
struct RegisterForm {
    csrf_token: String,
    #[serde(flatten)]
    application: RegisterApplicationBody,
}

pub(super) async fn list(state: &State, request: &HttpRequest) -> Result<HttpResponse, ApplicationsError> {
    let csrf = Csrf::of(request)?;
    let Some(user) = session_user(state, request).await? else { return sign_in_page(state, &csrf, None) };
    let applications = state.identity.applications_of(&user).await?;
    let applications = applications.into_iter().map(ApplicationBody::from).collect();
    let page = ApplicationsPage { csrf_token: &csrf.token, applications };
    Ok(csrf.page(state, StatusCode::OK, &page)?)
}

pub(super) async fn form(state: &State, request: &HttpRequest) -> Result<HttpResponse, ApplicationsError> {
    let csrf = Csrf::of(request)?;
    if session_user(state, request).await?.is_none() {
        return sign_in_page(state, &csrf, None);
    }
    register_page(state, &csrf, StatusCode::OK, None)
}

pub(super) async fn register(
    state: &State,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApplicationsError> {
    let csrf = Csrf::of(request)?;
    let Some(user) = session_user(state, request).await? else { return sign_in_page(state, &csrf, None) };
    let form: RegisterForm = read(payload).await?;
    csrf.check(&form.csrf_token)?;
    match store(state, &user, &form.application).await {
        Ok(application) => {
            let page = RegisteredPage { application: application.into() };
            Ok(csrf.page(state, StatusCode::CREATED, &page)?)
        }
        Err(error) if error.problem().status.is_client_error() => {
            register_page(state, &csrf, StatusCode::BAD_REQUEST, Some(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /o/login/`: opens a browser's session. Only the pages use it.
pub async fn sign_in(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApplicationsError> {
    let csrf = Csrf::of(&request)?;
    let form: SignInForm = read(payload).await?;
    csrf.check(&form.csrf_token)?;
    let address = state.identity.address_of(&request);
    match state.identity.open_session(&form.username, &form.password, address).await {
        Ok(session) => {
            let mut response = see_applications();
            response.cookie(cookie(&state, SESSION, session.expose().clone()));
            Ok(response.finish())
        }
        Err(OAuthError::Blocked(after)) => {
            let mut response = sign_in_page(&state, &csrf, Some(OAuthError::Blocked(after).to_string()))?;
            *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            response.headers_mut().insert(header::RETRY_AFTER, after.as_secs().max(1).into());
            Ok(response)
        }
        Err(error) if error.problem().status.is_client_error() => {
            sign_in_page(&state, &csrf, Some(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /o/logout/`: ends a browser's session.
pub async fn sign_out(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApplicationsError> {
    let csrf = Csrf::of(&request)?;
    let form: SignOutForm = read(payload).await?;
    csrf.check(&form.csrf_token)?;
    if let Some(session) = request.cookie(SESSION) {
        state.identity.close_session(session.value()).await?;
    }
    let mut gone = cookie(&state, SESSION, String::new());
    gone.make_removal();
    let mut response = see_applications();
    response.cookie(gone);
    Ok(response.finish())
}

fn see_applications() -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::SeeOther();
    response.insert_header((header::LOCATION, "/o/applications/"));
    response
}

async fn session_user(state: &State, request: &HttpRequest) -> Result<Option<User>, sqlx::Error> {
    match request.cookie(SESSION) {
        Some(session) => state.identity.session(session.value()).await,
        None => Ok(None),
    }
}

async fn read<T: serde::de::DeserializeOwned>(payload: web::Payload) -> Result<T, BodyError> {
    let bytes = body::bytes(payload).await?;
    serde_html_form::from_bytes(&bytes)
        .map_err(|error| BodyError::Invalid { field: ".".to_owned(), detail: error.to_string() })
}

fn sign_in_page(
    state: &State,
    csrf: &Csrf,
    problem: Option<String>,
) -> Result<HttpResponse, ApplicationsError> {
    let page = SignInPage { csrf_token: &csrf.token, problem };
    Ok(csrf.page(state, StatusCode::UNAUTHORIZED, &page)?)
}

fn register_page(
    state: &State,
    csrf: &Csrf,
    status: StatusCode,
    problem: Option<String>,
) -> Result<HttpResponse, ApplicationsError> {
    let draft = state.identity.draft_application().into();
    Ok(csrf.page(state, status, &RegisterPage { csrf_token: &csrf.token, problem, draft })?)
}

/// The token that ties a form to the browser that loaded its page.
struct Csrf {
    token: String,
}

impl Csrf {
    /// The browser's token, or a new one.
    fn of(request: &HttpRequest) -> Result<Self, ApplicationsError> {
        if let Some(cookie) = request.cookie(CSRF).filter(|cookie| !cookie.value().is_empty()) {
            return Ok(Self { token: cookie.value().to_owned() });
        }
        let mut random = [0; 32];
        aws_lc_rs::rand::fill(&mut random).map_err(|_| ApplicationsError::Csrf)?;
        Ok(Self { token: URL_SAFE_NO_PAD.encode(random) })
    }

    fn check(&self, sent: &str) -> Result<(), ApplicationsError> {
        verify_slices_are_equal(self.token.as_bytes(), sent.as_bytes()).map_err(|_| ApplicationsError::Csrf)
    }

    fn page(
        &self,
        state: &State,
        status: StatusCode,
        page: &impl Template,
    ) -> Result<HttpResponse, askama::Error> {
        let mut response = HttpResponse::build(status)
            .content_type("text/html; charset=utf-8")
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header((header::CONTENT_SECURITY_POLICY, PAGE_POLICY))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .insert_header((header::REFERRER_POLICY, "no-referrer"))
            .cookie(cookie(state, CSRF, self.token.clone()))
            .body(page.render()?);
        response.extensions_mut().insert(Rendered);
        Ok(response)
    }
}

fn cookie(state: &State, name: &'static str, value: String) -> Cookie<'static> {
    Cookie::build(name, value)
        .path("/o")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(state.config.identity.issuer.starts_with("https://"))
        .finish()
}

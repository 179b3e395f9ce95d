//! What a client is told when a request fails, and the middleware that writes it in the contract's own shape.
//!
//! Each operation has its own error enum and describes it with [`ToProblem`]; each service has one [`Renderer`].
//! Errors of the framework (unknown route, wrong method, a body too large) take the same way.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use futures_util::FutureExt;
use serde_json::Value;
use uuid::Uuid;

use crate::request;

/// One failure as the client may see it. Never holds personal data of anybody but the caller, nor an inner cause.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// A stable, machine-readable code; part of the contract.
    pub code: &'static str,
    /// A sentence for people.
    pub detail: String,
    /// The field or parameter at fault, when one is.
    pub field: Option<String>,
    /// `Retry-After`, rounded up to whole seconds.
    pub retry_after: Option<Duration>,
    /// `WWW-Authenticate` (RFC 6750, RFC 7617).
    pub challenge: Option<String>,
    /// A body that the contract fixes to the letter; it takes the place of the renderer's.
    pub body: Option<Value>,
    /// Further headers of the contract.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What the log of a 5xx says, where the error's own text may quote data.
    pub cause: Option<String>,
}

impl Problem {
    /// A problem with a status, a code and a sentence.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            field: None,
            retry_after: None,
            challenge: None,
            body: None,
            headers: Vec::new(),
            cause: None,
        }
    }

    /// 400, code `invalid`, at a field.
    pub fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", detail).at(field)
    }

    /// 404, code `not_found`.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// 500, code `internal`: the cause goes to the log, the client learns the correlation ID.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "internal error")
    }

    /// 503, code `unavailable`: a dependency is down or a pool is full; the same request may be sent again.
    pub fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "temporarily unavailable, try again")
            .retry_after(Duration::from_secs(1))
    }

    /// Names the field at fault.
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Says when to try again.
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Adds a `WWW-Authenticate` challenge.
    pub fn challenge(mut self, challenge: impl Into<String>) -> Self {
        self.challenge = Some(challenge.into());
        self
    }

    /// Fixes the body.
    pub fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Adds a header of the contract.
    pub fn header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Says in the log what went wrong, in place of the error's own text.
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// An unrendered response that carries this problem to [`render_errors`].
    pub fn response(self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status);
        response.extensions_mut().insert(self);
        response
    }
}

/// An operation's error, told to the client. Implementors get `actix_web::ResponseError` by
/// [`error_response!`](crate::error_response).
pub trait ToProblem: std::error::Error {
    /// What the client is told.
    fn problem(&self) -> Problem;
}

/// Makes error types of operations usable as `Err` of a handler.
#[macro_export]
macro_rules! error_response {
    ($($error:ty),+ $(,)?) => {$(
        impl ::actix_web::ResponseError for $error {
            fn status_code(&self) -> ::actix_web::http::StatusCode {
                $crate::error::ToProblem::problem(self).status
            }

            fn error_response(&self) -> ::actix_web::HttpResponse {
                $crate::error::ToProblem::problem(self).response()
            }
        }
    )+};
}

/// A service's one way of writing a [`Problem`] that has no fixed body.
#[derive(Debug, Clone, Copy)]
pub struct Renderer {
    /// `Content-Type` of the body.
    pub content_type: &'static str,
    /// The body, or none; the UUID is the request's correlation ID.
    pub body: fn(&Problem, Uuid) -> Option<Value>,
}

/// Marks a response of status 400 and above as already written (an HTML page, say).
#[derive(Debug, Clone, Copy)]
pub struct Rendered;

/// Middleware: writes every failed response through the service's renderer, logs the cause of a 5xx, and answers 500
/// where a handler panicked.
pub async fn render_errors<B: MessageBody + 'static>(
    renderer: Renderer,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    // A panic in one request is that request's 500 and nobody else's.
    let response = match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(response) => response?,
        Err(_) => return Err(Panicked { renderer, correlation_id: correlation_id() }.into()),
    };
    if response.status().as_u16() < 400 || response.response().extensions().contains::<Rendered>() {
        return Ok(response.map_into_boxed_body());
    }
    let problem = response
        .response()
        .extensions()
        .get::<Problem>()
        .cloned()
        .unwrap_or_else(|| framework_problem(response.status()));
    if response.status().is_server_error()
        && let Some(error) = response.response().error()
    {
        let cause = problem.cause.clone().unwrap_or_else(|| error.to_string());
        tracing::error!(error = cause, "request failed");
    }
    let (request, original) = response.into_parts();
    let mut rendered = write(&problem, renderer, correlation_id());
    if let Some(allow) = original.headers().get(header::ALLOW) {
        rendered.headers_mut().insert(header::ALLOW, allow.clone());
    }
    Ok(ServiceResponse::new(request, rendered))
}

fn correlation_id() -> Uuid {
    request::current().map(|context| context.correlation_id).unwrap_or_default()
}

/// A handler panicked. Its request is gone with it, so this error renders itself, outside every middleware.
#[derive(Debug, thiserror::Error)]
#[error("the handler panicked")]
struct Panicked {
    renderer: Renderer,
    correlation_id: Uuid,
}

impl ResponseError for Panicked {
    fn error_response(&self) -> HttpResponse {
        let mut response = write(&Problem::internal(), self.renderer, self.correlation_id);
        request::echo_correlation_id(response.headers_mut(), self.correlation_id);
        response
    }
}

fn write(problem: &Problem, renderer: Renderer, correlation_id: Uuid) -> HttpResponse {
    let mut response = HttpResponseBuilder::new(problem.status);
    if let Some(after) = problem.retry_after {
        response.insert_header((header::RETRY_AFTER, after.as_secs_f64().ceil().max(1.0) as u64));
    }
    if let Some(challenge) = &problem.challenge
        && let Ok(challenge) = HeaderValue::from_str(challenge)
    {
        response.insert_header((header::WWW_AUTHENTICATE, challenge));
    }
    for (name, value) in &problem.headers {
        response.insert_header((name.clone(), value.clone()));
    }
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    let (content_type, body) = match &problem.body {
        Some(body) => ("application/json", Some(body.clone())),
        None => (renderer.content_type, (renderer.body)(problem, correlation_id)),
    };
    match body {
        Some(body) => response.insert_header((header::CONTENT_TYPE, content_type)).body(body.to_string()),
        None => response.finish(),
    }
}

fn framework_problem(status: StatusCode) -> Problem {
    let code = match status {
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::PAYLOAD_TOO_LARGE => "too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported_media_type",
        StatusCode::REQUEST_TIMEOUT => "timeout",
        status if status.is_server_error() => return Problem { status, ..Problem::internal() },
        _ => "invalid",
    };
    Problem::new(status, code, status.canonical_reason().unwrap_or("error").to_lowercase())
}

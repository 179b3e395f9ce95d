//! `POST /compare`: how alike two persons are and why.

use std::time::Instant;

use actix_web::{HttpRequest, HttpResponse, web};
use common::auth::Caller;
use common::body::{self, BodyError};
use common::error::{Problem, ToProblem};

use super::ProblemBody;
use super::scope::ScreeningRead;
use crate::domain::field::FieldError;
use crate::metrics;
use crate::wire::{ComparisonBody, PairBody};

/// Why nothing was compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// 400, 408, 413, 415
    #[error(transparent)]
    Body(#[from] BodyError),
    /// 400 at the field
    #[error("{1}")]
    Person(&'static str, FieldError),
}

impl ToProblem for CompareError {
    fn problem(&self) -> Problem {
        match self {
            Self::Body(error) => error.problem(),
            Self::Person(side, error) => {
                Problem::invalid(format!("{side}.{}", error.field), error.to_string())
            }
        }
    }
}

common::error_response!(CompareError);

/// Compares two persons, companies or vessels at the default threshold. Nothing is kept.
#[utoipa::path(post, path = "/compare", tag = "screening", operation_id = "compare",
    request_body = PairBody,
    security(("bearer" = ["screening:read"])),
    responses(
        (status = 200, description = "Score and reasons", body = ComparisonBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn compare(
    _caller: Caller<ScreeningRead>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, CompareError> {
    let pair: PairBody = body::json(&request, payload).await?;
    let started = Instant::now();
    let comparison = pair.compare().map_err(|(side, error)| CompareError::Person(side, error))?;
    metrics::screened("compare", comparison.r#match, started.elapsed());
    Ok(HttpResponse::Ok().json(comparison))
}

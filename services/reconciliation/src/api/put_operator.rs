//! `PUT /operateurs/{code}`: creates an operator or gives it a new configuration.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use common::auth::Caller;
use common::body::{self, BodyError};
use common::error::{Problem, ToProblem};
use serde_json::Value;
use utoipa::ToSchema;

use super::ErrorBody;
use super::operators::configuration_body;
use super::scope::OperatorsWrite;
use crate::State;
use crate::domain::field_error::FieldError;
use crate::domain::operator::OperatorConfig;
use crate::store::operators;

/// Why an operator was not stored.
#[derive(Debug, thiserror::Error)]
pub enum PutOperatorError {
    /// 400, 413, 415
    #[error(transparent)]
    Body(#[from] BodyError),
    /// 400 at the field
    #[error(transparent)]
    Configuration(#[from] FieldError),
    /// 400 at `code`
    #[error("the code in the body is not the one in the path")]
    OtherCode,
    /// 503, 500
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

impl ToProblem for PutOperatorError {
    fn problem(&self) -> Problem {
        match self {
            Self::Body(error) => error.problem(),
            Self::Configuration(error) => Problem::invalid(&error.field, &error.reason),
            Self::OtherCode => Problem::invalid("code", self.to_string()),
            Self::Database(error) => common::db::problem(error),
        }
    }
}

common::error_response!(PutOperatorError);

/// An operator with its configuration.
#[derive(ToSchema)]
#[schema(as = PutOperator)]
#[allow(dead_code, reason = "only described, in the OpenAPI document")]
pub struct OperatorBody {
    /// As in the path.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,32}$")]
    code: String,
    #[schema(min_length = 1)]
    nom: String,
    description: Option<String>,
    #[schema(min_length = 1)]
    account: String,
    /// The aggregator's `payment_method` that this operator's payments have.
    #[schema(min_length = 1)]
    payment_method: String,
    /// By default `XOF`, and nothing else yet.
    #[schema(pattern = "^XOF$")]
    currency: Option<String>,
    /// Of the dates in its files; by default `Africa/Abidjan`.
    timezone: Option<String>,
    old_number_prefix: Option<String>,
    /// For each of the eight fields the headers under which it may stand; by default its own name.
    headers: Option<BTreeMap<String, Vec<String>>>,
    status: Option<VocabularyBody>,
    /// In the order in which they are tried; by default `payid`, then `trans_id`.
    rules: Option<Vec<RuleBody>>,
}

/// The operator's words for the three outcomes.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only described, in the OpenAPI document")]
pub struct VocabularyBody {
    success: Option<Vec<String>>,
    failed: Option<Vec<String>>,
    pending: Option<Vec<String>>,
}

/// A matching rule. This version matches by id.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only described, in the OpenAPI document")]
pub struct RuleBody {
    name: String,
    /// `["payid"]` or `["trans_id"]`
    keys: Vec<String>,
    /// Seconds that the two rows may lie apart; by default any time.
    #[schema(minimum = 0, maximum = 604_800)]
    window_s: Option<u32>,
}

/// Creates or replaces an operator with its configuration. The same configuration again changes nothing; another one
/// is a new version, and tasks keep the version that they used.
#[utoipa::path(put, path = "/operateurs/{id}", tag = "operateurs", operation_id = "putOperateur",
    params(("id" = String, Path, description = "The operator's code", pattern = "^[A-Za-z0-9_-]{1,32}$")),
    request_body(content = OperatorBody),
    security(("bearer" = ["operators:write"])),
    responses(
        (status = 200, description = "Replaced, or the same as before", body = Object),
        (status = 201, description = "Created", body = Object),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 413, body = ErrorBody), (status = 415, body = ErrorBody),
    ))]
pub async fn put(
    state: web::Data<State>,
    caller: Caller<OperatorsWrite>,
    code: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, PutOperatorError> {
    let config = OperatorConfig::parse(body::json::<Value>(&request, payload).await?)?;
    if config.code != *code {
        return Err(PutOperatorError::OtherCode);
    }
    let mut transaction = state.pool.begin().await?;
    let configuration = config.to_json();
    let now = state.clock.now();
    let (operator, created) =
        operators::put(&mut transaction, None, &code, &configuration, caller.login(), now).await?;
    transaction.commit().await?;
    let mut response = if created { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(response.json(configuration_body(operator)))
}

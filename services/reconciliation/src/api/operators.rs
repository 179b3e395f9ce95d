//! `GET /operateurs/`, `/operateurs/{id}` and `/operateurs/{id}/configuration`.

use actix_web::{HttpResponse, web};
use common::auth::Caller;
use common::error::{Problem, ToProblem};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::ErrorBody;
use super::scope::Read;
use crate::State;
use crate::store::operators::{self, StoredOperator};

/// Why an operator was not shown.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// 404
    #[error("operator not found")]
    NotFound,
    /// 503, 500
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

impl ToProblem for OperatorError {
    fn problem(&self) -> Problem {
        match self {
            Self::NotFound => Problem::not_found(self.to_string()),
            Self::Database(error) => common::db::problem(error),
        }
    }
}

common::error_response!(OperatorError);

/// An operator: the original's five fields.
#[derive(Debug, Serialize, ToSchema)]
pub struct OperatorBody {
    id: i32,
    nom: String,
    description: String,
    account: String,
    code: String,
}

impl From<&StoredOperator> for OperatorBody {
    fn from(operator: &StoredOperator) -> Self {
        let text = |key: &str| operator.configuration[key].as_str().unwrap_or_default().to_owned();
        Self {
            id: operator.id,
            nom: text("nom"),
            description: text("description"),
            account: text("account"),
            code: text("code"),
        }
    }
}

/// All operators. Open to everybody.
#[utoipa::path(get, path = "/operateurs/", tag = "operateurs", operation_id = "listOperateurs",
    responses((status = 200, body = Vec<OperatorBody>)))]
pub async fn list(state: web::Data<State>) -> Result<HttpResponse, OperatorError> {
    let operators = operators::list(&state.pool).await?;
    Ok(HttpResponse::Ok().json(operators.iter().map(OperatorBody::from).collect::<Vec<_>>()))
}

/// One operator. Open to everybody.
#[utoipa::path(get, path = "/operateurs/{id}", tag = "operateurs", operation_id = "showOperateur",
    params(("id" = i32, Path, minimum = 1)),
    responses((status = 200, body = OperatorBody), (status = 404, body = ErrorBody)))]
pub async fn show(state: web::Data<State>, id: web::Path<i32>) -> Result<HttpResponse, OperatorError> {
    let operator = operators::by_id(&state.pool, *id).await?.ok_or(OperatorError::NotFound)?;
    Ok(HttpResponse::Ok().json(OperatorBody::from(&operator)))
}

/// An operator's whole configuration in force, with its `version`.
#[utoipa::path(get, path = "/operateurs/{id}/configuration", tag = "operateurs",
    operation_id = "showOperateurConfiguration",
    params(("id" = i32, Path, minimum = 1)),
    security(("bearer" = ["read"])),
    responses(
        (status = 200, description = "The configuration as it was put, with `id` and `version`", body = Object),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
    ))]
pub async fn configuration(
    state: web::Data<State>,
    _caller: Caller<Read>,
    id: web::Path<i32>,
) -> Result<HttpResponse, OperatorError> {
    let operator = operators::by_id(&state.pool, *id).await?.ok_or(OperatorError::NotFound)?;
    Ok(HttpResponse::Ok().json(configuration_body(operator)))
}

/// The configuration with the operator's number and version beside its own fields.
pub(super) fn configuration_body(operator: StoredOperator) -> Value {
    let mut body = operator.configuration;
    body["id"] = operator.id.into();
    body["version"] = operator.version.into();
    body
}

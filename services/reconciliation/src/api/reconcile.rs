//! `POST /reconciliation/`: takes an operator's statement and starts to match it.

use std::fs::File;
use std::io::{Cursor, Read as _, Seek, SeekFrom};
use std::sync::LazyLock;

use actix_multipart::Multipart;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use common::auth::Caller;
use common::body;
use common::error::{Problem, ToProblem};
use futures_util::StreamExt;
use opentelemetry::metrics::Counter;
use opentelemetry::{KeyValue, global};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::ErrorBody;
use super::scope::Write;
use super::upload::{self, Form, UploadError};
use super::wire::TaskBody;
use crate::State;
use crate::domain::instant::{Window, WindowError};
use crate::domain::operator::OperatorConfig;
use crate::domain::statement_row::LineProblem;
use crate::statement::{Format, Refusal};
use crate::store::operators;
use crate::store::tasks::{NewTask, Owner, StoredTask};
use crate::work::intake::{self, IntakeError, Statement};

/// Why a statement was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// 408, 413, 503, 400 at a part
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// 400, 413, 415
    #[error(transparent)]
    Body(#[from] body::BodyError),
    /// 400 at the field
    #[error("{field} is required")]
    Missing {
        /// The field that is not there.
        field: &'static str,
    },
    /// 400 at `fileName`
    #[error("fileName must have 1 to 255 characters, none of them a control character")]
    FileName,
    /// 400 at `dateDebut` or `dateFin`
    #[error(transparent)]
    Window(#[from] WindowError),
    /// 404, the contract's own body
    #[error("the operator doesn't exist")]
    UnknownOperator,
    /// 406, the contract's own body
    #[error("the headers do not match")]
    Headers,
    /// 406, the contract's own body
    #[error("the rows have problems")]
    Content {
        /// Line numbers, at most 1,000.
        lines: Vec<u32>,
        /// `[{"line","column","reason"}]`, only with `?detail=1`.
        details: Option<Value>,
    },
    /// 503, 500
    #[error(transparent)]
    Intake(IntakeError),
    /// 503, 500
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

impl ToProblem for ReconcileError {
    fn problem(&self) -> Problem {
        let not_acceptable = || Problem::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", self.to_string());
        match self {
            Self::Upload(error) => error.problem(),
            Self::Body(error) => error.problem(),
            Self::Missing { field } => Problem::invalid(*field, self.to_string()),
            Self::FileName => Problem::invalid("fileName", self.to_string()),
            Self::Window(error) => Problem::invalid(error.field, self.to_string()),
            Self::UnknownOperator => {
                Problem::not_found(self.to_string()).body(json!({"operator": "doesn't exist"}))
            }
            Self::Headers => not_acceptable().body(json!({"file": "the headers do not match"})),
            Self::Content { lines, details } => {
                // The key ends with a space in the original.
                let mut body = json!({"file": "empty", "problem to line ": lines});
                if let Some(details) = details {
                    body["details"] = details.clone();
                }
                not_acceptable().body(body)
            }
            Self::Intake(error) => error.problem(),
            Self::Database(error) => common::db::problem(error),
        }
    }
}

common::error_response!(ReconcileError);

/// The request as JSON. As `multipart/form-data` it has the same fields, and `fichier` is the file itself.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReconcileBody {
    /// Code of an operator.
    operateur: String,
    /// The sheet's rows as objects, by header.
    #[schema(value_type = Vec<Object>)]
    fichier: Box<RawValue>,
    /// `2021-05-10T00:00`, UTC.
    date_debut: String,
    /// `2021-05-10T23:59`, UTC; the whole minute is meant.
    date_fin: String,
    /// The file's name, for people.
    #[schema(min_length = 1, max_length = 255)]
    file_name: String,
}

/// The request as a form.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "only described, in the OpenAPI document")]
pub struct ReconcileForm {
    operateur: String,
    /// `.csv`, `.xlsx` or `.json`
    #[schema(value_type = String, format = Binary)]
    fichier: Vec<u8>,
    date_debut: String,
    date_fin: String,
    /// By default the file's own name.
    file_name: Option<String>,
}

/// What may be asked for in the query.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReconcileQuery {
    /// `1`: a refusal of rows gives the reason of each, in `details`.
    detail: Option<String>,
}

/// A refusal of the file.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only described, in the OpenAPI document")]
pub struct RefusalBody {
    /// `the headers do not match`, or `empty`
    file: String,
    /// Every bad line, at most 1,000; empty when there is no row. The key ends with a space.
    #[schema(rename = "problem to line ")]
    problem_to_line: Option<Vec<u32>>,
    /// With `?detail=1`.
    details: Option<Vec<Object>>,
}

use utoipa::openapi::schema::Object;

/// The request, whichever way it came.
struct Request {
    operator: String,
    window_start: String,
    window_end: String,
    file_name: String,
    statement: Statement,
}

/// Takes an operator's statement. Its validation is synchronous, the matching goes on in the background; 201 means that
/// file and task are durable. A refused file leaves nothing behind.
#[utoipa::path(post, path = "/reconciliation/", tag = "reconciliation", operation_id = "reconcile",
    params(ReconcileQuery),
    request_body(content((ReconcileBody = "application/json"), (ReconcileForm = "multipart/form-data"))),
    security(("bearer" = ["write"])),
    responses(
        (status = 201, description = "The task; the matching has begun", body = TaskBody),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, description = "Unknown operator: `{\"operator\":\"doesn't exist\"}`", body = Object),
        (status = 406, description = "The file's header or rows are refused", body = RefusalBody),
        (status = 413, body = ErrorBody), (status = 415, body = ErrorBody),
    ))]
pub async fn reconcile(
    state: web::Data<State>,
    caller: Caller<Write>,
    request: HttpRequest,
    payload: web::Payload,
    query: web::Query<ReconcileQuery>,
) -> Result<HttpResponse, ReconcileError> {
    let _place = upload::admit(&state.uploads)?;
    let request = parse(&state, &request, payload).await?;
    if !(1..=255).contains(&request.file_name.chars().count())
        || request.file_name.chars().any(char::is_control)
    {
        return Err(ReconcileError::FileName);
    }
    let window = Window::parse(&request.window_start, &request.window_end)?;
    let operator =
        operators::by_code(&state.pool, &request.operator).await?.ok_or(ReconcileError::UnknownOperator)?;
    let owner = Owner {
        issuer: caller.issuer().to_owned(),
        subject: caller.subject().to_owned(),
        login: caller.login().to_owned(),
    };
    let task = NewTask {
        owner: &owner,
        file_name: &request.file_name,
        operator_id: operator.id,
        operator_version: operator.version,
        window_start: window.start(),
        window_end: window.end(),
        window_until: window.end_exclusive(),
        at: state.clock.now(),
    };
    let config = OperatorConfig::parse(operator.configuration).map_err(IntakeError::Configuration);
    let config = config.map_err(ReconcileError::Intake)?;
    let with_details = query.detail.as_deref() == Some("1");
    let task = intake::take(&state.pool, &config, request.statement, state.config.upload.max_rows, &task)
        .await
        .map_err(|error| refused(error, with_details));
    let outcome = match &task {
        Ok(_) => "taken",
        Err(ReconcileError::Headers) => "headers",
        Err(ReconcileError::Content { .. }) => "rows",
        Err(_) => "failed",
    };
    STATEMENTS.add(1, &[KeyValue::new("outcome", outcome)]);
    Ok(created(&task?))
}

static STATEMENTS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    global::meter("garant")
        .u64_counter("garant.reconciliation.statements")
        .with_description("Statements that passed the form's checks, by outcome")
        .build()
});

fn created(task: &StoredTask) -> HttpResponse {
    HttpResponse::Created().json(TaskBody::detailed(task))
}

fn refused(error: IntakeError, with_details: bool) -> ReconcileError {
    match error {
        IntakeError::Refused(Refusal::Headers(_)) => ReconcileError::Headers,
        IntakeError::Refused(Refusal::Content { problems }) => ReconcileError::Content {
            lines: lines(&problems),
            details: with_details.then(|| {
                problems
                    .iter()
                    .map(|p| json!({"line": p.line, "column": p.column, "reason": p.reason}))
                    .collect()
            }),
        },
        other => ReconcileError::Intake(other),
    }
}

/// Every bad line once, though each of its columns may have a problem.
fn lines(problems: &[LineProblem]) -> Vec<u32> {
    let mut lines: Vec<u32> = problems.iter().map(|problem| problem.line).collect();
    lines.dedup();
    lines
}

async fn parse(
    state: &State,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<Request, ReconcileError> {
    if body::has_media_type(request, "multipart/form-data") {
        let form = Multipart::new(request.headers(), payload);
        parse_form(Form::read(form, "fichier", &state.config.upload).await?)
    } else if body::has_media_type(request, "application/json") {
        parse_json(&read_json(state, payload).await?)
    } else {
        Err(body::BodyError::MediaType("application/json or multipart/form-data").into())
    }
}

fn parse_form(mut form: Form) -> Result<Request, ReconcileError> {
    let mut uploaded = form.file.take().ok_or(ReconcileError::Missing { field: "fichier" })?;
    let text = |field| form.text(field).ok_or(ReconcileError::Missing { field });
    let file_name = form.text("fileName").map(str::to_owned).or(uploaded.file_name.clone());
    let format = sniff(&mut uploaded.file, uploaded.file_name.as_deref(), uploaded.content_type.as_deref())?;
    Ok(Request {
        operator: text("operateur")?.to_owned(),
        window_start: text("dateDebut")?.to_owned(),
        window_end: text("dateFin")?.to_owned(),
        file_name: file_name.ok_or(ReconcileError::Missing { field: "fileName" })?,
        statement: Statement::File { file: uploaded.file, format },
    })
}

fn sniff(
    file: &mut File,
    file_name: Option<&str>,
    content_type: Option<&str>,
) -> Result<Option<Format>, UploadError> {
    let mut first = Vec::with_capacity(512);
    file.by_ref().take(512).read_to_end(&mut first)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(Format::of(file_name, content_type, &first))
}

fn parse_json(bytes: &[u8]) -> Result<Request, ReconcileError> {
    let request: ReconcileBody = body::parse_json(bytes)?;
    if !request.fichier.get().starts_with('[') {
        let detail = "must be an array of rows".to_owned();
        return Err(body::BodyError::Invalid { field: "fichier".to_owned(), detail }.into());
    }
    let rows = String::from(Box::<str>::from(request.fichier)).into_bytes();
    Ok(Request {
        operator: request.operateur,
        window_start: request.date_debut,
        window_end: request.date_fin,
        file_name: request.file_name,
        statement: Statement::JsonRows(Cursor::new(rows)),
    })
}

async fn read_json(state: &State, mut payload: web::Payload) -> Result<Vec<u8>, ReconcileError> {
    let limit = state.config.upload.max_json_bytes;
    let idle = std::time::Duration::from_secs(state.config.upload.idle_s);
    let mut bytes = Vec::new();
    while let Some(chunk) = tokio::time::timeout(idle, payload.next()).await.map_err(|_| UploadError::Idle)? {
        let chunk = chunk.map_err(|_| UploadError::Broken)?;
        if bytes.len() + chunk.len() > limit {
            return Err(UploadError::TooLarge(limit as u64).into());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

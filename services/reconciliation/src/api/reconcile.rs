//! `POST /reconciliation/`: takes an operator's statement and starts to match it.

use std::fs::File;
use std::io::{Cursor, Read as _, Seek, SeekFrom};
use std::sync::LazyLock;
use std::time::Duration;

use actix_multipart::Multipart;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use common::auth::Caller;
use common::body;
use common::error::{Problem, ToProblem};
use opentelemetry::metrics::Counter;
use opentelemetry::{KeyValue, global};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use utoipa::openapi::schema::Object;
use utoipa::{IntoParams, ToSchema};

use super::ErrorBody;
use super::scope::Write;
use super::upload::{self, Form, UploadError};
use super::wire::TaskBody;
use crate::State;
use crate::domain::instant::{Window, WindowError};
use crate::domain::statement_row::LineProblem;
use crate::domain::text::{MAX_TEXT, check_text};
use crate::statement::{Format, Refusal};
use crate::store::operators::{self, StoredOperator};
use crate::store::tasks::{NewTask, Owner};
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
            Self::Intake(IntakeError::Database(error)) | Self::Database(error) => common::db::problem(error),
            Self::Intake(_) => Problem::internal(),
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
    #[schema(rename = "problem to line ", nullable = false)]
    problem_to_line: Option<Vec<u32>>,
    /// With `?detail=1`.
    #[schema(nullable = false)]
    details: Option<Vec<Object>>,
}

/// The request, whichever way it came.
struct Request {
    operator: String,
    window: Window,
    file_name: String,
    statement: Statement,
}

impl Request {
    fn new(
        operator: &str,
        window: (&str, &str),
        file_name: &str,
        statement: Statement,
    ) -> Result<Self, ReconcileError> {
        if file_name.is_empty() || check_text(file_name, 255).is_err() {
            return Err(ReconcileError::FileName);
        }
        let window = Window::parse(window.0, window.1)?;
        Ok(Self { operator: operator.to_owned(), window, file_name: file_name.to_owned(), statement })
    }
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
    let Request { operator, window, file_name, statement } = receive(&state, &request, payload).await?;
    let operator = find(&state, &operator).await?;
    let _turn = upload::turn(&state.uploads).await?;
    let owner = Owner {
        issuer: caller.issuer().to_owned(),
        subject: caller.subject().to_owned(),
        login: caller.login().to_owned(),
    };
    let task = NewTask {
        owner: &owner,
        file_name: &file_name,
        operator_id: operator.id,
        operator_version: operator.version,
        window_start: window.start(),
        window_end: window.end(),
        window_until: window.end_exclusive(),
        at: state.clock.now(),
    };
    let with_details = query.detail.as_deref() == Some("1");
    let max_rows = state.config.upload.max_rows;
    let task = intake::take(&state.pool, operator.configuration, statement, max_rows, &task)
        .await
        .map_err(|error| refused(error, with_details));
    let outcome = match &task {
        Ok(_) => "taken",
        Err(ReconcileError::Headers) => "headers",
        Err(ReconcileError::Content { .. }) => "rows",
        Err(_) => "failed",
    };
    STATEMENTS.add(1, &[KeyValue::new("outcome", outcome)]);
    Ok(HttpResponse::Created().json(TaskBody::detailed(&task?)))
}

async fn find(state: &State, code: &str) -> Result<StoredOperator, ReconcileError> {
    // What no operator can be called, PostgreSQL may refuse to look for.
    check_text(code, MAX_TEXT).map_err(|_| ReconcileError::UnknownOperator)?;
    operators::by_code(&state.pool, code).await?.ok_or(ReconcileError::UnknownOperator)
}

static STATEMENTS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    global::meter("garant")
        .u64_counter("garant.reconciliation.statements")
        .with_description("Statements that passed the form's checks, by outcome")
        .build()
});

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

async fn receive(
    state: &State,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<Request, ReconcileError> {
    let _place = upload::admit(&state.spooling)?;
    let limits = &state.config.upload;
    if body::has_media_type(request, "multipart/form-data") {
        let form = Multipart::new(request.headers(), payload);
        let texts = ["operateur", "dateDebut", "dateFin", "fileName"];
        parse_form(Form::read(form, "fichier", &texts, limits).await?)
    } else if body::has_media_type(request, "application/json") {
        let idle = Duration::from_secs(limits.idle_s);
        let mut file = upload::spool(payload, limits.max_json_bytes, idle).await?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(UploadError::Spool)?;
        parse_json(&bytes)
    } else {
        Err(body::BodyError::MediaType("application/json or multipart/form-data").into())
    }
}

fn parse_form(mut form: Form) -> Result<Request, ReconcileError> {
    let mut uploaded = form.file.take().ok_or(ReconcileError::Missing { field: "fichier" })?;
    let text = |field| form.text(field).ok_or(ReconcileError::Missing { field });
    let file_name = form.text("fileName").or(uploaded.file_name.as_deref());
    let format = sniff(&mut uploaded.file, uploaded.file_name.as_deref(), uploaded.content_type.as_deref())?;
    Request::new(
        text("operateur")?,
        (text("dateDebut")?, text("dateFin")?),
        file_name.ok_or(ReconcileError::Missing { field: "fileName" })?,
        Statement::File { file: uploaded.file, format },
    )
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
    let body: ReconcileBody = body::parse_json(bytes)?;
    if !body.fichier.get().starts_with('[') {
        let detail = "must be an array of rows".to_owned();
        return Err(body::BodyError::Invalid { field: "fichier".to_owned(), detail }.into());
    }
    let rows = String::from(Box::<str>::from(body.fichier)).into_bytes();
    let statement = Statement::JsonRows(Cursor::new(rows));
    Request::new(&body.operateur, (&body.date_debut, &body.date_fin), &body.file_name, statement)
}

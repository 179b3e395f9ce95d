//! `POST /imports/stock` and `POST /imports/accident`: takes a file of persons in, to be screened in the background.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

use actix_multipart::Multipart;
use actix_web::http::{StatusCode, header};
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use common::auth::Caller;
use common::body::{self, BodyError};
use common::error::{Problem, ToProblem};
use common::upload::{self, UploadError};
use futures_util::StreamExt;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::ProblemBody;
use super::imports::ImportBody;
use super::scope::ScreeningWrite;
use crate::State;
use crate::domain::field::FieldError;
use crate::person_file::Format;
use crate::store::flows;
use crate::store::imports::NewImport;
use crate::work::intake::{self, IntakeError, Taken};

const IDLE: Duration = Duration::from_secs(60);
const MEDIA_TYPES: &str = "text/csv, application/x-ndjson or multipart/form-data";

/// Why no file was taken in.
#[derive(Debug, thiserror::Error)]
pub enum ImportPersonsError {
    /// 400 at the parameter or the header
    #[error(transparent)]
    Field(#[from] FieldError),
    /// 404 at `flowName`
    #[error("there is no such flow")]
    NoSuchFlow,
    /// 415
    #[error(transparent)]
    Body(#[from] BodyError),
    /// 400, 408, 413, 503
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// 409, 422, 503, 500
    #[error(transparent)]
    Intake(#[from] IntakeError),
}

impl From<sqlx::Error> for ImportPersonsError {
    fn from(error: sqlx::Error) -> Self {
        Self::Intake(error.into())
    }
}

impl ToProblem for ImportPersonsError {
    fn problem(&self) -> Problem {
        let detail = self.to_string();
        match self {
            Self::Field(error) => error.problem(),
            Self::NoSuchFlow => Problem::not_found(detail).at("flowName"),
            Self::Body(error) => error.problem(),
            Self::Upload(error) => error.problem(),
            Self::Intake(IntakeError::Unreadable(_)) => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "file_unreadable", detail).at("file")
            }
            Self::Intake(IntakeError::KeyReused) => {
                Problem::new(StatusCode::CONFLICT, "idempotency_key_reused", detail).at("Idempotency-Key")
            }
            Self::Intake(IntakeError::Vanished) => Problem::unavailable(),
            Self::Intake(IntakeError::Spool(_)) => Problem::internal(),
            Self::Intake(IntakeError::Database(error)) => common::db::problem(error),
        }
    }
}

common::error_response!(ImportPersonsError);

/// What is imported.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// The flow that screens the persons; they land in its source.
    #[param(required = true, nullable = false)]
    flow_name: Option<String>,
    /// Parts of the source that the file comes from, with commas between them.
    #[param(nullable = false)]
    sub_sources: Option<String>,
}

/// A file of persons.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only described, in the OpenAPI document")]
pub struct PersonsFileBody {
    /// CSV or NDJSON.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// Imports the whole client base of a source. The file is CSV, its header naming fields of `PUT /checkrisk` by their
/// paths (`identity.lastName`) or short (`lastName`), with several `entities` separated by `|`; or NDJSON, a body of
/// `PUT /checkrisk` a line. 202 means that it is stored and its persons will be screened; a wrong line is rejected with
/// its reason and stops nothing. The same file, or the same `Idempotency-Key`, is taken once.
#[utoipa::path(post, path = "/imports/stock", tag = "imports", operation_id = "importStock",
    params(ImportQuery, ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters")),
    request_body(content((String = "text/csv"), (String = "application/x-ndjson"), (PersonsFileBody = "multipart/form-data"))),
    security(("bearer" = ["screening:write"])),
    responses(
        (status = 200, description = "The same was taken in before", body = ImportBody),
        (status = 202, description = "Taken in", body = ImportBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such flow", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The key was used for another import", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Empty, no header, unknown columns, not UTF-8", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn import_stock(
    state: web::Data<State>,
    caller: Caller<ScreeningWrite>,
    query: web::Query<ImportQuery>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ImportPersonsError> {
    import(&state, &caller, "STOCK", &query, &request, payload).await
}

/// Imports persons that are new or have changed; as `/imports/stock` in all else.
#[utoipa::path(post, path = "/imports/accident", tag = "imports", operation_id = "importAccident",
    params(ImportQuery, ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters")),
    request_body(content((String = "text/csv"), (String = "application/x-ndjson"), (PersonsFileBody = "multipart/form-data"))),
    security(("bearer" = ["screening:write"])),
    responses(
        (status = 200, description = "The same was taken in before", body = ImportBody),
        (status = 202, description = "Taken in", body = ImportBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such flow", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The key was used for another import", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Empty, no header, unknown columns, not UTF-8", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn import_accident(
    state: web::Data<State>,
    caller: Caller<ScreeningWrite>,
    query: web::Query<ImportQuery>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ImportPersonsError> {
    import(&state, &caller, "ACCIDENT", &query, &request, payload).await
}

async fn import(
    state: &State,
    caller: &Caller<ScreeningWrite>,
    kind: &'static str,
    query: &ImportQuery,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ImportPersonsError> {
    let name = query.flow_name.as_deref().filter(|name| !name.is_empty() && !name.contains('\0'));
    let name = name.ok_or_else(|| FieldError::new("flowName", "`flowName` is mandatory"))?;
    let sub_sources = sub_sources(query.sub_sources.as_deref().unwrap_or_default())?;
    let idempotency_key = idempotency_key(request)?;
    let flow = flows::by_name(&state.pool, name).await?.ok_or(ImportPersonsError::NoSuchFlow)?;
    let _place = state.uploads.try_acquire().map_err(|_| UploadError::Busy)?;
    let (mut file, format) = receive(state, request, payload).await?;
    let hashed = tokio::task::spawn_blocking(move || {
        let hash = intake::content_hash(&mut file)?;
        let format = format.map_or_else(|| sniff(&mut file), Ok)?;
        Ok::<_, std::io::Error>((file, format, hash))
    });
    let (file, format, hash) =
        hashed.await.map_err(std::io::Error::other).and_then(|hashed| hashed).map_err(IntakeError::Spool)?;
    let new = NewImport {
        kind,
        flow_id: flow.id,
        sub_sources: &sub_sources,
        format: format.as_str(),
        content_sha256: &hash,
        caller: &format!("{}|{}", caller.issuer(), caller.subject()),
        login: caller.login(),
        idempotency_key: idempotency_key.as_deref(),
    };
    let Taken { import, is_new } = intake::take(&state.pool, file, format, &new, state.clock.now()).await?;
    let mut response = if is_new { HttpResponse::Accepted() } else { HttpResponse::Ok() };
    response.insert_header((header::LOCATION, format!("/imports/{}", import.id)));
    Ok(response.json(ImportBody::from(import)))
}

fn sub_sources(text: &str) -> Result<Vec<String>, FieldError> {
    let parts: Vec<String> =
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let is_wrong = |part: &String| part.chars().count() > 128 || part.contains('\0');
    if parts.len() > 100 || parts.iter().any(is_wrong) {
        return Err(FieldError::new("subSources", "at most 100, of 1 to 128 characters"));
    }
    Ok(parts)
}

fn idempotency_key(request: &HttpRequest) -> Result<Option<String>, FieldError> {
    let Some(value) = request.headers().get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=255).contains(&key.len()));
    key.map(|key| Some(key.to_owned()))
        .ok_or_else(|| FieldError::new("Idempotency-Key", "must be 1 to 255 characters of ASCII"))
}

/// The file, and its format where the request tells it.
async fn receive(
    state: &State,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<(File, Option<Format>), ImportPersonsError> {
    let limit = state.config.batch.max_bytes;
    for (media_type, format) in [("text/csv", Format::Csv), ("application/x-ndjson", Format::NdJson)] {
        if body::has_media_type(request, media_type) {
            return Ok((upload::spool(payload, limit, IDLE).await?, Some(format)));
        }
    }
    if !body::has_media_type(request, "multipart/form-data") {
        return Err(BodyError::MediaType(MEDIA_TYPES).into());
    }
    let mut form =
        Multipart::from_request(request, &mut payload.into_inner()).await.map_err(|_| UploadError::Broken)?;
    let mut file = None;
    while let Some(field) = tokio::time::timeout(IDLE, form.next()).await.map_err(|_| UploadError::Idle)? {
        let field = field.map_err(|_| UploadError::Broken)?;
        if field.name() != Some("file") || file.is_some() {
            return Err(one_file().into());
        }
        let format = field.content_type().and_then(|it| match it.essence_str() {
            "text/csv" => Some(Format::Csv),
            "application/x-ndjson" => Some(Format::NdJson),
            _ => None,
        });
        file = Some((upload::spool(field, limit, IDLE).await?, format));
    }
    Ok(file.ok_or_else(one_file)?)
}

fn one_file() -> FieldError {
    FieldError::new("file", "one part `file` is expected, and no other")
}

/// NDJSON begins with an object, and no header does.
fn sniff(file: &mut File) -> std::io::Result<Format> {
    let mut first = Vec::new();
    file.by_ref().take(512).read_to_end(&mut first)?;
    file.seek(SeekFrom::Start(0))?;
    let text = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&first);
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    Ok(if first == Some(&b'{') { Format::NdJson } else { Format::Csv })
}
